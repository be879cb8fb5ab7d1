"""Seconds and peak memory of one search of 100 queries on the embedded NAS-Bench-201 table."""

import resource
import statistics

import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.bo_loop import Searcher
from archbo.comparison import run_trial


def main() -> None:
    """Five searches of each method in turn."""
    torch.set_num_threads(1)
    benchmark = catalog.benchmark("nb201")
    objective = benchmark.objective()
    candidates = FixedCandidates(benchmark.space, benchmark.X)
    seconds: dict[str, list[float]] = {"gp": [], "evolution": [], "random": []}
    for seed in range(5):
        for method, times in seconds.items():
            searcher: Searcher
            if method == "gp":
                searcher = catalog.optimizer(benchmark.space, candidates=candidates, seed=seed)
            else:
                searcher = catalog.baseline(
                    method, benchmark.space, candidates=candidates, seed=seed
                )
            times.append(run_trial(method, searcher, objective, 100).seconds)
    for method, times in seconds.items():
        print(f"{method:10} {statistics.median(times):6.2f} s per 100 queries (median of 5)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB")
