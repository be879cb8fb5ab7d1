"""``archbo proxies``."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, TaskID
from rich.table import Table

from archbo.cli.options import (
    ArchColumn,
    BenchmarkName,
    CatalogCommand,
    JsonFile,
    Minimize,
    PlotFile,
    SpaceName,
    TableFile,
    Where,
    about,
    check_files,
    check_repeats,
    names_of,
)
from archbo.cli.request import TableOptions, Wanted
from archbo.cli.terminal import err, out, progress_bar, write_json
from archbo.errors import NoProxiesError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from archbo.benchmarks import Benchmark
    from archbo.comparison import ProxySummary
    from archbo.spaces import SearchSpace

proxies = typer.Typer(help="Zero-cost proxies: scores of untrained networks.", no_args_is_help=True)

Spaces = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Spaces instead of a benchmark, joined with commas: all their distinct architectures.",
    ),
]
Sample = Annotated[
    int | None,
    typer.Option(help="The number of architectures to measure, drawn at random with SEED."),
]
Measures = Annotated[
    str | None,
    typer.Option(help="Joined with commas; by default NAS-Bench-Suite-Zero's, zico and flatness."),
]
Nodes = Annotated[
    str | None,
    typer.Option(
        help="Measures whose parts by decision are computed for the encoding nodewise, or none."
    ),
]
Full = Annotated[
    bool, typer.Option("--full", help="Networks and images as large as published, not small ones.")
]
Seed = Annotated[int, typer.Option(help="Of weights, images and the sample.")]
Device = Annotated[str, typer.Option(help="Where networks are measured, such as cuda.")]
Workers = Annotated[int, typer.Option(help="The number of processes.")]
Output = Annotated[
    Path, typer.Option(metavar="FOLDER", help="For a file of scores per space, SPACE.parquet.")
]
ObjectiveColumn = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="The benchmark's column to correlate scores with."),
]


@dataclass(frozen=True)
class _Settings:
    """How architectures are measured."""

    measures: Sequence[str]
    nodes: Sequence[str]
    full: bool
    seed: int
    device: str
    workers: int


@dataclass(frozen=True, eq=False)
class _Job:
    """Architectures to measure, ``n x d``, with the values of an objective (``n``) where there is one."""

    space: "SearchSpace"
    X: "Tensor"
    path: Path
    sampled: bool
    objective: str | None = None
    values: "Tensor | None" = None


@dataclass(frozen=True, eq=False)
class _Measured:
    job: _Job
    summary: "ProxySummary"
    seconds: float


@proxies.command(cls=CatalogCommand)
def compute(
    bench: BenchmarkName = None,
    table: TableFile = None,
    space: SpaceName = None,
    arch_column: ArchColumn = "arch_str",
    where: Where = None,
    spaces: Spaces = None,
    sample: Sample = None,
    measures: Measures = None,
    nodes: Nodes = None,
    full: Full = False,
    seed: Seed = 0,
    device: Device = "cpu",
    workers: Workers = 1,
    output: Output = Path(),
    objective: ObjectiveColumn = None,
    minimize: Minimize = False,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Measure untrained networks of a benchmark or of whole spaces.

    Scores go to a file per space as they come. Scores that are there already are not measured again, so the same
    command goes on after an interruption.
    """
    check_repeats(1, seed)
    check_files(json_file, plot)
    _check_device(device)
    settings = _settings(measures, nodes, full, seed, device, workers)
    if spaces is not None:
        if bench or table or space or where or objective or minimize:
            raise UsageError(
                "--spaces goes without a benchmark and its options; give the one or the other"
            )
        jobs = _of_spaces(names_of(spaces, "--spaces"), sample, seed, output)
    elif bench is None and table is None:
        raise UsageError(
            "give an embedded benchmark (see 'archbo benchmarks'), --table FILE --space NAME, "
            "or --spaces NAMES"
        )
    else:
        benchmark = TableOptions(bench, table, space, arch_column, where).load()
        jobs = [_of_benchmark(benchmark, objective, minimize, sample, seed, output)]
    # Nothing is measured yet, but what is wrong with a later space is known before the first takes hours.
    for job in jobs:
        _score(job, job.X[:0], settings)
    _make_folder(output)
    found = _measure(jobs, settings)
    if json_file:
        write_json(json_file, {"spaces": [_entry(measured) for measured in found]})
    for measured in found:
        _print(measured)
    if plot:
        _draw(found, plot)


def remedy(error: NoProxiesError) -> str:
    """The error of missing proxies, with what to do about it on the command line."""
    file = (
        "name a file of their scores with --proxies FILE, which 'archbo proxies compute' makes of the benchmark"
        if error.computable
        else f"name a file of their scores with --proxies FILE (archbo has no networks of {error.space})"
    )
    return (
        f"archbo has no proxies of {error.space}; name columns of the table that hold some, such as "
        f"--proxies 'c10_zc_*', or {file}"
    )


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it is built with CUDA
        reason = str(error).splitlines()[0]
        raise UsageError(f"--device {device} cannot be used: {reason}") from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make the folder {folder}: {error.strerror}; give another --output"
        ) from error


# What is measured, and how.


def _settings(
    measures: str | None, nodes: str | None, full: bool, seed: int, device: str, workers: int
) -> _Settings:
    from archbo.proxies import DEFAULT_MEASURES, NODEWISE

    names = names_of(measures, "--measures") if measures is not None else DEFAULT_MEASURES
    parts = names_of(nodes, "--nodes") if nodes is not None else NODEWISE
    return _Settings(names, [] if parts == ["none"] else parts, full, seed, device, workers)


