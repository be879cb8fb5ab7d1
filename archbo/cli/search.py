"""``archbo search``."""

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
from archbo.cli.pareto import ParetoRun, objectives_of, pareto_search
from archbo.cli.runs import show_searches
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.acquisition import Candidates
    from archbo.bo_loop import Searcher
    from archbo.encodings import Encoding


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
    acquisition: Annotated[
        str | None,
        typer.Option(
            help="How architectures are picked: log_ei unless given, or with several objectives qlog_nehvi."
        ),
    ] = None,
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
        typer.Option(
            help="random, evolution, bananas, ..., with several objectives random, nsga2, guided-evolution, "
            "joined with commas; or none."
        ),
    ] = "random",
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN[,-COLUMN...]",
            help="The column to maximise, or several joined with commas; a minus in front minimises.",
        ),
    ] = None,
    subject_to: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN<=X", help="A bound on a column, <= or >=; may be repeated."),
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
    from archbo.comparison import check_budget
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
    wanted = [*costs][-1] if costs else objective
    goals = objectives_of(benchmark, wanted, subject_to or (), minimize=minimize)
    if goals.outcomes.total > 1:
        _check_one_objective(
            {
                "--report": report,
                "--cost": cost,
                "--fidelities": fidelities,
                "--warm-start": warm_start,
                "--candidates": candidates if candidates != "exhaustive" else None,
            }
        )
        run = ParetoRun(
            predictor, encoding, acquisition, baseline, queries, repeats, seed, json_file, plot
        )
        pareto_search(goals, run, load_proxies(benchmark, proxies))
        return
    goal = goals.objectives[0]
    minimize = goal.minimize
    reported = benchmark.objective(report) if report else None
    check_budget(queries, goal)
    scores = load_proxies(benchmark, proxies)
    spent = benchmark.objective(cost) if cost else None
    prices = KnownCost(benchmark.space, benchmark.X, spent.Y) if spent else None
    everything = FixedCandidates(benchmark.space, benchmark.X)

    def pool() -> "Candidates":
        return catalog.candidates(candidates, benchmark.space, everything)

    def features() -> "Encoding | None":
        return catalog.encoding(encoding, benchmark.space, scores) if encoding else None

    def ours(seed: int) -> "Searcher":
        return catalog.optimizer(
            benchmark.space,
            predictor,
            acquisition or "log_ei",
            encoding_names=encoding,
            proxies=scores,
            candidates=pool(),
            cost=prices,
            seed=seed,
        )

    def theirs(name: str, seed: int) -> "Searcher":
        return catalog.baseline(
            name, benchmark.space, proxies=scores, candidates=everything, seed=seed
        )

    def warmed(seed: int) -> "Searcher":
        assert warm_start is not None
        source = fidelity.observed_before(benchmark, warm_start, minimize, seed)
        rule = catalog.acquisition(acquisition or "log_ei", prices)
        return warm(
            benchmark.space,
            [source],
            rule,
            encoding=features(),
            candidates=pool(),
            seed=seed,
        )

    def several(seed: int) -> MultiFidelityOptimizer:
        return MultiFidelityOptimizer(
            benchmark.space,
            costs,
            MultiTaskGP(benchmark.space, features()),
            catalog.acquisition(acquisition) if acquisition else None,
            candidates=pool(),
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
    show_searches(
        benchmark,
        goal,
        methods,
        queries=queries,
        repeats=repeats,
        seed=seed,
        report=reported,
        spent=spent,
        json_file=json_file,
        plot=plot,
    )


def _check_one_objective(options: dict[str, str | None]) -> None:
    """Raise if an option is given that goes with one objective without constraints only."""
    for option, given in options.items():
        if given is not None:
            raise UsageError(
                f"{option} {given} goes with one objective and no --subject-to; leave it out"
            )
