"""Scores of many architectures, by several processes, in a file that an interrupted run continues."""

import hashlib
import json
import multiprocessing
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from archbo.errors import DataError, UsageError
from archbo.files import write_whole
from archbo.networks import Skeleton, default_skeleton, network
from archbo.proxies.measures.computation import gather, parts_of, score_of
from archbo.proxies.measures.evidence import Inputs, Loss, first_line
from archbo.proxies.measures.nodewise import place
from archbo.proxies.measures.registry import NAS_BENCH_SUITE_ZERO, check_measures, layer_parts
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["ARCH", "Progress", "nodes_of", "score"]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of architectures that are done, and the number of all."""

SAVE_SECONDS = 10.0
"""The least time between two saves: what an interruption may cost, large beside the time that a save takes."""

ARCH = "arch_str"
"""The column of architectures, named as in the tables that archbo reads by default."""


@dataclass(frozen=True, eq=False)
class _Task:
    """All settings that the scores of an architecture depend on."""

    space: SearchSpace
    skeleton: Skeleton
    inputs: tuple[Tensor, ...]
    one_input: bool
    targets: Tensor
    measures: tuple[str, ...]
    nodes: tuple[str, ...]
    seed: int
    loss: Loss
    device: str

    def __call__(self, row: Sequence[int]) -> list[float]:
        """The scores of one architecture, followed by its parts column by column."""
        device = torch.device(self.device)
        net = network(self.space, row, self.skeleton, seed=self.seed).to(device)
        inputs = tuple(tensor.to(device) for tensor in self.inputs)
        evidence = gather(
            net,
            inputs[0] if self.one_input else inputs,
            self.targets.to(device),
            (*self.measures, *self.nodes),
            seed=self.seed,
            loss=self.loss,
        )
        values = [score_of(name, evidence) for name in self.measures]
        parts = {name: parts_of(name, evidence) for name in self.nodes}
        return values + place(net, parts, self.space.n_columns).flatten().tolist()

    @property
    def columns(self) -> list[str]:
        """The names of the numbers that a call returns."""
        return [
            *self.measures,
            *(f"{column}.{name}" for column in self.space.columns for name in self.nodes),
        ]

    def settings(self) -> dict[str, str]:
        """The settings that scores in one file share."""
        digest = hashlib.sha256()
        for tensor in (*self.inputs, self.targets):
            digest.update(repr((tensor.dtype, tuple(tensor.shape))).encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return {
            "space": self.space.name,
            "skeleton": repr(self.skeleton),
            "measures": " ".join(self.measures),
            "nodes": " ".join(self.nodes),
            "seed": str(self.seed),
            "loss": f"{self.loss.__module__}.{getattr(self.loss, '__qualname__', self.loss)}",
            "batch": digest.hexdigest(),
        }


def score(
    space: SearchSpace,
    archs: Sequence[ArchLike] | Tensor,
    inputs: Inputs,
    targets: Tensor,
    measures: Sequence[str] = NAS_BENCH_SUITE_ZERO,
    *,
    nodes: Sequence[str] = (),
    skeleton: Skeleton | None = None,
    seed: int = 0,
    loss: Loss = cross_entropy,
    device: str = "cpu",
    workers: int = 1,
    path: str | Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Score many architectures of a space.

    Every architecture is scored with the same seed, so that its scores do not depend on the others, their order, or the
    number of workers. A measure whose computation fails for one is NaN there, with a ``NumericalWarning``.

    Args:
        space: The space of the architectures.
        archs: ``n`` architectures in any form, or rows ``n x d``; repeated ones are scored once.
        inputs: As for ``compute``.
        targets: As for ``compute``.
        measures: Names of measures.
        nodes: Names of measures whose parts by decision, added up over cells, are computed too.
        skeleton: Of the networks; by default that of the space's paper.
        seed: Of weights and measures.
        loss: As for ``compute``; with several workers a function defined in a module.
        device: Where networks are scored.
        workers: The number of processes, of one thread each; a single worker is this process with its threads.
        path: A Parquet file for the scores, replaced as a whole every ten seconds and at the end. Scores that it
            holds already, NaN among them, are kept, so that an interrupted run goes on.
        progress: Called after each architecture.

    Returns:
        ``n`` rows in the order given: ``arch_str``, a column per measure, and for nodes columns
        ``<decision>.<measure>``.

    Raises:
        UsageError: A measure is unknown, the space has no networks, the file holds scores with other settings or
            cannot be written, a worker dies; or as for ``compute``.
        DataError: The file is not a file of scores.

    Example:
        >>> from archbo.proxies import EdgeCellSkeleton, random_images
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> X = space.sample(3, generator=torch.Generator().manual_seed(0))
        >>> images, labels = random_images(8, resolution=8)
        >>> small = EdgeCellSkeleton(channels=4, cells=1)
        >>> table = score(space, X, images, labels, ["snip", "params"], skeleton=small)
        >>> list(table.columns), len(table)
        (['arch_str', 'snip', 'params'], 3)
    """
    if workers < 1:
        raise UsageError(f"workers is {workers}; give at least 1")
    check_measures(measures)
    for name in nodes:
        layer_parts(name)
    task = _Task(
        space=space,
        skeleton=skeleton or default_skeleton(space),
        inputs=(inputs,) if isinstance(inputs, Tensor) else inputs,
        one_input=isinstance(inputs, Tensor),
        targets=targets,
        measures=tuple(measures),
        nodes=tuple(nodes),
        seed=seed,
        loss=loss,
        device=device,
    )
    with torch.device("cpu"):
        wanted = space.archs(space.rows(archs))
    rows = {str(arch): arch.row for arch in wanted}
    file = _File(Path(path), task) if path is not None else None
    done = _measured(task, rows, file, workers, progress)
    return _frame([str(arch) for arch in wanted], [done[str(arch)] for arch in wanted], task)


