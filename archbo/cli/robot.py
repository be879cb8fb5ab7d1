"""``archbo robot``."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

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
)
from archbo.cli.runs import show_searches

if TYPE_CHECKING:
    from archbo.bo_loop import Searcher


def robot(
    bench: BenchmarkName = None,
    table: TableFile = None,
    space: SpaceName = None,
    arch_column: ArchColumn = "arch_str",
    where: Where = None,
    queries: Annotated[int, typer.Option(help="Architectures to evaluate per repeat.")] = 20,
    repeats: Annotated[int, typer.Option(help="Searches, with seeds SEED, SEED + 1, ...")] = 1,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    proxies: Proxies = None,
    trust: Annotated[
        float,
        typer.Option(
            help="What the proxies' consensus is worth beyond the objective, in standard deviations; 0 where "
            "the objective is all that is wanted, and no cheap signal of it."
        ),
    ] = 0.9,
    initial: Annotated[
        int, typer.Option(help="Architectures that the proxies choose before the surrogate does.")
    ] = 1,
    acquisition: Annotated[str, typer.Option(help="How architectures are picked.")] = "log_ei",
    baseline: Annotated[
        str,
        typer.Option(help="robot-published, random, evolution, ..., joined with commas; or none."),
    ] = "robot-published",
    objective: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column to maximise.")
    ] = None,
    minimize: Minimize = False,
    report: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="A column to report of what is recommended."),
    ] = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Search by weighted combinations of zero-cost proxies, in a few evaluations of a cheap signal."""
    import torch

    from archbo import catalog
    from archbo.acquisition import FixedCandidates
    from archbo.bo_loop import RoBoT
    from archbo.comparison import check_budget

    check_repeats(repeats, seed)
    check_files(json_file, plot)
    torch.set_num_threads(1)
    benchmark = load_benchmark(bench, table, space, arch_column, where)
    goal = benchmark.objective(objective, minimize=minimize)
    reported = benchmark.objective(report) if report else None
    check_budget(queries, goal)
    scores = load_proxies(benchmark, proxies)
    everything = FixedCandidates(benchmark.space, benchmark.X)

    def ours(seed: int) -> "Searcher":
        return RoBoT(
            benchmark.space,
            scores,
            trust=trust,
            n_initial=initial,
            acquisition=catalog.acquisition(acquisition),
            candidates=everything,
            seed=seed,
        )

    def theirs(name: str, seed: int) -> "Searcher":
        return catalog.baseline(
            name, benchmark.space, proxies=scores, candidates=everything, seed=seed
        )

    methods: dict[str, Callable[[int], Searcher]] = {"robot": ours}
    if baseline != "none":
        methods |= {name: partial(theirs, name) for name in names_of(baseline, "--baseline")}
    for make in methods.values():
        make(seed)
    show_searches(
        benchmark,
        goal,
        methods,
        queries=queries,
        repeats=repeats,
        seed=seed,
        report=reported,
        json_file=json_file,
        plot=plot,
    )
