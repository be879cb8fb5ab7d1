"""Repeated searches for several objectives, with what each query gained."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from archbo.benchmarks import Objectives
from archbo.bo_loop import History, Searcher, run
from archbo.comparison.trials import check_budget

__all__ = ["ParetoQuery", "ParetoTrial", "median_share", "run_pareto_trial"]


@dataclass(frozen=True)
class ParetoQuery:
    """One evaluated architecture and where the search stood after it.

    Attributes:
        arch: The architecture in its space's notation.
        values: Its objectives in their own units.
        feasible: Whether it satisfies all constraints.
        hypervolume: That of the front so far, above the table's worst values.
    """

    arch: str
    values: tuple[float, ...]
    feasible: bool
    hypervolume: float


@dataclass(frozen=True)
class ParetoTrial:
    """One search for several objectives from start to end.

    Attributes:
        seed: The seed of the search.
        method: The name of the method.
        queries: The architectures in the order of their evaluation.
        front: The numbers of the queries on the front that was found.
        seconds: The time that the search took.
    """

    seed: int
    method: str
    queries: tuple[ParetoQuery, ...]
    front: tuple[int, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command line writes them."""
        return {
            "seed": self.seed,
            "method": self.method,
            "queries": [
                {
                    "arch": query.arch,
                    "values": list(query.values),
                    "feasible": query.feasible,
                    "hypervolume": query.hypervolume,
                }
                for query in self.queries
            ],
            "front": [
                {"arch": self.queries[n].arch, "values": list(self.queries[n].values)}
                for n in self.front
            ],
            "seconds": self.seconds,
        }


def run_pareto_trial(
    method: str,
    searcher: Searcher,
    objectives: Objectives,
    n_queries: int,
    *,
    q: int = 1,
    callback: Callable[[History], None] | None = None,
) -> ParetoTrial:
    """Search a benchmark for several objectives or under constraints.

    Args:
        method: The name to record.
        searcher: The method; its space must be the benchmark's, its outcomes those of the objectives.
        objectives: The columns.
        n_queries: How many architectures to evaluate.
        q: How many to ask for at a time.
        callback: Called with the history after each query.

    Raises:
        UsageError: There are fewer than one query, or more than architectures.
    """
    check_budget(n_queries, objectives.objectives[0])
    started = time.perf_counter()
    history = run(searcher, objectives, n_queries, q=q, callback=callback)
    seconds = time.perf_counter() - started
    outcomes, Y = objectives.outcomes, history.Y
    queries = [
        ParetoQuery(str(arch), tuple(values), feasible, volume)
        for arch, values, feasible, volume in zip(
            history.archs,
            objectives.own_units(Y).tolist(),
            outcomes.feasible(Y).tolist(),
            outcomes.running_hypervolume(Y, objectives.reference).tolist(),
            strict=True,
        )
    ]
    front = tuple(outcomes.front(Y).tolist())
    return ParetoTrial(searcher.seed, method, tuple(queries), front, seconds)


def median_share(trials: Iterable[ParetoTrial], objectives: Objectives, n_queries: int) -> float:
    """The median over trials of the share of the table's hypervolume that ``n_queries`` found."""
    found = median(trial.queries[n_queries - 1].hypervolume for trial in trials)
    return found / objectives.best_hypervolume
