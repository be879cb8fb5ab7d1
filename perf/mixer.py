"""What the mixer's loss and its telling decisions apart are worth, on NAS-Bench-201."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

from archbo import ZeroCostMixer
from archbo.comparison import evaluate
from archbo.predictors.ranking.losses import diff_kendall, hinge, logistic, mse
from archbo.spaces import SearchSpace
from perf.leaderboard import sizes_up_to
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import VALID, load

__all__ = ["MEASUREMENT"]

COLUMN = "c10_val_200"
SIZES = (78, 469)
VARIANTS: dict[str, Callable[[SearchSpace], ZeroCostMixer]] = {
    "parts alone, DiffKendall": partial(ZeroCostMixer, alone=True, loss=diff_kendall),
    "parts alone, MSE": partial(ZeroCostMixer, alone=True, loss=mse),
    "parts alone, hinge": partial(ZeroCostMixer, alone=True, loss=hinge),
    "parts alone, logistic": partial(ZeroCostMixer, alone=True, loss=logistic),
    "parts alone, pooled, DiffKendall": partial(ZeroCostMixer, alone=True, pooled=True),
    "default, DiffKendall": ZeroCostMixer,
    "default, MSE": partial(ZeroCostMixer, loss=mse),
    "default, hinge": partial(ZeroCostMixer, loss=hinge),
    "default, pooled": partial(ZeroCostMixer, pooled=True),
}


@dataclass(frozen=True)
class Task:
    """A variant, the number of cells that it is trained on, and a seed."""

    variant: str
    n_cells: int
    table: Path
    seed: int

    def __str__(self) -> str:
        return f"{self.variant}, {self.n_cells} cells, seed {self.seed}"


def kendall(task: Task) -> float:
    """Kendall's tau on all other valid cells."""
    benchmark = load(task.table, VALID)
    mixer = VARIANTS[task.variant](benchmark.space)
    tabular = benchmark.evaluator(COLUMN)
    return evaluate("mixer", task.variant, mixer, tabular, task.n_cells, seed=task.seed).kendall


def measure(settings: Settings) -> Section:
    """Several samples of each size for each variant."""
    names = settings.wanted(VARIANTS)
    sizes = sizes_up_to(settings.size, SIZES)
    tasks = [
        Task(name, size, settings.table, seed)
        for name in names
        for size in sizes
        for seed in settings.seeds
    ]
    found: dict[tuple[str, int], list[float]] = {}
    for task, tau in zip(tasks, each(kendall, tasks, workers=settings.workers), strict=True):
        found.setdefault((task.variant, task.n_cells), []).append(tau)
    rows = [[name, *(_cell(found[name, size]) for size in sizes)] for name in names]
    return Section(
        "The zero-cost mixer",
        [Grid(["trained on", *(f"{size} cells" for size in sizes)], rows)],
        [
            f"Kendall's tau on all other valid cells of NAS-Bench-201, `{COLUMN}`; the mean, and in brackets the least "
            "and the most. `parts alone` sees the parts that decisions have in proxies, the default also operations, "
            "graph features and proxies; `pooled` averages decisions before they are mixed."
        ],
    )


def _cell(taus: list[float]) -> str:
    return f"{fmean(taus):.3f} ({min(taus):.3f} - {max(taus):.3f})"


MEASUREMENT = Measurement(measure, repeats=5, size=max(SIZES), unit="cells to train on, at most")
