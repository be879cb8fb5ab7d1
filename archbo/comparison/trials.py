"""Repeated searches on a benchmark, with what each query gained."""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from archbo.benchmarks import Objective
from archbo.bo_loop import History, Searcher, run
from archbo.errors import UsageError
from archbo.spaces import Arch

__all__ = ["Query", "Trial", "check_budget", "median_regret", "run_trial"]


@dataclass(frozen=True)
class Query:
    """One evaluated architecture and where the search stood after it.

    Attributes:
        arch: The architecture in its space's notation.
        value: Its value in the objective's own unit.
        best: The best value so far.
        rank: 1 + the number of architectures in the table that are strictly better than that.
        report: The reported column of the architecture that the method would then recommend, if one is reported: of
            the best so far, unless the method knows better.
    """

    arch: str
    value: float
    best: float
    rank: int
    report: float | None


@dataclass(frozen=True)
class Trial:
    """One search from start to end.

    Attributes:
        seed: The seed of the search.
        method: The name of the method.
        queries: The architectures in the order of their evaluation.
        seconds: The time that the search took.
        recommended: The architecture that the method recommends in the end.
    """

    seed: int
    method: str
    queries: tuple[Query, ...]
    seconds: float
    recommended: str

    @property
    def best(self) -> Query:
        """The query that found the best architecture."""
        last = self.queries[-1].best
        return next(query for query in self.queries if query.value == last)

    def queries_to_rank(self, rank: int) -> int | None:
        """The number of queries until the best so far had at most that rank; None if it never had."""
        return next((n for n, q in enumerate(self.queries, 1) if q.rank <= rank), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command line writes them: all but ``recommended``."""
        content = asdict(self)
        del content["recommended"]
        return content


def check_budget(n_queries: int, objective: Objective) -> None:
    """Raise unless a benchmark has that many architectures to evaluate.

    Raises:
        UsageError: There are fewer than one query, or more than architectures.
    """
    if not 1 <= n_queries <= len(objective):
        raise UsageError(
            f"queries must be between 1 and {len(objective):,}, the number of architectures in "
            f"{objective.benchmark.name}; got {n_queries}"
        )


def run_trial(
    method: str,
    searcher: Searcher,
    objective: Objective,
    n_queries: int,
    *,
    report: Objective | None = None,
    callback: Callable[[History], None] | None = None,
) -> Trial:
    """Search a benchmark.

    Args:
        method: The name to record.
        searcher: The method; its space must be the benchmark's.
        objective: The column to maximise.
        n_queries: How many architectures to evaluate.
        report: A column to report of what the method would recommend after each query.
        callback: Called with the history after each query.

    Raises:
        UsageError: There are fewer than one query, or more than architectures.
    """
    check_budget(n_queries, objective)
    started = time.perf_counter()
    named: list[Arch] = []

    def after(history: History) -> None:
        # A recommendation may take a fit.
        if report is not None:
            named.append(searcher.recommend())
        if callback is not None:
            callback(history)

    history = run(searcher, objective, n_queries, callback=after)
    seconds = time.perf_counter() - started
    sign = -1.0 if objective.minimize else 1.0
    queries, best = [], float("-inf")
    values = history.Y.flatten().tolist()
    reports = [None] * len(history) if report is None else [report(arch) for arch in named]
    for arch, value, reported in zip(history.archs, values, reports, strict=True):
        best = max(best, value)
        queries.append(Query(str(arch), sign * value, sign * best, objective.rank(best), reported))
    recommended = named[-1] if named else searcher.recommend()
    return Trial(searcher.seed, method, tuple(queries), seconds, str(recommended))


def median_regret(trials: Iterable[Trial], objective: Objective, n_queries: int) -> float:
    """The median over trials of how far the best after ``n_queries`` is from the table's best."""
    best = -objective.best if objective.minimize else objective.best
    return median(abs(best - trial.queries[n_queries - 1].best) for trial in trials)
