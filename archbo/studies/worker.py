"""A worker: asks a study for trials, evaluates them, and tells it what came of them."""

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from optuna.trial import FrozenTrial

from archbo.errors import NothingLeftError, UsageError
from archbo.log import Log, State, Trial
from archbo.studies.storage import OWNER
from archbo.studies.study import Study

__all__ = ["Evaluate", "work"]

ATTEMPT = "archbo:attempt"
"""The attribute that counts how often a trial was begun again because its worker had died."""
BEAT = "archbo:beat"
"""The attribute that a worker counts up while it evaluates a trial."""
PULSE = 10.0
"""Seconds between two beats."""
SILENCE = 60.0
"""Seconds without a beat after which a worker on another machine counts as dead."""

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
        n_trials: The number of told and failed trials that the study is to have in the end.
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
    own = executor if executor is not None else ThreadPoolExecutor(n_workers)
    crew = _Crew(study, retries)
    running: dict[Future[Mapping[str, float]], Trial] = {}
    try:
        while True:
            for trial in crew.next(n_trials, n_workers - len(running)):
                running[own.submit(evaluate, trial)] = trial
            if not running:
                if crew.is_done(n_trials):
                    break
                time.sleep(0.1)
                continue
            ended, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in ended:
                crew.tell(running.pop(future), future)
                if callback is not None:
                    callback(study.log)
    finally:
        if running:
            study.drop(list(running.values()))
        crew.stop()
        if executor is None:
            own.shutdown(wait=False, cancel_futures=True)
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

    def next(self, n_trials: int, room: int) -> list[Trial]:
        """Up to ``room`` trials to evaluate: orphans first, then new ones as long as the study wants some."""
        if room < 1:
            return []
        trials = self._orphans(room)
        while len(trials) < room and not self._exhausted and self._wanted(n_trials):
            try:
                (trial,) = self.study.ask_trials(1)
            except NothingLeftError:
                self._exhausted = True
                break
            trials.append(trial)
        for trial in trials:
            self._alive[self.study.number_of(trial)] = 0
        return trials

    def _wanted(self, n_trials: int) -> bool:
        begun = self.study.log.select(State.ASKED, State.TOLD, State.FAILED)
        return len(begun) < n_trials

    def is_done(self, n_trials: int) -> bool:
        """Whether nothing is left to evaluate, here or elsewhere."""
        log = self.study.log
        enough = len(log.select(State.TOLD, State.FAILED)) >= n_trials
        return enough or (self._exhausted and not log.select(State.ASKED))

    def tell(self, trial: Trial, future: "Future[Mapping[str, float]]") -> None:
        """Record what came of a trial."""
        self._alive.pop(self.study.number_of(trial), None)
        try:
            metrics = future.result()
        except (
            Exception
        ) as error:  # whatever user code or an executor raises is why the trial failed
            self.study.fail([trial], str(error) or type(error).__name__)
            return
        self.study.tell([trial], [metrics])

    def stop(self) -> None:
        """End the beats."""
        self._stopped.set()
        self._pulse.join()

    def _beat(self) -> None:
        while not self._stopped.wait(PULSE):
            for number in list(self._alive):
                self._alive[number] = self._alive.get(number, 0) + 1
                self.study.note(number, BEAT, self._alive[number])

    def _orphans(self, most: int) -> list[Trial]:
        """Trials whose worker has died, taken over."""
        taken: list[Trial] = []
        for frozen in self.study.waiting():
            if len(taken) == most:
                break
            if frozen.number in self._alive or not self._is_dead(frozen):
                continue
            attempt = int(frozen.system_attrs.get(ATTEMPT, 0)) + 1
            if not self.study.take_over(frozen, {ATTEMPT: attempt}):
                continue
            trial = self.study.trial(frozen.number)
            if attempt > self.retries:
                self.study.fail([trial], f"its worker died {attempt} times")
            else:
                taken.append(trial)
        return taken

    def _is_dead(self, frozen: FrozenTrial) -> bool:
        owner: Mapping[str, Any] = frozen.system_attrs.get(OWNER, {})
        if owner.get("host") == socket.gethostname():
            return not _is_alive(int(owner["pid"]))
        beat = frozen.system_attrs.get(BEAT)
        last, since = self._heard.setdefault(frozen.number, (beat, time.monotonic()))
        if last != beat:
            self._heard[frozen.number] = (beat, time.monotonic())
            return False
        return time.monotonic() - since > SILENCE


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It is somebody else's, and alive.
    return True
