"""Scores of many architectures: by several processes, and into a file that an interrupted run continues."""

import hashlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from archbo.errors import DataError, UsageError
from archbo.proxies.evidence import Inputs, Loss
from archbo.proxies.measures import (
    MEASURES,
    NAS_BENCH_SUITE_ZERO,
    check_measures,
    gather,
    layer_parts,
)
from archbo.proxies.networks import Skeleton, default_skeleton, network
from archbo.proxies.nodewise import place
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["ARCH", "Progress", "nodes_of", "score"]

Progress = Callable[[int, int], None]
"""Called with how many architectures are done, and how many there are."""

SAVE_SECONDS = 10.0
ARCH = "arch_str"
"""The column of architectures."""


@dataclass(frozen=True)
class _Task:
    """All that decides what the scores of an architecture are."""

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
        """The scores of one architecture, then column by column its parts."""
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
        values = [MEASURES[name].score(evidence) for name in self.measures]
        parts = {name: layer_parts(name)(evidence) for name in self.nodes}
        return values + place(net, parts, self.space.n_columns).flatten().tolist()

    @property
    def columns(self) -> list[str]:
        """The names of the numbers that a call gives."""
        return [
            *self.measures,
            *(f"{column}.{name}" for column in self.space.columns for name in self.nodes),
        ]

    def settings(self) -> dict[str, str]:
        """What must be the same for scores to be comparable."""
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

    Every architecture is scored with the same seed, so that its scores depend on nothing but itself: not on the
    others, their order, or the number of workers.

    Args:
        space: The space of the architectures.
        archs: ``n`` architectures in any form, or rows ``n x d``; repeated ones are scored once.
        inputs: As for ``compute``.
        targets: As for ``compute``.
        measures: Names of measures.
        nodes: Names of measures whose parts by decision are wanted too (see ``compute_nodes``), added up over
            cells.
        skeleton: Of the networks; by default that of the space's paper.
        seed: Of weights and measures.
        loss: As for ``compute``; with several workers a function of a module.
        device: Where networks are scored.
        workers: Processes, of one thread each; with one worker this process and its threads.
        path: A Parquet file for the scores. It is replaced as a whole every ten seconds and at the end. Scores that it
            holds already are kept, so an interrupted run goes on.
        progress: Told how far it is.

    Returns:
        ``n`` rows in the order given: ``arch_str``, a column per measure, and for nodes columns
        ``<decision>.<measure>``.

    Raises:
        UsageError: A measure is unknown, the space has no networks, or the file holds scores of other settings.
        DataError: The file is no table of scores.

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
    wanted = space.archs(space.rows(archs))
    names = [str(arch) for arch in wanted]
    rows = {name: arch.row for name, arch in zip(names, wanted, strict=True)}
    file = _File(Path(path), task) if path is not None else None
    done = file.read() if file else {}
    left = [(name, row) for name, row in rows.items() if name not in done]
    count = len(rows) - len(left)
    try:
        with _mapper(task, min(workers, len(left))) as mapped:
            for name, values in mapped(left):
                done[name] = values
                count += 1
                if progress:
                    progress(count, len(rows))
                if file:
                    file.write(done, rarely=True)
    finally:
        if file and left:
            file.write(done)
    return _frame(names, [done[name] for name in names], task)


def nodes_of(table: pd.DataFrame, space: SearchSpace, nodes: Sequence[str]) -> Tensor:
    """The parts by decision in a table of scores.

    Args:
        table: What ``score`` gave.
        space: The space of its architectures.
        nodes: ``m`` names of measures.

    Returns:
        ``n x d x m`` double.
    """
    columns = [f"{column}.{name}" for column in space.columns for name in nodes]
    values = torch.from_numpy(table[columns].to_numpy(dtype=np.float64, copy=True))
    return values.reshape(len(table), space.n_columns, len(nodes))


def _frame(names: Sequence[str], values: Sequence[Sequence[float]], task: _Task) -> pd.DataFrame:
    numbers = np.array(values, dtype=np.float64).reshape(len(names), len(task.columns))
    frame = pd.DataFrame(numbers, columns=task.columns)
    frame.insert(0, ARCH, list(names))
    return frame


class _File:
    """A Parquet file of scores that knows the settings they were made with."""

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
            raise DataError(f"{self.path} is no file of scores; give another path") from error
        for key, value in self.settings.items():
            if found.get(key) != value:
                raise UsageError(
                    f"{self.path} holds scores with {key} {found.get(key)!r}, asked for is {value!r}; "
                    "give another path, or the same settings"
                )
        values = frame[self.task.columns].to_numpy(dtype=np.float64).tolist()
        return dict(zip(frame[ARCH], values, strict=True))

    def write(self, done: dict[str, list[float]], *, rarely: bool = False) -> None:
        """Replace the file, where ``rarely`` only if the last time is a while ago."""
        if rarely and time.monotonic() - self.saved < SAVE_SECONDS:
            return
        frame = _frame(list(done), list(done.values()), self.task)
        frame.attrs["archbo"] = json.dumps(self.settings)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(f".{os.getpid()}.part")
        frame.to_parquet(part, index=False, compression="zstd")
        part.replace(self.path)
        self.saved = time.monotonic()


_Jobs = Sequence[tuple[str, tuple[int, ...]]]
_task: _Task | None = None


@contextmanager
def _mapper(
    task: _Task, workers: int
) -> Iterator[Callable[[_Jobs], Iterator[tuple[str, list[float]]]]]:
    """Something that applies the task to jobs and gives results in the order they are ready."""
    if workers <= 1:
        yield lambda jobs: ((name, task(row)) for name, row in jobs)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=_start, initargs=(task,)) as pool:
        yield lambda jobs: pool.imap_unordered(_work, jobs)


def _start(task: _Task) -> None:
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers
    torch.set_num_threads(1)
    _task = task


def _work(job: tuple[str, tuple[int, ...]]) -> tuple[str, list[float]]:
    if _task is None:
        raise RuntimeError("a worker got work before its task")
    return job[0], _task(job[1])
