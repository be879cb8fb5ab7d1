"""Whatever goes wrong, there is a clear error or a recorded failure, and nothing that was told is lost."""

import contextlib
import importlib
import random
import socket
import threading
import time
from datetime import datetime, timedelta

import pytest
from worker_processes import SPACE, proxy, start, study_at, tell_until_full, values_of

from archbo.errors import DataError
from archbo.log import State
from archbo.studies import storage as storage_module
from archbo.studies import work
from archbo.studies.storage import CLAIM

both_files = pytest.mark.parametrize("name", ["run.db", "run.journal"])


def told(study, n_trials):
    for _ in range(n_trials):
        study.tell(study.ask(), [1.0])


@both_files
def test_of_those_that_see_an_orphan_one_takes_it_over(tmp_path, name, monkeypatch):
    study = study_at(tmp_path / name)
    monkeypatch.setattr(storage_module.os, "getpid", lambda: 2**22 + 1)  # of nobody
    number, trial = study.begin()
    monkeypatch.undo()
    studies = [study_at(tmp_path / name) for _ in range(4)]
    seen = [each.snapshot()[1] for each in studies]
    at_once, taken = threading.Barrier(4), []

    def take_over(other, orphan):
        at_once.wait()
        taken.append(other.take_over(orphan))

    threads = [
        threading.Thread(target=take_over, args=(other, *orphans))
        for other, orphans in zip(studies, seen, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]
    (now,) = study.snapshot()[1]
    assert (now.number, now.trial, now.attempt) == (number, trial, 1)
    assert now.owner != seen[0][0].owner
    # One that comes late is told so, and the trial's worker may still tell.
    assert not studies[0].take_over(seen[0][0])
    study.tell([trial], [3.0])
    assert [each.values for each in study.log.trials] == [(3.0,)]
    assert not any(each.state == State.FAILED for each in study.log.trials)
    assert {t.system_attrs.get(CLAIM, [None])[0] for t in study.optuna_study.trials} == {None, 0}


@both_files
def test_an_interruption_before_the_start_costs_no_retry(tmp_path, name, monkeypatch):
    study = study_at(tmp_path / name)
    begin = study.begin

    def interrupted():
        begin()
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work(study, values_of, 3)
    assert [trial.state for trial in study.log.trials] == [State.DROPPED]
    assert study.snapshot()[1] == []
    assert work(study_at(tmp_path / name), values_of, 3).n_told == 3


def test_a_storage_that_fails_is_no_failure_of_a_trial(tmp_path, monkeypatch):
    study = study_at(tmp_path / "run.db")

    def tell(*_):
        raise DataError("the disk is full")

    monkeypatch.setattr(study, "tell", tell)
    with pytest.raises(DataError, match="full"):
        work(study, values_of, 3)
    assert [trial.state for trial in study.log.trials] == [State.DROPPED]


@both_files
def test_a_full_disk(tmp_path, name):
    path, record = tmp_path / name, tmp_path / "record"
    assert tell_until_full(path, record, 100_000) == 0
    *counts, error = record.read_text().splitlines()
    assert error.startswith(f"cannot use the study at {path}: ")
    study = study_at(path)
    assert study.log.n_told in (int(counts[-1]), int(counts[-1]) + 1)
    told(study, 1)


@both_files
def test_a_damaged_file(tmp_path, name):
    path = tmp_path / name
    study = study_at(path)
    told(study, 30)
    if name == "run.db":  # so that all is in the file
        study.optuna_study._storage._backend.engine.dispose()
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 8, len(content), 50):
        content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        told(study_at(path), 1)
    assert "\n" not in str(error.value)


def test_a_journal_whose_last_line_was_cut_off(tmp_path):
    path = tmp_path / "run.journal"
    told(study_at(path), 3)
    path.write_bytes(path.read_bytes()[:-20])
    study = study_at(path)
    assert study.log.n_told == 2
    told(study, 2)
    assert study_at(path).log.n_told == 4


@both_files
def test_a_clock_that_jumps(tmp_path, name, monkeypatch):
    jumps = random.Random(0)

    class Jumping(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=jumps.uniform(-1000, 1000))

    for module in ("_rdb.storage", "journal._storage"):
        monkeypatch.setattr(
            importlib.import_module(f"optuna.storages.{module}"), "datetime", Jumping
        )
    monkeypatch.setattr(time, "time", lambda: jumps.uniform(0, 2e9))
    study = study_at(tmp_path / name)
    log = work(study, values_of, 5, n_workers=2)
    assert (log.n_told, len(log)) == (5, 5)


@pytest.mark.slow
def test_a_proxy(tmp_path):
    pytest.importorskip("grpc")
    with socket.socket() as one:
        one.bind(("localhost", 0))
        port = one.getsockname()[1]
    url = f"grpc://localhost:{port}"
    server = proxy(tmp_path / "run.db", port)
    study_at(tmp_path / "run.db")  # so that there is one when the server is up
    for _ in range(100):
        with contextlib.suppress(DataError):  # it is not up yet
            study = study_at(url)
            break
        time.sleep(0.2)
    workers = [start(url, 20, 0.05) for _ in range(2)]
    while study.log.n_told < 5:
        time.sleep(0.05)
    workers[0].kill()
    for worker in workers:
        worker.join()
    log = study.log
    assert 20 <= log.n_told <= 21
    assert len({trial.arch for trial in log.trials}) == len(log.trials)
    server.kill()
    server.join()
    with pytest.raises(DataError, match="cannot use the study at grpc"):
        study.ask()
    assert study_at(tmp_path / "run.db").log == log
    assert log.space == SPACE
