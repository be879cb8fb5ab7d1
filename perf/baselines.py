"""All baselines side by side on NAS-Bench-201, CIFAR-100."""

import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.benchmarks import read_table
from archbo.bo_loop import Searcher
from perf.candidates import TABLE, heading, outcome, report

SEEDS = range(5)


def main() -> None:
    """Five searches of each method and of the default search."""
    torch.set_num_threads(1)
    benchmark = read_table(TABLE, catalog.space("nb201"))
    space, objective = benchmark.space, benchmark.objective("c100_val_200")
    everything = FixedCandidates(space, benchmark.X)

    def searcher(name: str, seed: int) -> Searcher:
        if name in catalog.BASELINES:
            return catalog.baseline(name, space, candidates=everything, seed=seed)
        return catalog.optimizer(space, name, candidates=everything, seed=seed)

    print(heading(objective), flush=True)
    for name in (*catalog.BASELINES, "gp"):
        outcomes = [outcome(searcher(name, seed), objective) for seed in SEEDS]
        print(report(name, outcomes, objective), flush=True)
