"""Whole searches on a benchmark, with where each stood after each evaluation."""

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archbo.benchmarks import Tabular
from archbo.bo_loop import AskTell, Optimizer, Strategy, run
from archbo.bo_loop.run import evaluate_trial
from archbo.comparison.statistics import Curves
from archbo.errors import UsageError
from archbo.log import FINISHED, Log, State

__all__ = [
    "Query",
    "Run",
    "SearchInterrupted",
    "check_budget",
    "check_runs",
    "costs_of",
    "median_regret",
    "median_share",
    "middle_run",
    "progress_curves",
    "run_search",
]


@dataclass(frozen=True)
class Query:
    """One evaluation and where the search stood after it.

    Attributes:
        arch: The architecture in its space's notation.
        values: The goal's objectives in their own units.
        fidelity: What it was evaluated at; None where the goal has no fidelities.
        feasible: Whether it keeps all bounds.
        spent: The cost of all evaluations so far, failures among them.
        best: The best value so far of the one objective, at the target and within the bounds; None before the first.
        rank: 1 + the number of architectures in the table that are strictly better than that; None likewise.
        hypervolume: That of the front so far, above the table's worst values or the goal's reference.
        report: The reported column of the architecture that the strategy would then recommend, if one is reported.
    """

    arch: str
    values: tuple[float, ...]
    fidelity: str | None
    feasible: bool
    spent: float
    best: float | None
    rank: int | None
    hypervolume: float
    report: float | None

    def to_dict(self, tabular: Tabular) -> dict[str, Any]:
        """Plain values; what a goal has none of is left out."""
        goal = tabular.goal
        content: dict[str, Any] = {"arch": self.arch}
        if goal.fidelities:
            content |= {"fidelity": self.fidelity, "spent": self.spent}
        if goal.n_objectives == 1:
            content |= {"value": self.values[0], "best": self.best, "rank": self.rank}
            content["report"] = self.report
        if goal.n_outcomes > 1:
            content |= {
                "values": list(self.values),
                "feasible": self.feasible,
                "hypervolume": self.hypervolume,
            }
        return content


