"""``archbo search`` with several fidelities, and from another column's observations."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from archbo.cli.common import out, progress_bar, write_json
from archbo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from archbo.benchmarks import Benchmark, Objective
    from archbo.bo_loop import FidelityHistory, MultiFidelityOptimizer, Searcher
    from archbo.comparison import FidelityTrial

SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)


def parse_fidelities(text: str) -> dict[str, float]:
    """Columns with the cost of their trainings, from ``COLUMN=COST,COLUMN=COST``.

    Raises:
        UsageError: It is not that.
    """
    costs: dict[str, float] = {}
    for part in text.split(","):
        column, _, cost = part.strip().partition("=")
        try:
            number = float(cost)
        except ValueError:
            number = float("nan")
        if not column or column in costs or not 0 < number < float("inf"):
            raise UsageError(
                f"--fidelities takes each column once with the cost of a training, such as "
                f"'val_12=12,val_200=200'; got {part.strip()!r} in {text!r}"
            )
        costs[column] = number
    if len(costs) < 2 or list(costs.values()) != sorted(set(costs.values())):
        raise UsageError(
            f"--fidelities takes at least two columns, from the cheapest to the target; got {text!r}"
        )
    return costs


def observed_before(benchmark: "Benchmark", text: str, minimize: bool, seed: int) -> "Source":
    """Random architectures with their values in another column, from ``COLUMN`` or ``COLUMN:N``.

    Raises:
        UsageError: ``N`` is not between 2 and the number of architectures.
        DataError: There is no such column.
    """
    import torch

    column, colon, number = text.partition(":")
    n = int(number) if number.isdecimal() else 0 if colon else 50
    source = benchmark.objective(column, minimize=minimize)
    if not 2 <= n <= len(benchmark):
        raise UsageError(
            f"--warm-start takes COLUMN:N with N between 2 and {len(benchmark):,}; got {text!r}"
        )
    draw = torch.randperm(len(benchmark), generator=torch.Generator().manual_seed(seed))[:n]
    X = benchmark.X[draw]
    return X, [source(arch) for arch in benchmark.space.archs(X)]


Source = tuple["Tensor", Sequence[float]]


def check_predictor(predictor: str, option: str) -> None:
    """Raise unless the predictor is one that can learn from other columns.

    Raises:
        UsageError: It is not.
    """
    if predictor not in ("gp", "multi-task-gp"):
        raise UsageError(
            f"{option} learns from several columns with multi-task-gp; leave out --predictor {predictor}"
        )


def search_fidelities(
    benchmark: "Benchmark",
    objectives: "Mapping[str, Objective]",
    costs: Mapping[str, float],
    ours: "Callable[[int], MultiFidelityOptimizer]",
    theirs: "Mapping[str, Callable[[int], Searcher]]",
    *,
    queries: int,
    repeats: int,
    seed: int,
    report: "Objective | None",
    json_file: Path | None,
    plot: Path | None,
) -> None:
    """Search with several fidelities, beside methods that train in full, for what ``queries`` full trainings cost."""
    from archbo.comparison import FidelityTrial, run_fidelity_trial, run_trial

    *_, target = costs
    goal, full = objectives[target], costs[target]
    budget = queries * full
    trials: dict[str, list[FidelityTrial]] = {"fidelities": [], **{name: [] for name in theirs}}
    with progress_bar() as progress:
        task = progress.add_task("fidelities", total=round(repeats * budget), note="")
        for repeat in range(repeats):

            def advance(history: "FidelityHistory", before: float = repeat * budget) -> None:
                progress.update(task, completed=round(before + history.cost))

            optimizer = ours(seed + repeat)
            trials["fidelities"].append(
                run_fidelity_trial(
                    "fidelities", optimizer, objectives, budget, report=report, callback=advance
                )
            )
        for name, make in theirs.items():
            task = progress.add_task(name, total=repeats, note="")
            for repeat in range(repeats):
                trial = run_trial(name, make(seed + repeat), goal, queries, report=report)
                trials[name].append(FidelityTrial.of_full(trial, target, full))
                progress.advance(task)
    _print(benchmark, goal, trials, budget)
    if json_file:
        content = {
            "benchmark": benchmark.name,
            "objective": goal.column,
            "report": report.column if report is not None else None,
            "fidelities": dict(costs),
            "runs": [trial.to_dict() for runs in trials.values() for trial in runs],
        }
        write_json(json_file, content)
    if plot:
        _plot(plot, benchmark, goal, trials, budget, full)
        out.print(f"picture: {plot}", markup=False)


def _regret(runs: "Sequence[FidelityTrial]", goal: "Objective", cost: float) -> float | None:
    """The median distance to the table's best after that cost; None where half of the runs trained none in full."""
    ends = [trial.at(cost) for trial in runs]
    best = -goal.best if goal.minimize else goal.best
    regrets = [
        float("inf") if end is None or end.best is None else abs(best - end.best) for end in ends
    ]
    middle = median(regrets)
    return middle if middle < float("inf") else None


