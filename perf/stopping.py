"""What is left to gain where a search stops by itself, and what it has spent until then."""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

from archbo.bo_loop import Bayesian, Terminator, run
from archbo.log import Log
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import TASKS, everything, load

__all__ = ["MEASUREMENT"]

REGRETS = (1.0, 0.5, 0.25)
"""Where searches are to stop, in percent of accuracy, the largest first: it is reached first."""


@dataclass(frozen=True)
class Task:
    """One search that is asked for each regret whether it would stop."""

    dataset: str
    table: Path
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{TASKS[self.dataset]}, seed {self.seed}"


@dataclass(frozen=True)
class Stop:
    """Where a search stopped: after how many queries, with how much regret left, and whether by itself."""

    queries: int
    regret: float
    by_itself: bool


def stops(task: Task) -> list[Stop]:
    """Where a search stops for each of the regrets; at the end of its budget where it does not."""
    benchmark = load(task.table)
    tabular = benchmark.evaluator(f"{task.dataset}_val_200")
    strategy = Bayesian(
        benchmark.space, tabular.goal, candidates=everything(benchmark), seed=task.seed
    )
    waiting = [Terminator(strategy, regret) for regret in REGRETS]
    found: list[Stop] = []

    def stand(log: Log, *, by_itself: bool) -> Stop:
        return Stop(log.n_told, abs(tabular.best - log.best[1]), by_itself)

    def stop(log: Log) -> bool:
        while waiting and waiting[0](log):
            waiting.pop(0)
            found.append(stand(log, by_itself=True))
        return not waiting

    log = run(strategy, tabular, task.n_queries, stop=stop)
    return [*found, *(stand(log, by_itself=False) for _ in waiting)]


def measure(settings: Settings) -> Section:
    """Several searches on each task."""
    names = settings.wanted(TASKS.values())
    wanted = [dataset for dataset, name in TASKS.items() if name in names]
    tasks = [
        Task(dataset, settings.table, settings.size, seed)
        for dataset in wanted
        for seed in settings.seeds
    ]
    found = dict(zip(tasks, each(stops, tasks, workers=settings.workers), strict=True))
    rows = [
        _row(TASKS[dataset], regret, [s[place] for t, s in found.items() if t.dataset == dataset])
        for dataset in wanted
        for place, regret in enumerate(REGRETS)
    ]
    header = [
        "task, stop at regret",
        "stopped",
        "queries, median (least to most)",
        "regret left, mean",
        "most",
        "within the regret",
    ]
    return Section(
        "When to stop",
        [Grid(header, rows)],
        [
            "NAS-Bench-201, validation accuracy after 200 epochs, structure only: `Terminator(strategy, regret)` beside the "
            "default search. The regret left is the table's best value less the best found, training noise included. A "
            f"search that does not stop is counted with its budget of {settings.size} queries. Probability and patience "
            "were chosen on CIFAR-100."
        ],
    )


def _row(task: str, regret: float, found: list[Stop]) -> list[str]:
    queries, left = [stop.queries for stop in found], [stop.regret for stop in found]
    return [
        f"{task}, {regret:g}",
        f"{sum(stop.by_itself for stop in found)} of {len(found)}",
        f"{median(queries):g} ({min(queries)} to {max(queries)})",
        f"{fmean(left):.2f}",
        f"{max(left):.2f}",
        f"{sum(each <= regret for each in left)} of {len(left)}",
    ]


MEASUREMENT = Measurement(measure, repeats=10, size=80, unit="queries")
