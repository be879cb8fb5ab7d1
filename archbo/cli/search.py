"""``archbo search``."""

import statistics
from collections.abc import Callable
from functools import partial
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
    names_of,
    out,
    progress_bar,
    write_json,
)
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
    acquisition: Annotated[str, typer.Option(help="How architectures are picked.")] = "log_ei",
    candidates: Annotated[
        str,
        typer.Option(
            help="Where architectures come from: exhaustive, mutation, crossover, ...; "
            "of the table's in any case."
        ),
    ] = "exhaustive",
    cost: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Pick what is worth the most per unit of this column."),
    ] = None,
    queries: Annotated[int, typer.Option(help="Architectures to evaluate per repeat.")] = 100,
    repeats: Annotated[int, typer.Option(help="Searches, with seeds SEED, SEED + 1, ...")] = 1,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    baseline: Annotated[
        str,
        typer.Option(help="random, evolution, bananas, ..., joined with commas; or none."),
    ] = "random",
    objective: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column to maximise.")
    ] = None,
    minimize: Minimize = False,
    proxies: Proxies = None,
    report: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="A column to report of the best.")
    ] = None,
    fidelities: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN=COST,...",
            help="Cheap trainings and full ones, such as 'val_12=12,val_200=200'; the last is the objective, and "
            "the budget what QUERIES of it cost.",
        ),
    ] = None,
    warm_start: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN[:N]",
            help="N random architectures (50) are known beforehand by this column.",
        ),
    ] = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Search a benchmark by Bayesian optimization, with baselines beside it."""
    import torch

    from archbo import catalog
    from archbo.acquisition import FixedCandidates, KnownCost
    from archbo.bo_loop import MultiFidelityOptimizer
    from archbo.bo_loop import warm_start as warm
    from archbo.cli import fidelity
    from archbo.comparison import check_budget, run_trial
    from archbo.predictors import MultiTaskGP

    check_repeats(repeats, seed)
    check_files(json_file, plot)
    # The matrices of a search are small: a second thread costs more than it gives.
    torch.set_num_threads(1)
    benchmark = load_benchmark(bench, table, space, arch_column, where)
    costs = fidelity.parse_fidelities(fidelities) if fidelities else {}
    for option, given in (("--fidelities", fidelities), ("--warm-start", warm_start)):
        if given:
            fidelity.check_predictor(predictor, option)
    if costs and (warm_start or objective not in (None, [*costs][-1])):
        raise UsageError(
            "--fidelities goes without --warm-start, and its last column is the objective; "
            "leave --warm-start and --objective out"
        )
    goal = benchmark.objective([*costs][-1] if costs else objective, minimize=minimize)
    reported = benchmark.objective(report) if report else None
    check_budget(queries, goal)
    scores = load_proxies(benchmark, proxies)
    spent = benchmark.objective(cost) if cost else None
    prices = KnownCost(benchmark.space, benchmark.X, spent.Y) if spent else None
    everything = FixedCandidates(benchmark.space, benchmark.X)

    def ours(seed: int) -> "Searcher":
        return catalog.optimizer(
            benchmark.space,
            predictor,
            acquisition,
            encoding_names=encoding,
            proxies=scores,
            candidates=catalog.candidates(candidates, benchmark.space, everything),
            cost=prices,
            seed=seed,
        )

    def theirs(name: str, seed: int) -> "Searcher":
        return catalog.baseline(name, benchmark.space, candidates=everything, seed=seed)

    def warmed(seed: int) -> "Searcher":
        assert warm_start is not None
        source = fidelity.observed_before(benchmark, warm_start, minimize, seed)
        features = catalog.encoding(encoding, benchmark.space, scores) if encoding else None
        rule = catalog.acquisition(acquisition, prices)
        return warm(
            benchmark.space,
            [source],
            rule,
            encoding=features,
            candidates=catalog.candidates(candidates, benchmark.space, everything),
            seed=seed,
        )

    def several(seed: int) -> MultiFidelityOptimizer:
        features = catalog.encoding(encoding, benchmark.space, scores) if encoding else None
        return MultiFidelityOptimizer(
            benchmark.space,
            costs,
            MultiTaskGP(benchmark.space, features),
            catalog.acquisition(acquisition),
            candidates=catalog.candidates(candidates, benchmark.space, everything),
            seed=seed,
        )

    methods: dict[str, Callable[[int], Searcher]] = {predictor: ours}
    if warm_start:
        methods = {"warm-start": warmed} | methods
    if baseline != "none":
        methods |= {name: partial(theirs, name) for name in names_of(baseline, "--baseline")}
    # Each is made once before any runs, so that a wrong name costs no time.
    for make in methods.values():
        make(seed)
    if costs:
        several(seed)
        fidelity.search_fidelities(
            benchmark,
            {column: benchmark.objective(column, minimize=minimize) for column in costs},
            costs,
            several,
            methods,
            queries=queries,
            repeats=repeats,
            seed=seed,
            report=reported,
            json_file=json_file,
            plot=plot,
        )
        return
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
    _print_search(benchmark, goal, trials, queries, report, spent)
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
        if spent is not None:
            total = statistics.median(sum(spent(q.arch) for q in trial.queries) for trial in runs)
            lines["cost"] = f"{total:.4g} {spent.column} per search"
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
