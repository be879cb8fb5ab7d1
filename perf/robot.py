"""What each step beyond RoBoT's published rule is worth: ``python -m perf robot TABLE``.

Twenty queries of the 12-epoch accuracy of NAS-Bench-201's valid networks with published proxies; the test accuracy
of what is recommended. The table is one of both, such as ``nb201.parquet``.
"""

import statistics
import sys
from collections.abc import Callable

import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.benchmarks import read_table
from archbo.bo_loop import PublishedRoBoT, RandomSearch, RoBoT, Searcher
from archbo.comparison import run_trial
from archbo.predictors import ProxyGP
from archbo.proxies import Proxies, ProxyTable

TASKS = ("c10", "c100", "in16")
PAPER = ("grad_norm", "snip", "grasp", "fisher", "synflow", "jacov")
QUERIES, SEEDS = 20, range(5)


class Greedy(RoBoT):
    """RoBoT that names the architecture of the highest value."""

    recommend = Searcher.recommend


def main() -> None:
    """Five searches of each step on each task."""
    if len(sys.argv) != 3:
        print("usage: python -m perf robot TABLE.parquet", file=sys.stderr)
        sys.exit(2)
    torch.set_num_threads(1)
    benchmark = read_table(sys.argv[2], catalog.space("nb201"), where="is_valid_net")
    space, candidates = benchmark.space, FixedCandidates(benchmark.space, benchmark.X)
    proxies = ProxyTable.from_benchmark(benchmark, ["c10_zc_*"])
    paper = ProxyTable.from_benchmark(benchmark, [f"c10_zc_{name}" for name in PAPER])

    def step(
        rule: type[RoBoT],
        *,
        slope: float = 0.6,
        structure: float = 1.0,
        trust: float = 0.0,
        start: int = 3,
    ) -> Callable[[int], Searcher]:
        def make(seed: int) -> Searcher:
            gp = ProxyGP(space, proxies=proxies, slope=slope, structure=structure, trust=trust)
            return rule(space, predictor=gp, candidates=candidates, n_initial=start, seed=seed)

        return make

    def published(scores: Proxies) -> Callable[[int], Searcher]:
        return lambda seed: PublishedRoBoT(space, scores, candidates=candidates, seed=seed)

    steps: dict[str, Callable[[int], Searcher]] = {
        "random": lambda seed: RandomSearch(space, candidates=candidates, seed=seed),
        "published rule, its six proxies": published(paper),
        "published rule, all proxies": published(proxies),
        "all observations teach the weights": step(Greedy, slope=0.0, structure=0.0),
        "signs as a prior": step(Greedy, structure=0.0),
        "structure beside the combination": step(Greedy),
        "trust in the consensus": step(Greedy, trust=0.9),
        "named by the posterior": step(RoBoT, trust=0.9),
        "from the consensus alone (default)": step(RoBoT, start=1, trust=0.9),
    }
    print(f"{'mean test accuracy (least)':36}" + "".join(f"{task:>18}" for task in TASKS))
    for name, make in steps.items():
        cells = []
        for task in TASKS:
            goal = benchmark.objective(f"{task}_val_12")
            test = benchmark.objective(f"{task}_test_200")
            reached = [
                test(run_trial(name, make(seed), goal, QUERIES).recommended) for seed in SEEDS
            ]
            cells.append(f"{statistics.mean(reached):9.3f} ({min(reached):.2f})")
        print(f"{name:36}" + "".join(f"{cell:>18}" for cell in cells), flush=True)
