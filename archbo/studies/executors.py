"""Where evaluations run: whatever speaks ``concurrent.futures.Executor``, and what is needed to speak it."""

import pickle
import threading
from collections.abc import Callable, Mapping
from concurrent import futures
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, final
from uuid import uuid4

from archbo.errors import PrunedError, UsageError
from archbo.log import Trial

if TYPE_CHECKING:
    import submitit

__all__ = [
    "BrokenExecutorError",
    "LostError",
    "Outcome",
    "SubmititExecutor",
    "outcome_of",
    "submit",
]

P = ParamSpec("P")
T = TypeVar("T")

UNSENDABLE = (pickle.PicklingError, AttributeError, ImportError, TypeError)
"""What ``pickle`` raises where something cannot be sent to another process, or is not found there."""
LONGEST = 300
"""The most characters that are kept of how an executor lost an evaluation; submitit tells whole logs."""


class BrokenExecutorError(UsageError):
    """An executor that takes no evaluations any more, such as a process pool of which a process died."""


class LostError(Exception):
    """An evaluation whose process died, while its executor goes on."""


@dataclass(frozen=True)
class Outcome:
    """What came of an evaluation.

    Attributes:
        metrics: The metrics by name.
        reason: Why it failed; None where it did not.
        pruned: Whether a pruner stopped it.
    """

    metrics: Mapping[str, float]
    reason: str | None = None
    pruned: bool = False


def submit(
    executor: Executor, evaluate: Callable[[Trial], Mapping[str, float]], trial: Trial
) -> "Future[Outcome]":
    """Have an executor evaluate a trial.

    Raises:
        BrokenExecutorError: The executor takes nothing any more.
        UsageError: The executor cannot be sent ``evaluate``.
    """
    try:
        return executor.submit(_evaluated, evaluate, trial, uuid4().hex)
    except UNSENDABLE as error:
        raise _unsendable(error) from error
    except Exception as error:  # whatever an executor raises
        raise _broken(error) from error


def outcome_of(future: "Future[Outcome]") -> Outcome:
    """What came of an evaluation that has ended.

    Raises:
        LostError: Its process died.
        BrokenExecutorError: The executor takes nothing any more.
        UsageError: The executor cannot be sent ``evaluate``, or cannot send back what it returns.
    """
    try:
        return future.result()
    except UNSENDABLE as error:
        raise _unsendable(error) from error
    except BrokenExecutor as error:
        raise _broken(error) from error
    except Exception as error:  # an evaluation raises nothing, so it is the executor that failed
        how = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise LostError(how[:LONGEST]) from error


def _evaluated(
    evaluate: Callable[[Trial], Mapping[str, float]], trial: Trial, attempt: str
) -> Outcome:
    """The outcome of an evaluation, wherever this runs; ``attempt`` keeps Dask from giving an earlier one's."""
    try:
        return Outcome(evaluate(trial))
    except PrunedError:
        return Outcome({}, pruned=True)
    except (Exception, SystemExit) as error:  # whatever user code raises is why it failed
        return Outcome({}, str(error) or type(error).__name__)


def _unsendable(error: Exception) -> UsageError:
    return UsageError(
        f"evaluate, or what it returns, cannot be sent between processes: {error}; define evaluate in a module, or "
        "use a FunctionEvaluator"
    )


def _broken(error: Exception) -> BrokenExecutorError:
    what = " ".join(str(error).split()) or type(error).__name__
    return BrokenExecutorError(
        f"the executor takes no more evaluations: {what}; call work again with a new one"
    )


@final
class SubmititExecutor(Executor):
    """One of submitit's executors as one of ``concurrent.futures``: each call is a job, such as one of Slurm's.

    A job that is cancelled, or given up in an interruption, is cancelled on the cluster.

    Args:
        executor: One of submitit's, with the parameters that jobs are to have.

    Example:
        >>> import submitit  # doctest: +SKIP
        >>> jobs = submitit.AutoExecutor("jobs")  # doctest: +SKIP
        >>> jobs.update_parameters(slurm_partition="gpu", gpus_per_node=1, timeout_min=240)  # doctest: +SKIP
        >>> work(study, evaluate, 100, executor=SubmititExecutor(jobs), n_workers=16)  # doctest: +SKIP
    """

    def __init__(self, executor: "submitit.Executor") -> None:
        self.executor = executor
        self._futures: set[Future[Any]] = set()
        self._is_shut = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        if self._is_shut:
            raise RuntimeError("the executor was shut down")
        job = self.executor.submit(fn, *args, **kwargs)
        future: Future[T] = Future()
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        threading.Thread(target=_follow, args=(job, future), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._is_shut = True
        pending = list(self._futures)
        if cancel_futures:
            for future in pending:
                future.cancel()
        if wait:
            futures.wait(pending)


def _follow(job: "submitit.Job[T]", future: "Future[T]") -> None:
    """Give a future what its job gives; it stays pending until then, so that it can be cancelled."""
    future.add_done_callback(lambda done: job.cancel(check=False) if done.cancelled() else None)
    try:
        result = job.result()
    except Exception as error:  # whatever the job or submitit raised
        if future.set_running_or_notify_cancel():
            future.set_exception(error)
        return
    if future.set_running_or_notify_cancel():
        future.set_result(result)
