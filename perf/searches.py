"""Searches of tables, by the names of their methods."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from archbo import catalog
from archbo.acquisition import Candidates
from archbo.benchmarks import Benchmark, Tabular
from archbo.bo_loop import Bayesian, Optimizer, RoBoT, Strategy, run
from archbo.comparison import Run
from archbo.goals import Goal
from archbo.log import Log
from archbo.proxies import ProxyTable
from archbo.spaces import SearchSpace
from perf.processes import peak_memory
from perf.tables import everything, load

__all__ = [
    "SearchTask",
    "Stand",
    "found_after",
    "make",
    "outcome",
    "search",
    "structure_only",
    "until_best",
    "with_proxies",
]


def make(
    method: str, space: SearchSpace, goal: Goal, *, candidates: Candidates, seed: int
) -> Strategy:
    """The strategy of that name, or Bayesian search with the predictor of that name."""
    if method in catalog.STRATEGIES:
        return catalog.strategy(method, space, goal, candidates=candidates, seed=seed)
    return catalog.bayesian(space, goal, method, candidates=candidates, seed=seed)


def structure_only(benchmark: Benchmark, goal: Goal, *, seed: int) -> Bayesian:
    """The default search of a table."""
    return Bayesian(benchmark.space, goal, candidates=everything(benchmark), seed=seed)


def with_proxies(benchmark: Benchmark, goal: Goal, patterns: Sequence[str], *, seed: int) -> RoBoT:
    """A search of a table for what is told alone, that knows columns of proxies for a start."""
    return RoBoT(
        benchmark.space,
        goal,
        proxies=ProxyTable.from_benchmark(benchmark, patterns),
        trust=0,
        n_initial=3,
        candidates=everything(benchmark),
        seed=seed,
    )


class _FoundError(Exception):
    """There is nothing left to search for."""


def until_best(method: str, strategy: Strategy, tabular: Tabular, n_queries: int) -> Run:
    """Search for one objective until the best of the table is found or the budget is used up.

    Args:
        method: The name to record.
        strategy: Its space and goal are the table's.
        tabular: The goal on the table.
        n_queries: The budget, in evaluations at the target.
    """
    goal = tabular.goal
    optimizer = Optimizer(strategy)

    def stop(log: Log) -> None:
        if log.winners and log.best[1] == tabular.best:
            raise _FoundError

    started = time.perf_counter()
    full = goal.fidelities[goal.target] if goal.target is not None else 1.0
    with suppress(_FoundError):
        run(optimizer, tabular, budget=n_queries * full, callback=stop)
    seconds = time.perf_counter() - started
    return Run(strategy.seed, method, tabular, optimizer.log, seconds, None)


@dataclass(frozen=True)
class SearchTask:
    """One search for the best value of a column.

    Attributes:
        method: A key of ``catalog.STRATEGIES`` or ``catalog.PREDICTORS``.
        table: The path of the table.
        column: What is maximised; the default objective unless given.
        n_queries: The number of queries at most.
        seed: Of the search.
    """

    method: str
    table: Path
    column: str | None
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{self.method}, {self.column or self.table}, seed {self.seed}"


@dataclass(frozen=True)
class Stand:
    """Where one search stood after each query, until it found the best.

    Attributes:
        ranks: Of the best architecture so far.
        regrets: How far its value was from the table's best.
        seconds: The time per query.
        memory: The most memory of the process, in GiB.
    """

    ranks: tuple[int, ...]
    regrets: tuple[float, ...]
    seconds: float
    memory: float

    @property
    def until_best(self) -> float:
        """The number of queries until the table's best; infinite where it was not found."""
        return len(self.ranks) if self.ranks[-1] == 1 else float("inf")

    def rank(self, n_queries: int) -> int:
        """The rank after ``n`` queries."""
        return self.ranks[min(n_queries, len(self.ranks)) - 1]

    def regret(self, n_queries: int) -> float:
        """The regret after ``n`` queries."""
        return self.regrets[min(n_queries, len(self.regrets)) - 1]


def search(task: SearchTask) -> Stand:
    """Search until the table's best."""
    benchmark = load(task.table)
    tabular = benchmark.evaluator(task.column)
    strategy = make(
        task.method,
        benchmark.space,
        tabular.goal,
        candidates=everything(benchmark),
        seed=task.seed,
    )
    return outcome(until_best(task.method, strategy, tabular, task.n_queries))


def outcome(run: Run) -> Stand:
    """The course of a search for one objective without fidelities."""
    ranks, regrets = [], []
    for query in run.queries:
        # Without bounds and fidelities each query counts.
        assert query.rank is not None
        assert query.best is not None
        ranks.append(query.rank)
        regrets.append(abs(run.tabular.best - query.best))
    return Stand(tuple(ranks), tuple(regrets), run.seconds / len(ranks), peak_memory())


def found_after(queries: float, n_queries: int) -> str:
    """A number of queries until the best, or that there were not enough."""
    return f"more than {n_queries}" if queries > n_queries else f"{queries:g}"
