"""``archbo compare``."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from archbo.cli.options import (
    ArchColumn,
    BenchmarkName,
    JsonFile,
    Minimize,
    ObjectiveColumn,
    PlotFile,
    Proxies,
    Seed,
    SpaceName,
    TableFile,
    Where,
    about,
    check_files,
    check_repeats,
    names_of,
)
from archbo.cli.request import TableOptions, Wanted
from archbo.cli.terminal import deliver, out, progress_bar
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.benchmarks import Tabular
    from archbo.comparison import Evaluation
    from archbo.predictors import Predictor

Predictors = Annotated[
    str, typer.Option("--predictors", help="Surrogates, joined with commas: {predictors}.")
]
Encodings = Annotated[
    str,
    typer.Option(
        "--encodings",
        help="What each sees, joined with commas; default is its own. {encodings}; joined with '+' they stand side "
        "by side.",
    ),
]
TrainSizes = Annotated[
    str, typer.Option(help="Numbers of architectures to learn from, joined with commas.")
]
Samples = Annotated[
    int, typer.Option("--repeats", help="The number of samples, with seeds SEED, SEED + 1, ...")
]


@dataclass(frozen=True, eq=False)
class _Comparison:
    """What is compared.

    Attributes:
        tabular: The objective on its table.
        predictors: By name and name of the encoding.
        sizes: Numbers of architectures to learn from.
        seeds: Of the samples.
    """

    tabular: "Tabular"
    predictors: "dict[tuple[str, str], Predictor]"
    sizes: Sequence[int]
    seeds: Sequence[int]


def compare(
    bench: BenchmarkName = None,
    table: TableFile = None,
    space: SpaceName = None,
    arch_column: ArchColumn = "arch_str",
    where: Where = None,
    objective: ObjectiveColumn = None,
    minimize: Minimize = False,
    predictors: Predictors = "gp,gbdt",
    encodings: Encodings = "default",
    proxies: Proxies = None,
    train_sizes: TrainSizes = "78,156",
    repeats: Samples = 3,
    seed: Seed = 0,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Fit surrogates to samples of a benchmark and score them on the rest."""
    source = TableOptions(bench, table, space, arch_column, where, proxies)
    check_repeats(repeats, seed)
    check_files(json_file, plot, source.files)
    sizes = [_size(text) for text in names_of(train_sizes, "--train-sizes")]
    wanted = Wanted(objective, minimize=minimize)
    comparison = _comparison(
        source, wanted, predictors, encodings, sizes, range(seed, seed + repeats)
    )
    _deliver(comparison, _evaluate(comparison), json_file, plot)


def _comparison(
    source: TableOptions,
    wanted: Wanted,
    predictors: str,
    encodings: str,
    sizes: Sequence[int],
    seeds: Sequence[int],
) -> _Comparison:
    """What is compared; all is made before any is fitted, so that a wrong name costs no time."""
    import torch

    from archbo import catalog
    from archbo.comparison import check_train_sizes

    # Small matrices: a second thread costs more than it gives, and one makes times comparable.
    torch.set_num_threads(1)
    benchmark = source.load()
    tabular = wanted.on(benchmark)
    if tabular.goal.n_objectives > 1:
        raise UsageError(
            f"compare takes one objective, which predictors learn; got {wanted.objective!r}"
        )
    with about("--train-sizes"):
        check_train_sizes(sizes, tabular)
    scores = source.load_proxies(benchmark)
    with about("--encodings"):
        features = {
            name: None if name == "default" else catalog.encoding(name, benchmark.space, scores)
            for name in names_of(encodings, "--encodings")
        }
    with about("--predictors"):
        made = {
            (name, encoding): catalog.predictor(name, benchmark.space, features[encoding], scores)
            for name in names_of(predictors, "--predictors")
            for encoding in features
        }
    return _Comparison(tabular, made, sizes, seeds)


def _evaluate(comparison: _Comparison) -> "list[Evaluation]":
    from archbo.comparison import evaluate

    evaluations: list[Evaluation] = []
    jobs = list(product(comparison.predictors.items(), comparison.sizes, comparison.seeds))
    with progress_bar() as progress:
        task = progress.add_task("compare", total=len(jobs), note="")
        for ((name, encoding), surrogate), size, seed in jobs:
            progress.update(task, note=f"{name}, {encoding}, {size} architectures, seed {seed}")
            evaluations.append(
                evaluate(name, encoding, surrogate, comparison.tabular, size, seed=seed)
            )
            progress.advance(task)
        progress.update(task, note="")
    return evaluations


def _deliver(
    comparison: _Comparison,
    evaluations: "list[Evaluation]",
    json_file: Path | None,
    plot: Path | None,
) -> None:
    from archbo.comparison import plot_comparison

    benchmark = comparison.tabular.benchmark
    column = comparison.tabular.goal.objectives[0].metric

    def show() -> None:
        out.print(
            f"{benchmark.name}, {column}: mean of {len(comparison.seeds)} samples, scored on all other architectures",
            markup=False,
        )
        out.print(_table(evaluations))

    deliver(
        json_file,
        lambda: {
            "benchmark": benchmark.name,
            "objective": column,
            "results": [evaluation.to_dict() for evaluation in evaluations],
        },
        plot,
        lambda: plot_comparison(evaluations, unit=column, title=benchmark.name),
        show,
    )


def _size(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"--train-sizes takes whole numbers joined with commas; got {text!r}")
    return int(text)


def _table(evaluations: "list[Evaluation]") -> Table:
    """Means over seeds; times are medians."""
    groups: dict[tuple[int, str, str], list[Evaluation]] = {}
    for e in evaluations:
        groups.setdefault((e.train_size, e.predictor, e.encoding), []).append(e)
    several = len({e.encoding for e in evaluations}) > 1
    table = Table(
        "n",
        "predictor",
        *(["encoding"] if several else []),
        box=None,
        pad_edge=False,
        caption="n: architectures learned from; tau: Kendall's; P@10: share of the ten picked that are "
        "among the ten best; NLL: nats; 90 %, top: values within 90 % intervals, of all and of the "
        "better half; fit, predict: seconds, of all others",
        caption_justify="left",
    )
    for heading in ("tau", "P@10", "NLL", "90 %", "top", "fit", "predict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (size, name, encoding), group in sorted(groups.items(), key=lambda item: item[0][0]):
        table.add_row(
            str(size),
            name,
            *([encoding] if several else []),
            f"{statistics.fmean(e.kendall for e in group):.3f}",
            f"{statistics.fmean(e.precision_at_10 for e in group):.2f}",
            f"{statistics.fmean(e.nll for e in group):.2f}",
            f"{statistics.fmean(e.coverage for e in group):.0%}",
            f"{statistics.fmean(e.coverage_of_best for e in group):.0%}",
            f"{statistics.median(e.fit_seconds for e in group):.2f}",
            f"{statistics.median(e.predict_seconds for e in group):.2f}",
        )
    return table
