"""Seconds to fit each surrogate to 150 cells and to score all of NAS-Bench-201, and its peak memory."""

import multiprocessing
import resource
import statistics
import time

import torch
from rich.console import Console
from rich.table import Table

from archbo import catalog
from archbo.comparison import training_sample

OBSERVATIONS = 150
SEEDS = range(3)


def measure(name: str) -> list[float]:
    """Median seconds of fit and of scoring over three seeds, and GiB at the peak, of a fresh process."""
    torch.set_num_threads(1)
    goal = catalog.benchmark("nb201").objective()
    X, Y = goal.benchmark.X, goal.Y
    fits, scores = [], []
    for seed in SEEDS:
        predictor = catalog.predictor(name, goal.benchmark.space)
        train = torch.from_numpy(training_sample(len(X), OBSERVATIONS, seed=seed)[0])
        started = time.perf_counter()
        predictor.fit(X[train], Y[train], seed=seed)
        fitted = time.perf_counter()
        predictor.predict(X)
        fits.append(fitted - started)
        scores.append(time.perf_counter() - fitted)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [statistics.median(fits), statistics.median(scores), peak]


def main() -> None:
    """All predictors of the catalog in turn."""
    table = Table("predictor", f"fit to {OBSERVATIONS}", "score 15,625", "both", "peak GiB")
    context = multiprocessing.get_context("spawn")
    for name in catalog.PREDICTORS:
        with context.Pool(1) as pool:
            fit, score, peak = pool.apply(measure, (name,))
        table.add_row(name, f"{fit:.2f} s", f"{score:.2f} s", f"{fit + score:.2f} s", f"{peak:.2f}")
    Console().print(table)