def _print(
    benchmark: "Benchmark",
    goal: "Objective",
    trials: "Mapping[str, Sequence[FidelityTrial]]",
    budget: float,
) -> None:
    what = f"{'smallest' if goal.minimize else 'largest'} {goal.column}"
    out.print(f"{benchmark.name}: median distance to the {what} of the table", markup=False)
    table = Table("cost", *(f"{method} (n={len(runs)})" for method, runs in trials.items()))
    for share in SHARES:
        regrets = [_regret(runs, goal, share * budget) for runs in trials.values()]
        if all(regret is None for regret in regrets):
            continue
        cells = ("-" if regret is None else f"{regret:.4g}" for regret in regrets)
        table.add_row(f"{share * budget:,.0f}", *cells)
    out.print(table)
    for method, runs in trials.items():
        ends = [end for trial in runs if (end := trial.at(budget)) is not None]
        hits = [hit for trial in runs if (hit := trial.cost_to_rank(1)) is not None]
        ranks = sorted(end.rank for end in ends if end.rank is not None)
        cheap = median(
            sum(query.fidelity != goal.column for query in trial.queries) for trial in runs
        )
        lines = {
            "trainings": f"{cheap:g} cheap ones and {median(len(t.queries) for t in runs) - cheap:g} in full",
            "ranks": f"{ranks[0]} to {ranks[-1]} of {len(goal):,}, median {median(ranks):g}",
        }
        if hits:
            missed = [float("inf")] * (len(runs) - len(hits))
            middle = median([*hits, *missed])
            until = f"more than {budget:,.0f}" if middle == float("inf") else f"{middle:,.0f}"
            lines["found"] = f"the best in {len(hits)} of {len(runs)}, median cost {until}"
        lines["time"] = f"{median(trial.seconds for trial in runs):.1f} s per search"
        out.print(f"[bold]{method}[/bold]")
        for label, text in lines.items():
            out.print(f"  {label:<9}  {text}", markup=False, soft_wrap=True)


def _plot(
    path: Path,
    benchmark: "Benchmark",
    goal: "Objective",
    trials: "Mapping[str, Sequence[FidelityTrial]]",
    budget: float,
    full: float,
) -> None:
    from archbo.comparison import plot_regret, save_figure

    best = -goal.best if goal.minimize else goal.best

    def regret(trial: "FidelityTrial", cost: float) -> float:
        end = trial.at(cost)
        # Nothing is drawn before each run has trained one in full.
        return float("nan") if end is None or end.best is None else abs(best - end.best)

    costs = [n * full for n in range(1, round(budget / full) + 1)]
    regrets = {
        method: [[regret(trial, cost) for cost in costs] for trial in runs]
        for method, runs in trials.items()
    }
    figure = plot_regret(regrets, unit=goal.column, title=benchmark.name)
    figure.axes[0].set_xlabel(f"cost, in trainings of {full:g}")
    save_figure(figure, path)
