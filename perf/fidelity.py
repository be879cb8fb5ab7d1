"""Trainings of 12 epochs beside full ones of 200, against full ones alone, on NAS-Bench-201."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from archbo.benchmarks import Benchmark, Tabular
from archbo.bo_loop import NSGA2, Bayesian, FidelityBayesian, Strategy
from archbo.comparison import median_share, run_search
from archbo.goals import Goal
from perf.processes import each
from perf.searches import until_best
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import TASKS, everything, load

__all__ = ["MEASUREMENT"]

SHORT, FULL = 12, 200
"""The epochs of a short and of a full training."""
AT = (1000, 1300, 2000, 2600, 4000, 5200, 10_000)
"""Epochs after which the distance to the best is told."""
COMBINED = "accuracy and latency"
"""What the rows are called that have two objectives, a bound and fidelities at once."""
LATENCY, ENERGY, MOST_ENERGY = "c10_hw_raspi4_latency", "c10_hw_edgegpu_energy", 15
"""The latency to minimise, in ms, the energy that is bounded, and the bound, in mJ."""
COMBINED_BUDGET, COMBINED_BATCH, COMBINED_REPEATS = 30, 4, 10
"""The budget in full trainings, the number of trainings asked for at a time, and the most repeats."""
COMBINED_AT = (5, 10, 15, 20, 30)
"""Costs after which the share of the hypervolume is told, in full trainings."""
METHODS = ("both", "full", "NSGA-II")
"""Both fidelities, full trainings alone, and full trainings alone by NSGA-II."""


@dataclass(frozen=True)
class Task:
    """A search by one of the methods, on a task of ``TASKS`` or for what is combined."""

    what: str
    method: str
    table: Path
    n_full: int
    seed: int

    def __str__(self) -> str:
        return f"{row_name(self.what, self.method)}, seed {self.seed}"


@dataclass(frozen=True)
class Course:
    """The epochs until the table's best, infinite if it was not found, and what was reached after each cost."""

    until_best: float
    reached: tuple[float, ...]
    seconds: float


def row_name(what: str, method: str) -> str:
    """What the row of a method is called."""
    return f"{TASKS.get(what, what)}, {method}"


def goal_of(what: str, method: str) -> Goal:
    """One accuracy; or accuracy and latency under a bound on energy."""
    dataset = "c10" if what == COMBINED else what
    full = f"{dataset}_val_{FULL}"
    both = {f"{dataset}_val_{SHORT}": SHORT, full: FULL} if method == "both" else {}
    if what != COMBINED:
        return Goal.parse(full, fidelities=both)
    return Goal.parse(
        f"{full},-{LATENCY}",
        subject_to=[f"{ENERGY}<={MOST_ENERGY}"],
        fidelities=both,
        independent=[LATENCY, ENERGY] if both else (),
    )


def strategy_of(method: str, benchmark: Benchmark, goal: Goal, seed: int) -> Strategy:
    """The strategy of a method."""
    makers: dict[str, Callable[..., Strategy]] = {
        "both": FidelityBayesian,
        "full": Bayesian,
        "NSGA-II": NSGA2,
    }
    return makers[method](benchmark.space, goal, candidates=everything(benchmark), seed=seed)


def search(task: Task) -> Course:
    """Search by one method."""
    benchmark = load(task.table)
    tabular = benchmark.evaluator(goal_of(task.what, task.method))
    strategy = strategy_of(task.method, benchmark, tabular.goal, task.seed)
    # Without fidelities an evaluation costs 1.
    unit = 1 if task.method == "both" else FULL
    if task.what == COMBINED:
        return _combined(task, strategy, tabular, unit)
    run = until_best(task.method, strategy, tabular, task.n_full)
    until = run.cost_to_rank(1)
    return Course(
        math.inf if until is None else until * unit,
        tuple(run.regret(epochs / unit) for epochs in AT),
        run.seconds,
    )


def _combined(task: Task, strategy: Strategy, tabular: Tabular, unit: int) -> Course:
    n_full = min(task.n_full, COMBINED_BUDGET)
    run = run_search(task.method, strategy, tabular, n_full, q=COMBINED_BATCH)
    shares = tuple(median_share([run], n * FULL / unit) for n in COMBINED_AT)
    return Course(math.inf, shares, run.seconds)


def measure(settings: Settings) -> Section:
    """Several searches on each task with and without short trainings, and of what is combined."""
    cases = {row_name(task, method): (task, method) for task in TASKS for method in METHODS[:2]}
    cases |= {row_name(COMBINED, method): (COMBINED, method) for method in METHODS}
    names = settings.wanted(cases)
    tasks = [
        Task(*cases[name], settings.table, settings.size, seed)
        for name in names
        for seed in settings.seeds
        if cases[name][0] != COMBINED or seed < COMBINED_REPEATS
    ]
    courses: dict[str, list[Course]] = {name: [] for name in names}
    for task, course in zip(tasks, each(search, tasks, workers=settings.workers), strict=True):
        courses[row_name(task.what, task.method)].append(course)
    single = [name for name in names if cases[name][0] != COMBINED]
    combined = [name for name in names if cases[name][0] == COMBINED]
    epochs = ["", "epochs to the best", "quartiles", "found", *(f"at {n:,}" for n in AT)]
    trainings = ["", *(f"{n} trainings" for n in COMBINED_AT), "worst", "s per search"]
    tables = [
        Grid(
            epochs,
            [_until_best(name, courses[name]) for name in single],
            "Epochs until the table's best, and the distance to it after a number of epochs; medians:",
        ),
        Grid(
            trainings,
            [_shares(name, courses[name]) for name in combined],
            "Accuracy and latency under a bound on energy: the share of the hypervolume of all cells that keep the "
            "bound, by their cost in full trainings; medians:",
        ),
    ]
    return Section(
        "Two fidelities",
        [table for table in tables if table.rows],
        [
            f"NAS-Bench-201, validation accuracy after {FULL} epochs. `both` also asks for trainings of {SHORT} epochs, "
            "`full` does not. A dash stands where the best was not found, or nothing had been trained in full yet. In "
            f"the second table CIFAR-10 accuracy and `{LATENCY}` are the objectives, `{ENERGY}` is at most "
            f"{MOST_ENERGY}, {COMBINED_BATCH} trainings are asked for at a time, and there are at most "
            f"{COMBINED_REPEATS} repeats; the table's worst values are the reference, which the searches are not told.",
        ],
    )


def _until_best(name: str, courses: list[Course]) -> list[str]:
    until = sorted(course.until_best for course in courses)
    quarter = len(until) // 4
    found = sum(math.isfinite(each) for each in until)
    return [
        name,
        _finite(median(until), ",.0f"),
        f"{_finite(until[quarter], ',.0f')} to {_finite(until[-1 - quarter], ',.0f')}",
        f"{found} of {len(until)}",
        *(_finite(regret, ".2f") for regret in _medians(courses)),
    ]


def _finite(number: float, form: str) -> str:
    return format(number, form) if math.isfinite(number) else "-"


def _shares(name: str, courses: list[Course]) -> list[str]:
    shares = [*_medians(courses), min(course.reached[-1] for course in courses)]
    seconds = median(course.seconds for course in courses)
    return [name, *(f"{100 * share:.1f} %" for share in shares), f"{seconds:.0f}"]


def _medians(courses: list[Course]) -> list[float]:
    return [median(column) for column in zip(*(c.reached for c in courses), strict=True)]


MEASUREMENT = Measurement(measure, repeats=20, size=100, unit="full trainings to pay for")
