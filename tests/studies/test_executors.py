"""Executors: process pools, Dask and submitit; what they lose is tried again, and one that breaks says so."""

import os
import pickle
import signal
import sys
import time
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing import get_context
from pathlib import Path

import pytest

from archbo import CategoricalSpace, Goal, RandomSearch, Study
from archbo.errors import UsageError
from archbo.evaluators import FunctionEvaluator
from archbo.log import State, Trial
from archbo.studies import BrokenExecutorError, SubmititExecutor, work

SPACE = CategoricalSpace("toy", {"width": [*range(8)], "depth": [*range(8)]})
GOAL = Goal.parse("acc")
CODE = """
import os, pathlib, time
def evaluate(arch, folder):
    print("process", os.getpid())
    if arch["width"] == 3: time.sleep(1000)
    if arch["width"] == 5: os._exit(7)
    return arch["width"]
"""


def study_at(folder):
    return Study(folder / "run.db", RandomSearch(SPACE, GOAL, seed=0))


def evaluate(trial):
    return {"acc": sum(trial.arch.row)}


class Slow:
    """Says which process evaluates which trial, and takes some time."""

    def __init__(self, file, seconds):
        self.file, self.seconds = file, seconds

    def __call__(self, trial):
        with open(self.file, "a") as file:
            file.write(f"{trial.number} {os.getpid()}\n")
        time.sleep(self.seconds)
        return evaluate(trial)

    @property
    def calls(self):
        if not Path(self.file).exists():
            return []
        return [tuple(map(int, line.split())) for line in Path(self.file).read_text().splitlines()]


class Deadly(Slow):
    """The process that evaluates the second trial dies."""

    def __call__(self, trial):
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(trial)


class Once(Slow):
    """The process that evaluates the second trial dies the first time."""

    def __call__(self, trial):
        metrics = super().__call__(trial)
        if trial.number == 1 and sum(number == 1 for number, _ in self.calls) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return metrics


class Here(Executor):
    """Evaluates at once, after some calls that end with an error of its own."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def submit(self, fn, *args):
        future = Future()
        if self.errors and self.errors[0] is not None:
            future.set_exception(self.errors.pop(0))
        else:
            del self.errors[:1]
            future.set_result(fn(*args))
        return future


def check_complete(log, n_trials):
    assert log.n_told == len(log) == n_trials
    assert len({str(trial.arch) for trial in log.trials}) == n_trials


def test_what_an_executor_loses_is_evaluated_again(tmp_path):
    log = work(study_at(tmp_path), evaluate, 4, executor=Here(None, OSError("node gone")))
    check_complete(log, 4)


def test_what_is_lost_too_often_is_a_failure(tmp_path):
    lost = [OSError("node gone")] * 2
    log = work(study_at(tmp_path), evaluate, 4, executor=Here(None, *lost))
    assert [trial.state for trial in log.trials] == [State.TOLD, State.FAILED, *[State.TOLD] * 2]
    assert log.trials[1].reason == "its worker died 2 times; OSError: node gone"


def test_an_executor_that_breaks_leaves_its_trials_to_the_next(tmp_path):
    study = study_at(tmp_path)
    for _ in range(2):
        with pytest.raises(BrokenExecutorError, match="takes no more evaluations: a process died"):
            work(study, evaluate, 4, executor=Here(None, BrokenExecutor("a process died")))
    assert [trial.state for trial in study.log.trials][:2] == [State.TOLD, State.TOLD]
    check_complete(work(study, evaluate, 4), 4)


def test_what_breaks_executors_is_a_failure_in_the_end(tmp_path):
    study = study_at(tmp_path)
    for _ in range(2):
        with pytest.raises(BrokenExecutorError):
            work(study, evaluate, 4, executor=Here(BrokenExecutor("a process died")))
    log = work(study, evaluate, 4)
    assert log.trials[0].reason == "its worker died 2 times"
    assert (log.n_told, log.n_failed) == (3, 1)


def test_an_executor_that_was_shut_down_is_told_of(tmp_path):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(BrokenExecutorError, match="cannot schedule new futures after shutdown"):
        work(study_at(tmp_path), evaluate, 4, executor=executor)
    check_complete(work(study_at(tmp_path), evaluate, 4), 4)


def test_leaving_is_a_failure_of_the_trial(tmp_path):
    def leave(trial):
        raise SystemExit("no data")

    log = work(study_at(tmp_path), leave, 1)
    assert log.trials[0].reason == "no data"


def test_an_evaluator_that_is_sent_twice_is_one(tmp_path):
    (tmp_path / "train.py").write_text(CODE)
    evaluator = FunctionEvaluator(f"{tmp_path}/train.py:evaluate", SPACE, GOAL, folder=tmp_path)
    sent = pickle.dumps(evaluator)
    assert pickle.loads(sent) is pickle.loads(sent)  # noqa: S301 - its own
    assert evaluator(Trial(0, SPACE.arch("width=2,depth=0"))) == {"acc": 2.0}
    assert (tmp_path / "trial-00000" / "log.txt").read_text().startswith("process")
    evaluator.close()


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_is_positive(tmp_path, timeout):
    with pytest.raises(UsageError, match="positive"):
        FunctionEvaluator("m:f", SPACE, GOAL, folder=tmp_path, timeout=timeout)


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """Jobs on this machine, which find what the tests define."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    submitit = pytest.importorskip("submitit")
    return submitit.AutoExecutor(tmp_path / "jobs", cluster="local")


