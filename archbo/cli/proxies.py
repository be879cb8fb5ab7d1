"""``archbo proxies``."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    SpaceName,
    TableFile,
    Where,
    check_files,
    check_repeats,
    err,
    load_benchmark,
    names_of,
    out,
    progress_bar,
    write_json,
)
from archbo.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from archbo.benchmarks import Benchmark, Objective
    from archbo.spaces import SearchSpace

proxies = typer.Typer(help="Zero-cost proxies: scores of untrained networks.", no_args_is_help=True)

WHOLE = 50_000
"""The most architectures of a space that are measured without being asked for by number."""


@dataclass(frozen=True)
class _Job:
    """Architectures to measure, ``n x d``, with the values of an objective (``n``) where there is one."""

    space: "SearchSpace"
    X: "Tensor"
    path: Path
    objective: str | None = None
    values: "Tensor | None" = None


@dataclass(frozen=True)
class _Measured:
    job: _Job
    frame: "pd.DataFrame"
    seconds: float


@proxies.command()
def compute(
    bench: BenchmarkName = None,
    table: TableFile = None,
    space: SpaceName = None,
    arch_column: ArchColumn = "arch_str",
    where: Where = None,
    spaces: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Spaces instead of a benchmark, joined with commas: all their distinct architectures.",
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Measure only so many, drawn at random with SEED.")
    ] = None,
    measures: Annotated[
        str | None,
        typer.Option(help="Joined with commas; those of NAS-Bench-Suite-Zero, zico, flatness."),
    ] = None,
    nodes: Annotated[
        str | None,
        typer.Option(
            help="Measures whose parts by decision are wanted for the encoding nodewise, or none."
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Networks and images as large as published, not small ones."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of weights, images and the sample.")] = 0,
    device: Annotated[str, typer.Option(help="Where networks are measured, such as cuda.")] = "cpu",
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="For a file of scores per space, SPACE.parquet.")
    ] = Path(),
    objective: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The benchmark's column to correlate scores with."),
    ] = None,
    minimize: Minimize = False,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Measure untrained networks of a benchmark or of whole spaces.

    Scores go to a file per space as they come. What is there already is not measured again, so the same command
    goes on after an interruption.
    """
    import torch

    from archbo.comparison import plot_correlations, save_figure
    from archbo.proxies import DEFAULT_MEASURES, NODEWISE, score, setup

    check_repeats(1, seed)
    check_files(json_file, plot)
    _check_device(device)
    names = names_of(measures, "--measures") if measures is not None else [*DEFAULT_MEASURES]
    parts = names_of(nodes, "--nodes") if nodes is not None else [*NODEWISE]
    if spaces is None:
        if bench is None and table is None:
            raise UsageError(
                "give an embedded benchmark (see 'archbo benchmarks'), --table FILE --space NAME, "
                "or --spaces NAMES"
            )
        benchmark = load_benchmark(bench, table, space, arch_column, where)
        goal = _goal(benchmark, objective, minimize)
        jobs = [_of_benchmark(benchmark, goal, sample, seed, output)]
    else:
        if bench or table or space or where or objective or minimize:
            raise UsageError(
                "--spaces goes without a benchmark and its options; give the one or the other"
            )
        jobs = _of_spaces(names_of(spaces, "--spaces"), sample, seed, output)

    def measure(
        job: _Job, X: "Tensor", progress: Callable[[int, int], None] | None = None
    ) -> "pd.DataFrame":
        made = setup(job.space, full=full, seed=seed)
        return score(
            job.space,
            X,
            made.inputs,
            made.targets,
            names,
            nodes=[] if parts == ["none"] else parts,
            skeleton=made.skeleton,
            seed=seed,
            device=device,
            workers=workers,
            path=job.path,
            progress=progress,
        )

    # Nothing is measured yet, but what is wrong with a later space is known before the first takes hours.
    for job in jobs:
        measure(job, job.X[:0])
    _make_folder(output)
    if not full:
        torch.set_num_threads(1)  # a second one costs more than it gives in small networks
    found = []
    try:
        with progress_bar() as progress:
            for job in jobs:
                task = progress.add_task(job.space.name, total=len(job.X), note="")
                started = time.perf_counter()
                frame = measure(job, job.X, _shown(progress, task))
                progress.update(task, completed=len(job.X))
                found.append(_Measured(job, frame, time.perf_counter() - started))
    except KeyboardInterrupt:
        kept = (
            f"stopped; {job.path} keeps what is measured, and the same command goes on from there"
        )
        err.print(kept, markup=False, soft_wrap=True)
        raise typer.Abort from None
    matrices: dict[str, NDArray[np.float64]] = {}
    entries = []
    for measured in found:
        matrix = _correlations(measured, names)
        matrices[f"{measured.job.space.name}, n={len(measured.frame):,}"] = matrix
        _print_scores(measured, names, matrix)
        entries.append(_entry(measured, names, matrix))
    if json_file:
        write_json(json_file, {"spaces": entries})
    if plot:
        label = jobs[0].objective
        save_figure(plot_correlations(matrices, [label, *names] if label else names), plot)
        out.print(f"picture: {plot}", markup=False)


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


# What is measured.


def _goal(benchmark: "Benchmark", column: str | None, minimize: bool) -> "Objective | None":
    if column is None and benchmark.default_objective is None:
        if minimize:
            raise UsageError("--minimize needs --objective; name the column to minimise")
        return None
    return benchmark.objective(column, minimize=minimize)


