"""``archbo search``."""

from archbo.cli.options import (
    Acquisition,
    ArchColumn,
    Baseline,
    Batch,
    BenchmarkName,
    CandidateNames,
    Cost,
    EncodingNames,
    Fidelities,
    JsonFile,
    Minimize,
    Objectives,
    PlotFile,
    Predictor,
    Proxies,
    Queries,
    Reference,
    Repeats,
    Report,
    Seed,
    SpaceName,
    SubjectTo,
    TableFile,
    WarmStart,
    Where,
)
from archbo.cli.request import (
    Effort,
    Ours,
    Request,
    TableOptions,
    Wanted,
    baselines,
    bayesian_methods,
    request_of,
)
from archbo.cli.searches import answer


def search(
    bench: BenchmarkName = None,
    table: TableFile = None,
    space: SpaceName = None,
    arch_column: ArchColumn = "arch_str",
    where: Where = None,
    objective: Objectives = None,
    subject_to: SubjectTo = None,
    minimize: Minimize = False,
    fidelities: Fidelities = None,
    reference: Reference = None,
    predictor: Predictor = "gp",
    encoding: EncodingNames = None,
    proxies: Proxies = None,
    acquisition: Acquisition = None,
    candidates: CandidateNames = "exhaustive",
    cost: Cost = None,
    warm_start: WarmStart = None,
    baseline: Baseline = "random",
    queries: Queries = 100,
    repeats: Repeats = 1,
    seed: Seed = 0,
    batch: Batch = 1,
    report: Report = None,
    json_file: JsonFile = None,
    plot: PlotFile = None,
) -> None:
    """Search a benchmark by Bayesian optimization, with baselines beside it."""
    answer(
        _request(
            TableOptions(bench, table, space, arch_column, where, proxies),
            Wanted(objective, subject_to or (), minimize, fidelities, reference),
            Ours(predictor, encoding, acquisition, candidates, cost, warm_start),
            Effort(queries, repeats, seed, batch, report, json_file, plot),
            baseline,
        )
    )


def _request(
    source: TableOptions, wanted: Wanted, ours: Ours, effort: Effort, baseline: str
) -> Request:
    import torch

    from archbo.acquisition import FixedCandidates

    effort.check(source.files)
    # The matrices of a search are small: a second thread costs more than it gives.
    torch.set_num_threads(1)
    benchmark = source.load()
    tabular = wanted.on(benchmark)
    effort.check_on(tabular)
    scores = source.load_proxies(benchmark)
    everything = FixedCandidates(benchmark.space, benchmark.X)
    methods = bayesian_methods(ours, tabular, scores, everything, effort.seed)
    methods += baselines(baseline, tabular, scores, everything, effort.seed)
    return request_of(tabular, methods, effort, ours.cost)
