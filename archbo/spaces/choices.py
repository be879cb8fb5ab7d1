"""The choices of columns: how they are found from what people write, and how two spaces' differ."""

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

__all__ = [
    "NOT_ACTIVE",
    "ColumnChoices",
    "changes",
    "other_changes",
    "python_value",
    "text_of",
    "type_of",
]

NOT_ACTIVE = "not active"
"""The choice of a column that counts for nothing, since another decision switches it off. In tables its cell may be
empty, whatever the type of the column."""


class ColumnChoices:
    """Finds a choice of one column from what stands for it: numbers as numbers, anything else by its text.

    Args:
        choices: The objects to choose from.

    Example:
        >>> column = ColumnChoices([0.0, 0.5, "auto"])
        >>> column.find(0), column.find("0.50"), column.find("auto"), column.find(7)
        (0, 1, 2, None)
    """

    def __init__(self, choices: Sequence[object]) -> None:
        self.choices = tuple(choices)
        self.by_text = {text_of(choice): index for index, choice in enumerate(choices)}
        # Equal numbers of different types are one key.
        self.by_number: dict[Any, int] = {
            choice: index for index, choice in enumerate(choices) if isinstance(choice, Real)
        }

    @property
    def empty(self) -> int | None:
        """The index of the choice that an empty cell stands for, ``None`` or "not active"; None if there is none."""
        if None in self.choices:
            return self.choices.index(None)
        return self.by_text.get(NOT_ACTIVE)

    def find(self, value: object) -> int | None:
        """The index of the choice that a value stands for, None if there is no such choice."""
        if isinstance(value, str):
            found = self.by_text.get(value)
            return self._written_number(value) if found is None else found
        if isinstance(value, Tensor) and value.numel() == 1:
            value = value.detach().cpu().numpy().reshape(())[()]
        if isinstance(value, np.floating) and value.dtype.itemsize < 8:
            found = self._at_precision_of(value)
            if found is not None:
                return found
        value = python_value(value)
        found = self.by_number.get(value) if isinstance(value, Real) else None
        return self.by_text.get(text_of(value)) if found is None else found

    def _written_number(self, text: str) -> int | None:
        try:
            number = float(text)
        except ValueError:
            return None
        index = self.by_number.get(number)
        # Python's True equals 1, but is not written so.
        return None if index is None or isinstance(self.choices[index], bool) else index

    def _at_precision_of(self, value: "np.floating[Any]") -> int | None:
        """A table in single precision holds 0.1 as 0.10000000149; the choice 0.1 is the same there."""
        kind = type(value)
        found = [index for number, index in self.by_number.items() if kind(float(number)) == value]
        return found[0] if len(found) == 1 else None


def text_of(choice: object) -> str:
    """A choice as the notation writes it; 16.0 is written 16."""
    if isinstance(choice, float) and choice.is_integer():
        return str(int(choice))
    return str(choice)


def type_of(choice: object) -> str:
    """The word for the type of a choice that tells the number 1 from the text ``1``."""
    if isinstance(choice, bool):
        return "bool"
    if isinstance(choice, Real):
        return "number"
    return "text" if isinstance(choice, str) else type(choice).__name__


def python_value(value: object) -> object:
    """Scalars of NumPy and PyTorch as Python's own; anything else as it is."""
    if isinstance(value, np.generic) or (isinstance(value, Tensor) and value.ndim == 0):
        plain: object = value.item()
        return plain
    return value


def changes(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    """What differs between the contents of two spaces such that one text means two things, a line each.

    Choices that were added or reordered are no such difference.
    """
    for key in ("kind", "name"):
        if before.get(key) != after[key]:
            yield f"its {key} was {before.get(key)!r} and is {after[key]!r}"
    old, new, scales = _columns(before), _columns(after), _scales(after)
    gone, added = [c for c in old if c not in new], [c for c in new if c not in old]
    if gone:
        yield f"columns are gone: {', '.join(gone)}"
    if added:
        yield f"columns were added: {', '.join(added)}"
    for column, choices in new.items():
        scale = scales.get(column, {})
        lost = [c for c in old.get(column, ()) if c not in choices and not _covers(scale, c)]
        if lost:
            yield f"choices of column {column!r} are gone: {', '.join(lost)}"
    for column, scale in _scales(before).items():
        ends = [scale[end] for end in ("low", "high") if end in scale]
        if column in new and not all(
            end in new[column] or _covers(scales.get(column, {}), end) for end in ends
        ):
            now = scales.get(column, {})
            yield f"column {column!r} was {_range(scale)} and is {_range(now) if 'low' in now else ', '.join(new[column])}"
    for key in sorted(
        {*before, *after} - {"kind", "name", "columns", "choices", "types", "scales"}
    ):
        if before.get(key) != after.get(key):
            yield f"{key} was {before.get(key)!r} and is {after.get(key)!r}"


def other_changes(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    """What else makes two spaces unequal, a line each."""
    if before.get("columns") != after["columns"]:
        yield "the order of its columns"
    old, new = _columns(before), _columns(after)
    for column in new:
        if old.get(column) != new[column]:
            yield (
                f"column {column!r} has the choices {', '.join(old.get(column, ()))} there and "
                f"{', '.join(new[column])} here"
            )
    if before.get("types") != after["types"]:
        yield "the types of its choices"
    if _scales(before) != _scales(after):
        yield "the scales of its columns"


def _scales(content: Mapping[str, object]) -> dict[str, Any]:
    scales = content.get("scales")
    return scales if isinstance(scales, dict) else {}


def _range(scale: Mapping[str, Any]) -> str:
    return f"{scale['low']} to {scale['high']}"


def _covers(scale: Mapping[str, Any], value: object) -> bool:
    """Whether a number, or the text of one, lies in a range; one of integers takes integers only."""
    try:
        number = float(str(value))
    except ValueError:
        return False
    if "low" not in scale or not scale["low"] <= number <= scale["high"]:
        return False
    whole = isinstance(scale["low"], int)
    return not whole or (number.is_integer() and not isinstance(value, float))


def _columns(content: Mapping[str, object]) -> dict[str, list[str]]:
    """The choices by column; what is no content of a space has no columns."""
    columns, choices = content.get("columns"), content.get("choices")
    if not isinstance(columns, list | tuple) or not isinstance(choices, list | tuple):
        return {}
    return {
        str(column): list(map(str, texts)) for column, texts in zip(columns, choices, strict=False)
    }