def _of_benchmark(
    benchmark: "Benchmark", goal: "Objective | None", sample: int | None, seed: int, folder: Path
) -> _Job:
    """The architectures of a benchmark as it has them."""
    import torch

    which = torch.arange(len(benchmark))
    if sample is not None:
        which = _draw(len(benchmark), sample, benchmark.name, seed)
    X, path = benchmark.X[which], folder / f"{benchmark.space.name}.parquet"
    if goal is None:
        return _Job(benchmark.space, X, path)
    label = f"{goal.column} (minimised)" if goal.minimize else goal.column
    return _Job(benchmark.space, X, path, label, goal.Y.flatten()[which])


def _of_spaces(names: Sequence[str], sample: int | None, seed: int, folder: Path) -> list[_Job]:
    from archbo import catalog

    spaces = [catalog.space(name) for name in names]
    return [
        _Job(space, _distinct(space, sample, seed), folder / f"{space.name}.parquet")
        for space in spaces
    ]


def _distinct(space: "SearchSpace", sample: int | None, seed: int) -> "Tensor":
    """Canonical rows of a space, each once: all of them, or a sample."""
    import torch

    if space.is_enumerable:
        X = space.distinct(space.canonical(space.enumerate()))
        if sample is not None:
            return X[_draw(len(X), sample, space.name, seed)]
        if len(X) <= WHOLE:
            return X
    if sample is None:
        raise UsageError(
            f"{space.name} has more than {WHOLE:,} architectures; give --sample, how many to measure"
        )
    if sample < 1:
        raise UsageError(f"--sample must be at least 1; got {sample}")
    generator = torch.Generator().manual_seed(seed)
    X = torch.empty(0, space.n_columns, dtype=torch.double)
    while len(X) < sample:
        # As many at a time whatever the sample, so that a larger one holds a smaller one.
        drawn = space.canonical(space.sample(1000, generator=generator))
        known, X = len(X), space.distinct(torch.cat([X, drawn]))
        if len(X) == known:
            raise UsageError(
                f"--sample is {sample:,}, but {space.name} hardly has more than {known:,} architectures"
            )
    return X[:sample]


def _draw(n: int, sample: int, name: str, seed: int) -> "Tensor":
    import torch

    if not 1 <= sample <= n:
        raise UsageError(
            f"--sample must be between 1 and {n:,}, the number of architectures of {name}; got {sample}"
        )
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:sample]


def _shown(progress: Progress, task: TaskID) -> Callable[[int, int], None]:
    """What shows how far the scores of a space are."""

    def show(done: int, total: int) -> None:
        if progress.tasks[task].completed:
            progress.update(task, completed=done)
        else:
            # Scores of an earlier run are no part of the speed.
            progress.reset(task, completed=done)

    return show


# What is found.


def _correlations(measured: _Measured, names: Sequence[str]) -> "NDArray[np.float64]":
    """Between the objective, where there is one, and the measures, each in the direction that is better."""
    import numpy as np
    import torch

    from archbo.comparison import spearman
    from archbo.proxies import MEASURES, ranks

    scores = {name: torch.from_numpy(measured.frame[name].to_numpy(copy=True)) for name in names}
    ranked = [
        ranks(values, higher_is_better=MEASURES[name].higher_is_better).numpy()
        for name, values in scores.items()
    ]
    if measured.job.values is not None:
        ranked.insert(0, ranks(measured.job.values).numpy())
    return np.array([[spearman(a, b) for b in ranked] for a in ranked])


def _print_scores(measured: _Measured, names: Sequence[str], matrix: "NDArray[np.float64]") -> None:
    frame, path, label = measured.frame, measured.job.path, measured.job.objective
    out.print(
        f"{measured.job.space.name}: {len(frame):,} architectures in {measured.seconds:.1f} s",
        markup=False,
    )
    table = Table("measure", box=None, pad_edge=False, caption_justify="left")
    for heading in ("failed", "min", "median", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    if label:
        table.add_column(f"rho, {label}", justify="right")
        table.caption = "rho: Spearman's rank correlation; failures rank below all else"
    for number, name in enumerate(names):
        good = _finite(frame, name)
        low, middle, high = good.min(), good.median(), good.max()
        table.add_row(
            name,
            str(len(frame) - len(good)),
            *(f"{value:.4g}" if len(good) else "-" for value in (low, middle, high)),
            *([f"{matrix[0, 1 + number]:.3f}"] if label else []),
        )
    out.print(table)
    out.print(f"scores: {path}", markup=False, soft_wrap=True)
    out.print(
        f"use them: --proxies {path} --encodings default+zero-cost", markup=False, soft_wrap=True
    )


def _entry(
    measured: _Measured, names: Sequence[str], matrix: "NDArray[np.float64]"
) -> dict[str, object]:
    """What ``--json`` tells of a space; the median of no numbers is null."""
    first = len(matrix) - len(names)  # the objective comes before the measures
    rhos = matrix[0, first:].tolist() if first else [None] * len(names)
    found: dict[str, object] = {}
    for name, rho in zip(names, rhos, strict=True):
        good = _finite(measured.frame, name)
        median = float(good.median()) if len(good) else None
        failed = len(measured.frame) - len(good)
        found[name] = {"failed": failed, "median": median, "objective": rho}
    return {
        "space": measured.job.space.name,
        "architectures": len(measured.frame),
        "seconds": measured.seconds,
        "measures": found,
        "correlations": matrix[first:, first:].tolist(),
    }


def _finite(frame: "pd.DataFrame", name: str) -> "pd.Series[float]":
    column = frame[name]
    return column[column.map(math.isfinite)]