@dataclass(frozen=True, eq=False)
class Run:
    """One search from start to end.

    Attributes:
        seed: The seed of the search.
        method: The name of the method.
        tabular: The goal on the table that was searched.
        log: What was asked and told.
        seconds: The time that the search took.
        recommended: The architecture that the strategy recommends in the end; None for several objectives, where
            nothing feasible was found, or where the search was interrupted.
        reports: The reported column after each query, if one is reported.
        n_past: The number of first trials in the log that were known before the search, and are no queries.
    """

    seed: int
    method: str
    tabular: Tabular
    log: Log
    seconds: float
    recommended: str | None
    reports: tuple[float | None, ...] | None = None
    n_past: int = 0

    @cached_property
    def queries(self) -> tuple[Query, ...]:
        """The evaluations that gave values, in the order in which they were asked for."""
        log, goal, tabular = self.log.since(self.n_past), self.log.goal, self.tabular
        told = log.select(State.TOLD)
        _, gains = log.observed()
        at_target = torch.tensor(
            [trial.fidelity == goal.target for trial in told], dtype=torch.bool
        )
        feasible = goal.feasible(gains)
        usable = gains.where(at_target.unsqueeze(-1), -torch.inf)
        volumes = goal.running_hypervolume(usable, tabular.reference).tolist()
        bests = self._running_best(gains, at_target & feasible)
        ended = log.select(*FINISHED)
        costs = torch.tensor([trial.cost for trial in ended]).double().cumsum(0).tolist()
        totals = zip(ended, costs, strict=True)
        spent = [total for trial, total in totals if trial.state == State.TOLD]
        own = goal.own_units(gains).tolist()
        sign = float(goal.signs[0])
        queries = []
        for index, trial in enumerate(told):
            best = bests[index]
            found = best > -math.inf
            queries.append(
                Query(
                    arch=str(trial.arch),
                    values=tuple(own[index]),
                    fidelity=trial.fidelity,
                    feasible=bool(feasible[index]),
                    spent=spent[index],
                    best=sign * best if found else None,
                    rank=tabular.rank(best) if found else None,
                    hypervolume=volumes[index],
                    report=None if self.reports is None else self.reports[index],
                )
            )
        return tuple(queries)

    def _running_best(self, gains: Tensor, counts: Tensor) -> list[float]:
        """The best gain of the one objective after each query; minus infinity before the first, and for several."""
        if self.log.goal.n_objectives > 1:
            return [-math.inf] * len(gains)
        return list(gains[:, 0].where(counts, -torch.inf).cummax(0).values.tolist())

    @property
    def n_failed(self) -> int:
        """The number of evaluations that gave no values."""
        return self.log.since(self.n_past).n_failed

    @property
    def best(self) -> Query | None:
        """The query that found the best architecture; None where nothing feasible was evaluated at the target."""
        last = self.queries[-1].best if self.queries else None
        there = (q for q in self.queries if q.best is not None and q.best == last)
        return next(there, None)

    @cached_property
    def _spent(self) -> list[float]:
        return [query.spent for query in self.queries]

    def after(self, cost: float) -> Query | None:
        """The last query that was paid for by then, if there is one."""
        paid = bisect_right(self._spent, cost)
        return self.queries[paid - 1] if paid else None

    def regret(self, cost: float) -> float:
        """How far the best value after that cost is from the table's; infinite before there is one."""
        query = self.after(cost)
        if query is None or query.best is None:
            return math.inf
        return abs(self.tabular.best - query.best)

    def hypervolume(self, cost: float) -> float:
        """The hypervolume of the front that was found for that cost."""
        query = self.after(cost)
        return 0.0 if query is None else query.hypervolume

    def cost_to_rank(self, rank: int) -> float | None:
        """The cost until the best so far had at most that rank; None if it never had."""
        there = (q.spent for q in self.queries if q.rank is not None and q.rank <= rank)
        return next(there, None)

    def at_target(self, tabular: Tabular) -> "Run":
        """The same search as one of a goal with fidelities that evaluated everything at the target.

        A search that had fidelities of its own is as it is.

        Args:
            tabular: The same goal, with fidelities.
        """
        goal = tabular.goal
        if not goal.fidelities or self.log.goal.fidelities:
            return self
        full = goal.cost_of(goal.target)
        trials = tuple(
            replace(trial, fidelity=goal.target, cost=full * trial.cost)
            for trial in self.log.trials
        )
        return replace(self, tabular=tabular, log=Log(self.log.space, goal, trials))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command line writes them; what a goal has none of is left out."""
        goal = self.log.goal
        winners = [{"arch": str(arch), "values": list(values)} for arch, values in self.log.winners]
        return {
            "seed": self.seed,
            "method": self.method,
            "queries": [query.to_dict(self.tabular) for query in self.queries],
            **({"front": winners} if goal.n_outcomes > 1 else {}),
            **({"recommended": self.recommended} if goal.n_objectives == 1 else {}),
            **({"failed": self.n_failed} if self.n_failed else {}),
            "seconds": self.seconds,
        }


class SearchInterrupted(KeyboardInterrupt):
    """The user stopped a search.

    Attributes:
        run: What was done until then.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run


def check_budget(n_queries: int, tabular: Tabular) -> None:
    """Raise unless a benchmark has that many architectures to evaluate.

    Raises:
        UsageError: There are fewer than one query, or more than architectures.
    """
    if not 1 <= n_queries <= len(tabular):
        raise UsageError(
            f"queries must be between 1 and {len(tabular):,}, the number of architectures in "
            f"{tabular.benchmark.name}; got {n_queries}"
        )


