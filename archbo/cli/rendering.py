"""Searches of any goal in words and numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import TYPE_CHECKING

from rich.table import Table

from archbo.cli.request import Request
from archbo.cli.terminal import out, print_lines, say

if TYPE_CHECKING:
    from archbo.benchmarks import Tabular
    from archbo.comparison import Run
    from archbo.goals import Goal

__all__ = ["show_searches"]

RUNGS = (10, 20, 30, 50, 100, 200, 500, 1000)
"""After how many queries a table tells where searches stand, beside the last."""
SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)
"""The same with fidelities, as shares of the budget: much happens early, when evaluations are cheap."""
MOST_WINNERS = 10
"""The most architectures of a front that are named."""


@dataclass(frozen=True)
class _Score:
    """How searches of a goal are scored.

    Attributes:
        heading: What it is.
        after: The score of a run after a cost.
        text: It in words.
        gap: What is left to the best that the table has; None where nobody knows.
        gap_name: What that is called.
    """

    heading: str
    after: "Callable[[Run, float], float]"
    text: Callable[[float], str]
    gap: Callable[[float], float] | None
    gap_name: str


def _score_of(tabular: "Tabular") -> _Score:
    goal, whole = tabular.goal, tabular.best_hypervolume
    bounds = "".join(f", {bound}" for bound in goal.bounds)
    if goal.n_objectives == 1:
        objective = goal.objectives[0]
        which = f"the {'smallest' if objective.minimize else 'largest'} {objective.metric}"
        return _Score(
            f"median distance to {which} of the table{bounds}",
            lambda run, cost: run.regret(cost),
            lambda regret: f"{regret:.4g}" if regret < math.inf else "-",
            lambda regret: regret,
            "regret",
        )
    what = ", ".join(map(str, goal.objectives))
    if whole == 0:
        return _Score(
            f"median hypervolume of {what}{bounds} (the table has none to have a share of)",
            lambda run, cost: run.hypervolume(cost),
            lambda volume: f"{volume:.4g}",
            None,
            "",
        )
    return _Score(
        f"median share of the table's hypervolume of {what}{bounds}",
        lambda run, cost: run.hypervolume(cost) / whole,
        lambda share: f"{share:.2%}",
        lambda share: 1 - share,
        "missing",
    )


def show_searches(request: Request, runs: "Mapping[str, Sequence[Run]]") -> None:
    """Print how the methods compare, and what each found."""
    tabular, queries = request.tabular, request.effort.queries
    goal, score = tabular.goal, _score_of(tabular)
    full = goal.cost_of(goal.target)
    costs = [n * full for n in range(1, queries + 1)]
    curves = {
        method: [median(score.after(run, cost) for run in repeats) for cost in costs]
        for method, repeats in runs.items()
    }
    say(f"{tabular.benchmark.name}: {score.heading}")
    out.print(_table(score, runs, queries, full if goal.fidelities else None))
    gap = score.gap
    lines = {} if gap is None else _sparklines({m: list(map(gap, c)) for m, c in curves.items()})
    for method, repeats in runs.items():
        out.print(f"[bold]{method}[/bold]")
        told = {score.gap_name: lines[method]} if method in lines else {}
        if goal.n_objectives == 1:
            told |= _best_of(request, repeats)
        else:
            told |= _front_of(score, tabular, repeats)
        print_lines(told | _effort_of(request, repeats))
        if goal.n_objectives > 1:
            _print_front(tabular, repeats)


def _table(
    score: _Score, runs: "Mapping[str, Sequence[Run]]", queries: int, full: float | None
) -> Table:
    """Where the methods stand after some of the queries, or of the budget where an evaluation in full has a cost."""
    table = Table(
        "queries" if full is None else "cost",
        *(f"{method} (n={len(repeats)})" for method, repeats in runs.items()),
    )
    marks: list[float] = [*(n for n in RUNGS if n < queries), queries]
    if full is not None:
        marks = [share * queries * full for share in SHARES]
    for cost in marks:
        medians = [median(score.after(run, cost) for run in repeats) for repeats in runs.values()]
        # Before the first evaluation in full there is nothing to tell.
        if min(medians) < math.inf:
            table.add_row(f"{cost:,.6g}", *map(score.text, medians))
    return table


def _sparklines(gaps: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """A line for each method, all on one scale."""
    from archbo.comparison import sparkline

    ceiling = max((gap for curve in gaps.values() for gap in curve if gap < math.inf), default=1.0)
    return {
        method: f"{sparkline(curve, ceiling=ceiling, encoding=out.encoding)}|"
        for method, curve in gaps.items()
    }


def _none(goal: "Goal") -> str:
    """Why there is no best architecture."""
    what = "keeps the bounds" if goal.bounds else "gave a value"
    return f"none of what was evaluated in full {what}"


def _best_of(request: Request, repeats: "Sequence[Run]") -> dict[str, str]:
    """The best architecture of all repeats, what is known of it, and where the repeats ended."""
    tabular, report = request.tabular, request.effort.report
    goal = tabular.goal
    there = [run for run in repeats if run.best is not None]
    if not there:
        return {"best": _none(goal)}
    run = min(there, key=lambda run: run.regret(math.inf))
    best = run.best
    assert best is not None
    metrics = tabular(best.arch)
    lines = {"best": best.arch} | {name: f"{metrics[name]:.6g}" for name in goal.metrics}
    if run.recommended is not None and run.recommended != best.arch:
        lines["named"] = f"{run.recommended} (recommended, by what the search has learned)"
    if report is not None:
        lines[report] = _reported(request, there, report)
    ranks = [run.queries[-1].rank or math.inf for run in repeats]
    n_feasible = int(tabular.feasible.sum())
    lines["rank"] = f"{best.rank} of {n_feasible:,}"
    if len(repeats) > 1:
        middle = f"{median(ranks):g}"
        lines["repeats"] = f"ranks {min(ranks):g} to {max(ranks):g}, median {middle}"
    hits = [run.cost_to_rank(1) for run in repeats]
    found = [hit for hit in hits if hit is not None]
    if found:
        reached = median(math.inf if hit is None else hit for hit in hits)
        budget = max(query.spent for run in repeats for query in run.queries[-1:])
        until = f"more than {budget:,.6g}" if reached == math.inf else f"{reached:,.6g}"
        middle = f"cost {until}" if goal.fidelities else f"{until} queries"
        lines["found"] = f"the best in {len(found)} of {len(repeats)}, median {middle}"
    return lines


def _reported(request: Request, repeats: "Sequence[Run]", report: str) -> str:
    """The reported column of what the searches recommend."""
    benchmark = request.tabular.benchmark
    named = [run.recommended for run in repeats if run.recommended is not None]
    values = benchmark.values(report)[benchmark.rows_of(named)].flatten().tolist()
    text = f"{mean(values):.6g}"
    return (
        f"{text}, the mean of {min(values):.6g} to {max(values):.6g}" if len(values) > 1 else text
    )


def _front_of(score: _Score, tabular: "Tabular", repeats: "Sequence[Run]") -> dict[str, str]:
    """How much of the table's front the repeats found."""
    ends = [score.after(run, math.inf) for run in repeats]
    name = "volume" if score.gap is None else "share"
    sizes = median(len(run.log.winners) for run in repeats)
    return {
        name: f"{score.text(min(ends))} to {score.text(max(ends))}",
        "front": f"{sizes:g} architecture{'' if sizes == 1 else 's'}, of {len(tabular.front)} in the table",
    }


