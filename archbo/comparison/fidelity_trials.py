"""Repeated searches with several fidelities, with what each training gained."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from archbo.benchmarks import Objective
from archbo.bo_loop import FidelityHistory, MultiFidelityOptimizer, run_fidelities
from archbo.comparison.trials import Trial

__all__ = ["FidelityTrial", "TrainingQuery", "run_fidelity_trial"]


@dataclass(frozen=True)
class TrainingQuery:
    """One training and where the search stood after it.

    Attributes:
        arch: The architecture in its space's notation.
        fidelity: What it was trained at.
        value: Its value there, in the unit of that fidelity.
        spent: The cost of all trainings so far.
        best: The best value at the target so far; None before the first.
        rank: 1 + the number of architectures in the table that are strictly better than that; None likewise.
        report: The reported column of the best architecture so far, if one is reported.
    """

    arch: str
    fidelity: str
    value: float
    spent: float
    best: float | None
    rank: int | None
    report: float | None


@dataclass(frozen=True)
class FidelityTrial:
    """One search from start to end.

    Attributes:
        seed: The seed of the search.
        method: The name of the method.
        queries: The trainings in the order in which they were made.
        seconds: The time that the search took.
    """

    seed: int
    method: str
    queries: tuple[TrainingQuery, ...]
    seconds: float

    @classmethod
    def of_full(cls, trial: Trial, fidelity: str, cost: float) -> "FidelityTrial":
        """A search at the target alone, where each training has that cost."""
        queries = tuple(
            TrainingQuery(q.arch, fidelity, q.value, n * cost, q.best, q.rank, q.report)
            for n, q in enumerate(trial.queries, 1)
        )
        return cls(trial.seed, trial.method, queries, trial.seconds)

    def at(self, cost: float) -> TrainingQuery | None:
        """The last query that was paid for by then, if any training at the target was."""
        paid = [query for query in self.queries if query.spent <= cost and query.best is not None]
        return paid[-1] if paid else None

    def cost_to_rank(self, rank: int) -> float | None:
        """The cost until the best so far had at most that rank; None if it never had."""
        there = (q.spent for q in self.queries if q.rank is not None and q.rank <= rank)
        return next(there, None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command line writes them."""
        return asdict(self)


def run_fidelity_trial(
    method: str,
    optimizer: MultiFidelityOptimizer,
    objectives: Mapping[str, Objective],
    budget: float,
    *,
    report: Objective | None = None,
    callback: Callable[[FidelityHistory], None] | None = None,
) -> FidelityTrial:
    """Search a benchmark with several fidelities.

    Args:
        method: The name to record.
        optimizer: The search; its space must be the benchmark's.
        objectives: For each fidelity the column to maximise.
        budget: What the trainings may cost together.
        report: A column to report of the best architecture so far.
        callback: Called with the history after each training.

    Raises:
        UsageError: A fidelity has no objective, or the budget does not pay for one training at the target.
    """
    started = time.perf_counter()
    history = run_fidelities(optimizer, objectives, budget, callback=callback)
    seconds = time.perf_counter() - started
    *_, target = optimizer.costs
    goal = objectives[target]
    sign = -1.0 if goal.minimize else 1.0
    queries: list[TrainingQuery] = []
    best, rank, best_report = None, None, None
    for (arch, fidelity), value, spent in zip(
        history.trainings, history.Y.flatten().tolist(), history.spent.tolist(), strict=True
    ):
        if fidelity == target and (best is None or value > best):
            best, rank = value, goal.rank(value)
            best_report = report(arch) if report is not None else None
        shown = None if best is None else sign * best
        queries.append(
            TrainingQuery(str(arch), fidelity, sign * value, spent, shown, rank, best_report)
        )
    return FidelityTrial(optimizer.seed, method, tuple(queries), seconds)
