"""Networks measured in processes of their own, so that one that crashes or hangs loses only itself."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TypeAlias

import torch

from archbo.errors import NumericalWarning, UsageError

__all__ = ["Job", "Lost", "Measure", "begin_worker", "measured"]

Job: TypeAlias = tuple[str, tuple[int, ...]]
"""An architecture's text and its row."""
Measure: TypeAlias = Callable[[Sequence[int]], list[float]]
"""The numbers of an architecture's row."""
_Answer: TypeAlias = tuple[list[float], list[NumericalWarning]]

POLL = 0.5
"""Seconds between two looks at the clock."""


@dataclass(frozen=True)
class Lost:
    """A network that could not be measured.

    Attributes:
        reason: Why.
    """

    reason: str


def measured(
    measure: Measure, jobs: Sequence[Job], workers: int, timeout: float | None
) -> Generator[tuple[str, list[float] | Lost], None, None]:
    """The numbers of networks by their text, in the order in which they are ready.

    A network whose process dies is measured once more, since another one may have taken the memory. Processes are
    killed where the iterator is closed.

    Args:
        measure: Called in the processes, which it is sent to.
        jobs: The networks.
        workers: The number of processes.
        timeout: The most seconds that a network may take; no limit if it is None.

    Raises:
        UsageError: A process cannot start.
    """
    threads = 1 if workers > 1 else torch.get_num_threads()
    idle = [_Lane(measure, threads, timeout) for _ in range(workers)]
    left, died = deque(jobs), set[str]()
    running: dict[Future[_Answer], tuple[_Lane, Job]] = {}
    try:
        while left or running:
            while left and idle:
                lane, job = idle.pop(), left.popleft()
                running[lane.submit(job[1])] = lane, job
            for future in wait(running, timeout=POLL, return_when=FIRST_COMPLETED)[0]:
                lane, job = running.pop(future)
                idle.append(lane)
                try:
                    numbers, warned = future.result()
                except BrokenProcessPool:
                    reason = lane.renew()
                    if reason == DIED and job[0] not in died:
                        died.add(job[0])
                        left.append(job)
                    else:
                        yield job[0], Lost(reason)
                    continue
                for warning in warned:
                    warnings.warn(warning, stacklevel=2)
                yield job[0], numbers
            for lane, _ in running.values():
                lane.look_at_clock()
    finally:
        for lane in [*idle, *(lane for lane, _ in running.values())]:
            lane.end()


DIED = "its process died twice, perhaps for want of memory"
"""Why a network is lost that was tried again in vain."""


class _Lane:
    """A process that measures one network at a time."""

    def __init__(self, measure: Measure, threads: int, timeout: float | None) -> None:
        self._settings, self.timeout = (measure, threads), timeout
        self._since = 0.0
        self._late = False
        self._begin()

    def _begin(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawn, initializer=_start, initargs=self._settings)
        self._process = self._pool.submit(os.getpid)
        self._process.add_done_callback(lambda _: self._restart_clock())

    def _restart_clock(self) -> None:
        self._since, self._late = time.monotonic(), False

    def submit(self, row: Sequence[int]) -> "Future[_Answer]":
        """Measure a network."""
        self._restart_clock()
        return self._pool.submit(_measured, row)

    def look_at_clock(self) -> None:
        """Kill the process if its network takes too long; its start does not count."""
        lasting = time.monotonic() - self._since
        if self._process.done() and self.timeout is not None and lasting > self.timeout:
            self._late = True
            self._kill()

    def renew(self) -> str:
        """Start another process in place of a dead one; why it died.

        Raises:
            UsageError: It had not even started.
        """
        if self._process.exception() is not None:
            raise UsageError(
                "a process that measures networks cannot start; its error is above. A script that calls archbo does "
                "so under: if __name__ == '__main__'"
            )
        reason = f"it took more than {self.timeout:g} s" if self._late else DIED
        self.end()
        self._begin()
        return reason

    def end(self) -> None:
        """End the process, whatever it does."""
        self._kill()
        self._pool.shutdown(cancel_futures=True)

    def _kill(self) -> None:
        if self._process.done() and self._process.exception() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.result(), signal.SIGTERM)


_measure: Measure | None = None
"""In a process, what its initializer was given."""


def _start(measure: Measure, threads: int) -> None:
    global _measure
    begin_worker(threads)
    _measure = measure


def begin_worker(threads: int) -> None:
    """Let this process end with its parent, which alone is told of Ctrl-C, and compute on that many threads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when its processes end
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _measured(row: Sequence[int]) -> _Answer:
    """The numbers, and the warnings, which only the parent shows."""
    assert _measure is not None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NumericalWarning)
        numbers = _measure(row)
    return numbers, [w.message for w in caught if isinstance(w.message, NumericalWarning)]