def _effort_of(request: Request, repeats: "Sequence[Run]") -> dict[str, str]:
    """What the searches took."""
    tabular, column = request.tabular, request.cost
    goal, lines = tabular.goal, {}
    failed = median(run.n_failed for run in repeats)
    if failed:
        lines["failed"] = f"{failed:g} evaluations per search gave no value"
    if goal.fidelities:
        cheap = median(sum(q.fidelity != goal.target for q in run.queries) for run in repeats)
        in_full = median(sum(q.fidelity == goal.target for q in run.queries) for run in repeats)
        lines["trainings"] = f"{cheap:g} cheap ones and {in_full:g} in full"
    if column is not None:
        benchmark = tabular.benchmark
        prices = benchmark.values(column).flatten()
        totals = [
            float(prices[benchmark.rows_of([query.arch for query in run.queries])].sum())
            for run in repeats
        ]
        lines["cost"] = f"{median(totals):.4g} {column} per search"
    lines["time"] = f"{median(run.seconds for run in repeats):.1f} s per search"
    return lines


def _print_front(tabular: "Tabular", repeats: "Sequence[Run]") -> None:
    """The front of the best repeat: architectures, and their objectives."""
    run = max(repeats, key=lambda run: run.hypervolume(math.inf))
    # By the first objective, so that the trade-off can be read from top to bottom.
    winners = sorted(run.log.winners, key=lambda winner: winner[1])
    which = f" of seed {run.seed}" if len(repeats) > 1 else ""
    if not winners:
        say(f"  front{which}: {_none(tabular.goal)}")
        return
    columns = [objective.metric for objective in tabular.goal.objectives]
    say(f"  front{which}: {', '.join(columns)}")
    step = (len(winners) - 1) / (MOST_WINNERS - 1)
    places = range(len(winners)) if step <= 1 else [round(n * step) for n in range(MOST_WINNERS)]
    for arch, values in [winners[place] for place in places]:
        numbers = "  ".join(f"{value:<10.6g}" for value in values)
        say(f"    {numbers}  {arch}")
    left = len(winners) - len(places)
    if left:
        say(f"    and {left} more of the front")
