"""``archbo search`` for several objectives, or under constraints."""

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress, TaskID
from rich.table import Table

from archbo.cli.common import milestones, names_of, out, progress_bar, write_json
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark, Constraint, Objectives
    from archbo.bo_loop import History, Searcher
    from archbo.comparison import ParetoTrial
    from archbo.proxies import ProxyTable

__all__ = ["ParetoRun", "objectives_of", "pareto_search"]


@dataclass(frozen=True)
class ParetoRun:
    """What the options of ``archbo search`` say.

    Attributes:
        predictor: One name, or one for each objective and constraint joined with commas.
        encoding: What the predictors see.
        acquisition: How architectures are picked.
        baseline: Methods to compare with, joined with commas, or none.
        queries: Architectures to evaluate per repeat.
        repeats: Searches of each method.
        seed: The first seed.
        json_file: Where the results go.
        plot: Where the picture goes.
    """

    predictor: str
    encoding: str | None
    acquisition: str | None
    baseline: str
    queries: int
    repeats: int
    seed: int
    json_file: Path | None
    plot: Path | None


def objectives_of(
    benchmark: "Benchmark", text: str | None, subject_to: Sequence[str], *, minimize: bool
) -> "Objectives":
    """What ``--objective`` and ``--subject-to`` name.

    Args:
        benchmark: Has the columns.
        text: Columns joined with commas, those with a minus in front to be minimised; the benchmark's
            default column unless given.
        subject_to: Bounds, such as ``latency<=5``.
        minimize: Minimise the one column.

    Raises:
        UsageError: A name is empty or there twice, a bound is malformed, or ``minimize`` is not clear.
        DataError: There is no such column.
    """
    from archbo.benchmarks import Objectives

    names = names_of(text, "--objective") if text is not None else [None]
    if minimize and (len(names) > 1 or (names[0] or "").startswith("-")):
        raise UsageError(
            f"--minimize is for one column; put a minus in front of each to be minimised in {text!r}"
        )
    parts = []
    for name in names:
        down = name is not None and name.startswith("-") and name not in benchmark.metrics
        column = name[1:].strip() if name is not None and down else name
        parts.append(benchmark.objective(column, minimize=down or minimize))
    bounds = tuple(_constraint(benchmark, bound) for bound in subject_to)
    return Objectives(tuple(parts), bounds)


