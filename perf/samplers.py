"""archbo in a script of Optuna's, beside Optuna's own samplers and archbo's own loop."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import optuna
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from archbo import catalog
from archbo.bo_loop import Optimizer, run
from archbo.spaces import Arch, SearchSpace
from archbo.studies import ArchSampler, arch_of
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import TASKS, load

__all__ = ["MEASUREMENT", "sampled"]

LOOP = "archbo's own loop"
SAMPLERS: dict[str, Callable[[SearchSpace, int], BaseSampler]] = {
    "`ArchSampler`": lambda space, seed: ArchSampler(space, seed=seed),
    "`TPESampler`": lambda _, seed: TPESampler(seed=seed),
    "`GPSampler`": lambda _, seed: GPSampler(seed=seed),
    "`RandomSampler`": lambda _, seed: RandomSampler(seed=seed),
}
"""Each sampler as Optuna makes it by default."""


def sampled(
    method: str,
    space: SearchSpace,
    evaluate: Callable[[Arch], float],
    n_queries: int,
    *,
    seed: int,
) -> list[float]:
    """The values of what one of the samplers asks for, in its order; more is better."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = SAMPLERS[method](space, seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda trial: evaluate(arch_of(trial, space)), n_trials=n_queries)
    return [trial.values[0] for trial in study.trials]


@dataclass(frozen=True)
class Task:
    """A search of one task's validation accuracy after 200 epochs."""

    method: str
    task: str
    table: Path
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{self.method}, {self.task}, seed {self.seed}"


def search(task: Task) -> tuple[int, float]:
    """The rank of the best cell that was found, and how far its accuracy is from the best of all."""
    benchmark = load(task.table)
    column = f"{task.task}_val_200"
    tabular = benchmark.evaluator(column)
    space = benchmark.space
    if task.method == LOOP:
        strategy = catalog.bayesian(space, tabular.goal, seed=task.seed)
        best = run(Optimizer(strategy), tabular, task.n_queries).best[1]
    else:
        best = max(
            sampled(
                task.method,
                space,
                lambda arch: tabular(arch)[column],
                task.n_queries,
                seed=task.seed,
            )
        )
    return tabular.rank(best), tabular.best - best


def measure(settings: Settings) -> Section:
    """Several searches of each method on each task."""
    methods = settings.wanted([LOOP, *SAMPLERS])
    cells = [(method, task) for method in methods for task in TASKS]
    tasks = {
        cell: [Task(*cell, settings.table, settings.size, seed) for seed in settings.seeds]
        for cell in cells
    }
    flat = [task for several in tasks.values() for task in several]
    found = dict(zip(flat, each(search, flat, workers=settings.workers), strict=True))
    rows = [
        [method, *(_cell([found[each] for each in tasks[method, task]]) for task in TASKS)]
        for method in methods
    ]
    return Section(
        "In a script of Optuna's",
        [Grid(["", *TASKS.values()], rows)],
        [
            f"The best of {settings.size} queries of NAS-Bench-201's validation accuracy after 200 epochs: how far it is "
            "from the best of all 15,625 cells in points, mean; in brackets its rank, median and worst. Samplers are "
            "Optuna's own defaults, and see six categorical parameters of five choices; a cell that is proposed again "
            "counts again."
        ],
    )


def _cell(found: list[tuple[int, float]]) -> str:
    ranks, regrets = zip(*found, strict=True)
    return f"{mean(regrets):.2f} ({median(ranks):g}, {max(ranks)})"


MEASUREMENT = Measurement(measure, repeats=10, size=100, unit="queries")
