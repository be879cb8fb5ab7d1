"""Tasks in processes of one thread each."""

import multiprocessing
import resource
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import torch

__all__ = ["each", "peak_memory", "say"]

T = TypeVar("T")
R = TypeVar("R")


def say(text: str) -> None:
    """Tell of progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


def each(
    function: Callable[[T], R], tasks: Sequence[T], *, workers: int = 1, fresh: bool = False
) -> list[R]:
    """What a function gives for each task, in the order of the tasks.

    Args:
        function: It and the tasks can be pickled.
        tasks: Their text is what is said of progress.
        workers: The number of processes.
        fresh: Whether each task has a process of its own, so that its peak memory is that of the task.
    """
    with ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        torch.set_num_threads,
        (1,),
        max_tasks_per_child=1 if fresh else None,
    ) as pool:
        futures = {pool.submit(function, task): task for task in tasks}
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                say(f"[{done}/{len(tasks)}] {futures[future]}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def peak_memory() -> float:
    """The most memory that this process has had so far, in GiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)