def _constraint(benchmark: "Benchmark", text: str) -> "Constraint":
    from archbo.benchmarks import Constraint

    column, sign, number = re.fullmatch(r"(.*?)(<=|>=|)([^<>=]*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    try:
        bound = float(number)
    except ValueError:
        bound = float("nan")
    if not (column.strip() and sign and abs(bound) < float("inf")):
        raise UsageError(
            f"--subject-to takes a column and its bound, such as 'latency<=5' or 'accuracy>=90'; got {text!r}"
        )
    return Constraint(benchmark, column.strip(), bound, at_least=sign == ">=")


def pareto_search(goals: "Objectives", options: ParetoRun, proxies: "ProxyTable | None") -> None:
    """Search for the Pareto front, with baselines beside it; print, write and draw what was found.

    Raises:
        ArchboError: A name is unknown, or the methods cannot serve these objectives.
    """
    from archbo import catalog
    from archbo.acquisition import FixedCandidates
    from archbo.comparison import check_budget, run_pareto_trial

    check_budget(options.queries, goals.objectives[0])
    benchmark = goals.benchmark
    candidates = FixedCandidates(benchmark.space, benchmark.X)
    names = [name.strip() for name in options.predictor.split(",")]

    def ours(seed: int) -> "Searcher":
        return catalog.outcome_optimizer(
            benchmark.space,
            goals.outcomes,
            names,
            options.acquisition,
            encoding_names=options.encoding,
            proxies=proxies,
            candidates=candidates,
            reference=goals.reference,
            seed=seed,
        )

    def theirs(name: str) -> "Callable[[int], Searcher]":
        def make(seed: int) -> "Searcher":
            predictors = catalog.outcome_predictors(
                benchmark.space, goals.outcomes, names, options.encoding, proxies
            )
            return catalog.outcome_baseline(
                name,
                benchmark.space,
                goals.outcomes,
                predictors,
                candidates=candidates,
                seed=seed,
            )

        return make

    methods: dict[str, Callable[[int], Searcher]] = {"+".join(dict.fromkeys(names)): ours}
    if options.baseline != "none":
        methods.update({name: theirs(name) for name in names_of(options.baseline, "--baseline")})
    # Each is made once before any runs, so that a wrong name costs no time.
    for make in methods.values():
        make(options.seed)
    trials: dict[str, list[ParetoTrial]] = {method: [] for method in methods}
    with progress_bar() as progress:
        for method, make in methods.items():
            task = progress.add_task(method, total=options.repeats * options.queries, note="")
            for repeat in range(options.repeats):
                advance = _advance(progress, task, repeat * options.queries)
                searcher = make(options.seed + repeat)
                trials[method].append(
                    run_pareto_trial(method, searcher, goals, options.queries, callback=advance)
                )
    _print(goals, trials, options.queries)
    if options.json_file:
        write_json(options.json_file, _to_dict(goals, trials))
    if options.plot:
        from archbo.comparison import plot_pareto, save_figure

        save_figure(plot_pareto(trials, goals, title=benchmark.name), options.plot)
        out.print(f"picture: {options.plot}", markup=False)


def _to_dict(goals: "Objectives", trials: "dict[str, list[ParetoTrial]]") -> dict[str, object]:
    return {
        "benchmark": goals.benchmark.name,
        "objectives": [
            {"column": part.column, "minimize": part.minimize} for part in goals.objectives
        ],
        "constraints": [
            {
                "column": part.column,
                "bound": part.bound,
                "kind": "at least" if part.at_least else "at most",
            }
            for part in goals.constraints
        ],
        "reference": (goals.reference * goals.signs).tolist(),
        "true_hypervolume": goals.best_hypervolume,
        "runs": [trial.to_dict() for runs in trials.values() for trial in runs],
    }


def _print(goals: "Objectives", trials: "dict[str, list[ParetoTrial]]", queries: int) -> None:
    from archbo.comparison import median_share

    what = ", ".join(f"{'-' if part.minimize else ''}{part.column}" for part in goals.objectives)
    bounds = "".join(f", {constraint}" for constraint in goals.constraints)
    out.print(
        f"{goals.benchmark.name}: median share of the table's hypervolume of {what}{bounds}",
        markup=False,
        soft_wrap=True,
    )
    table = Table("queries", *(f"{method} (n={len(runs)})" for method, runs in trials.items()))
    for n in milestones(queries):
        medians = [median_share(runs, goals, n) for runs in trials.values()]
        table.add_row(str(n), *(f"{share:.2%}" for share in medians))
    out.print(table)
    for method, runs in trials.items():
        shares = [trial.queries[-1].hypervolume / goals.best_hypervolume for trial in runs]
        sizes = statistics.median(len(trial.front) for trial in runs)
        seconds = statistics.median(trial.seconds for trial in runs)
        out.print(f"[bold]{method}[/bold]")
        lines = {
            "share": f"{min(shares):.2%} to {max(shares):.2%}",
            "front": f"{sizes:g} architectures, of {len(goals.front)} in the table",
            "time": f"{seconds:.1f} s per search",
        }
        for label, text in lines.items():
            out.print(f"  {label:<5}  {text}", markup=False, soft_wrap=True)


def _advance(progress: Progress, task: TaskID, done: int) -> "Callable[[History], None]":
    """A callback that shows how far one search of several has come."""

    def advance(history: "History") -> None:
        progress.update(task, completed=done + len(history))

    return advance
