"""Queries until the best of NAS-Bench-201 on three tasks, from the structure alone and with published proxies."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from archbo.bo_loop import Strategy
from perf.processes import each
from perf.searches import Stand, found_after, outcome, structure_only, until_best, with_proxies
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import TASKS, VALID, load

__all__ = ["MEASUREMENT"]


@dataclass(frozen=True)
class Task:
    """A search for the best validation accuracy after 200 epochs."""

    dataset: str
    proxies: bool
    table: Path
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{row_name(self.dataset, self.proxies)}, seed {self.seed}"


def row_name(dataset: str, proxies: bool) -> str:
    """What the row of a task is called."""
    return f"{TASKS[dataset]}, {'with proxies' if proxies else 'structure only'}"


def search(task: Task) -> Stand:
    """Search until the best: by the default search, or among valid networks by RoBoT."""
    benchmark = load(task.table, VALID if task.proxies else None)
    tabular = benchmark.evaluator(f"{task.dataset}_val_200")
    strategy: Strategy = (
        with_proxies(benchmark, tabular.goal, ["c10_zc_*"], seed=task.seed)
        if task.proxies
        else structure_only(benchmark, tabular.goal, seed=task.seed)
    )
    return outcome(until_best(str(task), strategy, tabular, task.n_queries))


def measure(settings: Settings) -> Section:
    """Several searches on each task."""
    cases = {
        row_name(task, proxies): (task, proxies) for proxies in (False, True) for task in TASKS
    }
    names = settings.wanted(cases)
    tasks = [
        Task(*cases[name], settings.table, settings.size, seed)
        for name in names
        for seed in settings.seeds
    ]
    stands: dict[str, list[Stand]] = {name: [] for name in names}
    for task, stand in zip(tasks, each(search, tasks, workers=settings.workers), strict=True):
        stands[row_name(task.dataset, task.proxies)].append(stand)
    rows = [_row(name, of_row, settings.size) for name, of_row in stands.items()]
    header = [
        "",
        "queries to the best, median",
        "most",
        f"rank after {settings.size}, worst",
        "found",
    ]
    return Section(
        "Queries until the best",
        [Grid([*header, "s per query"], rows)],
        [
            "NAS-Bench-201, validation accuracy after 200 epochs. Structure only: a Gaussian process with the "
            "defaults, all 15,625 cells. With proxies: `RoBoT(trust=0, n_initial=3)` with the proxies of "
            "NAS-Bench-Suite-Zero, measured on CIFAR-10, among the valid networks."
        ],
    )


def _row(name: str, stands: list[Stand], n_queries: int) -> list[str]:
    until = [stand.until_best for stand in stands]
    ranks = [stand.rank(n_queries) for stand in stands]
    return [
        name,
        found_after(median(until), n_queries),
        found_after(max(until), n_queries),
        str(max(ranks)),
        f"{sum(rank == 1 for rank in ranks)} of {len(ranks)}",
        f"{median(stand.seconds for stand in stands):.2f}",
    ]


MEASUREMENT = Measurement(measure, repeats=20, size=100, unit="queries")
