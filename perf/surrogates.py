"""Seconds to fit each surrogate to 150 cells and to score all of NAS-Bench-201, and its peak memory."""

import time
from dataclasses import dataclass
from statistics import median

import torch

from archbo import catalog
from archbo.comparison import training_sample
from perf.processes import each, peak_memory
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import EMBEDDED, load

__all__ = ["MEASUREMENT"]


@dataclass(frozen=True)
class Task:
    """A predictor, the number of cells that it is fitted to, and the number of repeats."""

    predictor: str
    n_cells: int
    repeats: int

    def __str__(self) -> str:
        return self.predictor


@dataclass(frozen=True)
class Took:
    """Median seconds of a fit and of scoring, and the most memory of the process, in GiB."""

    fit: float
    score: float
    memory: float


def took(task: Task) -> Took:
    """Fit and score with several seeds."""
    benchmark = load(EMBEDDED)
    X, Y = benchmark.X, benchmark.evaluator().gains
    fits, scores = [], []
    for seed in range(task.repeats):
        predictor = catalog.predictor(task.predictor, benchmark.space)
        train = torch.from_numpy(training_sample(len(X), task.n_cells, seed=seed)[0])
        started = time.perf_counter()
        predictor.fit(X[train], Y[train], seed=seed)
        fitted = time.perf_counter()
        predictor.predict(X)
        fits.append(fitted - started)
        scores.append(time.perf_counter() - fitted)
    return Took(median(fits), median(scores), peak_memory())


def measure(settings: Settings) -> Section:
    """All predictors of the catalog, each in a process of its own."""
    tasks = [
        Task(name, settings.size, settings.repeats) for name in settings.wanted(catalog.PREDICTORS)
    ]
    found = each(took, tasks, workers=settings.workers, fresh=True)
    rows = [
        [f"`{task}`", f"{t.fit:.2f}", f"{t.score:.2f}", f"{t.fit + t.score:.2f}", f"{t.memory:.2f}"]
        for task, t in zip(tasks, found, strict=True)
    ]
    header = ["predictor", "s to fit", "s to score", "both", "peak GiB"]
    return Section(
        "Surrogates: time and memory",
        [Grid(header, rows)],
        [
            f"Fitted to {settings.size} cells of the table that is shipped, then asked for the mean and standard deviation "
            "of all 15,625; medians."
        ],
    )


MEASUREMENT = Measurement(measure, repeats=3, size=150, unit="cells to fit to")
