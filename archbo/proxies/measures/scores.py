"""Scores of many architectures, by several processes, in a file that an interrupted run continues."""

import hashlib
import json
import math
import pickle
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from archbo.errors import DataError, NumericalWarning, UsageError
from archbo.files import locked, write_whole
from archbo.networks import Skeleton, default_skeleton, network
from archbo.proxies.measures.computation import gather, parts_of, score_of
from archbo.proxies.measures.evidence import Inputs, Loss, first_line
from archbo.proxies.measures.nodewise import place
from archbo.proxies.measures.processes import Job, Lost, measured
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
    inputs: Inputs
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
        inputs = tuple(tensor.to(device) for tensor in _tensors(self.inputs))
        evidence = gather(
            net,
            inputs[0] if isinstance(self.inputs, Tensor) else inputs,
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

    @property
    def lost(self) -> list[float]:
        """The numbers of a network that cannot be measured: the worst scores, and no parts."""
        return [-math.inf] * len(self.measures) + [math.nan] * (
            len(self.columns) - len(self.measures)
        )

    def settings(self) -> dict[str, str]:
        """The settings that scores in one file share."""
        digest = hashlib.sha256()
        for tensor in (*_tensors(self.inputs), self.targets):
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


def _tensors(inputs: Inputs) -> tuple[Tensor, ...]:
    return (inputs,) if isinstance(inputs, Tensor) else inputs


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
    workers: int | None = None,
    timeout: float | None = None,
    path: str | Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Score many architectures of a space.

    Every architecture is scored with the same seed, so that its scores do not depend on the others, their order, or the
    number of workers. A measure whose computation fails for one is NaN there, with a ``NumericalWarning``. In processes
    of their own (``workers``), a network that crashes, hangs or takes more memory than there is loses only itself: its
    scores are ``-inf``, which ranks as the worst, with a ``NumericalWarning`` that says why.

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
        workers: The number of processes, each of one thread if there are several; this process unless given.
        timeout: The most seconds that a network may take in its process; no limit unless given.
        path: A Parquet file for the scores, replaced as a whole every ten seconds and at the end. Scores that it
            holds already, NaN among them, are kept, so that an interrupted run goes on; so are those that another run
            adds meanwhile. Why networks were lost is kept in the frame's ``attrs["archbo_lost"]``, as JSON.
        progress: Called after each architecture.

    Returns:
        ``n`` rows in the order given: ``arch_str``, a column per measure, and for nodes columns
        ``<decision>.<measure>``.

    Raises:
        UsageError: A measure is unknown, the space has no networks, the file holds scores with other settings or
            cannot be written, a timeout is not positive or comes without ``workers``, processes cannot start; or as
            for ``compute``.
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
    _check(measures, nodes, workers, timeout)
    task = _Task(
        space=space,
        skeleton=skeleton or default_skeleton(space),
        inputs=inputs,
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
    done = _measured(task, rows, path, workers, timeout, progress)
    return _frame([str(arch) for arch in wanted], [done[str(arch)] for arch in wanted], task)


def _check(
    measures: Sequence[str], nodes: Sequence[str], workers: int | None, timeout: float | None
) -> None:
    check_measures(measures)
    for name in nodes:
        layer_parts(name)
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}; give at least 1")
    if timeout is not None and (workers is None or not timeout > 0):
        raise UsageError(
            f"a timeout is a positive number of seconds, for networks measured in workers; got {timeout:g} with "
            f"workers={workers}"
        )


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
    path: str | Path | None,
    workers: int | None,
    timeout: float | None,
    progress: Progress | None,
) -> dict[str, list[float]]:
    """The numbers of all architectures by text: those of the file, and those that are measured now."""
    file = _File(Path(path), task) if path is not None else None
    done = file.read() if file else {}
    left = [(name, row) for name, row in rows.items() if name not in done]
    before = len(rows) - len(left)
    new: dict[str, list[float]] = {}
    try:
        with closing(_results(task, left, workers, timeout)) as results:
            for name, values in results:
                if isinstance(values, Lost):
                    warnings.warn(f"{name}: {values.reason}", NumericalWarning, stacklevel=3)
                    new[name] = task.lost
                    if file:
                        file.lost[name] = values.reason
                else:
                    new[name] = values
                if progress:
                    progress(before + len(new), len(rows))
                if file:
                    file.add(new, rarely=True)
    finally:
        if file and new:
            file.add(new)
    return done | new


def _frame(names: Sequence[str], values: Sequence[Sequence[float]], task: _Task) -> pd.DataFrame:
    numbers = np.array(values, dtype=np.float64).reshape(len(names), len(task.columns))
    frame = pd.DataFrame(numbers, columns=task.columns)
    frame.insert(0, ARCH, list(names))
    return frame


class _File:
    """A Parquet file of scores with the settings they were made with; several runs may add to it at a time."""

    def __init__(self, path: Path, task: _Task) -> None:
        if path.suffix != ".parquet":
            raise UsageError(f"scores go to a .parquet file, not to {path}")
        self.path, self.task = path, task
        self.settings = task.settings()
        self.lost: dict[str, str] = {}
        self._saved = (
            -math.inf
        )  # the first scores are saved at once, which makes the file this run's

    def read(self) -> dict[str, list[float]]:
        """The scores that are there, by architecture."""
        if not self.path.exists():
            return {}
        try:
            frame = pd.read_parquet(self.path)
            found = json.loads(frame.attrs["archbo"])
            lost = json.loads(frame.attrs.get("archbo_lost", "{}"))
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
        self.lost = lost | self.lost
        values = frame[self.task.columns].to_numpy(dtype=np.float64).tolist()
        return dict(zip(frame[ARCH], values, strict=True))

    def add(self, new: Mapping[str, list[float]], *, rarely: bool = False) -> None:
        """Add scores to those that are there; with ``rarely`` only if none were added for ``SAVE_SECONDS``."""
        if rarely and time.monotonic() - self._saved < SAVE_SECONDS:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot make the folder {self.path.parent}: {error.strerror or error}"
            ) from error
        with locked(self.path):
            done = {**self.read(), **new}
            frame = _frame(list(done), list(done.values()), self.task)
            frame.attrs["archbo"] = json.dumps(self.settings)
            frame.attrs["archbo_lost"] = json.dumps(self.lost)
            write_whole(
                self.path, lambda part: frame.to_parquet(part, index=False, compression="zstd")
            )
        self._saved = time.monotonic()


def _results(
    task: _Task, jobs: Sequence[Job], workers: int | None, timeout: float | None
) -> Generator[tuple[str, list[float] | Lost], None, None]:
    """The numbers of all jobs, in the order in which they are ready."""
    if workers is None:
        yield from ((name, task(row)) for name, row in jobs)
    elif jobs:
        _check_sendable(task)
        yield from measured(task, jobs, min(workers, len(jobs)), timeout)


def _check_sendable(task: _Task) -> None:
    for name, value in (("space", task.space), ("skeleton", task.skeleton), ("loss", task.loss)):
        try:
            pickle.dumps(value)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                f"the {name} cannot be sent to other processes: {first_line(error)}; define it in a "
                "module, or leave out workers"
            ) from error
