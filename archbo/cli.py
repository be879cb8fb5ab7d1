"""The command line: ``archbo benchmarks`` and ``archbo search``."""

import json
import statistics
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from archbo.errors import ArchboError, UsageError

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark, Objective
    from archbo.bo_loop import History, Searcher
    from archbo.comparison import Trial

app = typer.Typer(
    help="Surrogate predictors and Bayesian optimization for neural architectures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out, err = Console(highlight=False), Console(stderr=True, highlight=False)


def main() -> None:
    """Run the command line; an error is one line on standard error and exit code 2."""
    warnings.showwarning = lambda message, *_, **__: err.print(f"warning: {message}", markup=False)
    try:
        code = app(standalone_mode=False)
    except (ArchboError, typer.TyperException) as error:
        text = error.format_message() if isinstance(error, typer.TyperException) else str(error)
        if text:  # a call without arguments has shown the help
            err.print(f"archbo: {' '.join(text.split())}", markup=False, soft_wrap=True)
        code = 2 if text else 0
    except typer.Abort:
        code = 130
    sys.exit(code)


BenchmarkName = Annotated[
    str | None,
    typer.Argument(metavar="BENCH", help="An embedded benchmark; see 'archbo benchmarks'."),
]
TableFile = Annotated[
    Path | None, typer.Option("--table", help="A Parquet or CSV table instead of BENCH.")
]
SpaceName = Annotated[
    str | None, typer.Option("--space", help="The table's space: a name, or a TOML file.")
]
ArchColumn = Annotated[
    str, typer.Option("--arch-column", help="The table's column of architectures.")
]
Where = Annotated[
    str | None,
    typer.Option("--where", metavar="COLUMN", help="Keep rows where this boolean column is true."),
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the results to this file.")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="Draw the results to this file.")]


@app.command()
def benchmarks(json_file: JsonFile = None) -> None:
    """List the embedded benchmarks: sizes, metrics, where the data comes from."""
    from archbo import catalog

    with err.status("reading benchmarks"):
        found = {name: catalog.benchmark(name) for name in catalog.BENCHMARKS}
    table = Table()
    table.add_column("benchmark", no_wrap=True)
    table.add_column("architectures", justify="right")
    table.add_column("metrics, the default objective first", overflow="fold")
    sources: dict[str, str] = {}
    for name, benchmark in found.items():
        metrics = sorted(map(str, benchmark.metrics), key=benchmark.default_objective.__ne__)
        table.add_row(name, f"{len(benchmark):,}", ", ".join(metrics))
        sources.setdefault(benchmark.source, name.partition("/")[0])
    out.print(table)
    for source, name in sources.items():
        out.print(f"{name}: {source}", markup=False, soft_wrap=True)
    spaces = ", ".join(catalog.SPACES)
    out.print(
        f"Any other table: --table FILE --space NAME, where NAME is one of {spaces}, or a .toml file.",
        markup=False,
        soft_wrap=True,
    )
    if json_file:
        rows = [
            {
                "benchmark": name,
                "space": benchmark.space.name,
                "architectures": len(benchmark),
                "metrics": list(benchmark.metrics),
                "objective": benchmark.default_objective,
                "source": benchmark.source,
            }
            for name, benchmark in found.items()
        ]
        _write_json(json_file, {"benchmarks": rows})


@app.command()
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
    queries: Annotated[int, typer.Option(help="Architectures to evaluate per repeat.")] = 100,
    repeats: Annotated[int, typer.Option(help="Searches, with seeds SEED, SEED + 1, ...")] = 1,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    baseline: Annotated[str, typer.Option(help="random, evolution, or none.")] = "random",
    objective: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column to maximise.")
    ] = None,
    minimize: Annotated[bool, typer.Option("--minimize", help="Minimise it instead.")] = False,
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
    from archbo.comparison import check_budget, check_format, run_trial

    if repeats < 1:
        raise UsageError(f"--repeats must be at least 1; got {repeats}")
    if not 0 <= seed < 2**31:
        raise UsageError(f"--seed must be between 0 and 2^31 - 1; got {seed}")
    for file in (json_file, plot):
        if file and not file.absolute().parent.is_dir():
            raise UsageError(f"there is no folder {file.absolute().parent}; make it first")
    if plot:
        check_format(plot)
    # The matrices of a search are small: a second thread costs more than it gives.
    torch.set_num_threads(1)
    benchmark = _load(bench, table, space, arch_column, where)
    goal = benchmark.objective(objective, minimize=minimize)
    reported = benchmark.objective(report) if report else None
    check_budget(queries, goal)
    candidates = FixedCandidates(benchmark.space, benchmark.X)
    # All are made before any runs, so that a wrong name costs no time.
    seeds = range(seed, seed + repeats)
    searchers: dict[str, list[Searcher]] = {
        predictor: [
            catalog.optimizer(
                benchmark.space,
                predictor,
                acquisition,
                encoding_names=encoding,
                candidates=candidates,
                seed=s,
            )
            for s in seeds
        ]
    }
    if baseline != "none":
        searchers[baseline] = [
            catalog.baseline(baseline, benchmark.space, candidates=candidates, seed=s)
            for s in seeds
        ]
    trials: dict[str, list[Trial]] = {method: [] for method in searchers}
    with _progress() as progress:
        for method in searchers:
            task = progress.add_task(method, total=repeats * queries, best="")
            for repeat, searcher in enumerate(searchers[method]):
                advance = _advance(progress, task, repeat * queries, minimize)
                trials[method].append(
                    run_trial(method, searcher, goal, queries, report=reported, callback=advance)
                )
    _print_search(benchmark, goal, trials, queries, report)
    if json_file:
        _write_json(
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


def _load(
    bench: str | None, table: Path | None, space: str | None, arch_column: str, where: str | None
) -> "Benchmark":
    from archbo import catalog
    from archbo.benchmarks import read_table

    if (bench is None) == (table is None):
        raise UsageError(
            "give either an embedded benchmark (see 'archbo benchmarks') or --table FILE --space NAME"
        )
    if bench is not None:
        if where or space:
            option = "--where" if where else "--space"
            raise UsageError(
                f"{option} belongs to --table FILE; {bench!r} is an embedded benchmark"
            )
        return catalog.benchmark(bench)
    assert table is not None
    if space is None:
        raise UsageError(
            f"--table {table} needs --space: one of {', '.join(catalog.SPACES)}, or a .toml file"
        )
    return read_table(table, catalog.space(space), arch_column=arch_column, where=where)


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


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[best]}"),
        console=err,
    )


def _advance(
    progress: Progress, task: TaskID, done: int, minimize: bool
) -> "Callable[[History], None]":
    """A callback that shows how far one search of several has come."""

    def advance(history: "History") -> None:
        best = history.best[1] * (-1 if minimize else 1)
        progress.update(task, completed=done + len(history), best=f"best {best:.6g}")

    return advance


def _write_json(path: Path, content: object) -> None:
    try:
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
