"""What is wanted of an architecture, in the user's own units and directions."""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Self

import torch
from torch import Tensor

from archbo.errors import UsageError
from archbo.goals import pareto

__all__ = ["Bound", "Goal", "Objective"]


@dataclass(frozen=True)
class Objective:
    """A metric to be maximised, or minimised.

    Args:
        metric: Its name.
        minimize: Whether less of it is better.
    """

    metric: str
    minimize: bool = False

    def __post_init__(self) -> None:
        _check_metric(self.metric)

    def __str__(self) -> str:
        return f"{'-' if self.minimize else ''}{self.metric}"


@dataclass(frozen=True)
class Bound:
    """What a metric may reach, in its own unit.

    Args:
        metric: Its name.
        limit: The largest value that is allowed.
        at_least: Whether it is the smallest one instead.

    Raises:
        UsageError: The limit is no finite number.
    """

    metric: str
    limit: float
    at_least: bool = False

    def __post_init__(self) -> None:
        _check_metric(self.metric)
        if not isinstance(self.limit, (int, float)) or not math.isfinite(self.limit):
            raise UsageError(f"the bound of {self.metric!r} is a finite number; got {self.limit!r}")

    def __str__(self) -> str:
        return f"{self.metric} {'>=' if self.at_least else '<='} {self.limit:g}"


