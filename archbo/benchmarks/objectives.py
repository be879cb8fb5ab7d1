"""Several columns of a benchmark as one function of an architecture."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from archbo.benchmarks.outcomes import Outcomes
from archbo.benchmarks.table import Benchmark, Objective
from archbo.errors import UsageError
from archbo.spaces import Arch, ArchLike

__all__ = ["Constraint", "Objectives"]


@dataclass(frozen=True)
class Constraint:
    """A bound on a column, in the column's unit.

    Args:
        benchmark: The table.
        column: Its column.
        bound: The value that the column may reach, and no more.
        at_least: Bound it from below instead of from above.

    Raises:
        DataError: There is no such numeric column, or it holds a NaN or an infinity.
        UsageError: No architecture of the table satisfies it.
    """

    benchmark: Benchmark
    column: str
    bound: float
    at_least: bool = False

    def __post_init__(self) -> None:
        if not bool((self.slack >= 0).any()):
            values = self.benchmark.values(self.column)
            raise UsageError(
                f"no architecture of {self.benchmark.name} has {self}; the column runs from "
                f"{values.min().item():.6g} to {values.max().item():.6g}"
            )

    def __str__(self) -> str:
        return f"{self.column} {'>=' if self.at_least else '<='} {self.bound:g}"

    @cached_property
    def slack(self) -> Tensor:
        """``n x 1``, how far each architecture is from the bound; negative where it violates it."""
        room = self.bound - self.benchmark.values(self.column)
        return -room if self.at_least else room


@dataclass(frozen=True)
class Objectives:
    """A plain callable ``arch -> values``: objectives, to be maximised, then the slacks of constraints.

    Args:
        objectives: Columns of one benchmark, each to be maximised or minimised.
        constraints: Bounds on columns of the same benchmark.

    Raises:
        UsageError: There is no objective, a column is there twice, the benchmarks differ, or no architecture
            satisfies all constraints.

    Example:
        >>> from archbo.catalog import benchmark
        >>> cora = benchmark("nas-bench-graph/cora")
        >>> goals = Objectives((cora.objective("valid_perf"), cora.objective("para", minimize=True)))
        >>> accuracy, negated_size = goals(goals.front_archs[0])
        >>> len(goals.front) == len(goals.front_archs), negated_size < 0
        (True, True)
    """

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        Outcomes(len(self.objectives), len(self.constraints))  # refuses too few
        columns = [objective.column for objective in self.objectives]
        for column in columns:
            if columns.count(column) > 1:
                raise UsageError(f"the objective {column!r} is there twice; name each column once")
        parts: tuple[Objective | Constraint, ...] = (*self.objectives, *self.constraints)
        if any(part.benchmark is not self.benchmark for part in parts):
            raise UsageError("objectives and constraints must be of the same benchmark")
        if not bool(self.outcomes.feasible(self.Y).any()):
            raise UsageError(
                f"no architecture of {self.benchmark.name} has {' and '.join(map(str, self.constraints))}; "
                "loosen a bound"
            )

    @property
    def benchmark(self) -> Benchmark:
        """The table."""
        return self.objectives[0].benchmark

    @property
    def outcomes(self) -> Outcomes:
        """What the values are."""
        return Outcomes(len(self.objectives), len(self.constraints))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the objectives."""
        return tuple(objective.column for objective in self.objectives)

    @cached_property
    def Y(self) -> Tensor:  # noqa: N802
        """All values, ``n x (m + c)``: objectives, higher is better, then slacks."""
        parts = [objective.Y for objective in self.objectives]
        return torch.cat([*parts, *(constraint.slack for constraint in self.constraints)], dim=-1)

    @cached_property
    def signs(self) -> Tensor:
        """``m``: 1 for an objective that is maximised, -1 for one that is minimised."""
        return torch.tensor([-1.0 if o.minimize else 1.0 for o in self.objectives]).double()

    def __call__(self, arch: ArchLike) -> tuple[float, ...]:
        return tuple(self.Y[self.benchmark.rows_of([arch])[0]].tolist())

    def own_units(self, Y: Tensor) -> Tensor:
        """The objectives, ``... x m``, of values ``... x (m + c)`` in the columns' units."""
        return self.outcomes.objectives(Y) * self.signs

    @cached_property
    def reference(self) -> Tensor:
        """``m``, above which hypervolume is measured: the table's worst value of each objective."""
        return self.outcomes.objectives(self.Y).min(0).values

    @cached_property
    def front(self) -> Tensor:
        """The numbers of the table's rows on its true Pareto front."""
        return self.outcomes.front(self.Y)

    @property
    def front_archs(self) -> list[Arch]:
        """The architectures on the true front."""
        return self.benchmark.space.archs(self.benchmark.X[self.front])

    @cached_property
    def best_hypervolume(self) -> float:
        """The hypervolume of the true front."""
        return self.outcomes.hypervolume(self.Y[self.front], self.reference)

    def __len__(self) -> int:
        return len(self.benchmark)
