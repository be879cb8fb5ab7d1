"""Searches on a benchmark, run and shown: what ``archbo search`` and ``archbo robot`` share."""

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress, TaskID
from rich.table import Table

from archbo.cli.common import milestones, out, progress_bar, write_json

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark, Objective
    from archbo.bo_loop import History, Searcher
    from archbo.comparison import Trial


def show_searches(
    benchmark: "Benchmark",
    goal: "Objective",
    methods: "Mapping[str, Callable[[int], Searcher]]",
    *,
    queries: int,
    repeats: int,
    seed: int,
    report: "Objective | None" = None,
    spent: "Objective | None" = None,
    json_file: Path | None = None,
    plot: Path | None = None,
) -> None:
    """Run each method with each seed; print, write and draw what came of it."""
    from archbo.comparison import run_trial

    minimize = goal.minimize
    trials: dict[str, list[Trial]] = {method: [] for method in methods}
    with progress_bar() as progress:
        for method, make in methods.items():
            task = progress.add_task(method, total=repeats * queries, note="")
            for repeat in range(repeats):
                advance = _advance(progress, task, repeat * queries, minimize)
                trials[method].append(
                    run_trial(
                        method,
                        make(seed + repeat),
                        goal,
                        queries,
                        report=report,
                        callback=advance,
                    )
                )
    _print(benchmark, goal, trials, queries, report, spent)
    if json_file:
        write_json(
            json_file,
            {
                "benchmark": benchmark.name,
                "objective": goal.column,
                "report": report.column if report else None,
                "runs": [trial.to_dict() for runs in trials.values() for trial in runs],
            },
        )
    if plot:
        _plot(plot, benchmark, goal, trials)
        out.print(f"picture: {plot}", markup=False)


def _print(
    benchmark: "Benchmark",
    goal: "Objective",
    trials: "dict[str, list[Trial]]",
    queries: int,
    report: "Objective | None",
    spent: "Objective | None",
) -> None:
    from archbo.comparison import median_regret, sparkline

    curves = {
        method: [median_regret(runs, goal, n) for n in range(1, queries + 1)]
        for method, runs in trials.items()
    }
    what = f"{'smallest' if goal.minimize else 'largest'} {goal.column}"
    out.print(f"{benchmark.name}: median distance to the {what} of the table", markup=False)
    table = Table("queries", *(f"{method} (n={len(runs)})" for method, runs in trials.items()))
    for n in milestones(queries):
        table.add_row(str(n), *(f"{curve[n - 1]:.4g}" for curve in curves.values()))
    out.print(table)
    ceiling = max(curve[0] for curve in curves.values())
    for method, runs in trials.items():
        best = min((trial.best for trial in runs), key=lambda query: query.rank)
        ranks = sorted(trial.queries[-1].rank for trial in runs)
        hits = [trial.queries_to_rank(1) for trial in runs]
        found = [hit for hit in hits if hit is not None]
        lines = {
            "regret": f"{sparkline(curves[method], ceiling=ceiling)}|",
            "best": best.arch,
            goal.column: f"{best.value:.6g}",
        }
        if report is not None:
            reports = [report(trial.recommended) for trial in runs]
            if runs[0].recommended != best.arch:
                lines["named"] = f"{runs[0].recommended} (by the first search's posterior)"
            lines[report.column] = f"{statistics.mean(reports):.6g}"
            if len(runs) > 1:
                lines[report.column] += f", the mean of {min(reports):.6g} to {max(reports):.6g}"
        lines["rank"] = f"{best.rank} of {len(goal):,}"
        if len(runs) > 1:
            middle = statistics.median(ranks)
            lines["repeats"] = f"ranks {ranks[0]} to {ranks[-1]}, median {middle:g}"
        if found:
            reached = statistics.median(queries + 1 if hit is None else hit for hit in hits)
            until = f"more than {queries}" if reached > queries else f"{reached:g}"
            lines["found"] = f"the best in {len(found)} of {len(runs)}, median {until} queries"
        if spent is not None:
            total = statistics.median(sum(spent(q.arch) for q in trial.queries) for trial in runs)
            lines["cost"] = f"{total:.4g} {spent.column} per search"
        seconds = statistics.median(trial.seconds for trial in runs)
        lines["time"] = f"{seconds:.1f} s per search"
        out.print(f"[bold]{method}[/bold]")
        width = max(map(len, lines))
        for label, text in lines.items():
            out.print(f"  {label:<{width}}  {text}", markup=False, soft_wrap=True)


def _plot(
    path: Path, benchmark: "Benchmark", goal: "Objective", trials: "dict[str, list[Trial]]"
) -> None:
    from archbo.comparison import plot_regret, save_figure

    best = -goal.best if goal.minimize else goal.best
    regrets = {
        method: [[abs(best - query.best) for query in trial.queries] for trial in runs]
        for method, runs in trials.items()
    }
    save_figure(plot_regret(regrets, unit=goal.column, title=benchmark.name), path)


def _advance(
    progress: Progress, task: TaskID, done: int, minimize: bool
) -> "Callable[[History], None]":
    """A callback that shows how far one search of several has come."""

    def advance(history: "History") -> None:
        best = history.best[1] * (-1 if minimize else 1)
        progress.update(task, completed=done + len(history), note=f"best {best:.6g}")

    return advance
