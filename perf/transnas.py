"""Ranks after 100 queries on the seven tasks of TransNAS-Bench-101 micro, by single trainings and by twins' means."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from archbo import catalog
from archbo.benchmarks import Benchmark
from archbo.bo_loop import Strategy
from perf.processes import each
from perf.searches import structure_only, until_best, with_proxies
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import everything, load

__all__ = ["MEASUREMENT", "Task", "ranks", "report"]

SPACE = "tnb101-micro"
TASKS = (
    "class_scene",
    "class_object",
    "jigsaw",
    "room_layout",
    "segmentsemantic",
    "normal",
    "autoencoder",
)
METHODS = ("structure only", "with proxies", "evolution", "random")
PUBLISHED = {
    "RoBoT, published": (2, 1, 17, 17, 4, 8, 66),
    "regularised evolution, published": (26, 23, 24, 28, 22, 22, 18),
    "random search, published": (40, 34, 57, 42, 41, 43, 49),
    "HNAS, published": (96, 147, 67, 480, 4, 22, 1391),
}
"""Mean ranks after 100 queries, 10 repeats, in the order of ``TASKS`` (RoBoT, arXiv 2403.07591, its table of this benchmark)."""


@dataclass(frozen=True)
class Task:
    """A search for the best value of a task."""

    method: str
    task: str
    table: Path
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{row_name(self.method, self.task)}, seed {self.seed}"


def row_name(method: str, task: str) -> str:
    """What the searches of a task by a method are called."""
    return f"{task}: {method}"


def column(task: str) -> str:
    """The column that is searched; more of it is better."""
    return f"{task}_val"


def complete_proxies(benchmark: Benchmark, task: str) -> list[str]:
    """The columns of a task's proxies that are known of all cells."""
    proxies = benchmark.metrics.filter(regex=f"^{task}_zc_")
    return [str(name) for name in proxies.columns[proxies.notna().all()]]


def twins(benchmark: Benchmark) -> Tensor:
    """``n``, the number of the function that each row computes."""
    function: Tensor
    _, function = benchmark.space.function_keys(benchmark.X).unique(dim=0, return_inverse=True)
    return function


def means_of(values: Tensor, groups: Tensor) -> Tensor:
    """``n``, the mean of the values (``n``) of each row's group."""
    sums = values.new_zeros(len(values)).index_add(0, groups, values)
    return sums[groups] / groups.bincount()[groups]


def places(values: Tensor) -> Tensor:
    """``n`` ranks: 1 + the number of higher values."""
    ascending = values.sort().values
    return 1 + len(values) - torch.searchsorted(ascending, values, right=True)


def ranks(task: Task) -> tuple[int, int]:
    """The rank of the best cell found, by its own value and by the mean value of all that compute the same function."""
    benchmark = load(task.table, space=SPACE)
    tabular = benchmark.evaluator(column(task.task))
    strategy: Strategy
    if task.method == "structure only":
        strategy = structure_only(benchmark, tabular.goal, seed=task.seed)
    elif task.method == "with proxies":
        proxies = complete_proxies(benchmark, task.task)
        strategy = with_proxies(benchmark, tabular.goal, proxies, seed=task.seed)
    else:
        strategy = catalog.strategy(
            task.method,
            benchmark.space,
            tabular.goal,
            candidates=everything(benchmark),
            seed=task.seed,
        )
    log = until_best(str(task), strategy, tabular, task.n_queries).log
    (row,) = benchmark.rows_of([log.best[0]])
    values = tabular.gains.flatten()
    return int(places(values)[row]), int(places(means_of(values, twins(benchmark)))[row])


def noise(benchmark: Benchmark, task: str, n_queries: int) -> tuple[float, float]:
    """What is left to luck, of the cells that have twins.

    Returns:
        The mean rank of the cells whose class has the highest mean, and the best rank among those that their twins,
        without themselves, rank first.
    """
    values, groups = benchmark.values(column(task)).flatten(), twins(benchmark)
    n = groups.bincount()[groups]
    means = means_of(values, groups).where(n > 1, -torch.inf)
    of_the_best = places(values)[means == means.max()].double()
    of_others = ((n * means - values) / (n - 1)).where(n > 1, -torch.inf)
    first = of_others.argsort(descending=True, stable=True)[:n_queries]
    return float(of_the_best.mean()), float(places(values)[first].min())


def measure(settings: Settings) -> Section:
    """Several searches of each task by each method."""
    names = settings.wanted(row_name(method, task) for method in METHODS for task in TASKS)
    table = settings.table.with_name("tnb101_micro.parquet")
    tasks = [
        Task(method, task, table, settings.size, seed)
        for method in METHODS
        for task in TASKS
        if row_name(method, task) in names
        for seed in settings.seeds
    ]
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for one, both in zip(tasks, each(ranks, tasks, workers=settings.workers), strict=True):
        found.setdefault((one.method, one.task), []).append(both)
    return report(found, load(table, space=SPACE), settings.size)


def report(
    found: Mapping[tuple[str, str], list[tuple[int, int]]], benchmark: Benchmark, n_queries: int
) -> Section:
    """The section on the ranks that were found, by method and task."""

    def means(method: str, place: int) -> list[str]:
        cells = [found.get((method, task), []) for task in TASKS]
        return [f"{fmean(both[place] for both in cell):.1f}" if cell else "" for cell in cells]

    methods = [method for method in METHODS if any(one == method for one, _ in found)]
    luck = [noise(benchmark, task, n_queries) for task in TASKS]
    rows = [
        *([method, *means(method, 0)] for method in methods),
        *([f"{method}, by twins' means", *means(method, 1)] for method in methods),
        *([name, *map(str, reported)] for name, reported in PUBLISHED.items()),
        ["a cell of the best class, at random", *(f"{mean:.1f}" for mean, _ in luck)],
        [f"the best of {n_queries} that twins rank first", *(f"{best:.0f}" for _, best in luck)],
    ]
    return Section(
        f"TransNAS-Bench-101 micro after {n_queries} queries",
        [Grid(["", *TASKS], rows)],
        [
            "The mean rank among all 4,096 cells of the best cell found by its validation metric, `{task}_val`. With proxies: "
            "`RoBoT(trust=0, n_initial=3)`, as on NAS-Bench-201, with those that the table has of all cells: zen alone on "
            "segmentsemantic, normal and autoencoder, else also synflow and epe_nas, and on class_object and jigsaw fisher. "
            "Published ranks are after 100 queries (RoBoT, arXiv 2403.07591). By rank correlations on class_object and jigsaw "
            "it was chosen how much rows matter to the default surrogate, and when it believes its forest.",
            "Cells that compute the same function were trained one by one. By twins' means each cell has the mean value of "
            "its class. The last two rows tell how much is left to luck, of the cells that have twins: what is to be "
            "expected of a cell drawn from the class of the highest mean, and the best of those whose twins, without "
            "themselves, have the highest mean.",
        ],
    )


MEASUREMENT = Measurement(measure, repeats=10, size=100, unit="queries")
