"""A goal on a table: the evaluator that looks values up, and what the whole table knows of the goal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from archbo.errors import DataError, UsageError
from archbo.goals import Goal
from archbo.spaces import Arch, ArchLike

if TYPE_CHECKING:
    from archbo.benchmarks.table import Benchmark

__all__ = ["Tabular"]


@dataclass(frozen=True, eq=False)
class Tabular:
    """An evaluator with a table behind it: ``arch -> metrics``, or with fidelities ``arch, fidelity -> metrics``.

    Where a row has no value of a metric, the metric is NaN, which is a failure of the search's trial.

    Searches are given the evaluator and the goal alone. What the whole table knows of the goal, its best value,
    its front and its worst values, is for those who score them.

    Args:
        benchmark: The table.
        goal: Its metrics are columns. A fidelity is named after the columns that it gives, joined with ``+``; those
            of the target are metrics of the goal, and all other metrics are the same at each fidelity.

    Raises:
        DataError: A column is missing, or holds no number.
        UsageError: No architecture of the table keeps all bounds, or the fidelities do not name the metrics' columns.

    Example:
        >>> from archbo.catalog import benchmark
        >>> cora = benchmark("nas-bench-graph/cora").evaluator("valid_perf,-para")
        >>> cora(cora.front_archs[0]).keys()
        dict_keys(['valid_perf', 'para'])
    """

    benchmark: "Benchmark"
    goal: Goal
    _columns: dict[str | None, Mapping[str, str]] = field(default_factory=dict, repr=False)
    _values: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        names: list[str | None] = [*self.goal.fidelities] or [None]
        targets = self._split(self.goal.target) if self.goal.target is not None else []
        for name in names:
            columns: dict[str, str] = {metric: metric for metric in self.goal.metrics}
            if name is not None:
                given = self._split(name)
                if len(given) != len(targets) or not set(targets) <= set(columns):
                    raise UsageError(
                        f"the fidelity {name!r} names {len(given)} columns; the target {names[-1]!r} names metrics of "
                        f"the goal {self.goal}, and each other fidelity one column for each of them"
                    )
                columns |= dict(zip(targets, given, strict=True))
            self._columns[name] = columns
        strange = set(self.goal.metrics) - set(targets) - self.goal.independent
        if self.goal.fidelities and strange:
            raise UsageError(
                f"the fidelities give no {', '.join(sorted(strange))}; name a metric that is the same at each "
                "fidelity independent"
            )
        # A bad column is refused here, not in the middle of a search.
        for column in {column for known in self._columns.values() for column in known.values()}:
            self._values[column] = self.benchmark.measured(column)
        if not bool(self.known.any()):
            raise DataError(
                f"no row of {self.benchmark.name} has values of all of {', '.join(self.goal.metrics)}"
            )
        if not bool(self.feasible.any()):
            raise UsageError(
                f"no architecture of {self.benchmark.name} keeps {self._unmet}; loosen it"
            )

    def _split(self, fidelity: str) -> list[str]:
        return [fidelity] if fidelity in self.benchmark.metrics else fidelity.split("+")

    @property
    def _unmet(self) -> str:
        """The first bound that no architecture keeps, with the range of its metric; or all together."""
        slacks = self.goal.slacks_of(self.gains)
        for bound, slack in zip(self.goal.bounds, slacks.T, strict=True):
            if not bool((slack >= 0).any()):
                values = self._values[bound.metric]
                low, high = values[self.known].aminmax()
                return f"{bound}; the column runs from {low.item():.6g} to {high.item():.6g}"
        return " and ".join(map(str, self.goal.bounds))

    def __len__(self) -> int:
        return len(self.benchmark)

    def __call__(self, arch: ArchLike, fidelity: str | None = None) -> dict[str, float]:
        """The metrics of an architecture, in their own units, at the target unless another fidelity is named."""
        (row,) = self.benchmark.rows_of([arch])
        columns = self._columns[fidelity if fidelity is not None else self.goal.target]
        return {metric: float(self._values[column][row]) for metric, column in columns.items()}

    # What the whole table knows.

    @cached_property
    def gains(self) -> Tensor:
        """``n x (m + c)``, those of all architectures at the target; NaN where one has no value."""
        columns = [self._values[metric] for metric in self.goal.metrics]
        return self.goal.gains(torch.cat(columns, dim=-1))

    @cached_property
    def known(self) -> Tensor:
        """``n`` bool: the architectures that have values; the others are failures."""
        return self.gains.isfinite().all(-1)

    @cached_property
    def feasible(self) -> Tensor:
        """``n`` bool: the architectures that have values and keep all bounds."""
        return self.known & self.goal.feasible(self.gains)

    @cached_property
    def _ascending(self) -> Tensor:
        """The gains of the one objective among feasible architectures, sorted."""
        return self.gains[self.feasible, 0].sort().values

    @property
    def best_gain(self) -> float:
        """The highest gain of the one objective within the bounds."""
        return float(self._ascending[-1])

    @property
    def best(self) -> float:
        """The best value of the one objective within the bounds, in its own unit."""
        return float(self.best_gain * self.goal.signs[0])

    def argbest(self) -> Arch:
        """The best architecture of the one objective within the bounds, the first where several are."""
        row = int(self.gains[:, 0].where(self.feasible, -torch.inf).argmax())
        return self.benchmark.space.archs(self.benchmark.X[row : row + 1])[0]

    def rank(self, gain: float) -> int:
        """1 + the number of architectures within the bounds whose gain is strictly higher."""
        target = torch.tensor(gain, dtype=self._ascending.dtype)
        above = len(self._ascending) - torch.searchsorted(self._ascending, target, right=True)
        return 1 + int(above)

    @cached_property
    def reference(self) -> Tensor:
        """``m`` gains, above which hypervolume is scored: the goal's, or the table's worst of each objective."""
        given = self.goal.reference_gains
        objectives = self.goal.objectives_of(self.gains[self.known])
        return given if given is not None else objectives.min(0).values

    @cached_property
    def front(self) -> Tensor:
        """The numbers of the table's rows on its Pareto front."""
        rows = self.known.nonzero().flatten()
        return rows[self.goal.front(self.gains[rows])]

    @property
    def front_archs(self) -> list[Arch]:
        """The architectures on the table's Pareto front."""
        return self.benchmark.space.archs(self.benchmark.X[self.front])

    @cached_property
    def best_hypervolume(self) -> float:
        """The hypervolume of the table's front; 0 where none of it lies above the reference."""
        return self.goal.hypervolume(self.gains[self.front], self.reference)
