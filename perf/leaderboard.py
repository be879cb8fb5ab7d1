"""Surrogates side by side on NAS-Bench-201: rank correlation and intervals by the number of cells trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean

from archbo import catalog
from archbo.comparison import evaluate
from archbo.proxies import ProxyTable
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import VALID, load

__all__ = ["MEASUREMENT", "Case", "Scores", "compare", "coverage", "kendall", "sizes_up_to"]

COLUMN = "c10_val_200"
SIZES = (78, 156, 469, 781, 1563)
"""0.5, 1, 3, 5 and 10 % of the cells."""
SURROGATES = ("gp", "gbdt", "gnn", "bnn-hmc", "stack", "stack-gnn")
TREES = ("xgboost", "random-forest")
SEEN = "graph-features+zero-cost"
WITH_PROXIES = {"gnn": SEEN, "bnn-hmc": SEEN, "xgboost": SEEN, "mixer": None}
"""The surrogates that are shown proxies, and on what."""


@dataclass(frozen=True)
class Case:
    """A predictor and what it sees.

    Attributes:
        predictor: Its name.
        encoding: The name of its encoding; its own default unless given.
        table: The path of the table.
        column: What it learns to predict; the default objective unless given.
        where: A boolean column: the rows that count.
        published: Whether proxies are those of NAS-Bench-Suite-Zero and not the shipped ones.
    """

    predictor: str
    encoding: str | None
    table: Path
    column: str | None
    where: str | None
    published: bool = False


@dataclass(frozen=True)
class Scores:
    """Scores of one fit: Kendall's tau, and the share of values that 90 % intervals hold among the better half."""

    kendall: float
    coverage_of_best: float


Key = tuple[str, int]
"""The name of a case and the number of cells that it was trained on."""


@dataclass(frozen=True)
class Task:
    """A case, under its name, with the number of cells to train on and a seed."""

    name: str
    case: Case
    n_cells: int
    seed: int

    def __str__(self) -> str:
        return f"{self.name}, {self.n_cells} cells, seed {self.seed}"


def score(task: Task) -> Scores:
    """Fit and score."""
    case = task.case
    benchmark = load(case.table, case.where)
    space = benchmark.space
    proxies = ProxyTable.from_benchmark(benchmark, ["c10_zc_*"]) if case.published else None
    encoding = catalog.encoding(case.encoding, space, proxies) if case.encoding else None
    predictor = catalog.predictor(case.predictor, space, encoding)
    tabular = benchmark.evaluator(case.column)
    found = evaluate(
        task.name, str(case.encoding), predictor, tabular, task.n_cells, seed=task.seed
    )
    return Scores(found.kendall, found.coverage_of_best)


def compare(
    cases: Mapping[str, Case], sizes: Sequence[int], settings: Settings
) -> dict[Key, list[Scores]]:
    """The scores of each case at each size, one for each seed."""
    tasks = [
        Task(name, case, size, seed)
        for (name, case), size, seed in product(cases.items(), sizes, settings.seeds)
    ]
    found: dict[Key, list[Scores]] = {}
    for task, scores in zip(tasks, each(score, tasks, workers=settings.workers), strict=True):
        found.setdefault((task.name, task.n_cells), []).append(scores)
    return found


def kendall(scores: Sequence[Scores]) -> str:
    """The mean Kendall tau."""
    return f"{fmean(score.kendall for score in scores):.3f}"


def coverage(scores: Sequence[Scores]) -> str:
    """The mean coverage of the better half."""
    return f"{100 * fmean(score.coverage_of_best for score in scores):.0f} %"


def sizes_up_to(most: int, usual: Sequence[int]) -> list[int]:
    """The usual numbers of cells that are not larger; the number itself where all are."""
    return [size for size in usual if size <= most] or [most]


def measure(settings: Settings) -> Section:
    """Kendall's tau and coverage from the structure alone, and tau with zero-cost proxies."""
    plain = {f"`{name}`": Case(name, None, settings.table, COLUMN, None) for name in SURROGATES}
    trees = {
        f"`{name}` on `{encoding}`": Case(name, encoding, settings.table, COLUMN, None)
        for encoding in ("graph-features", "one-hot")
        for name in TREES
    }
    helped = {
        f"`{name}`, {'published' if published else 'shipped'} proxies": Case(
            name, encoding, settings.table, COLUMN, VALID, published
        )
        for name, encoding in WITH_PROXIES.items()
        # The parts that a mixer sees are shipped only.
        for published in ((False, True) if encoding else (False,))
    }
    everyone = {**plain, **trees, **helped}
    cases = {name: everyone[name] for name in settings.wanted(everyone)}
    sizes = sizes_up_to(settings.size, SIZES)
    found = compare(cases, sizes, settings)
    header = ["trained on", *map(str, sizes)]

    def grid(
        those: Mapping[str, Case], cell: Callable[[Sequence[Scores]], str], caption: str
    ) -> Grid:
        names = [name for name in cases if name in those]
        rows = [[name, *(cell(found[name, size]) for size in sizes)] for name in names]
        return Grid(header, rows, caption)

    tables = [
        grid({**plain, **trees}, kendall, "Kendall's tau, structure only:"),
        grid(plain, coverage, "The share of values among the better half in 90 % intervals:"),
        grid(helped, kendall, "Kendall's tau among valid networks, with zero-cost proxies:"),
    ]
    return Section(
        "Surrogates: rank correlation",
        [table for table in tables if table.rows],
        [
            f"NAS-Bench-201, CIFAR-10 validation accuracy after 200 epochs (`{COLUMN}`); means, on all cells that were "
            "not trained on. An interval is between the 5 % and the 95 % quantile."
        ],
    )


MEASUREMENT = Measurement(measure, repeats=3, size=max(SIZES), unit="cells to train on, at most")
