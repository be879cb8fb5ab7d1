"""Decisions: what a column of a row stands for, and how it is drawn, moved, read and written."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral
from numbers import Real as Number
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Generator, Tensor

from archbo.errors import DataError
from archbo.spaces.choices import ColumnChoices, python_value, text_of
from archbo.spaces.graph import without_caches

__all__ = [
    "Choice",
    "Decision",
    "Integer",
    "Listed",
    "Ordered",
    "Range",
    "Real",
    "Scaled",
    "decision_of",
]

STEPS = (0.2, 0.05, 0.0125)
"""Standard deviations of the steps of a scaled decision, as shares of its range: the first is that of ConfigSpace's
neighbours, the others are a quarter of the one before, by choice, so that a search can close in."""
LEVELS = 8
"""The number of levels of a range that labels tell apart; by choice, few enough to be seen several times each."""
EXACT = 2**53
"""The number of integers that a double tells apart."""


@dataclass(frozen=True)
class Decision(ABC):
    """One column of a row. Its cell in a row is a number: an index, or a real itself.

    Args:
        active_if: Other columns, and the values of theirs with which this decision counts; all of them have to have one.
            Where it does not count, its cell is ``default``.

    Attributes:
        is_real: Whether cells are any numbers of an interval, and not indices from 0 on.
    """

    active_if: Mapping[str, Sequence[object]] = field(
        default_factory=dict, kw_only=True, hash=False
    )
    is_real: ClassVar[bool] = False

    def __post_init__(self) -> None:
        given: Any = self.active_if
        if not isinstance(given, Mapping):
            raise DataError(
                f'active_if is {given!r}; give values by column, as in {{op = ["conv"]}}'
            )
        values = {
            column: tuple(values) if isinstance(values, list | tuple) else (values,)
            for column, values in given.items()
        }
        object.__setattr__(self, "active_if", values)

    def __getstate__(self) -> dict[str, object]:
        return without_caches(self)

    @property
    @abstractmethod
    def cardinality(self) -> int:
        """The number of values; 0 for an interval of reals, which has no number."""

    @property
    @abstractmethod
    def choices(self) -> Sequence[object]:
        """The values in the order of their indices; none for an interval of reals."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The texts of the choices of a list; none for a range."""

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """What tells values apart where not all of a range can be: its choices, or levels of the range."""

    @abstractmethod
    def level(self, cells: Tensor) -> Tensor:
        """The index of the label of each of ``cells``, in their shape."""

    @property
    @abstractmethod
    def described(self) -> str:
        """What may be chosen, on one line."""

    @property
    @abstractmethod
    def content(self) -> Any:  # noqa: ANN401 - JSON
        """What a file says of it, of such types as JSON knows; ``decision_of`` reads it."""

    @property
    def scale(self) -> dict[str, Any]:
        """What its content says beyond its choices and conditions."""
        return {}

    @property
    @abstractmethod
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest cell."""

    @property
    def default(self) -> float:
        """The cell where it does not count."""
        return self.limits[0]

    @property
    def empty(self) -> float | None:
        """The cell that an empty cell of a table stands for; None if there is none."""
        return None

    @abstractmethod
    def value(self, cell: float) -> object:
        """The value at a cell."""

    @abstractmethod
    def find(self, value: object) -> float | None:
        """The cell of what stands for a value; None if there is no such value."""

    def text(self, cell: float) -> str:
        """The value at a cell as it is written."""
        return text_of(self.value(cell))

    def draw(self, n: int, *, generator: Generator) -> Tensor:
        """``n`` cells at random: uniformly, or uniformly in the logarithm."""
        return torch.randint(self.cardinality, (n,), generator=generator, device="cpu")

    @abstractmethod
    def moved(self, cells: Tensor, random: Tensor) -> Tensor:
        """Another cell than each of ``cells`` (``n``), given ``n`` random numbers from 0 to 1."""

    @abstractmethod
    def near(self, cell: float) -> list[float]:
        """The cells that are one move away."""


@dataclass(frozen=True)
class Listed(Decision, ABC):
    """A decision whose values are listed; a cell is the index of one.

    Args:
        values: Its values, of any types.
    """

    values: Sequence[object]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "values", tuple(map(python_value, self.values)))

    @cached_property
    def _finder(self) -> ColumnChoices:
        return ColumnChoices(self.values)

    @property
    def cardinality(self) -> int:
        return len(self.values)

    @property
    def choices(self) -> tuple[object, ...]:
        return tuple(self.values)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(map(text_of, self.values))

    @property
    def labels(self) -> tuple[str, ...]:
        return self.names

    def level(self, cells: Tensor) -> Tensor:
        return cells.long()

    @property
    def described(self) -> str:
        return ", ".join(self.names)

    @property
    def limits(self) -> tuple[float, float]:
        return 0, len(self.values) - 1

    @property
    def empty(self) -> float | None:
        return self._finder.empty

    def value(self, cell: float) -> object:
        return self.values[int(cell)]

    def text(self, cell: float) -> str:
        return self.names[int(cell)]

    def find(self, value: object) -> float | None:
        return self._finder.find(value)


@final
@dataclass(frozen=True)
class Choice(Listed):
    """One of several values, each as near to any other; a cell is the index of one.

    Example:
        >>> op = Choice(["conv", "pool", "skip"])
        >>> op.find("pool"), op.value(2), op.near(1)
        (1, 'skip', [0, 2])
    """

    @property
    def content(self) -> Any:  # noqa: ANN401 - JSON
        values = list(self.values)
        return {"values": values, **_conditions(self)} if self.active_if else values

    def moved(self, cells: Tensor, random: Tensor) -> Tensor:
        shift = (1 + random * (self.cardinality - 1)).floor()
        return (cells + shift.to(cells)) % self.cardinality

    def near(self, cell: float) -> list[float]:
        return [other for other in range(self.cardinality) if other != cell]


class Scaled(Decision, ABC):
    """A decision with a position for each cell, from 0 to 1, such that near positions are alike."""

    @abstractmethod
    def position(self, cells: Tensor) -> Tensor:
        """Positions of cells of any shape, in their dtype."""

    @abstractmethod
    def at(self, positions: Tensor) -> Tensor:
        """The cells nearest to positions of any shape."""

    def moved(self, cells: Tensor, random: Tensor) -> Tensor:
        """Normal steps from where one is, cut off at the ends, of one of three sizes."""
        draw = random.double() * len(STEPS)
        size = draw.floor().clamp_max(len(STEPS) - 1)
        step = torch.tensor(STEPS, dtype=torch.double, device=cells.device)[size.long()]
        start = self.position(cells.double())
        low, high = torch.special.ndtr(-start / step), torch.special.ndtr((1 - start) / step)
        share = (draw - size).clamp(1e-12, 1 - 1e-12)
        end = start + step * torch.special.ndtri(low + share * (high - low))
        found = self.at(end.clamp(0, 1)).to(cells)
        if self.is_real:
            return found
        first, last = self.limits
        aside = torch.where((end > start) & (cells < last) | (cells == first), cells + 1, cells - 1)
        return torch.where(found == cells, aside, found)

    def near(self, cell: float) -> list[float]:
        here = torch.tensor(float(cell), dtype=torch.double, device="cpu")
        steps = torch.tensor([*STEPS, *(-step for step in STEPS)], dtype=torch.double, device="cpu")
        cells = set(self.at((self.position(here) + steps).clamp(0, 1)).tolist())
        if not self.is_real:
            first, last = self.limits
            cells |= {other for other in (cell - 1.0, cell + 1.0) if first <= other <= last}
        return sorted(cells - {float(cell)})


@final
@dataclass(frozen=True)
class Ordered(Scaled, Listed):
    """One of several values in an order, such that neighbours are alike; a cell is the index of one.

    Args:
        values: In their order: ascending numbers where they have a scale, anything elsewhere.
        log: Whether the scale of the numbers is logarithmic; None, the default, spreads the values evenly.

    Raises:
        DataError: A scale for what are no ascending numbers, positive ones where it is logarithmic.

    Example:
        >>> width = Ordered([8, 16, 64], log=True)
        >>> [round(float(width.position(torch.tensor(float(cell)))), 3) for cell in range(3)]
        [0.0, 0.333, 1.0]
    """

    log: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.log is None:
            return
        numbers = [_number(value) for value in self.values]
        least = 0 if self.log else -math.inf
        pairs = zip([least, *numbers], numbers, strict=False)
        if not all(low is not None and high is not None and low < high for low, high in pairs):
            kind = "positive numbers" if self.log else "numbers"
            raise DataError(f"a scale needs ascending {kind}; got {list(self.values)}")

    @property
    def scale(self) -> dict[str, Any]:
        return {"ordered": True} | ({} if self.log is None else {"log": self.log})

    @property
    def content(self) -> Any:  # noqa: ANN401 - JSON
        return {"values": list(self.values), **self.scale, **_conditions(self)}

    @cached_property
    def places(self) -> tuple[float, ...]:
        """The position of each value."""
        if len(self.values) == 1:
            return (0.5,)
        numbers: list[Any] = list(self.values)
        if self.log is None:
            numbers = list(range(len(numbers)))
        elif self.log:
            numbers = list(map(math.log, numbers))
        return tuple((n - numbers[0]) / (numbers[-1] - numbers[0]) for n in numbers)

    def position(self, cells: Tensor) -> Tensor:
        places = torch.tensor(self.places, dtype=cells.dtype, device=cells.device)
        return places[cells.long()]

    def at(self, positions: Tensor) -> Tensor:
        places = torch.tensor(self.places, dtype=positions.dtype, device=positions.device)
        return (positions.unsqueeze(-1) - places).abs().argmin(-1).to(positions)


@dataclass(frozen=True)
class Range(Scaled, ABC):
    """Numbers from ``low`` to ``high``, both included, on a linear or a logarithmic scale."""

    low: float
    high: float
    log: bool = False
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.log, bool):
            raise DataError(f"log is {self.log!r}; write true or false")
        if not self.low < self.high:
            raise DataError(f"low is {self.low!r} and high {self.high!r}; low must be below high")
        if self.log and self.low <= 0:
            raise DataError(f"low is {self.low!r}; a logarithmic scale begins above 0")

    @property
    def names(self) -> tuple[str, ...]:
        return ()

    @cached_property
    def labels(self) -> tuple[str, ...]:
        n = min(self.cardinality or LEVELS, LEVELS)
        if n == self.cardinality:
            return tuple(text_of(self.value(cell)) for cell in range(n))
        places = torch.linspace(0, 1, n, dtype=torch.double, device="cpu")
        numbers = [self.value(cell) for cell in self.at(places).tolist()]
        return tuple(f"about {number:.3g} ({place}/{n})" for place, number in enumerate(numbers, 1))

    def level(self, cells: Tensor) -> Tensor:
        if len(self.labels) == self.cardinality:
            return cells.long()
        return (self.position(cells) * (len(self.labels) - 1)).round().long()

    @property
    def described(self) -> str:
        scale = ", logarithmic" if self.log else ""
        return f"{self.kind} from {text_of(self.low)} to {text_of(self.high)}{scale}"

    @property
    def scale(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high} | ({"log": True} if self.log else {})

    @property
    def content(self) -> Any:  # noqa: ANN401 - JSON
        return {**self.scale, **_conditions(self)}

    def _position(self, numbers: Tensor) -> Tensor:
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (numbers.log() - low) / (high - low)
        return (numbers - self.low) / (self.high - self.low)

    def _number_at(self, positions: Tensor) -> Tensor:
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (low + positions * (high - low)).exp().clamp(self.low, self.high)
        return (self.low + positions * (self.high - self.low)).clamp(self.low, self.high)


@final
@dataclass(frozen=True)
class Integer(Range):
    """A whole number; a cell is its distance from ``low``, so that all that is finite is an index.

    Args:
        low: The lowest number.
        high: The highest, above ``low``.
        log: Whether its scale is logarithmic.

    Raises:
        DataError: No such range.

    Example:
        >>> depth = Integer(1, 200)
        >>> depth.cardinality, depth.find("16"), depth.value(15), depth.find(16.5)
        (200, 15.0, 16, None)
    """

    kind: ClassVar[str] = "integers"

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            number = python_value(getattr(self, name))
            if not isinstance(number, Integral) or isinstance(number, bool):
                raise DataError(f"{name} is {number!r}; give a whole number")
            object.__setattr__(self, name, int(number))
        super().__post_init__()
        if self.high - self.low >= EXACT:
            raise DataError(f"{self.described} are too many to tell apart; take a range of reals")

    @property
    def cardinality(self) -> int:
        return int(self.high - self.low) + 1

    @property
    def choices(self) -> Sequence[object]:
        return range(int(self.low), int(self.high) + 1)

    @property
    def limits(self) -> tuple[float, float]:
        return 0, self.cardinality - 1

    def value(self, cell: float) -> int:
        return int(self.low) + int(cell)

    def find(self, value: object) -> float | None:
        number = _number(value)
        if number is None or number != round(number) or not self.low <= number <= self.high:
            return None
        return float(number - self.low)

    def draw(self, n: int, *, generator: Generator) -> Tensor:
        if not self.log:
            return super().draw(n, generator=generator)
        random = torch.rand(n, generator=generator, dtype=torch.double, device="cpu")
        # Each has the share of the numbers that are rounded to it, as Optuna has it.
        low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
        numbers = (low + random * (high - low)).exp().round().clamp(self.low, self.high)
        return numbers - self.low

    def position(self, cells: Tensor) -> Tensor:
        return self._position(cells + self.low)

    def at(self, positions: Tensor) -> Tensor:
        return self._number_at(positions).round() - self.low


@final
@dataclass(frozen=True)
class Real(Range):
    """A number of an interval; a cell is the number itself.

    Args:
        low: The lowest number.
        high: The highest, above ``low``.
        log: Whether its scale is logarithmic.

    Raises:
        DataError: No such range.

    Example:
        >>> rate = Real(1e-4, 1.0, log=True)
        >>> float(rate.position(torch.tensor(1e-2))), rate.find("0.01"), rate.find(2)
        (0.5, 0.01, None)
    """

    is_real: ClassVar[bool] = True
    kind: ClassVar[str] = "reals"

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            number = _number(getattr(self, name))
            if number is None or not math.isfinite(number):
                raise DataError(f"{name} is {getattr(self, name)!r}; give a finite number")
            object.__setattr__(self, name, float(number))
        super().__post_init__()

    @property
    def cardinality(self) -> int:
        return 0

    @property
    def choices(self) -> Sequence[object]:
        return ()

    @property
    def limits(self) -> tuple[float, float]:
        return self.low, self.high

    def value(self, cell: float) -> float:
        return float(cell)

    def find(self, value: object) -> float | None:
        number = _number(value)
        return None if number is None or not self.low <= number <= self.high else float(number)

    def draw(self, n: int, *, generator: Generator) -> Tensor:
        random = torch.rand(n, generator=generator, dtype=torch.double, device="cpu")
        return self._number_at(random)

    def position(self, cells: Tensor) -> Tensor:
        return self._position(cells)

    def at(self, positions: Tensor) -> Tensor:
        return self._number_at(positions)


KEYS: Mapping[str, str] = {
    "values": "a list of choices",
    "ordered": "true or false",
    "low": "a number",
    "high": "a number",
    "log": "true or false",
    "active_if": "a table of values by column",
}
"""What a file may say of a column."""


def decision_of(given: object) -> Decision:
    """The decision that a file, or a user, describes: itself, a list of choices, or a table such as ``content``.

    Raises:
        DataError: It describes none.

    Example:
        >>> decision_of({"low": 1, "high": 200})
        Integer(active_if={}, low=1, high=200, log=False)
        >>> decision_of({"low": 1e-4, "high": 1.0, "log": True}).described
        'reals from 0.0001 to 1, logarithmic'
        >>> decision_of({"values": [8, 16, 32], "ordered": True}).described
        '8, 16, 32'
    """
    if isinstance(given, Decision):
        return given
    if not isinstance(given, Mapping):
        if isinstance(given, str | bytes | set | frozenset) or not isinstance(given, Iterable):
            raise DataError(f"is {given!r}; write a list of choices, or a table with low and high")
        return Choice(list(given))
    for key in given:
        if key not in KEYS:
            raise DataError(f"unknown key {key!r}; a column has {', '.join(KEYS)}")
    for key in ("ordered", "log"):
        if not isinstance(given.get(key, False), bool):
            raise DataError(f"{key} is {given[key]!r}; write {KEYS[key]}")
    conditions = given.get("active_if", {})
    if "values" in given:
        return _listed(given, conditions)
    if "ordered" in given or "low" not in given or "high" not in given:
        raise DataError("write values, or low and high; ordered goes with values")
    low, high, log = given["low"], given["high"], given.get("log", False)
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in (low, high))
    return (Integer if whole else Real)(low, high, log, active_if=conditions)


def _listed(given: Mapping[str, Any], conditions: Mapping[str, Any]) -> Decision:
    if not isinstance(given["values"], list | tuple):
        raise DataError(f"values is {given['values']!r}; write {KEYS['values']}")
    if "low" in given or "high" in given:
        raise DataError("write values, or low and high, not both")
    if given.get("ordered", False):
        return Ordered(given["values"], given.get("log"), active_if=conditions)
    if "log" in given:
        raise DataError("log goes with ordered = true, or with low and high")
    return Choice(given["values"], active_if=conditions)


def _conditions(decision: Decision) -> dict[str, Any]:
    conditions = {column: list(values) for column, values in decision.active_if.items()}
    return {"active_if": conditions} if conditions else {}


def _number(value: object) -> float | None:
    """What is a number or the text of one, None for all else; in single precision as it is written."""
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.detach().cpu().numpy().reshape(())[()]
    if isinstance(value, np.floating) and value.dtype.itemsize < 8:
        value = str(value)
    value = python_value(value)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, Number):
        return None
    number: float = int(value) if isinstance(value, Integral) else float(value)
    return None if math.isnan(number) else number