def _of_benchmark(
    benchmark: "Benchmark",
    objective: str | None,
    minimize: bool,
    sample: int | None,
    seed: int,
    folder: Path,
) -> _Job:
    """The architectures of a benchmark, as they are."""
    import torch

    from archbo.proxies.measures.sampling import draw

    n = len(benchmark)
    which = torch.arange(n)
    if sample is not None:
        with about("--sample"):
            which = draw(n, sample, name=benchmark.name, seed=seed)
    X, path = benchmark.X[which], folder / f"{benchmark.space.name}.parquet"
    if objective is None and benchmark.default_objective is None:
        if minimize:
            raise UsageError("--minimize needs --objective; name the column to minimise")
        return _Job(benchmark.space, X, path, len(X) < n)
    tabular = Wanted(objective, minimize=minimize).on(benchmark)
    if tabular.goal.n_objectives > 1:
        raise UsageError(f"--objective is one column to correlate with; got {objective!r}")
    first = tabular.goal.objectives[0]
    label = f"{first.metric} (minimised)" if first.minimize else first.metric
    return _Job(benchmark.space, X, path, len(X) < n, label, tabular.gains[which, 0])


def _of_spaces(names: Sequence[str], sample: int | None, seed: int, folder: Path) -> list[_Job]:
    from archbo import catalog
    from archbo.proxies.measures.sampling import distinct_architectures

    jobs = []
    for space in [catalog.space(name) for name in names]:
        with about("--sample"):
            X = distinct_architectures(space, sample, seed=seed)
        path = folder / f"{space.name}.parquet"
        jobs.append(_Job(space, X, path, sample is not None))
    return jobs


def _score(
    job: _Job, X: "Tensor", settings: _Settings, progress: Callable[[int, int], None] | None = None
) -> "pd.DataFrame":
    from archbo.proxies import score, setup

    made = setup(job.space, full=settings.full, seed=settings.seed)
    return score(
        job.space,
        X,
        made.inputs,
        made.targets,
        settings.measures,
        nodes=settings.nodes,
        skeleton=made.skeleton,
        seed=settings.seed,
        device=settings.device,
        workers=settings.workers,
        path=job.path,
        progress=progress,
    )


def _measure(jobs: Sequence[_Job], settings: _Settings) -> list[_Measured]:
    import torch

    from archbo.comparison import summarize_proxies

    if not settings.full:
        torch.set_num_threads(1)  # a second one costs more than it gives in small networks
    found = []
    try:
        with progress_bar() as progress:
            for job in jobs:
                task = progress.add_task(job.space.name, total=len(job.X), note="")
                started = time.perf_counter()
                frame = _score(job, job.X, settings, _shown(progress, task))
                progress.update(task, completed=len(job.X))
                seconds = time.perf_counter() - started
                summary = summarize_proxies(frame, settings.measures, job.values)
                found.append(_Measured(job, summary, seconds))
    except KeyboardInterrupt:
        kept = (
            f"stopped; {job.path} keeps what is measured, and the same command goes on from there"
        )
        err.print(kept, markup=False, soft_wrap=True)
        raise typer.Abort from None
    return found


def _shown(progress: Progress, task: TaskID) -> Callable[[int, int], None]:
    """A callback that shows the number of architectures of a space that are measured."""

    def show(done: int, total: int) -> None:
        if progress.tasks[task].completed:
            progress.update(task, completed=done)
        else:
            # Scores of an earlier run do not count for the speed.
            progress.reset(task, completed=done)

    return show


# What is found.


def _entry(measured: _Measured) -> dict[str, object]:
    """The entry of a space in ``--json``."""
    return {
        "space": measured.job.space.name,
        "architectures": len(measured.job.X),
        "seconds": measured.seconds,
        **measured.summary.to_dict(),
    }


def _print(measured: _Measured) -> None:
    job, label = measured.job, measured.job.objective
    out.print(
        f"{job.space.name}: {len(job.X):,} architectures in {measured.seconds:.1f} s", markup=False
    )
    table = Table("measure", box=None, pad_edge=False, caption_justify="left")
    for heading in ("failed", "min", "median", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    if label:
        table.add_column(f"rho, {label}", justify="right")
        table.caption = "rho: Spearman's rank correlation; failures rank below all else"
    for measure in measured.summary.measures:
        numbers = (measure.low, measure.median, measure.high)
        table.add_row(
            measure.name,
            str(measure.failed),
            *("-" if value is None else f"{value:.4g}" for value in numbers),
            *([] if measure.objective is None else [f"{measure.objective:.3f}"]),
        )
    out.print(table)
    out.print(f"scores: {job.path}", markup=False, soft_wrap=True)
    use = (
        "scores of a sample; for --proxies measure a whole benchmark, without --sample"
        if job.sampled
        else f"use them: compare --proxies {job.path} --encodings default+zero-cost, "
        f"or search --proxies {job.path} --encoding default+zero-cost"
    )
    out.print(use, markup=False, soft_wrap=True)


def _draw(found: Sequence[_Measured], plot: Path) -> None:
    from archbo.comparison import plot_correlations, save_figure

    matrices = {
        f"{measured.job.space.name}, n={len(measured.job.X):,}": measured.summary.matrix
        for measured in found
    }
    first = found[0]
    label = [] if first.job.objective is None else [first.job.objective]
    names = [measure.name for measure in first.summary.measures]
    save_figure(plot_correlations(matrices, [*label, *names]), plot)
    out.print(f"picture: {plot}", markup=False)
