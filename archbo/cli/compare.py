"""``archbo compare``."""

import statistics
from itertools import product
from typing import TYPE_CHECKING, Annotated

import typer
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
    from archbo.comparison import Evaluation


def compare(
    bench: BenchmarkName = None,
    table: TableFile = None,
    space: SpaceName = None,
    arch_column: ArchColumn = "arch_str",
    where: Where = None,
    predictors: Annotated[str, typer.Option(help="Surrogates, joined with commas.")] = "gp,gbdt",
    encodings: Annotated[
        str, typer.Option(help="What each sees, joined with commas; its own default.")
    ] = "default",
    train_sizes: Annotated[
        str, typer.Option(help="Numbers of architectures to learn from, joined with commas.")
    ] = "78,156",
    repeats: Annotated[int, typer.Option(help="Samples, with seeds SEED, SEED + 1, ...")] = 3,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    objective: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column to predict.")
    ] = None,
    minimize: Minimize = False,
    proxies: Proxies = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Fit surrogates to samples of a benchmark and score them on the rest."""
    import torch

    from archbo import catalog
    from archbo.comparison import check_train_sizes, evaluate, plot_comparison, save_figure

    check_repeats(repeats, seed)
    check_files(json_file, plot)
    sizes = [_size(text) for text in names_of(train_sizes, "--train-sizes")]
    # Small matrices: a second thread costs more than it gives, and one makes times comparable.
    torch.set_num_threads(1)
    benchmark = load_benchmark(bench, table, space, arch_column, where)
    goal = benchmark.objective(objective, minimize=minimize)
    check_train_sizes(sizes, goal)
    scores = load_proxies(benchmark, proxies)
    # All are made before any is fitted, so that a wrong name costs no time.
    features = {
        name: None if name == "default" else catalog.encoding(name, benchmark.space, scores)
        for name in names_of(encodings, "--encodings")
    }
    made = {
        (name, encoding): catalog.predictor(name, benchmark.space, features[encoding], scores)
        for name in names_of(predictors, "--predictors")
        for encoding in features
    }
    evaluations: list[Evaluation] = []
    with progress_bar() as progress:
        task = progress.add_task("compare", total=len(made) * len(sizes) * repeats, note="")
        for (name, encoding), size, s in product(made, sizes, range(seed, seed + repeats)):
            progress.update(task, note=f"{name}, {encoding}, {size} architectures, seed {s}")
            surrogate = made[name, encoding]
            evaluations.append(evaluate(name, encoding, surrogate, goal, size, seed=s))
            progress.advance(task)
        progress.update(task, note="")
    out.print(
        f"{benchmark.name}, {goal.column}: mean of {repeats} samples, "
        "scored on all other architectures",
        markup=False,
    )
    out.print(_table(evaluations))
    if json_file:
        results = [evaluation.to_dict() for evaluation in evaluations]
        write_json(
            json_file,
            {"benchmark": benchmark.name, "objective": goal.column, "results": results},
        )
    if plot:
        figure = plot_comparison(evaluations, unit=goal.column, title=benchmark.name)
        save_figure(figure, plot)
        out.print(f"picture: {plot}", markup=False)


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