def nodes_of(table: pd.DataFrame, space: SearchSpace, nodes: Sequence[str]) -> Tensor:
    """The parts by decision in a table of scores.

    Args:
        table: The scores, as returned by ``score``.
        space: The space of its architectures.
        nodes: ``m`` names of measures.

    Returns:
        ``n x d x m`` double.
    """
    columns = [f"{column}.{name}" for column in space.columns for name in nodes]
    values = torch.from_numpy(table[columns].to_numpy(dtype=np.float64, copy=True))
    return values.reshape(len(table), space.n_columns, len(nodes))


def _measured(
    task: _Task,
    rows: Mapping[str, tuple[int, ...]],
    file: "_File | None",
    workers: int,
    progress: Progress | None,
) -> dict[str, list[float]]:
    """The numbers of all architectures by text: those of the file, and those that are measured now."""
    done = file.read() if file else {}
    known = len(done)
    left = [(name, row) for name, row in rows.items() if name not in done]
    count = len(rows) - len(left)
    try:
        with _results(task, left, min(workers, len(left))) as results:
            for name, values in results:
                done[name] = values
                count += 1
                if progress:
                    progress(count, len(rows))
                if file:
                    file.write(done, rarely=True)
    finally:
        if file and len(done) > known:
            file.write(done)
    return done


def _frame(names: Sequence[str], values: Sequence[Sequence[float]], task: _Task) -> pd.DataFrame:
    numbers = np.array(values, dtype=np.float64).reshape(len(names), len(task.columns))
    frame = pd.DataFrame(numbers, columns=task.columns)
    frame.insert(0, ARCH, list(names))
    return frame


class _File:
    """A Parquet file of scores with the settings they were made with."""

    def __init__(self, path: Path, task: _Task) -> None:
        if path.suffix != ".parquet":
            raise UsageError(f"scores go to a .parquet file, not to {path}")
        self.path, self.task = path, task
        self.settings = task.settings()
        self.saved = time.monotonic()

    def read(self) -> dict[str, list[float]]:
        """The scores that are there, by architecture."""
        if not self.path.exists():
            return {}
        try:
            frame = pd.read_parquet(self.path)
            found = json.loads(frame.attrs["archbo"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.path} is not a file of scores that can be continued; move it, so that it is not "
                "replaced, or write elsewhere"
            ) from error
        for key, value in self.settings.items():
            if found.get(key) != value:
                raise UsageError(
                    f"{self.path} holds scores with {key} {found.get(key)!r}, not {value!r}; "
                    "use the same settings, move the file, or write elsewhere"
                )
        values = frame[self.task.columns].to_numpy(dtype=np.float64).tolist()
        return dict(zip(frame[ARCH], values, strict=True))

    def write(self, done: dict[str, list[float]], *, rarely: bool = False) -> None:
        """Replace the file; with ``rarely`` only if it has not been replaced for ``SAVE_SECONDS``."""
        if rarely and time.monotonic() - self.saved < SAVE_SECONDS:
            return
        frame = _frame(list(done), list(done.values()), self.task)
        frame.attrs["archbo"] = json.dumps(self.settings)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot make the folder {self.path.parent}: {error.strerror or error}"
            ) from error
        write_whole(self.path, lambda part: frame.to_parquet(part, index=False, compression="zstd"))
        self.saved = time.monotonic()


_Job: TypeAlias = tuple[str, tuple[int, ...]]
"""An architecture's text and its row."""

_task: _Task | None = None
"""In a worker, the task that its initializer was given."""


@contextmanager
def _results(
    task: _Task, jobs: Sequence[_Job], workers: int
) -> Iterator[Iterator[tuple[str, list[float]]]]:
    """The results of all jobs, in the order in which they are ready.

    Where the block is left early, workers finish the networks at hand and no more.
    """
    if workers <= 1:
        yield ((name, task(row)) for name, row in jobs)
        return
    _check_sendable(task)
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, initializer=_start, initargs=(task,))
    try:
        ready = as_completed([pool.submit(_work, job) for job in jobs])
        yield (future.result() for future in ready)
    except BrokenProcessPool as error:
        raise UsageError(
            f"one of {workers} workers died, perhaps for want of memory; give fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _check_sendable(task: _Task) -> None:
    for name, value in (("space", task.space), ("skeleton", task.skeleton), ("loss", task.loss)):
        try:
            pickle.dumps(value)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                f"the {name} cannot be sent to other processes: {first_line(error)}; define it in a "
                "module, or give workers=1"
            ) from error


def _start(task: _Task) -> None:
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when its workers stop
    torch.set_num_threads(1)
    _task = task


def _work(job: _Job) -> tuple[str, list[float]]:
    assert _task is not None
    return job[0], _task(job[1])
