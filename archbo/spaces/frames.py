"""Architectures in the rows of a data frame."""

from collections.abc import Iterable, Iterator

import pandas as pd
import torch
from torch import Tensor

from archbo.errors import DataError, InvalidArchitectureError
from archbo.spaces.base import SearchSpace
from archbo.spaces.categorical import CategoricalSpace

__all__ = ["few", "rows_of_frame"]


def rows_of_frame(
    frame: pd.DataFrame, space: SearchSpace, *, arch_column: str = "arch", source: str = "the frame"
) -> Tensor:
    """The architecture of each row of a frame, ``n x d``.

    Args:
        frame: ``n`` rows.
        space: The space of the architectures.
        arch_column: The column that holds their text; where it is missing, a categorical space finds the choices in
            its own columns.
        source: What the frame is called in errors.

    Raises:
        DataError: A column is missing, or a row is no architecture of the space; the error names the row of the
            file and how many are bad.
    """
    if arch_column in frame:
        return _parse(map(space.parse, frame[arch_column].map(str)), frame, space, source)
    if not isinstance(space, CategoricalSpace):
        raise DataError(
            f"{source} has no column {arch_column!r} of architectures; it has {few(frame.columns)}"
        )
    missing = [column for column in space.columns if column not in frame]
    if missing:
        raise DataError(
            f"{source} has no column {missing[0]!r} of space {space.name}; it has {few(frame.columns)}"
        )
    records = frame[list(space.columns)].to_dict("records")
    return _parse((space.row_of(record) for record in records), frame, space, source)


def _parse(
    rows: Iterator[tuple[int, ...]], frame: pd.DataFrame, space: SearchSpace, source: str
) -> Tensor:
    parsed: list[tuple[int, ...]] = []
    try:
        parsed.extend(rows)
    except InvalidArchitectureError as error:
        raise DataError(
            f"{source}, row {len(parsed) + 1}: {error}; is {space.name} its space?"
        ) from error
    return torch.tensor(parsed, dtype=torch.double).reshape(len(frame), space.n_columns)


def few(names: Iterable[object], most: int = 12) -> str:
    """The first names of many, joined with commas."""
    texts = [str(name) for name in names]
    more = f", ... ({len(texts) - most} more)" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
