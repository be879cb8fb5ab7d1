"""Workers: killed, taken over, several at once."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from archbo import CategoricalSpace, Goal, RandomSearch, Study
from archbo.errors import UsageError
from archbo.log import State
from archbo.studies import work

SPACE = CategoricalSpace("toy", {"width": [*range(8)], "depth": [*range(8)]})
GOAL = Goal.parse("acc")
WORKING = """
import sys, time
from archbo import CategoricalSpace, Goal, RandomSearch, Study
from archbo.studies import work
space = CategoricalSpace("toy", {"width": [*range(8)], "depth": [*range(8)]})
study = Study(sys.argv[1], RandomSearch(space, Goal.parse("acc"), seed=0))
def evaluate(trial):
    time.sleep(float(sys.argv[3]))
    with open(sys.argv[1] + ".told", "a") as file:
        print(trial.arch, file=file)
    return {"acc": sum(trial.arch.row)}
work(study, evaluate, int(sys.argv[2]), retries=1000)
"""


def study_at(path):
    return Study(path, RandomSearch(SPACE, GOAL, seed=0))


def evaluate(trial):
    return {"acc": sum(trial.arch.row)}


def worker(path, n_trials, seconds=0.2):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", WORKING, str(path), str(n_trials), str(seconds)]
    return subprocess.Popen(command, env=env)


def killed_until_done(path, n_kills, draw, n_trials=12):
    """Kill workers at moments after the first trial began, and let the last one end the study."""
    for number in range(n_kills):
        process = worker(path, n_trials, 0.1)
        while process.poll() is None and len(study_at(path).log) <= number:
            time.sleep(0.02)
        time.sleep(draw(number))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert worker(path, n_trials, 0.0).wait() == 0


def check_as_uninterrupted(tmp_path, n_kills, n_trials=12):
    whole = work(study_at(tmp_path / "whole.db"), evaluate, n_trials)
    log = study_at(tmp_path / "run.db").log
    assert [str(trial.arch) for trial in log.trials] == [str(trial.arch) for trial in whole.trials]
    assert [trial.values for trial in log.trials] == [trial.values for trial in whole.trials]
    evaluated = (tmp_path / "run.db.told").read_text().splitlines()
    assert len(evaluated) <= n_trials + n_kills
    assert set(evaluated) == {str(trial.arch) for trial in log.trials}


def test_killed_workers_lose_nothing(tmp_path):
    killed_until_done(tmp_path / "run.db", 2, lambda number: 0.05 + 0.1 * number)
    check_as_uninterrupted(tmp_path, 2)


@pytest.mark.slow
def test_a_hundred_killed_workers_lose_nothing(tmp_path):
    import random

    moments = random.Random(0)
    killed_until_done(tmp_path / "run.db", 100, lambda number: 0.3 * moments.random(), n_trials=60)
    check_as_uninterrupted(tmp_path, 100, n_trials=60)


def test_a_worker_that_dies_too_often_is_a_failure(tmp_path):
    study = study_at(tmp_path / "run.db")
    for _ in range(2):
        process = worker(tmp_path / "run.db", 1, 1000)
        begun = study.optuna_study
        while process.poll() is None and not any(
            trial.system_attrs.get("archbo:owner", {}).get("pid") == process.pid
            for trial in begun.get_trials()
        ):
            time.sleep(0.02)
        time.sleep(0.2)
        process.kill()
        process.wait()
    log = work(study, evaluate, 2)
    assert [trial.state for trial in log.trials] == [State.FAILED, State.TOLD]
    assert log.trials[0].reason == "its worker died 2 times"


def test_errors_are_failures_and_the_search_goes_on(tmp_path):
    def fragile(trial):
        if trial.number % 3 == 0:
            raise ValueError("too deep")
        if trial.number % 3 == 1:
            return {"acc": float("nan")}
        return {"acc": 1.0} if trial.number % 2 else {}

    log = work(study_at(tmp_path / "run.db"), fragile, 6)
    assert (log.n_told, log.n_failed) == (1, 5)
    reasons = [trial.reason for trial in log.trials]
    assert reasons[0] == "too deep"
    assert "acc of" in reasons[1]
    assert "no 'acc'" in reasons[2]


def test_several_at_a_time_on_any_executor(tmp_path):
    logs = []
    with ThreadPoolExecutor(3) as executor:
        study = study_at(tmp_path / "run.db")
        log = work(study, evaluate, 9, executor=executor, n_workers=3, callback=logs.append)
    assert log.n_told == len(logs) == 9
    assert len({str(trial.arch) for trial in log.trials}) == 9


def test_an_interruption_gives_trials_up(tmp_path):
    study = study_at(tmp_path / "run.db")

    def interrupt(log):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(
            study,
            lambda trial: time.sleep(0.1) or evaluate(trial),
            5,
            n_workers=2,
            callback=interrupt,
        )
    assert not study.log.select(State.ASKED)
    assert work(study, evaluate, 5).n_told == 5


def test_what_was_asked_for_by_hand_is_left_alone(tmp_path):
    study = study_at(tmp_path / "run.db")
    (asked,) = study.ask()
    log = work(study, evaluate, 3)
    assert [trial.state for trial in log.trials] == [State.ASKED, *[State.TOLD] * 3]
    study.tell([asked], [1.0])
    assert study.log.n_told == 4


def test_a_small_space_ends_a_search(tmp_path):
    space = CategoricalSpace("two", {"width": [1, 2]})
    study = Study(tmp_path / "run.db", RandomSearch(space, GOAL, seed=0))
    assert work(study, evaluate, 5, n_workers=2).n_told == 2


@pytest.mark.parametrize("wrong", [{"n_trials": 0}, {"n_workers": 0}, {"retries": -1}])
def test_numbers_are_positive(tmp_path, wrong):
    with pytest.raises(UsageError, match="at least"):
        work(study_at(tmp_path / "run.db"), evaluate, **{"n_trials": 1, **wrong})


def test_a_worker_stops_where_the_log_says_so(tmp_path):
    log = work(
        study_at(tmp_path / "run.db"), evaluate, 30, n_workers=3, stop=lambda log: log.n_told >= 5
    )
    # What was under way is told, and nothing is begun after it, here or by another worker.
    assert 5 <= log.n_told <= 7
    assert not log.select(State.ASKED)
    again = work(study_at(tmp_path / "run.db"), evaluate, 30, stop=lambda log: log.n_told >= 5)
    assert again == log
