"""Tables of architectures with measured columns."""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from archbo.benchmarks.files import numbers_of, read_frame
from archbo.benchmarks.tabular import Tabular
from archbo.errors import DataError, DataWarning, InvalidArchitectureError
from archbo.goals import Goal, Objective
from archbo.spaces import ArchLike, SearchSpace
from archbo.spaces.frames import few, rows_of_frame, text_columns

__all__ = ["Benchmark", "read_table"]


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Architectures with measured values, ``n`` of them.

    Args:
        name: What the benchmark is called.
        space: The space that its architectures belong to.
        X: ``n x d``, the architectures as rows.
        metrics: ``n`` rows of numeric columns, in the units of their source. NaN is a failure: there is no value.
        default_objective: The column that a search maximises unless told otherwise.
        source: Where the data comes from.
        noise: Where the source measured architectures repeatedly, the standard deviation of each metric between
            measurements of one architecture; the metrics are means then.
        unread: For each other column of the source why it is no metric.

    Raises:
        DataError: Two rows are the same architecture.
    """

    name: str
    space: SearchSpace
    X: Tensor = field(repr=False)
    metrics: pd.DataFrame = field(repr=False)
    default_objective: str | None
    source: str
    noise: Mapping[str, float] = field(default_factory=dict, repr=False)
    unread: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        first: dict[Hashable, int] = {}
        for row, key in enumerate(self.space.ids(self.X)):
            if key in first:
                raise DataError(
                    f"{self.name}: rows {first[key] + 1} and {row + 1} are the same architecture, "
                    f"{self.space.format(self.X[row])}; keep one of them"
                )
            first[key] = row

    def __len__(self) -> int:
        return len(self.X)

    @cached_property
    def _index(self) -> dict[Hashable, int]:
        return {key: row for row, key in enumerate(self.space.ids(self.X))}

    def rows_of(self, archs: Sequence[ArchLike] | Tensor) -> list[int]:
        """The table's row number of each architecture.

        Raises:
            InvalidArchitectureError: One of them is not in the table.
        """
        X = self.space.rows(archs)
        numbers = []
        for row, key in zip(X, self.space.ids(X), strict=True):
            if key not in self._index:
                raise InvalidArchitectureError(
                    f"{self.space.format(row)} is not in the table {self.name}; "
                    f"it holds {len(self):,} architectures"
                )
            numbers.append(self._index[key])
        return numbers

    def measured(self, column: str) -> Tensor:
        """One column, ``n x 1``, in its own unit; NaN for an architecture that has no value in it.

        Raises:
            DataError: There is no such numeric column, or it has no value at all.
        """
        if column not in self.metrics:
            why = f" ({self.unread[column]})" if column in self.unread else ""
            raise DataError(
                f"{self.name} has no numeric column {column!r}{why}; it has {few(self.metrics.columns)}"
            )
        Y = torch.tensor(self.metrics[column].to_numpy(dtype=np.float64)).unsqueeze(-1)
        if not bool(Y.isfinite().any()):
            raise DataError(f"{self.name}: column {column!r} holds no number")
        return Y.where(Y.isfinite(), torch.nan)

    def values(self, column: str) -> Tensor:
        """One column of which each architecture has a value, ``n x 1``, in its own unit.

        Raises:
            DataError: As for ``measured``, or a value is missing.
        """
        Y = self.measured(column)
        bad = Y.isnan().nonzero()
        if len(bad):
            row = int(bad[0, 0])
            raise DataError(
                f"{self.name}: column {column!r} has no number in {len(bad)} rows, the first is "
                f"row {row + 1} ({self.space.format(self.X[row])}); drop them, or keep the others by a "
                "column of flags, where"
            )
        return Y

    def evaluator(self, goal: Goal | str | None = None) -> Tabular:
        """The evaluator of a goal whose metrics are columns.

        Args:
            goal: What is wanted, or its objectives as text, such as ``accuracy,-latency``; the default objective
                unless given. A fidelity is named after the columns that it gives, joined with ``+``.

        Raises:
            DataError: No goal is given and the benchmark has no default objective, or a column is missing.
            UsageError: No architecture keeps all bounds, or the fidelities do not name the metrics' columns.
        """
        if goal is None:
            if self.metrics.columns.empty:
                texts = [
                    f"{name} ({why})"
                    for name, why in self.unread.items()
                    if name not in self.space.columns
                ]
                raise DataError(
                    f"{self.name} has no numeric column; beside the architectures it has {few(texts)}"
                )
            if self.default_objective is None:
                raise DataError(
                    f"{self.name} has several numeric columns; name an objective: {few(self.metrics.columns)}"
                )
            goal = Goal((Objective(self.default_objective),))
        if isinstance(goal, str):
            goal = Goal.parse(goal)
        return Tabular(self, goal)


def read_table(
    path: str | Path, space: SearchSpace, *, arch_column: str = "arch_str", where: str | None = None
) -> Benchmark:
    """Read a Parquet, CSV or TSV file with one measurement of an architecture per row.

    An architecture that is in several rows was measured repeatedly: it counts once, with the mean of its values, and a
    ``DataWarning`` tells how many rows that are. A row without a value of a metric is a failure, unless another row of
    its architecture has one. Times are read in seconds.

    Args:
        path: The file, which ``read_frame`` reads.
        space: The space of its architectures.
        arch_column: The column that holds an architecture's text, or its number in the order of the benchmark's
            authors (``SearchSpace.official_order``). Where the columns of the space are all in the table this column
            is not needed.
        where: Keep only the rows in which this column of flags is true: a column of booleans, of 0 and 1, or of the
            texts true and false, or yes and no.

    Raises:
        DataError: The file cannot be read, a column is missing, or a row does not fit the space.
    """
    frame = read_frame(path, text_columns(space))
    if where is not None:
        frame = frame[_flags(frame, where, path)]
    if frame.empty:
        raise DataError(f"{path} holds no rows{f' where {where} is true' if where else ''}")
    X = rows_of_frame(frame, space, arch_column=arch_column, source=str(path))
    found = {str(name): numbers_of(frame[name]) for name in frame if name != arch_column}
    unread = {name: why for name, why in found.items() if isinstance(why, str)}
    unread |= dict.fromkeys(space.columns, "its cells are choices of the space")
    numeric = pd.DataFrame({name: found[name] for name in found if name not in unread})
    X, metrics, noise = _means(space, X, numeric.reset_index(drop=True), str(path))
    return Benchmark(
        name=Path(str(path).removesuffix(".gz")).stem,
        space=space,
        X=X,
        metrics=metrics,
        default_objective=str(metrics.columns[0]) if len(metrics.columns) == 1 else None,
        source=str(path),
        noise=noise,
        unread=unread,
    )


def _means(
    space: SearchSpace, X: Tensor, metrics: pd.DataFrame, source: str
) -> tuple[Tensor, pd.DataFrame, dict[str, float]]:
    """Each architecture once, in the order of its first row, its mean metrics, and their noise between rows."""
    place: dict[Hashable, int] = {}
    groups = np.array([place.setdefault(key, len(place)) for key in space.ids(X)])
    if len(place) == len(X):
        return X, metrics, {}
    warnings.warn(
        f"{source}: {len(X):,} rows are measurements of {len(place):,} architectures, of which each counts once, with "
        "its means",
        DataWarning,
        stacklevel=3,
    )
    finite = metrics.where(np.isfinite(metrics))
    means = finite.groupby(groups).mean()
    spare = (finite.count() - means.count()).where(lambda n: n > 0)
    squares = ((finite - means.loc[groups].set_axis(metrics.index)) ** 2).sum()
    noise = np.sqrt(squares / spare).dropna()
    return X[np.unique(groups, return_index=True)[1]], means, noise.to_dict()


WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""What flags are written as, in small letters."""


def _flags(frame: pd.DataFrame, column: str, path: str | Path) -> "pd.Series[bool]":
    """The rows whose flag is true; where it is missing, it is not."""
    if column not in frame:
        raise DataError(f"{path} has no column {column!r}; it has {few(frame.columns)}")
    cells = frame[column]
    texts = cells.astype(object).map(lambda cell: f"{cell:g}" if isinstance(cell, float) else cell)
    flags = texts.map(lambda cell: WORDS.get(str(cell).strip().lower())).astype(object)
    strange = cells[flags.isna() & cells.notna()]
    if len(strange):
        raise DataError(
            f"column {column!r} of {path} holds {str(strange.iloc[0])!r}; where takes a boolean column, or one of 0 "
            "and 1, true and false, or yes and no"
        )
    return flags == True  # noqa: E712 - cells may be missing
