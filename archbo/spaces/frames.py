"""Architectures in the rows of a data frame."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from archbo.errors import DataError, DataWarning, InvalidArchitectureError, UsageError
from archbo.spaces.base import SearchSpace
from archbo.spaces.choices import NOT_ACTIVE, text_of
from archbo.spaces.decisions import Decision

__all__ = ["arch_column_of", "carried_over", "few", "rows_of_frame", "text_columns"]


ARCH_COLUMNS = ("arch", "arch_str")
"""Where frames have their architectures: as ``Log.frame`` and as tables of benchmarks name the column."""


def arch_column_of(frame: pd.DataFrame) -> str:
    """The column of architectures, ``arch`` or ``arch_str``; ``arch`` where there is neither."""
    return next((name for name in ARCH_COLUMNS if name in frame), ARCH_COLUMNS[0])


def rows_of_frame(
    frame: pd.DataFrame, space: SearchSpace, *, arch_column: str = "arch", source: str = "the frame"
) -> Tensor:
    """The architecture of each row of a frame, ``n x d``.

    Args:
        frame: ``n`` rows.
        space: The space of the architectures.
        arch_column: The column that holds their text, or their numbers in the space's ``official_order``; where it is
            missing, the columns of the space hold the choices. An empty cell there is the choice ``None`` or
            "not active".
        source: What the frame is called in errors.

    Raises:
        DataError: A column is missing, or a row is no architecture of the space; the error names the row of the
            file and how many are bad.
    """
    if arch_column in frame:
        cells = frame[arch_column]
        if space.official_order is not None and pd.api.types.is_integer_dtype(cells.dtype):
            return _rows(
                partial(_numbered, space, space.official_order.tolist()), cells, space, source
            )
        return _rows(space.parse, cells.map(str), space, source)
    missing = [column for column in space.columns if column not in frame]
    if missing:
        raise DataError(
            f"{source} has no column {arch_column!r} of architectures, nor {missing[0]!r} of the columns of space "
            f"{space.name}; it has {few(frame.columns)}"
        )
    finders = space.finders
    columns = [_cells(frame[column], finder) for column, finder in finders.items()]
    choices = [dict(zip(finders, row, strict=True)) for row in zip(*columns, strict=True)]

    def read(choice: dict[str, object]) -> tuple[Any, ...]:
        for column, cell in choice.items():
            if cell is MISSING:
                raise InvalidArchitectureError(
                    f"no choice in column {column!r}; {space.name} has {finders[column].described}; where an "
                    f"empty cell means that the column does not count, give it the choice {NOT_ACTIVE!r}"
                )
        return space.row_of(choice)

    return _rows(read, pd.Series(choices, index=frame.index, dtype=object), space, source)


def _numbered(space: SearchSpace, order: Sequence[Sequence[float]], number: int) -> tuple[Any, ...]:
    """The row of an architecture by its official number."""
    if not 0 <= number < len(order):
        raise InvalidArchitectureError(
            f"there is no architecture {number}; those of {space.name} are numbered from 0 to {len(order) - 1:,}"
        )
    return tuple(map(int, order[number]))


MISSING = object()
"""An empty cell of a column that has no choice for it."""


def _cells(column: "pd.Series[Any]", decision: Decision) -> list[object]:
    """The cells of a column, with the choice that an empty one stands for."""
    empty = MISSING if decision.empty is None else decision.value(decision.empty)
    if decision.active_if:
        empty = NOT_ACTIVE
    # They stay NumPy's, so that a number in single precision is compared as one.
    cells = zip(column.to_numpy(), column.isna(), strict=True)
    return [empty if gone else cell for cell, gone in cells]


def text_columns(space: SearchSpace) -> list[str]:
    """The columns of a space whose cells are texts in a table, even where they look like numbers or missing values.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> text_columns(CategoricalSpace("s", {"width": [8, 16], "act": ["ReLU", "None"]}))
        ['act']
    """
    pairs = zip(space.columns, space.choices, space.choice_names, strict=True)
    return [
        name
        for name, choices, listed in pairs
        if listed and not all(isinstance(choice, Real) for choice in choices)
    ]


def _rows(
    read: Callable[[Any], tuple[Any, ...]], cells: "pd.Series[Any]", space: SearchSpace, source: str
) -> Tensor:
    """What each cell reads as; one error for all that cannot be read."""
    rows: list[tuple[Any, ...]] = []
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


def carried_over(
    frame: pd.DataFrame,
    space: SearchSpace,
    *,
    arch_column: str = "arch",
    fill: Mapping[str, object] | None = None,
    source: str = "the frame",
) -> pd.DataFrame:
    """The rows of a frame, of any categorical space, that another categorical space has, in its columns.

    Columns of the same name are shared, and columns that the space lacks are dropped, so that rows may repeat. Rows
    with a choice that the space lacks are left out, with a ``DataWarning`` that counts them.

    Args:
        frame: One row per architecture.
        space: The categorical space to carry the rows over to.
        arch_column: The column of architectures, written ``width=16,op=conv3x3``; where it is missing, the columns of
            the frame hold the choices.
        fill: The choice that all rows had in columns of the space that the frame lacks.
        source: What the frame is called in errors.

    Raises:
        DataError: A row cannot be read, a column of the space has no choices, or no row is left.
        UsageError: ``fill`` names no column of the space, one that the frame has, or no choice of the space.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("new", {"width": [8, 16], "depth": [2, 4]})
        >>> old = pd.DataFrame({"arch": ["width=8,op=max", "width=8,op=avg"], "acc": [0.8, 0.9]})
        >>> carried_over(old, space, fill={"depth": 4})
           width  depth  acc
        0      8      4  0.8
        1      8      4  0.9
    """
    finders = space.finders
    given = _written(frame, arch_column, source) if arch_column in frame else frame
    filled = dict(fill or {})
    for column, value in filled.items():
        if column not in finders or column in given:
            where = f"{source} has it" if column in finders else f"{space.name} has no such column"
            raise UsageError(f"fill gives a value of {column!r}, but {where}; leave it out")
        if finders[column].find(value) is None:
            raise UsageError(
                f"fill: {column}={text_of(value)} is no choice of {space.name}; "
                f"it has {finders[column].described}"
            )
    missing = [column for column in finders if column not in given and column not in filled]
    if missing:
        raise DataError(
            f"no column {missing[0]!r} of space {space.name} in {source}; fill says which choice they all had there"
        )
    carried: dict[str, list[object]] = {}
    lacking: dict[object, str] = {}
    for column, finder in finders.items():
        fills = [filled[column]] * len(frame) if column in filled else None
        cells = fills if fills is not None else _cells(given[column], finder)
        found = [_known(cell, finder) for cell in cells]
        carried[column] = [None if cell is MISSING else cell for cell in found]
        for place, (value, cell) in enumerate(zip(found, cells, strict=True)):
            if value is MISSING:
                lacking.setdefault(place, f"{column}={'' if cell is MISSING else text_of(cell)}")
    if lacking:
        what = few(dict.fromkeys(lacking.values()), 3)
        text = (
            f"{len(lacking)} of {len(frame)} rows of {source} have no place in {space.name}: {what}"
        )
        if len(lacking) == len(frame):
            raise DataError(f"{text}; are they of this space?")
        warnings.warn(f"{text}; they are left out", DataWarning, stacklevel=2)
    others = [name for name in frame if name != arch_column and name not in finders]
    columns = {name: pd.Series(values, dtype=object) for name, values in carried.items()}
    result = pd.DataFrame(columns | {name: frame[name].reset_index(drop=True) for name in others})
    result = result.drop(index=list(lacking)).infer_objects()
    result.attrs = {}  # whatever the frame was kept in, this is of the new space
    return result


def _known(cell: object, decision: Decision) -> object:
    """The value of a decision that a cell stands for, or that it does not count."""
    if decision.active_if and isinstance(cell, str) and cell == NOT_ACTIVE:
        return NOT_ACTIVE
    found = None if cell is MISSING else decision.find(cell)
    return MISSING if found is None else decision.value(found)


def _written(frame: pd.DataFrame, column: str, source: str) -> pd.DataFrame:
    """The choices of architectures that are written ``width=16,op=conv3x3``, a column each."""
    rows = []
    for place, text in enumerate(frame[column].map(str)):
        parts = [part.partition("=") for part in text.split(",")]
        if not all(separator for _, separator, _ in parts):
            raise DataError(
                f"{source}, row {place + 1}: {text!r} is no architecture of a categorical space, as in 'width=8,depth=2'"
            )
        rows.append({name.strip(): choice.strip() for name, _, choice in parts})
    return pd.DataFrame(rows, dtype=object)


def few(names: Iterable[object], most: int = 12) -> str:
    """The first names of many, joined with commas; ``none`` where there are none."""
    texts = [str(name) for name in names]
    more = f", ... ({len(texts) - most} more)" if len(texts) > most else ""
    return (", ".join(texts[:most]) or "none") + more
