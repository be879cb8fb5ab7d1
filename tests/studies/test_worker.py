"""Workers: killed, taken over, several at once."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from worker_processes import GOAL, start, study_at, values_of

from archbo import CategoricalSpace, RandomSearch, Study
from archbo.errors import UsageError
from archbo.log import State
from archbo.studies import work
from archbo.studies.storage import CLAIM


def evaluate(trial):
    return values_of(trial)


def killed_and_ended(folder, n_kills, seconds, moment, strategy):
    """Kill workers at any moments after they opened the study, and let the last one end it after two more trials."""
    path, record = folder / "run.db", folder / "record"
    record.touch()
    for number in range(n_kills):
        process = start(path, 800, seconds, strategy=strategy, record=record)
        while f"opened {process.pid}\n" not in record.read_text():
            time.sleep(0.01)
        time.sleep(moment(number))
        assert process.is_alive()
        process.kill()
        process.join()
    n_trials = study_at(path, strategy).log.n_ended + 2
    last = start(path, n_trials, 0.0, strategy=strategy, record=record)
    last.join()
    assert last.exitcode == 0
    return n_trials


def check_as_uninterrupted(folder, n_trials, strategy):
    whole = work(study_at(folder / "whole.db", strategy), evaluate, n_trials)
    study = study_at(folder / "run.db", strategy)
    asked = [trial for trial in study.log.trials if trial.state != State.DROPPED]
    assert [str(trial.arch) for trial in asked] == [str(trial.arch) for trial in whole.trials]
    assert [trial.values for trial in asked] == [trial.values for trial in whole.trials]
    lines = [line.split() for line in (folder / "record").read_text().splitlines()]
    evaluated = [arch for what, arch in lines if what == "evaluated"]
    told = [int(number) for what, number in lines if what == "told"]
    assert told == sorted(told)
    # Nothing is evaluated again but what a worker had under way when it was killed.
    claims = [trial for trial in study.optuna_study.trials if CLAIM in trial.system_attrs]
    assert set(evaluated) == {str(trial.arch) for trial in asked}
    assert len(evaluated) <= n_trials + len(claims)


def test_killed_workers_lose_nothing(tmp_path):
    n_trials = killed_and_ended(tmp_path, 3, 0.1, lambda number: 0.1 + 0.2 * number, "random")
    check_as_uninterrupted(tmp_path, n_trials, "random")


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "longest"), [("random", 1.0), ("bayesian", 2.0)])
def test_a_hundred_killed_workers_lose_nothing(tmp_path, strategy, longest):
    moments = random.Random(0)
    n_trials = killed_and_ended(tmp_path, 100, 0.2, lambda _: longest * moments.random(), strategy)
    check_as_uninterrupted(tmp_path, n_trials, strategy)


def test_a_worker_that_dies_too_often_is_a_failure(tmp_path):
    study = study_at(tmp_path / "run.db")
    for _ in range(2):
        process = start(tmp_path / "run.db", 1, 1000)
        while not any(trial.owner["pid"] == process.pid for trial in study.snapshot()[1]):
            assert process.is_alive()
            time.sleep(0.02)
        process.kill()
        process.join()
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
