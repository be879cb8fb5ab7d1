"""``archbo proxies``."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.progress import Progress, TaskID

from archbo.cli.options import (
    CatalogCommand,
    Results,
    Seeds,
    about,
    check_timeout,
    command,
    names_of,
    option,
)
from archbo.cli.request import OneColumn, TableOptions
from archbo.cli.terminal import (
    TerminatedError,
    deliver,
    print_numbers,
    progress_bar,
    remark,
    say,
    terminable,
)
from archbo.errors import NoProxiesError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import Tensor

    from archbo.benchmarks import Benchmark
    from archbo.comparison import ProxySummary
    from archbo.spaces import SearchSpace

proxies = typer.Typer(help="Zero-cost proxies: scores of untrained networks.", no_args_is_help=True)


@dataclass(frozen=True)
class _Settings:
    """The options that say what is measured of which architectures, and how."""

    spaces: str | None = option(
        None,
        "Spaces instead of a benchmark, joined with commas: all their distinct architectures.",
        metavar="NAMES",
    )
    sample: int | None = option(
        None, "The number of architectures to measure, drawn at random with SEED."
    )
    measures: str | None = option(
        None, "Joined with commas; by default NAS-Bench-Suite-Zero's, zico and flatness."
    )
    nodes: str | None = option(
        None, "Measures whose parts by decision are computed for the encoding nodewise, or none."
    )
    full: bool = option(
        False, "Networks and images as large as published, not small ones.", "--full"
    )
    seed: int = option(0, "Of weights, images and the sample.")
    device: str = option("cpu", "Where networks are measured, such as cuda.")
    workers: int = option(1, "The number of processes.")
    timeout: float | None = option(
        None, "The most seconds that a network may take.", metavar="SECONDS"
    )
    output: Path = option(
        Path(), "For a file of scores per space, SPACE.parquet.", metavar="FOLDER"
    )

    def check(self) -> None:
        """Raise unless the numbers make sense and the device can be used."""
        import torch

        Seeds(seed=self.seed).check()
        check_timeout(self.timeout)
        try:
            torch.empty(1, device=self.device)
        except (RuntimeError, AssertionError) as error:  # torch asserts that it is built with CUDA
            reason = str(error).splitlines()[0]
            raise UsageError(f"--device {self.device} cannot be used: {reason}") from error

    @property
    def measured(self) -> Sequence[str]:
        """The measures."""
        from archbo.proxies import DEFAULT_MEASURES

        return DEFAULT_MEASURES if self.measures is None else names_of(self.measures, "--measures")

    @property
    def parts(self) -> Sequence[str]:
        """The measures whose parts by decision are computed."""
        from archbo.proxies import NODEWISE

        names = NODEWISE if self.nodes is None else names_of(self.nodes, "--nodes")
        return [] if names == ["none"] else names

    def file(self, space: "SearchSpace") -> Path:
        """For the scores of a space."""
        return self.output / f"{space.name}.parquet"

    def score(
        self, job: "_Job", X: "Tensor", progress: Callable[[int, int], None] | None = None
    ) -> "pd.DataFrame":
        """The scores of rows (``n x d``) of a job."""
        from archbo.proxies import score, setup

        made = setup(job.space, full=self.full, seed=self.seed)
        return score(
            job.space,
            X,
            made.inputs,
            made.targets,
            self.measured,
            nodes=self.parts,
            skeleton=made.skeleton,
            seed=self.seed,
            device=self.device,
            workers=self.workers,
            timeout=self.timeout,
            path=self.file(job.space),
            progress=progress,
        )


@dataclass(frozen=True, eq=False)
class _Job:
    """Architectures to measure, ``n x d``, with the values of an objective (``n``) where there is one."""

    space: "SearchSpace"
    X: "Tensor"
    objective: str | None = None
    values: "Tensor | None" = None


@dataclass(frozen=True, eq=False)
class _Measured:
    job: _Job
    summary: "ProxySummary"
    seconds: float


@proxies.command(cls=CatalogCommand)
@command()
def compute(
    source: TableOptions,
    settings: _Settings,
    wanted: OneColumn,
    results: Results,
) -> None:
    """Measure untrained networks of a benchmark or of whole spaces, and correlate scores with an objective.

    Scores go to a file per space as they come. Scores that are there already are not measured again, so the same
    command goes on after an interruption. A network that crashes, hangs past --timeout or runs out of memory ranks as
    the worst, and the others are measured.
    """
    results.check()
    settings.check()
    if settings.spaces is not None:
        if source != TableOptions() or wanted != OneColumn():
            raise UsageError(
                "--spaces goes without a benchmark and its options; give the one or the other"
            )
        jobs = _of_spaces(names_of(settings.spaces, "--spaces"), settings)
    elif source.bench is None and source.table is None:
        raise UsageError(
            "give an embedded benchmark (see 'archbo benchmarks'), --table FILE --space NAME, "
            "or --spaces NAMES"
        )
    else:
        jobs = [_of_benchmark(source.load(), wanted, settings)]
    # Nothing is measured yet, but what is wrong with a later space is known before the first takes hours.
    for job in jobs:
        settings.score(job, job.X[:0])
    folder = settings.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make the folder {folder}: {error.strerror}; give another --output"
        ) from error
    found = _measure(jobs, settings)

    def show() -> None:
        for measured in found:
            _print(measured, settings)

    content = {"spaces": [_entry(measured) for measured in found]}
    deliver(results, lambda: content, lambda: _figure(found), show)


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


# What is measured, and how.


def _of_benchmark(benchmark: "Benchmark", wanted: OneColumn, settings: _Settings) -> _Job:
    """The architectures of a benchmark, as they are."""
    import torch

    from archbo.proxies.measures.sampling import draw

    which = torch.arange(len(benchmark))
    if settings.sample is not None:
        with about("--sample"):
            which = draw(len(benchmark), settings.sample, name=benchmark.name, seed=settings.seed)
    space, X = benchmark.space, benchmark.X[which]
    if wanted.objective is None and benchmark.default_objective is None:
        if wanted.minimize:
            raise UsageError("--minimize needs --objective; name the column to minimise")
        return _Job(space, X)
    tabular = wanted.on(benchmark)
    if tabular.goal.n_objectives > 1:
        raise UsageError(f"--objective is one column to correlate with; got {wanted.objective!r}")
    first = tabular.goal.objectives[0]
    label = f"{first.metric} (minimised)" if first.minimize else first.metric
    return _Job(space, X, label, tabular.gains[which, 0])


def _of_spaces(names: Sequence[str], settings: _Settings) -> list[_Job]:
    from archbo import catalog
    from archbo.proxies.measures.sampling import distinct_architectures

    spaces = [catalog.space(name) for name in names]
    with about("--sample"):
        return [
            _Job(space, distinct_architectures(space, settings.sample, seed=settings.seed))
            for space in spaces
        ]


def _measure(jobs: Sequence[_Job], settings: _Settings) -> list[_Measured]:
    import torch

    from archbo.comparison import summarize_proxies

    if not settings.full:
        torch.set_num_threads(1)  # a second one costs more than it gives in small networks
    found = []
    try:
        with progress_bar() as progress, terminable():
            for job in jobs:
                task = progress.add_task(job.space.name, total=len(job.X), note="")
                started = time.perf_counter()
                frame = settings.score(job, job.X, _shown(progress, task))
                progress.update(task, completed=len(job.X))
                seconds = time.perf_counter() - started
                summary = summarize_proxies(frame, settings.measured, job.values)
                found.append(_Measured(job, summary, seconds))
    except (KeyboardInterrupt, TerminatedError) as stop:
        remark(
            f"stopped; {settings.file(job.space)} keeps what is measured, and the same command goes on from there"
        )
        if isinstance(stop, TerminatedError):
            raise
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


def _print(measured: _Measured, settings: _Settings) -> None:
    job, label, file = measured.job, measured.job.objective, settings.file(measured.job.space)
    say(f"{job.space.name}: {len(job.X):,} architectures in {measured.seconds:.1f} s")
    numbers = measured.summary.measures.rename(columns={"objective": f"rho, {label}"})
    formats = ("d", ".4g", ".4g", ".4g", ".3f")
    if label:
        note = "rho: Spearman's rank correlation; failures rank below all else"
        print_numbers(numbers, formats, note)
    else:
        print_numbers(numbers.iloc[:, :-1], formats)
    say(f"scores: {file}")
    use = (
        "scores of a sample; for --proxies measure a whole benchmark, without --sample"
        if settings.sample is not None
        else f"use them: compare --proxies {file} --encodings default+zero-cost, "
        f"or search --proxies {file} --encoding default+zero-cost"
    )
    say(use)


def _figure(found: Sequence[_Measured]) -> "Figure":
    from archbo.comparison import plot_correlations

    matrices = {
        f"{measured.job.space.name}, n={len(measured.job.X):,}": measured.summary.correlations.to_numpy()
        for measured in found
    }
    first = found[0]
    names = first.summary.correlations.rename({"objective": str(first.job.objective)}).index
    return plot_correlations(matrices, list(names))
