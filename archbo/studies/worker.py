"""A worker: asks a study for trials, evaluates them, and tells it what came of them."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TypeAlias

from archbo.errors import DataError, NothingLeftError, UsageError
from archbo.log import Log, Trial
from archbo.studies.storage import died
from archbo.studies.study import Study, Waiting

__all__ = ["Evaluate", "work"]

BEAT = "archbo:beat"
"""The attribute that a worker counts up while it evaluates a trial."""
PULSE = 10.0
"""Seconds between two beats."""
SILENCE = 60.0
"""Seconds without a beat after which a worker counts as dead that cannot be seen to be."""

Evaluate: TypeAlias = Callable[[Trial], Mapping[str, float]]
"""The metrics of a trial; an error that it raises is the reason why the trial failed."""


def work(
    study: Study,
    evaluate: Evaluate,
    n_trials: int,
    *,
    executor: Executor | None = None,
    n_workers: int = 1,
    retries: int = 1,
    callback: Callable[[Log], None] | None = None,
) -> Log:
    """Evaluate until a study has a number of trials, by all workers together.

    As soon as a value is in, the next architecture is proposed. Trials whose worker died are taken over: they are
    evaluated again, under their own number. An error of ``evaluate`` is a failure of the trial. Interrupted, trials
    under way are given up, and may be proposed again.

    Args:
        study: What to ask and tell.
        evaluate: The metrics of a trial by name.
        n_trials: The number of told and failed trials that the study is to have in the end, beside the past trainings
            that it was begun with.
        executor: Where evaluations run: anything that speaks ``concurrent.futures.Executor``; threads unless given.
        n_workers: The number of evaluations at a time.
        retries: How often a trial is begun again whose worker died, before it counts as failed.
        callback: Called with the log after each evaluation.

    Returns:
        The log.

    Raises:
        UsageError: A number is not positive.
    """
    if n_trials < 1 or n_workers < 1 or retries < 0:
        raise UsageError(
            f"n_trials and n_workers are at least 1 and retries at least 0; got {n_trials}, {n_workers}, {retries}"
        )
    n_trials += study.n_past
    own = executor if executor is not None else ThreadPoolExecutor(n_workers)
    crew = _Crew(study, retries)
    running: dict[Future[Mapping[str, float]], tuple[int, Trial]] = {}
    try:
        while True:
            for number, trial in crew.next(n_trials, n_workers - len(running)):
                running[own.submit(evaluate, trial)] = number, trial
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
    finally:
        if executor is None:
            own.shutdown(wait=False, cancel_futures=True)
        crew.stop()
    return study.log


@dataclass
class _Crew:
    """The trials of this worker, kept alive by beats, and those of dead ones."""

    study: Study
    retries: int
    _alive: dict[int, int] = field(default_factory=dict)
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
        while wanted > 0 and not self._exhausted:
            try:
                trials.append(self.study.begin())
            except NothingLeftError:
                self._exhausted = True
            else:
                self._alive[trials[-1][0]] = 0
                wanted -= 1
        return trials

    def is_done(self, n_trials: int) -> bool:
        """Whether nothing is left to evaluate, here or elsewhere."""
        log, waiting = self.study.snapshot()
        owned = any(trial.owner is not None for trial in waiting)
        return log.n_ended >= n_trials or (self._exhausted and not owned)

    def tell(self, number: int, trial: Trial, future: "Future[Mapping[str, float]]") -> None:
        """Record what came of a trial."""
        self._alive.pop(number, None)
        try:
            metrics = future.result()
        except Exception as error:  # whatever user code or an executor raises is why it failed
            self.study.fail([trial], str(error) or type(error).__name__)
            return
        try:
            self.study.tell([trial], [metrics])
        except UsageError as error:  # what was returned is no value
            self.study.fail([trial], str(error))

    def stop(self) -> None:
        """Give up what has not ended, and end the beats."""
        self._stopped.set()
        self._pulse.join()
        self.study.give_up()

    def _beat(self) -> None:
        while not self._stopped.wait(PULSE):
            for number in list(self._alive):
                self._alive[number] = self._alive.get(number, 0) + 1
                # The worker itself meets the error when it asks or tells, if it has not passed by then.
                with contextlib.suppress(DataError):
                    self.study.note(number, BEAT, self._alive[number])

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
                reason = f"its worker died {orphan.attempt + 1} times"
                self.study.fail([orphan.trial], reason)
                continue
            self._alive[orphan.number] = 0
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
