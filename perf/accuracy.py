"""Test accuracy on NAS-Bench-201 of the best by validation accuracy, after a number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev

from archbo.benchmarks import Benchmark
from archbo.bo_loop import RandomSearch, Strategy
from archbo.comparison import Run
from perf.processes import each
from perf.searches import structure_only, until_best, with_proxies
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import TASKS, VALID, everything, load

__all__ = ["MEASUREMENT", "accuracies", "report"]

AT = (20, 50, 80, 100)
METHODS = ("structure only", "with proxies", "random")
REPORTED = {"c10": {80: 94.37}, "c100": {80: 73.51}, "in16": {80: 47.31}}
"""What CARL is reported to reach, by the number of queries."""


@dataclass(frozen=True)
class Task:
    """A search for the best validation accuracy after 200 epochs."""

    dataset: str
    method: str
    table: Path
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{row_name(self.dataset, self.method)}, seed {self.seed}"


def row_name(dataset: str, method: str) -> str:
    """What the row of a method on a task is called."""
    return f"{TASKS[dataset]}: {method}"


def columns(dataset: str) -> tuple[str, str]:
    """The columns of what is searched and what is told."""
    return f"{dataset}_val_200", f"{dataset}_test_200"


def numbers(n_queries: int) -> list[int]:
    """The numbers of queries that are told of."""
    return [n for n in AT if n <= n_queries] or [n_queries]


def search(task: Task) -> list[float]:
    """The test accuracies after each number of queries."""
    benchmark = load(task.table, VALID if task.method == "with proxies" else None)
    searched, told = columns(task.dataset)
    tabular = benchmark.evaluator(searched)
    strategy: Strategy
    if task.method == "structure only":
        strategy = structure_only(benchmark, tabular.goal, seed=task.seed)
    elif task.method == "with proxies":
        strategy = with_proxies(benchmark, tabular.goal, ["c10_zc_*"], seed=task.seed)
    else:
        strategy = RandomSearch(
            benchmark.space, tabular.goal, candidates=everything(benchmark), seed=task.seed
        )
    run = until_best(str(task), strategy, tabular, task.n_queries)
    return accuracies(run, told, numbers(task.n_queries))


def accuracies(run: Run, column: str, at: Sequence[int]) -> list[float]:
    """A column of the architecture of the highest value after each number of queries, or after the last."""
    queries, values = run.queries, run.tabular.benchmark.values(column).flatten()
    best = [max(queries[:n], key=lambda query: query.values[0]).arch for n in at]
    return values[run.tabular.benchmark.rows_of(best)].tolist()


def measure(settings: Settings) -> Section:
    """Several searches of each task by each method."""
    cases = {row_name(task, method): (task, method) for task in TASKS for method in METHODS}
    names = settings.wanted(cases)
    tasks = [
        Task(*cases[name], settings.table, settings.size, seed)
        for name in names
        for seed in settings.seeds
    ]
    found: dict[tuple[str, str], list[list[float]]] = {}
    for task, reached in zip(tasks, each(search, tasks, workers=settings.workers), strict=True):
        found.setdefault((task.dataset, task.method), []).append(reached)
    return report(found, load(settings.table), settings.size)


def report(
    found: Mapping[tuple[str, str], Sequence[Sequence[float]]], benchmark: Benchmark, n_queries: int
) -> Section:
    """The section on what searches reached, by task and method."""
    at, rows = numbers(n_queries), []
    for dataset, title in TASKS.items():
        methods = [method for task, method in found if task == dataset]
        if not methods:
            continue
        for method in methods:
            several = zip(*found[dataset, method], strict=True)
            cells = [f"{fmean(values):.2f} ± {pstdev(values):.2f}" for values in several]
            rows.append([row_name(dataset, method), *cells])
        reported = REPORTED[dataset]
        cells = [f"{reported[n]:.2f}" if n in reported else "" for n in at]
        rows.append([f"{title}: CARL, as reported", *cells])
        searched, told = columns(dataset)
        tests = benchmark.values(told)
        most = float(tests[benchmark.values(searched).argmax()])
        bounds = f"{most:.2f} and {float(tests.max()):.2f}"
        rows.append([f"{title}: best by validation, best by test", *[bounds] * len(at)])
    return Section(
        "Test accuracy of what is found",
        [Grid(["", *(f"{n} queries" for n in at)], rows)],
        [
            "NAS-Bench-201: the test accuracy after 200 epochs of the cell that has the best validation accuracy of those evaluated "
            "so far, mean and standard deviation over repeats. With proxies: `RoBoT(trust=0, n_initial=3)` among the valid "
            "networks, with the proxies of NAS-Bench-Suite-Zero, measured on CIFAR-10.",
            "CARL is reported to find the best of all cells by test accuracy with 80 queries. That is not the best by validation "
            "accuracy on every task: whoever goes by that ends at the first number of the last row. On ImageNet16-120 WeakPNAG is "
            "reported at 46.64 with 64 queries and 47.31 with 128, HEP-ENAS at 47.21 with 200. "
            "From 20 accuracies after 12 epochs RoBoT has 94.36, 73.51 and 46.34 (arXiv 2403.07591), ConvNP 94.31, 72.99 and 46.51 "
            "(arXiv 2605.09290).",
        ],
    )


MEASUREMENT = Measurement(measure, repeats=10, size=max(AT), unit="queries")