# submitit's debug executor leaves log files open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_jobs_of_submitit_are_futures(tmp_path):
    submitit = pytest.importorskip("submitit")
    executor = SubmititExecutor(submitit.AutoExecutor(tmp_path / "jobs", cluster="debug"))
    check_complete(work(study_at(tmp_path), evaluate, 3, executor=executor), 3)
    executor.shutdown()
    with pytest.raises(BrokenExecutorError, match="shut down"):
        work(study_at(tmp_path), evaluate, 4, executor=executor)


# Several processes.


def pool():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


@pytest.mark.slow
def test_a_process_pool_evaluates(tmp_path):
    slow = Slow(tmp_path / "calls", 0.2)
    with pool() as executor:
        log = work(study_at(tmp_path), slow, 6, executor=executor, n_workers=2)
    check_complete(log, 6)
    assert sorted(number for number, _ in slow.calls) == [*range(6)]
    assert len({process for _, process in slow.calls}) == 2


@pytest.mark.slow
def test_what_cannot_be_sent_is_refused(tmp_path):
    with pool() as executor, pytest.raises(UsageError, match="cannot be sent between processes"):
        work(study_at(tmp_path), lambda trial: {"acc": 1.0}, 3, executor=executor)
    assert not study_at(tmp_path).log.select(State.ASKED)


@pytest.mark.slow
def test_a_process_pool_that_breaks_twice_costs_one_trial(tmp_path):
    study, deadly = study_at(tmp_path), Deadly(tmp_path / "calls", 0.0)
    for _ in range(2):
        with pool() as executor, pytest.raises(BrokenExecutorError):
            work(study, deadly, 6, executor=executor)
    with pool() as executor:
        log = work(study, deadly, 6, executor=executor)
    assert [trial.number for trial in log.select(State.FAILED)] == [1]
    assert log.n_told == 5
    assert len(deadly.calls) == 5


def check_children(study, tmp_path, executor):
    (tmp_path / "train.py").write_text(CODE)
    name = f"{tmp_path}/train.py:evaluate"
    evaluator = FunctionEvaluator(name, SPACE, GOAL, folder=tmp_path / "trials", timeout=2)
    log = work(study, evaluator, 12, executor=executor, n_workers=2)
    for trial in log.trials:
        wanted = {3: "it took more than 2", 5: "its process died with exit code 7"}
        assert trial.reason.startswith(wanted.get(trial.arch["width"], ""))
        assert (trial.state == State.FAILED) == (trial.arch["width"] in wanted)
        assert (tmp_path / "trials" / f"trial-{trial.number:05d}" / "log.txt").exists()
    assert {3, 5} <= {trial.arch["width"] for trial in log.trials}


@pytest.mark.slow
def test_a_process_pool_has_children_with_timeouts(tmp_path):
    with pool() as executor:
        check_children(study_at(tmp_path), tmp_path, executor)


@pytest.fixture
def dask():
    """A cluster of two processes that is reached from this machine only, and tries nothing again on its own."""
    distributed = pytest.importorskip("distributed")
    config = pytest.importorskip("dask").config
    with (
        config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.slow
def test_a_search_survives_a_killed_worker_of_dask(tmp_path, dask):
    slow, killed = Slow(tmp_path / "calls", 0.3), []

    def kill(log):
        if log.n_ended == 4 and not killed:
            killed.append(slow.calls[-1][1])
            os.kill(killed[0], signal.SIGKILL)

    executor = dask.get_executor()
    log = work(study_at(tmp_path), slow, 16, executor=executor, n_workers=2, callback=kill)
    check_complete(log, 16)
    numbers = [number for number, _ in slow.calls]
    assert set(numbers) == {*range(16)}
    assert len(numbers) <= 16 + 2  # what was in flight is evaluated again
    assert len({process for _, process in slow.calls} - {*killed}) >= 2


@pytest.mark.slow
def test_a_trial_that_kills_workers_of_dask_fails(tmp_path, dask):
    deadly = Deadly(tmp_path / "calls", 1.0)
    executor = dask.get_executor()
    log = work(study_at(tmp_path), deadly, 5, executor=executor, n_workers=2)
    assert log.trials[1].reason.startswith("its worker died 2 times; KilledWorker")
    assert (log.n_told, log.n_failed) == (4, 1)


@pytest.mark.slow
def test_dask_has_children_with_timeouts(tmp_path, dask):
    check_children(study_at(tmp_path), tmp_path, dask.get_executor())


@pytest.mark.slow
def test_a_job_of_submitit_that_dies_is_evaluated_again(tmp_path, jobs):
    slow = Once(tmp_path / "calls", 0.0)
    log = work(study_at(tmp_path), slow, 3, executor=SubmititExecutor(jobs), n_workers=2)
    check_complete(log, 3)
    assert sorted(number for number, _ in slow.calls) == [0, 1, 1, 2]


@pytest.mark.slow
def test_what_is_cancelled_ends_its_job(tmp_path, jobs):
    slow = Slow(tmp_path / "calls", 1000)
    executor = SubmititExecutor(jobs)
    future = executor.submit(slow, study_at(tmp_path).ask_trials(1)[0])
    while not slow.calls:
        assert not future.done()
        time.sleep(0.1)
    executor.shutdown(cancel_futures=True)
    (_, process) = slow.calls[0]
    for _ in range(100):
        if not Path(f"/proc/{process}").exists():
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{process}").exists()
