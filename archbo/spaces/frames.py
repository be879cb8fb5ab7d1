"""Architectures in the rows of a data frame."""

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from archbo.errors import DataError, InvalidArchitectureError
from archbo.spaces.base import SearchSpace

__all__ = ["few", "rows_of_frame"]


def rows_of_frame(
    frame: pd.DataFrame, space: SearchSpace, *, arch_column: str = "arch", source: str = "the frame"
) -> Tensor:
    """The architecture of each row of a frame, ``n x d``.

    Args:
        frame: ``n`` rows.
        space: The space of the architectures.
        arch_column: The column that holds their text; where it is missing, the columns of the space hold the choices.
        source: What the frame is called in errors.

    Raises:
        DataError: A column is missing, or a row is no architecture of the space; the error names the row of the
            file and how many are bad.
    """
    if arch_column in frame:
        return _rows(space.parse, frame[arch_column].map(str), space, source)
    missing = [column for column in space.columns if column not in frame]
    if missing:
        raise DataError(
            f"{source} has no column {arch_column!r} of architectures, nor {missing[0]!r} of the columns of space "
            f"{space.name}; it has {few(frame.columns)}"
        )
    # Cells stay NumPy's, so that a number in single precision is compared as one.
    cells = zip(*(frame[column].to_numpy() for column in space.columns), strict=True)
    choices = [dict(zip(space.columns, row, strict=True)) for row in cells]
    return _rows(space.row_of, pd.Series(choices, index=frame.index, dtype=object), space, source)


def _rows(
    read: Callable[[Any], tuple[int, ...]], cells: "pd.Series[Any]", space: SearchSpace, source: str
) -> Tensor:
    """What each cell reads as; one error for all that cannot be read."""
    rows: list[tuple[int, ...]] = []
    bad: list[tuple[int, InvalidArchitectureError]] = []
    for place, cell in enumerate(cells):
        try:
            rows.append(read(cell))
        except InvalidArchitectureError as error:
            bad.append((place, error))
    if bad:
        place, first = bad[0]
        label = cells.index[place]
        # Where rows of a file were left out, their labels still count them.
        number = int(label) + 1 if isinstance(label, Integral) else place + 1
        more = f" ({len(bad) - 1:,} more such rows)" if len(bad) > 1 else ""
        raise DataError(
            f"{source}, row {number}: {first}; is {space.name} its space?{more}"
        ) from first
    X = torch.tensor(rows, dtype=torch.double).reshape(len(rows), space.n_columns)
    space.check(X)
    return X


def few(names: Iterable[object], most: int = 12) -> str:
    """The first names of many, joined with commas."""
    texts = [str(name) for name in names]
    more = f", ... ({len(texts) - most} more)" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
