"""Tables in, objectives out: a benchmark is a table of architectures with measured columns."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from archbo.errors import DataError, InvalidArchitectureError
from archbo.spaces import Arch, ArchLike, CategoricalSpace, SearchSpace

__all__ = ["Benchmark", "Objective", "read_table"]


@dataclass(frozen=True)
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
                f"{self.name} has no numeric column {column!r}; it has {_few(self.metrics.columns)}"
            )
        Y = torch.tensor(self.metrics[column].to_numpy(dtype=np.float64)).unsqueeze(-1)
        bad = (~Y.isfinite()).nonzero()
        if len(bad):
            row = int(bad[0, 0])
            raise DataError(
                f"{self.name}: column {column!r} is {Y[row].item()} in {len(bad)} rows, the first is "
                f"row {row + 1} ({self.space.format(self.X[row])}); drop them, "
                "or keep the others with --where COLUMN"
            )
        return Y

    def objective(self, column: str | None = None, *, minimize: bool = False) -> "Objective":
        """One column as a function of an architecture.

        Raises:
            DataError: No column is named and the benchmark has no default, or the column is not clean.
        """
        column = column or self.default_objective
        if column is None:
            raise DataError(
                f"{self.name} has several numeric columns; name one with --objective: "
                f"{_few(self.metrics.columns)}"
            )
        return Objective(self, column, minimize)


@dataclass(frozen=True)
class Objective:
    """A column of a benchmark as a plain callable ``arch -> float``, to be maximised.

    Args:
        benchmark: The table.
        column: Its column.
        minimize: Return the negated value, so that its maximum is the column's minimum.

    Raises:
        DataError: There is no such numeric column, or it holds a NaN or an infinity.
    """

    benchmark: Benchmark
    column: str
    minimize: bool = False

    def __post_init__(self) -> None:
        self.Y  # noqa: B018 - a bad column is refused here, not in the middle of a search

    def __call__(self, arch: ArchLike) -> float:
        return float(self.Y[self.benchmark.rows_of([arch])[0]])

    @cached_property
    def Y(self) -> Tensor:  # noqa: N802
        """All values, ``n x 1``, higher is better."""
        Y = self.benchmark.values(self.column)
        return -Y if self.minimize else Y

    @cached_property
    def best(self) -> float:
        """The largest value in the table."""
        return float(self.Y.max())

    @cached_property
    def _ascending(self) -> Tensor:
        return self.Y.flatten().sort().values

    def rank(self, value: float) -> int:
        """1 + the number of architectures in the table that are strictly better than ``value``."""
        target = torch.tensor(value, dtype=self.Y.dtype)
        return 1 + len(self) - int(torch.searchsorted(self._ascending, target, right=True))

    def argmax(self) -> Arch:
        """The best architecture of the table, the first where several are."""
        return self.benchmark.space.archs(self.benchmark.X[self.Y.argmax()].unsqueeze(0))[0]

    def __len__(self) -> int:
        return len(self.benchmark)


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
    frame = _read_frame(Path(path))
    if where is not None:
        frame = frame[_flags(frame, where, path)]
    if frame.empty:
        raise DataError(f"{path} holds no rows{f' where {where} is true' if where else ''}")
    X = _rows(frame, space, arch_column, path)
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


def _read_frame(path: Path) -> pd.DataFrame:
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
        raise DataError(f"{path} has no column {column!r}; it has {_few(frame.columns)}")
    if frame[column].dtype != bool:
        raise DataError(
            f"column {column!r} of {path} is {frame[column].dtype}; --where needs a boolean column"
        )
    return frame[column]


def _rows(frame: pd.DataFrame, space: SearchSpace, arch_column: str, path: str | Path) -> Tensor:
    if arch_column in frame:
        return _parse_each(map(space.parse, frame[arch_column].map(str)), frame.index, path)
    if isinstance(space, CategoricalSpace):
        missing = [column for column in space.columns if column not in frame]
        if missing:
            raise DataError(
                f"{path} has no column {missing[0]!r} of space {space.name}; "
                f"it has {_few(frame.columns)}"
            )
        records = frame[list(space.columns)].to_dict("records")
        rows = map(space.row_of, ({str(k): v for k, v in record.items()} for record in records))
        return _parse_each(rows, frame.index, path)
    raise DataError(
        f"{path} has no column {arch_column!r}; name the one that holds the architectures "
        f"with --arch-column: {_few(frame.columns)}"
    )


def _parse_each(
    rows: Iterator[tuple[int, ...]], index: "pd.Index[int]", path: str | Path
) -> Tensor:
    """All rows; an error names the row of the file, which ``index`` tells."""
    parsed: list[tuple[int, ...]] = []
    try:
        parsed.extend(rows)
    except InvalidArchitectureError as error:
        raise DataError(
            f"{path}, row {index[len(parsed)] + 1}: {error}; is it the right --space?"
        ) from error
    return torch.tensor(parsed, dtype=torch.double)


def _few(columns: Iterable[object], most: int = 12) -> str:
    names = [str(column) for column in columns]
    more = f", ... ({len(names) - most} more)" if len(names) > most else ""
    return ", ".join(names[:most]) + more
