"""All baselines side by side on NAS-Bench-201, CIFAR-100."""

import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.benchmarks import read_table
from archbo.bo_loop import Searcher
from archbo.comparison import run_trial
from perf.candidates import QUERIES, TABLE, headings, report

SEEDS = range(5)


def main() -> None:
    """Five searches of each method and of the default search: medians, regret in brackets."""
    torch.set_num_threads(1)
    benchmark = read_table(TABLE, catalog.space("nb201"))
    space, objective = benchmark.space, benchmark.objective("c100_val_200")
    everything = FixedCandidates(space, benchmark.X)

    def searcher(name: str, seed: int) -> Searcher:
        if name in catalog.BASELINES:
            return catalog.baseline(name, space, candidates=everything, seed=seed)
        return catalog.optimizer(space, name, candidates=everything, seed=seed)

    headings(objective)
    for name in (*catalog.BASELINES, "gp"):
        trials = [run_trial(name, searcher(name, seed), objective, QUERIES) for seed in SEEDS]
        report(name, trials, objective)
