"""Tables of architectures with measured columns."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from archbo.benchmarks.tabular import Tabular
from archbo.errors import DataError, InvalidArchitectureError
from archbo.goals import Goal, Objective
from archbo.spaces import ArchLike, SearchSpace
from archbo.spaces.frames import few, rows_of_frame

__all__ = ["Benchmark", "read_frame", "read_table"]


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Architectures with measured values, ``n`` of them.

    Args:
        name: What the benchmark is called.
        space: The space that its architectures belong to.
        X: ``n x d``, the architectures as rows.
        metrics: ``n`` rows of numeric columns, in the units of their source.
        default_objective: The column that a search maximises unless told otherwise.
        source: Where the data comes from.

    Raises:
        DataError: Two rows are the same architecture.
    """

    name: str
    space: SearchSpace
    X: Tensor = field(repr=False)
    metrics: pd.DataFrame = field(repr=False)
    default_objective: str | None
    source: str

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

    def values(self, column: str) -> Tensor:
        """One column, ``n x 1``, in its own unit.

        Raises:
            DataError: There is no such numeric column, or it holds a NaN or an infinity.
        """
        if column not in self.metrics:
            raise DataError(
                f"{self.name} has no numeric column {column!r}; it has {few(self.metrics.columns)}"
            )
        Y = torch.tensor(self.metrics[column].to_numpy(dtype=np.float64)).unsqueeze(-1)
        bad = (~Y.isfinite()).nonzero()
        if len(bad):
            row = int(bad[0, 0])
            raise DataError(
                f"{self.name}: column {column!r} is {Y[row].item()} in {len(bad)} rows, the first is "
                f"row {row + 1} ({self.space.format(self.X[row])}); drop them, or keep the others by a "
                "boolean column, where"
            )
        return Y

    def evaluator(self, goal: Goal | str | None = None) -> Tabular:
        """The evaluator of a goal whose metrics are columns.

        Args:
            goal: What is wanted, or its objectives as text, such as ``accuracy,-latency``; the default objective
                unless given. A fidelity is named after the columns that it gives, joined with ``+``.

        Raises:
            DataError: No goal is given and the benchmark has no default objective, or a column is not clean.
            UsageError: No architecture keeps all bounds, or the fidelities do not name the metrics' columns.
        """
        if goal is None:
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
    """Read a Parquet or CSV file with one architecture per row.

    Args:
        path: The file; its ending tells the format.
        space: The space of its architectures.
        arch_column: The column that holds an architecture's text. For a categorical space whose columns
            are all in the table this column is not needed.
        where: Keep only the rows in which this boolean column is true.

    Raises:
        DataError: The file cannot be read, a column is missing, a row repeats, or a row does not fit the
            space.
    """
    frame = read_frame(Path(path))
    if where is not None:
        frame = frame[_flags(frame, where, path)]
    if frame.empty:
        raise DataError(f"{path} holds no rows{f' where {where} is true' if where else ''}")
    X = rows_of_frame(frame, space, arch_column=arch_column, source=str(path))
    numeric = frame.select_dtypes(["number", "bool"]).astype(np.float64)
    columns = [c for c in numeric.columns if c not in space.columns]
    return Benchmark(
        name=Path(path).stem,
        space=space,
        X=X,
        metrics=numeric[columns].reset_index(drop=True),
        default_objective=columns[0] if len(columns) == 1 else None,
        source=str(path),
    )


def read_frame(path: Path) -> pd.DataFrame:
    """The rows of a Parquet or CSV file.

    Raises:
        DataError: It cannot be read.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": pd.read_parquet,
        ".csv": pd.read_csv,
    }
    if path.suffix not in readers:
        raise DataError(f"cannot tell the format of {path}; give a .parquet or .csv file")
    if not path.is_file():
        raise DataError(f"no table at {path}; give the path of a .parquet or .csv file")
    try:
        return readers[path.suffix](path)
    except (OSError, ValueError) as error:  # pyarrow's and pandas' parse errors are ValueErrors
        raise DataError(f"cannot read table {path}: {str(error).splitlines()[0]}") from error


def _flags(frame: pd.DataFrame, column: str, path: str | Path) -> "pd.Series[bool]":
    if column not in frame:
        raise DataError(f"{path} has no column {column!r}; it has {few(frame.columns)}")
    if frame[column].dtype != bool:
        raise DataError(
            f"column {column!r} of {path} is {frame[column].dtype}; where takes a boolean column"
        )
    return frame[column]
