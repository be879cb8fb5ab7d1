"""``archbo robot``."""

from typing import TYPE_CHECKING, Annotated

import typer

from archbo.cli.options import (
    ArchColumn,
    Baseline,
    BenchmarkName,
    JsonFile,
    Minimize,
    ObjectiveColumn,
    PlotFile,
    Proxies,
    Queries,
    Repeats,
    Report,
    Seed,
    SpaceName,
    TableFile,
    Where,
)
from archbo.cli.request import Effort, Method, Request, TableOptions, Wanted, baselines, request_of
from archbo.cli.searches import answer

if TYPE_CHECKING:
    from archbo.bo_loop import Strategy

Trust = Annotated[
    float,
    typer.Option(
        help="What the proxies' consensus is worth beyond the objective, in standard deviations; 0 where "
        "the objective is all that is wanted, and no cheap signal of it."
    ),
]
Initial = Annotated[
    int,
    typer.Option(
        help="The number of architectures that the proxies choose before the surrogate does."
    ),
]
RobotAcquisition = Annotated[
    str, typer.Option("--acquisition", help="How architectures are picked: {acquisitions}.")
]


def robot(
    bench: BenchmarkName = None,
    table: TableFile = None,
    space: SpaceName = None,
    arch_column: ArchColumn = "arch_str",
    where: Where = None,
    objective: ObjectiveColumn = None,
    minimize: Minimize = False,
    proxies: Proxies = None,
    trust: Trust = 0.9,
    initial: Initial = 1,
    acquisition: RobotAcquisition = "log_ei",
    baseline: Baseline = "robot-published",
    queries: Queries = 20,
    repeats: Repeats = 1,
    seed: Seed = 0,
    report: Report = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Search by weighted combinations of zero-cost proxies, in a few evaluations of a cheap signal."""
    answer(
        _request(
            TableOptions(bench, table, space, arch_column, where, proxies),
            Wanted(objective, minimize=minimize),
            Effort(queries, repeats, seed, 1, report, json_file, plot),
            (trust, initial, acquisition),
            baseline,
        )
    )


def _request(
    source: TableOptions,
    wanted: Wanted,
    effort: Effort,
    settings: tuple[float, int, str],
    baseline: str,
) -> Request:
    import torch

    from archbo import catalog
    from archbo.acquisition import FixedCandidates
    from archbo.bo_loop import RoBoT

    effort.check(source.files)
    torch.set_num_threads(1)
    benchmark = source.load()
    tabular = wanted.on(benchmark)
    effort.check_on(tabular)
    scores = source.load_proxies(benchmark)
    everything = FixedCandidates(benchmark.space, benchmark.X)
    trust, initial, acquisition = settings

    def ours(seed: int) -> "Strategy":
        return RoBoT(
            benchmark.space,
            tabular.goal,
            proxies=scores,
            trust=trust,
            n_initial=initial,
            acquisition=catalog.acquisition(acquisition),
            candidates=everything,
            seed=seed,
        )

    methods = [Method("robot", tabular, ours, ours(effort.seed))]
    methods += baselines(baseline, tabular, scores, everything, effort.seed)
    return request_of(tabular, methods, effort)
