"""A worker: asks a study for trials, evaluates them, and tells it what came of them."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from archbo.errors import DataError, NothingLeftError, UsageError
from archbo.log import Log, Trial
from archbo.studies.executors import BrokenExecutorError, LostError, Outcome, outcome_of, submit
from archbo.studies.storage import died
from archbo.studies.study import Study, Waiting

__all__ = ["Evaluate", "work"]

LOST = "archbo:lost"
"""The attribute that says how an executor lost a trial."""
BEAT = "archbo:beat"
"""The attribute that a worker counts up while it evaluates a trial."""
PULSE = 10.0
"""Seconds between two beats."""
SILENCE = 60.0
"""Seconds without a beat after which a worker counts as dead that cannot be seen to be."""

Evaluate: TypeAlias = Callable[[Trial], Mapping[str, float]]
"""The metrics of a trial; an error that it raises is the reason why the trial failed.

``PrunedError`` says that the training was stopped early.
"""


def work(
    study: Study,
    evaluate: Evaluate,
    n_trials: int,
    *,
    executor: Executor | None = None,
    n_workers: int = 1,
    retries: int = 1,
    stop: Callable[[Log], bool] | None = None,
    callback: Callable[[Log], None] | None = None,
) -> Log:
    """Evaluate until a study has a number of trials, by all workers together.

    As soon as a value is in, the next architecture is proposed. Trials whose worker died are taken over: they are
    evaluated again, under their own number; so are those that an executor lost, whose process died. An error of
    ``evaluate`` is a failure of the trial. Interrupted, trials under way are given up, and may be proposed again.

    Args:
        study: What to ask and tell.
        evaluate: The metrics of a trial by name; ``calling`` makes one of a function of an architecture.
        n_trials: The number of told, failed and pruned trials that the study is to have in the end, beside the past
            trainings that it was begun with.
        executor: Where evaluations run: anything that speaks ``concurrent.futures.Executor``, such as a process pool,
            Dask's ``Client.get_executor()`` or a ``SubmititExecutor``; threads unless given. It is not shut down.
        n_workers: The number of evaluations at a time.
        retries: How often a trial is begun again whose worker died, before it counts as failed.
        stop: Whether a log is one to stop at, such as a ``Terminator``: then no further trials are begun, here or by
            other workers that stop so.
        callback: Called with the log after each evaluation.

    Returns:
        The log.

    Raises:
        UsageError: A number is not positive, or the executor cannot be sent evaluations.
        BrokenExecutorError: The executor broke. What was under way is left to the next worker.
    """
    if n_trials < 1 or n_workers < 1 or retries < 0:
        raise UsageError(
            f"n_trials and n_workers are at least 1 and retries at least 0; got {n_trials}, {n_workers}, {retries}"
        )
    n_trials += study.n_past
    own = executor if executor is not None else ThreadPoolExecutor(n_workers)
    crew = _Crew(study, retries, stop)
    running: dict[Future[Outcome], tuple[int, Trial]] = {}
    try:
        while True:
            for number, trial in crew.next(n_trials, n_workers - len(running)):
                running[submit(own, evaluate, trial)] = number, trial
            if not running:
                if crew.is_done(n_trials):
                    break
                time.sleep(0.1)
                continue
            ended, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in ended:
                crew.tell(*running.pop(future), future)
                if callback is not None:
                    callback(study.log)
    except BrokenExecutorError:
        crew.give_back()
        raise
    finally:
        for future in running:
            future.cancel()
        if executor is None:
            own.shutdown(wait=False, cancel_futures=True)
        crew.stop()
    return study.log


@dataclass
class _Crew:
    """The trials of this worker, kept alive by beats, and those of dead ones."""

    study: Study
    retries: int
    stop_at: Callable[[Log], bool] | None
    _alive: set[int] = field(default_factory=set)
    _heard: dict[int, tuple[object, float]] = field(default_factory=dict)
    _exhausted: bool = False
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._pulse = threading.Thread(target=self._beat, daemon=True)
        self._pulse.start()

    def next(self, n_trials: int, room: int) -> list[tuple[int, Trial]]:
        """Up to ``room`` trials to evaluate: orphans first, then new ones as long as the study wants some."""
        if room < 1:
            return []
        log, waiting = self.study.snapshot()
        trials = self._orphans(waiting, room)
        owned = sum(trial.owner is not None for trial in waiting)
        wanted = min(room - len(trials), n_trials - log.n_ended - owned)
        if wanted > 0 and self._is_over(log, n_trials):
            wanted = 0
        while wanted > 0 and not self._exhausted:
            try:
                trials.append(self.study.begin())
            except NothingLeftError:
                self._exhausted = True
            else:
                self._alive.add(trials[-1][0])
                wanted -= 1
        return trials

    def _is_over(self, log: Log, n_trials: int) -> bool:
        return log.n_ended >= n_trials or (self.stop_at is not None and self.stop_at(log))

    def is_done(self, n_trials: int) -> bool:
        """Whether nothing is left to evaluate, here or elsewhere."""
        log, waiting = self.study.snapshot()
        owned = any(trial.owner is not None for trial in waiting)
        return self._is_over(log, n_trials) or (self._exhausted and not owned)

    def tell(self, number: int, trial: Trial, future: "Future[Outcome]") -> None:
        """Record what came of a trial; one that was lost is given back."""
        try:
            outcome = outcome_of(future)
        except LostError as error:
            self.study.note(number, LOST, str(error))
            self.give_back(number)
            return
        self._alive.discard(number)
        try:
            if outcome.pruned:
                self.study.prune([trial])
            elif outcome.reason is not None:
                self.study.fail([trial], outcome.reason)
            else:
                self.study.tell([trial], [outcome.metrics])
        except UsageError as error:  # the metrics are no good
            self.study.fail([trial], str(error))

    def give_back(self, *numbers: int) -> None:
        """Leave trials, all unless some are given, to whoever asks next, as if this worker had died."""
        for number in numbers or list(self._alive):
            self._alive.discard(number)
            self.study.give_back(number)

    def stop(self) -> None:
        """End the beats, and give up what is still under way."""
        self._stopped.set()
        self._pulse.join()
        self.study.give_up()

    def _beat(self) -> None:
        for beat in count(1):
            if self._stopped.wait(PULSE):
                break
            for number in list(self._alive):
                # The worker itself meets the error when it asks or tells, if it has not passed by then.
                with contextlib.suppress(DataError):
                    self.study.note(number, BEAT, beat)

    def _orphans(self, waiting: list[Waiting], most: int) -> list[tuple[int, Trial]]:
        """Trials whose worker has died, taken over."""
        taken: list[tuple[int, Trial]] = []
        for orphan in waiting:
            if len(taken) == most:
                break
            if orphan.number in self._alive or not self._is_dead(orphan):
                continue
            if not self.study.take_over(orphan):
                continue
            if orphan.attempt >= self.retries:
                how = orphan.attrs.get(LOST)
                reason = f"its worker died {orphan.attempt + 1} times"
                self.study.fail([orphan.trial], reason if how is None else f"{reason}; {how}")
                continue
            self._alive.add(orphan.number)
            taken.append((orphan.number, orphan.trial))
        return taken

    def _is_dead(self, trial: Waiting) -> bool:
        if trial.owner is None:  # asked for by hand, who takes any time
            return False
        if died(trial.owner):
            return True
        pulse = (trial.owner, trial.attrs.get(BEAT))
        last, since = self._heard.setdefault(trial.number, (pulse, time.monotonic()))
        if last != pulse:
            self._heard[trial.number] = (pulse, time.monotonic())
            return False
        return time.monotonic() - since > SILENCE