def run_search(
    method: str,
    search: AskTell | Strategy,
    tabular: Tabular,
    n_queries: int,
    *,
    q: int = 1,
    report: str | None = None,
    stop: Callable[[Log], bool] | None = None,
    n_past: int = 0,
    callback: Callable[[Log], None] | None = None,
) -> Run:
    """Search a benchmark.

    Args:
        method: The name to record.
        search: The method; its space and goal must be the benchmark's. An optimizer or a study goes on: what it was
            told counts as queries, and what waits for its values is evaluated first.
        tabular: The goal on the benchmark.
        n_queries: The number of architectures to evaluate; with fidelities, the budget is what that number of evaluations at
            the target cost.
        q: How many to ask for at a time.
        report: A column to report of what the strategy would recommend after each query.
        stop: Whether a log is one to stop at, such as a ``Terminator``.
        n_past: The number of first trials of an optimizer or a study that were known before, and are no queries.
        callback: Called with the log after each query.

    Raises:
        UsageError: There are fewer than one query, or more than architectures; or a column is reported of several
            objectives, which have no single best architecture.
        SearchInterrupted: A KeyboardInterrupt ended it; what was done until then is in it.
    """
    check_budget(n_queries, tabular)
    goal = tabular.goal
    if report is not None and goal.n_objectives > 1:
        raise UsageError(
            "several objectives have no single best architecture to report a column of"
        )
    reported = tabular.benchmark.values(report) if report is not None else None
    optimizer = search if isinstance(search, AskTell) else Optimizer(search)
    strategy = optimizer.strategy
    reports: list[float | None] = []
    started = time.perf_counter()

    def after(log: Log) -> None:
        # A recommendation may take a fit; a failure is no query that could report one.
        if reported is not None and len(reports) < log.since(n_past).n_told:
            named = [strategy.recommend(log)] if log.winners else []
            rows = tabular.benchmark.rows_of(named)
            reports.extend([float(reported[row]) for row in rows] or [None])
        if callback is not None:
            callback(log)

    def so_far(recommended: str | None) -> Run:
        log, seconds = optimizer.log, time.perf_counter() - started
        left = [None] * (log.since(n_past).n_told - len(reports))
        told = None if reported is None else (*reports, *left)
        return Run(strategy.seed, method, tabular, log, seconds, recommended, told, n_past)

    budget = n_queries * goal.cost_of(goal.target)
    try:
        for trial in optimizer.log.select(State.ASKED):
            evaluate_trial(optimizer, tabular, trial)
        for log in _history(optimizer.log, n_past):
            after(log)
        log = run(optimizer, tabular, budget=budget, q=q, since=n_past, stop=stop, callback=after)
        named = str(optimizer.recommend()) if goal.n_objectives == 1 and log.winners else None
    except KeyboardInterrupt as interrupt:
        raise SearchInterrupted(so_far(None)) from interrupt
    return so_far(named)


def _history(log: Log, n_past: int) -> Iterator[Log]:
    """What a log was after each query that it was told."""
    for trial in log.trials[n_past:]:
        if trial.state == State.TOLD:
            yield log.first(trial.number + 1)


def check_runs(runs: Mapping[str, Sequence[Run]]) -> Tabular:
    """The goal on its table that all runs searched.

    Raises:
        UsageError: There is no method, a method has no runs, or two runs are of different goals.
    """
    if not runs:
        raise UsageError("there are no runs; give at least one method with its runs")
    for method, repeats in runs.items():
        if not repeats:
            raise UsageError(f"method {method!r} has no runs")
    first, *others = [run for repeats in runs.values() for run in repeats]
    for other in others:
        if (
            other.tabular.benchmark is not first.tabular.benchmark
            or other.log.goal != first.log.goal
        ):
            raise UsageError(
                f"{other.method!r} searched {other.log.goal} in {other.tabular.benchmark.name}, "
                f"{first.method!r} {first.log.goal} in {first.tabular.benchmark.name}; "
                "compare runs of one goal"
            )
    return first.tabular


def costs_of(runs: Iterable[Run]) -> list[float]:
    """The costs, ascending, at which any of the runs had evaluated one more architecture."""
    return sorted({query.spent for run in runs for query in run.queries})


def progress_curves(runs: Iterable[Run], costs: Sequence[float]) -> Curves:
    """How far each of ``r`` runs had come after each of ``t`` costs, ``r x t``; NaN before there is something.

    For one objective it is the regret. For several it is the share of the table's hypervolume in percent, or the
    hypervolume where the table has none above the reference.
    """
    return np.array([_curve(run, costs) for run in runs])


def _curve(run: Run, costs: Sequence[float]) -> list[float]:
    if run.log.goal.n_objectives == 1:
        regrets = map(run.regret, costs)
        return [y if y < math.inf else math.nan for y in regrets]
    whole = run.tabular.best_hypervolume
    scale = 100 / whole if whole > 0 else 1.0
    return [run.hypervolume(cost) * scale for cost in costs]


def middle_run(runs: Sequence[Run]) -> Run:
    """The run in the middle by final hypervolume."""
    return sorted(runs, key=lambda run: run.hypervolume(math.inf))[len(runs) // 2]


def median_regret(runs: Iterable[Run], cost: float) -> float:
    """The median over runs of how far the best after that cost is from the table's best."""
    return median(run.regret(cost) for run in runs)


def median_share(runs: Iterable[Run], cost: float) -> float:
    """The median over runs of the share of the table's hypervolume that was found for that cost.

    Raises:
        UsageError: The table has none above the reference.
    """
    found = []
    for one in runs:
        whole = one.tabular.best_hypervolume
        if whole == 0:
            raise UsageError(
                "no architecture of the table lies above the reference in each objective"
            )
        found.append(one.hypervolume(cost) / whole)
    return median(found)
