"""Four workers on a PostgreSQL server."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path

import pytest
from optuna.storages import RDBStorage
from worker_processes import start, study_at

from archbo.log import State
from archbo.studies.storage import CLAIM, OWNER

pytestmark = pytest.mark.slow
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
USER = "postgres" if os.getuid() == 0 else None  # the server refuses to run as root


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    """The URL of a server's databases, without a name."""
    pytest.importorskip("psycopg")
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed; apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="archbo"))
    if USER is not None:
        shutil.chown(folder, USER)

    def postgresql(command, *arguments):
        run = [BINARIES[-1] / command, "-D", folder / "data", *arguments]
        subprocess.run(run, user=USER, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    port = free_port()
    postgresql("initdb", "-U", "archbo", "--auth=trust")
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c port={port}"
    postgresql("pg_ctl", "-w", "-l", folder / "log", "-o", options, "start")
    yield f"postgresql://archbo@127.0.0.1:{port}"
    postgresql("pg_ctl", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def url(server):
    """A new database."""
    import psycopg

    name = f"study{time.monotonic_ns()}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def storage(url):
    storage = RDBStorage(url)
    yield storage
    storage.engine.dispose()


def trials_per_second(trials):
    """How fast trials end from when each worker has one."""
    first: dict[object, datetime] = {}
    for trial in trials:
        first.setdefault(trial.system_attrs[OWNER]["pid"], trial.datetime_start)
    ended = sorted(trial.datetime_complete for trial in trials)
    ended = [moment for moment in ended if moment > max(first.values())]
    return (len(ended) - 1) / (ended[-1] - ended[0]).total_seconds()


def check_no_duplicates(log):
    archs = [str(trial.arch) for trial in log.trials if trial.state != State.DROPPED]
    assert len(set(archs)) == len(archs)
    assert 200 <= log.n_told < 200 + 4  # each worker may begin one before it sees the others' last


@pytest.mark.parametrize("strategy", ["random", "bayesian"])
def test_four_workers_share_a_study(url, storage, strategy, record_property):
    study = study_at(storage, strategy)
    start(url, 60, 0.2, strategy=strategy).join()
    one = trials_per_second(study.optuna_study.trials)
    workers = [start(url, 200, 0.2, strategy=strategy) for _ in range(4)]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    check_no_duplicates(study.log)
    four = trials_per_second(study.optuna_study.trials[60:])
    record_property("trials per second", {"by one worker": one, "by four": four})


def test_one_worker_of_four_is_killed(url, storage, tmp_path):
    study, record = study_at(storage), tmp_path / "record"
    workers = [start(url, 200, 0.2, record=record) for _ in range(4)]
    while study.log.n_told < 100:
        assert all(worker.is_alive() for worker in workers)
        time.sleep(0.1)
    while not any(trial.owner["pid"] == workers[0].pid for trial in study.snapshot()[1]):
        time.sleep(0.01)
    workers[0].kill()
    for worker in workers:
        worker.join()
    check_no_duplicates(study.log)
    trials = study.optuna_study.trials
    claims = [trial.system_attrs[CLAIM] for trial in trials if CLAIM in trial.system_attrs]
    assert {attempt for _, attempt in claims} <= {1}
    assert len({number for number, _ in claims}) <= 1
    evaluated = [line for line in record.read_text().splitlines() if line.startswith("evaluated")]
    assert len(evaluated) <= study.log.n_told + 1
