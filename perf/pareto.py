"""Shares of the true hypervolume on NAS-Bench-201 with measured hardware: ``python -m perf pareto TABLE``.

Each method is asked for five architectures at a time. The table is one of accuracies and of HW-NAS-Bench's latencies and energies, such as ``nb201.parquet``.
"""

import statistics
import sys
from collections.abc import Callable

import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.benchmarks import Objectives, read_table
from archbo.bo_loop import Searcher
from archbo.comparison import ParetoTrial, median_share, run_pareto_trial

TASKS = {
    "raspi4 latency": ("c10_val_200", "c10_hw_raspi4_latency"),
    "edgegpu energy": ("c10_val_200", "c10_hw_edgegpu_energy"),
}
METHODS = ("random", "nsga2", "guided-evolution", "gp")
QUERIES, BATCH, SEEDS = 100, 5, range(10)
AT = (10, 20, 30, 50, 100)


def main() -> None:
    """Ten searches of each method for each pair of objectives, a seed of all after the other."""
    if len(sys.argv) != 3:
        print("usage: python -m perf pareto TABLE.parquet", file=sys.stderr)
        sys.exit(2)
    torch.set_num_threads(1)
    benchmark = read_table(sys.argv[2], catalog.space("nb201"))
    candidates = FixedCandidates(benchmark.space, benchmark.X)
    tasks = {
        name: Objectives((benchmark.objective(gain), benchmark.objective(cost, minimize=True)))
        for name, (gain, cost) in TASKS.items()
    }

    def ours(goals: Objectives, seed: int) -> Searcher:
        return catalog.outcome_optimizer(
            benchmark.space,
            goals.outcomes,
            candidates=candidates,
            reference=goals.reference,
            seed=seed,
        )

    def theirs(name: str) -> Callable[[Objectives, int], Searcher]:
        return lambda goals, seed: catalog.outcome_baseline(
            name, benchmark.space, goals.outcomes, candidates=candidates, seed=seed
        )

    trials: dict[tuple[str, str], list[ParetoTrial]] = {}
    for seed in SEEDS:
        for task, goals in tasks.items():
            for method in METHODS:
                make = ours if method == "gp" else theirs(method)
                trial = run_pareto_trial(method, make(goals, seed), goals, QUERIES, q=BATCH)
                trials.setdefault((task, method), []).append(trial)
                share = trial.queries[-1].hypervolume / goals.best_hypervolume
                line = f"{task}, seed {seed}, {method}: {share:.4f} in {trial.seconds:.0f} s"
                print(line, file=sys.stderr, flush=True)
    for (task, method), runs in trials.items():
        shares = [f"{median_share(runs, tasks[task], n):.4f}" for n in AT]
        worst = min(trial.queries[-1].hypervolume for trial in runs) / tasks[task].best_hypervolume
        seconds = statistics.median(trial.seconds for trial in runs)
        print(f"{task:15} {method:17} {'  '.join(shares)}  worst {worst:.4f}  {seconds:.0f} s")