@dataclass(frozen=True)
class Goal:
    """What a search is for: objectives, bounds, and the fidelities at which an architecture can be evaluated.

    Values are told in the metrics' own units. ``gains`` turns them into what all below a goal works with: numbers
    of which more is better. It is the only place where a sign is turned.

    Args:
        objectives: What is optimised; one metric called ``value``, to be maximised, unless given.
        bounds: What must hold besides.
        fidelities: The name of each fidelity and the cost of an evaluation at it, in any unit, from the cheapest to
            the target; none where every evaluation is of one kind.
        independent: Metrics that are the same at each fidelity, as a latency does not depend on the epochs trained.
        reference: One value for each objective, in its own unit: hypervolume counts from there. It is inferred from
            what has been observed unless given.

    Raises:
        UsageError: There is no objective, a metric is an objective twice, the costs do not rise from above zero, the
            reference has another length or is not finite, or an independent metric is none of the goal's.

    Example:
        >>> goal = Goal.parse("accuracy,-latency", subject_to=["energy<=5"])
        >>> print(goal)
        accuracy, -latency, energy <= 5
        >>> goal.gains(torch.tensor([[93.0, 8.0, 4.0]])).tolist()
        [[93.0, -8.0, 1.0]]
    """

    objectives: tuple[Objective, ...] = field(default_factory=lambda: (Objective("value"),))
    bounds: tuple[Bound, ...] = ()
    fidelities: Mapping[str, float] = field(default_factory=dict, hash=False)
    independent: frozenset[str] = frozenset()
    reference: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("objectives", "bounds"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "independent", frozenset(self.independent))
        if not self.objectives:
            raise UsageError("a goal has at least one objective")
        named = [objective.metric for objective in self.objectives]
        twice = [metric for metric in named if named.count(metric) > 1]
        if twice:
            raise UsageError(f"the objective {twice[0]!r} is there twice; name each metric once")
        strange = self.independent - set(self.metrics)
        if strange:
            raise UsageError(f"{sorted(strange)} are no metrics of the goal {self}")
        self._check_fidelities()
        self._check_reference()

    def _check_fidelities(self) -> None:
        costs = {name: _number(cost) for name, cost in self.fidelities.items()}
        rising = [0.0, *costs.values()]
        if len(costs) == 1 or not all(0 <= a < b < math.inf for a, b in pairwise(rising)):
            raise UsageError(
                "fidelities are at least two, from the cheapest to the target, each dearer than the one before; "
                f"got {dict(self.fidelities)}"
            )
        if costs and self.independent == set(self.metrics):
            raise UsageError("each metric is independent of the fidelity; leave the fidelities out")
        object.__setattr__(self, "fidelities", MappingProxyType(costs))

    def _check_reference(self) -> None:
        if self.reference is None:
            return
        values = tuple(map(_number, self.reference))
        if len(values) != len(self.objectives) or not all(map(math.isfinite, values)):
            raise UsageError(
                f"the reference is a finite number for each of {len(self.objectives)} objectives; "
                f"got {list(self.reference)}"
            )
        object.__setattr__(self, "reference", values)

    def __reduce__(self) -> tuple[Any, ...]:
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        given["fidelities"] = dict(self.fidelities)  # a mapping proxy cannot be pickled
        return type(self), tuple(given.values())

    def __str__(self) -> str:
        return ", ".join(map(str, self.outcomes))

    @classmethod
    def parse(
        cls,
        objectives: str = "value",
        *,
        subject_to: Sequence[str] = (),
        fidelities: Mapping[str, float] | None = None,
        independent: Sequence[str] = (),
        reference: Sequence[float] | None = None,
    ) -> Self:
        """A goal from text.

        Args:
            objectives: Metrics joined with commas; a minus in front minimises, a plus maximises whatever its name
                begins with. Names that hold a comma stand between double quotes.
            subject_to: Bounds such as ``latency<=5`` or ``accuracy>=90``.
            fidelities: As for the constructor, and so are the others.
            independent: As for the constructor.
            reference: As for the constructor.

        Raises:
            UsageError: A name is missing or a bound is malformed, or as for the constructor.
        """
        parts = next(csv.reader([objectives], skipinitialspace=True), [])
        return cls(
            tuple(_objective(part, objectives) for part in parts),
            tuple(map(_bound, subject_to)),
            fidelities if fidelities is not None else {},
            frozenset(independent),
            tuple(reference) if reference is not None else None,
        )

    # What is told, and what is made of it.

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The ``k`` metrics that are told of each architecture: of objectives, then of bounds, each once."""
        return tuple(dict.fromkeys(part.metric for part in self.outcomes))

    @property
    def outcomes(self) -> tuple[Objective | Bound, ...]:
        """What the ``m + c`` columns of gains are: objectives, then bounds."""
        return (*self.objectives, *self.bounds)

    @property
    def n_objectives(self) -> int:
        """The number of objectives ``m``."""
        return len(self.objectives)

    @property
    def n_outcomes(self) -> int:
        """The number of columns of gains, ``m + c``: one for each objective and each bound."""
        return len(self.objectives) + len(self.bounds)

    @property
    def is_single(self) -> bool:
        """Whether it is one objective without bounds."""
        return self.n_outcomes == 1

    @property
    def target(self) -> str | None:
        """The name of the fidelity that counts; None where there are none."""
        return list(self.fidelities)[-1] if self.fidelities else None

    def cost_of(self, fidelity: str | None) -> float:
        """What an evaluation at a fidelity costs; 1 where there are none."""
        return 1.0 if fidelity is None else self.fidelities[fidelity]

    @cached_property
    def signs(self) -> Tensor:
        """``m``: 1 for an objective that is maximised, -1 for one that is minimised."""
        return torch.tensor([-1.0 if o.minimize else 1.0 for o in self.objectives]).double()

    def gains(self, values: Tensor) -> Tensor:
        """Objectives, more is better, and slacks of bounds, at least 0 if they hold: ``... x (m + c)``.

        Args:
            values: ``... x k`` metrics in their own units.
        """
        place = {metric: column for column, metric in enumerate(self.metrics)}
        columns = [
            values[..., place[o.metric]] * (-1 if o.minimize else 1) for o in self.objectives
        ]
        for bound in self.bounds:
            room = bound.limit - values[..., place[bound.metric]]
            columns.append(-room if bound.at_least else room)
        return torch.stack(columns, dim=-1)

    def own_units(self, gains: Tensor) -> Tensor:
        """The objectives of gains (``... x (m + c)``) in their own units, ``... x m``."""
        return self.objectives_of(gains) * self.signs.to(gains)

    def metric_of(self, outcome: int, gains: Tensor) -> Tensor:
        """The gains of one outcome (any shape), an objective or a bound, in its metric's own unit.

        Example:
            >>> Goal.parse("accuracy", subject_to=["energy<=5"]).metric_of(1, torch.tensor([1.0])).tolist()
            [4.0]
        """
        part = self.outcomes[outcome]
        if isinstance(part, Objective):
            return -gains if part.minimize else gains
        return part.limit + (gains if part.at_least else -gains)

    @cached_property
    def reference_gains(self) -> Tensor | None:
        """The reference as gains, ``m``; None where none is given."""
        if self.reference is None:
            return None
        return torch.tensor(self.reference, dtype=torch.double) * self.signs

    def depends_on_fidelity(self, outcome: int) -> bool:
        """Whether an outcome's values differ from one fidelity to the next."""
        return self.outcomes[outcome].metric not in self.independent

    # Who is better than whom, in gains.

    def objectives_of(self, gains: Tensor) -> Tensor:
        """The objectives, ``... x m``, of gains ``... x (m + c)``."""
        return gains[..., : self.n_objectives]

    def slacks_of(self, gains: Tensor) -> Tensor:
        """The slacks of bounds, ``... x c``, of gains ``... x (m + c)``."""
        return gains[..., self.n_objectives :]

    def feasible(self, gains: Tensor) -> Tensor:
        """``...`` bool: which gains (``... x (m + c)``) keep all bounds."""
        return (self.slacks_of(gains) >= 0).all(-1)

    def front(self, gains: Tensor) -> Tensor:
        """The numbers of the rows of gains (``n x (m + c)``) on the Pareto front, ascending; maybe none."""
        rows = self.feasible(gains).nonzero().flatten()
        return rows[pareto.non_dominated(self.objectives_of(gains[rows]))]

    def merit(self, gains: Tensor) -> Tensor:
        """``n x 1``, one number by which rows of gains (``n x (m + c)``) compare; more is better.

        With one objective and no bounds it is the gain itself. Otherwise it is minus the number of fronts to peel off
        before a row is on one; infeasible rows come after all feasible ones, the more violated the later.
        """
        if self.is_single:
            return gains
        return pareto.merit(self.objectives_of(gains), self.slacks_of(gains))

    def hypervolume(self, gains: Tensor, reference: Tensor) -> float:
        """The volume that the front of gains (``n x (m + c)``) dominates above the reference (``m``, as gains).

        With one objective it is the best value's distance from the reference.
        """
        return pareto.hypervolume(self.objectives_of(gains[self.front(gains)]), reference)

    def running_hypervolume(self, gains: Tensor, reference: Tensor) -> Tensor:
        """``n``, the hypervolume of the first row of gains (``n x (m + c)``), of the first two, and so on."""
        volumes: list[float] = []
        front = gains[:0]
        for row in gains.split(1):
            joined = torch.cat([front, row])
            front = joined[self.front(joined)]
            new = bool((front == row).all(-1).any())
            volumes.append(
                self.hypervolume(front, reference) if new or not volumes else volumes[-1]
            )
        return torch.tensor(volumes, dtype=torch.double)


def _check_metric(name: object) -> None:
    if not isinstance(name, str) or not name:
        raise UsageError(f"a metric is named by text that is not empty; got {name!r}")


def _number(value: object) -> float:
    """A number, or NaN for what is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _objective(text: str, whole: str) -> Objective:
    sign, name = re.fullmatch(r"\s*([+-]?)\s*(.*?)\s*", text, re.DOTALL).groups()  # type: ignore[union-attr]
    if not name:
        raise UsageError(f"objectives are names joined with commas, such as 'a,-b'; got {whole!r}")
    return Objective(name, minimize=sign == "-")


def _bound(text: str) -> Bound:
    match = re.fullmatch(r"\s*([^<>]*?)\s*(<=|>=)([^<>]*)", text, re.DOTALL)
    name, sign, number = match.groups() if match else ("", "", "")
    limit = _number(number)
    if not (name and math.isfinite(limit)):
        raise UsageError(
            f"a bound is a metric and its limit, such as 'latency<=5' or 'accuracy>=90'; got {text!r}"
        )
    return Bound(name, limit, at_least=sign == ">=")
