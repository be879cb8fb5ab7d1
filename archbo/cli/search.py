"""``archbo search``."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from archbo.cli.common import (
    ArchColumn,
    BenchmarkName,
    JsonFile,
    Minimize,
    PlotFile,
    Proxies,
    SpaceName,
    TableFile,
    Where,
    check_files,
    check_repeats,
    load_benchmark,
    load_proxies,
    out,
    progress_bar,
    write_json,
)
from archbo.cli.pareto import ParetoRun, objectives_of, pareto_search
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark, Objective
    from archbo.bo_loop import History, Searcher
    from archbo.comparison import Trial


def search(
    bench: BenchmarkName = None,
    table: TableFile = None,
    space: SpaceName = None,
    arch_column: ArchColumn = "arch_str",
    where: Where = None,
    predictor: Annotated[str, typer.Option(help="The surrogate.")] = "gp",
    encoding: Annotated[
        str | None, typer.Option(help="What it sees, joined with '+'; its own default.")
    ] = None,
    acquisition: Annotated[
        str | None,
        typer.Option(
            help="How architectures are picked: log_ei unless given, or with several objectives qlog_nehvi."
        ),
    ] = None,
    queries: Annotated[int, typer.Option(help="Architectures to evaluate per repeat.")] = 100,
    repeats: Annotated[int, typer.Option(help="Searches, with seeds SEED, SEED + 1, ...")] = 1,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    baseline: Annotated[
        str,
        typer.Option(
            help="random, evolution, or none; with several objectives random, nsga2, guided-evolution, joined with commas."
        ),
    ] = "random",
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN[,-COLUMN...]",
            help="The column to maximise, or several joined with commas; a minus in front minimises.",
        ),
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN<=X", help="A bound on a column, <= or >=; may be repeated."),
    ] = None,
    minimize: Minimize = False,
    proxies: Proxies = None,
    report: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="A column to report of the best.")
    ] = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Search a benchmark by Bayesian optimization, with a baseline beside it."""
    import torch

    from archbo import catalog
    from archbo.acquisition import FixedCandidates
    from archbo.comparison import check_budget, run_trial

    check_repeats(repeats, seed)
    check_files(json_file, plot)
    # The matrices of a search are small: a second thread costs more than it gives.
    torch.set_num_threads(1)
    benchmark = load_benchmark(bench, table, space, arch_column, where)
    goals = objectives_of(benchmark, objective, subject_to or (), minimize=minimize)
    if goals.outcomes.total > 1:
        if report is not None:
            raise UsageError(
                f"--report {report} is of the best architecture, and a front has several; leave it out"
            )
        run = ParetoRun(
            predictor, encoding, acquisition, baseline, queries, repeats, seed, json_file, plot
        )
        pareto_search(goals, run, load_proxies(benchmark, proxies))
        return
    goal = goals.objectives[0]
    minimize = goal.minimize
    reported = benchmark.objective(report) if report else None
    check_budget(queries, goal)
    scores = load_proxies(benchmark, proxies)
    candidates = FixedCandidates(benchmark.space, benchmark.X)

    def ours(seed: int) -> "Searcher":
        return catalog.optimizer(
            benchmark.space,
            predictor,
            acquisition or "log_ei",
            encoding_names=encoding,
            proxies=scores,
            candidates=candidates,
            seed=seed,
        )

    def theirs(seed: int) -> "Searcher":
        return catalog.baseline(baseline, benchmark.space, candidates=candidates, seed=seed)

    methods: dict[str, Callable[[int], Searcher]] = {predictor: ours}
    if baseline != "none":
        methods[baseline] = theirs
    # Each is made once before any runs, so that a wrong name costs no time.
    for make in methods.values():
        make(seed)
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
                        report=reported,
                        callback=advance,
                    )
                )
    _print_search(benchmark, goal, trials, queries, report)
    if json_file:
        write_json(
            json_file,
            {
                "benchmark": benchmark.name,
                "objective": goal.column,
                "report": report,
                "runs": [trial.to_dict() for runs in trials.values() for trial in runs],
            },
        )
    if plot:
        _plot_search(plot, benchmark, goal, trials)
        out.print(f"picture: {plot}", markup=False)


def _print_search(
    benchmark: "Benchmark",
    goal: "Objective",
    trials: "dict[str, list[Trial]]",
    queries: int,
    report: str | None,
) -> None:
    from archbo.comparison import median_regret, sparkline

    curves = {
        method: [median_regret(runs, goal, n) for n in range(1, queries + 1)]
        for method, runs in trials.items()
    }
    what = f"{'smallest' if goal.minimize else 'largest'} {goal.column}"
    out.print(f"{benchmark.name}: median distance to the {what} of the table", markup=False)
    table = Table("queries", *(f"{method} (n={len(runs)})" for method, runs in trials.items()))
    for n in [n for n in (10, 20, 30, 50, 100, 200, 500, 1000) if n < queries] + [queries]:
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
            lines[report] = f"{best.report:.6g}"
        lines["rank"] = f"{best.rank} of {len(goal):,}"
        if len(runs) > 1:
            middle = statistics.median(ranks)
            lines["repeats"] = f"ranks {ranks[0]} to {ranks[-1]}, median {middle:g}"
        if found:
            reached = statistics.median(queries + 1 if hit is None else hit for hit in hits)
            until = f"more than {queries}" if reached > queries else f"{reached:g}"
            lines["found"] = f"the best in {len(found)} of {len(runs)}, median {until} queries"
        seconds = statistics.median(trial.seconds for trial in runs)
        lines["time"] = f"{seconds:.1f} s per search"
        out.print(f"[bold]{method}[/bold]")
        width = max(map(len, lines))
        for label, text in lines.items():
            out.print(f"  {label:<{width}}  {text}", markup=False, soft_wrap=True)


def _plot_search(
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
