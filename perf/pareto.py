"""Shares of the true hypervolume of NAS-Bench-201 with the latencies and energies of HW-NAS-Bench."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from archbo.comparison import median_share, run_search
from perf.processes import each
from perf.searches import make
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import Nearest, everything, load

__all__ = ["BATCH", "MEASUREMENT", "METHODS", "Case", "compare", "row_name"]

COSTS = {"raspi4 latency": "c10_hw_raspi4_latency", "edgegpu energy": "c10_hw_edgegpu_energy"}
METHODS = ("gp", "guided-evolution", "nsga2", "random")
BATCH = 5
"""The number of architectures that are asked for at a time."""
AT = (10, 20, 30, 50, 100)


@dataclass(frozen=True)
class Case:
    """A goal of several objectives on a table, and the method that searches for its front.

    Attributes:
        method: A key of ``catalog.STRATEGIES`` or ``catalog.PREDICTORS``.
        goal: The objectives.
        table: The path of the table.
        space: The name of its space.
        where: A boolean column: the rows that count.
        sparse: Whether moves end at the nearest row, since the table holds few architectures of its space.
    """

    method: str
    goal: str
    table: Path
    space: str = "nb201"
    where: str | None = None
    sparse: bool = False


@dataclass(frozen=True)
class Task:
    """A search of a case, under its name."""

    name: str
    case: Case
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}"


@dataclass(frozen=True)
class Shares:
    """The share of the true hypervolume that was found by each number of queries, and the seconds in all."""

    found: tuple[float, ...]
    seconds: float


def row_name(second: str, method: str) -> str:
    """What the row of a method for a second objective is called."""
    return f"{second}, `{method}`"


def numbers(n_queries: int) -> list[int]:
    """The numbers of queries that are told of."""
    return sorted({min(n, n_queries) for n in AT})


def search(task: Task) -> Shares:
    """Search, five at a time; the reference point is inferred, and the table's worst values score."""
    case = task.case
    benchmark = load(case.table, case.where, case.space)
    tabular, rows = benchmark.evaluator(case.goal), everything(benchmark)
    candidates = Nearest(rows) if case.sparse else rows
    strategy = make(
        case.method, benchmark.space, tabular.goal, candidates=candidates, seed=task.seed
    )
    run = run_search(case.method, strategy, tabular, task.n_queries, q=BATCH)
    return Shares(tuple(median_share([run], n) for n in numbers(task.n_queries)), run.seconds)


def compare(cases: Mapping[str, Case], settings: Settings) -> Grid:
    """Several searches of each wanted case."""
    names = settings.wanted(cases)
    tasks = [
        Task(name, cases[name], settings.size, seed) for name in names for seed in settings.seeds
    ]
    shares: dict[str, list[Shares]] = {name: [] for name in names}
    for task, found in zip(tasks, each(search, tasks, workers=settings.workers), strict=True):
        shares[task.name].append(found)
    rows = []
    for name, of_row in shares.items():
        medians = [median(column) for column in zip(*(s.found for s in of_row), strict=True)]
        worst = min(s.found[-1] for s in of_row)
        cells = [f"{100 * share:.1f} %" for share in (*medians, worst)]
        rows.append([name, *cells, f"{median(s.seconds for s in of_row):.0f}"])
    at = numbers(settings.size)
    header = ["", *(f"{n} queries" for n in at), f"worst at {at[-1]}", "s per search"]
    return Grid(header, rows)


def measure(settings: Settings) -> Section:
    """Several searches of each method for each pair of objectives."""
    cases = {
        row_name(cost, method): Case(method, f"c10_val_200,-{column}", settings.table)
        for cost, column in COSTS.items()
        for method in METHODS
    }
    return Section(
        "Two objectives",
        [compare(cases, settings)],
        [
            "NAS-Bench-201, CIFAR-10 validation accuracy after 200 epochs against a cost of HW-NAS-Bench: the share of "
            "the hypervolume of all 15,625 cells, above the table's worst values, that was found; medians. The "
            f"searches are not told these values. {BATCH} architectures are asked for at a time. `gp` is Bayesian "
            "search by qLogNEHVI."
        ],
    )


MEASUREMENT = Measurement(measure, repeats=10, size=100, unit="queries")
