"""What rules for candidates are worth, with a surrogate and without ("Mutation is all you need", arXiv 2107.07343)."""

import statistics
from pathlib import Path

import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates, TopSampling
from archbo.benchmarks import Objective, read_table
from archbo.bo_loop import Optimizer
from archbo.comparison import Trial, median_regret, run_trial
from archbo.encodings import OneHotEncoding
from archbo.predictors import RandomForest

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nb201.parquet"
COLUMNS = ("c100_val_200", "in16_val_200")
QUERIES = 100
SEEDS = range(3)


def searches(rule: str, objective: Objective, *, surrogate: bool) -> list[Trial]:
    """A search per seed, by ``gp`` with ``log_ei``, or picking any of the candidates."""
    space = objective.benchmark.space
    everything = FixedCandidates(space, objective.benchmark.X)
    trials = []
    for seed in SEEDS:
        candidates = catalog.candidates(rule, space, everything)
        if surrogate:
            optimizer = catalog.optimizer(space, candidates=candidates, seed=seed)
        else:
            # Drawn from all candidates, whatever the least of predictors says.
            least = RandomForest(space, OneHotEncoding(space), n_trees=2)
            anyone = TopSampling(top=len(everything.X))
            optimizer = Optimizer(space, least, anyone, candidates=candidates, seed=seed)
        trials.append(run_trial(rule, optimizer, objective, QUERIES))
    return trials


def summary(trials: list[Trial], objective: Objective) -> list[str]:
    """Median queries until the best of the table, median ranks and regrets after 50 and all, median seconds."""
    hits = [trial.queries_to_rank(1) for trial in trials]
    median = statistics.median(QUERIES + 1 if hit is None else hit for hit in hits)
    cells = [f"> {QUERIES}" if median > QUERIES else f"{median:g}"]
    for n in (50, QUERIES):
        rank = statistics.median(trial.queries[n - 1].rank for trial in trials)
        cells.append(f"{rank:g} ({median_regret(trials, objective, n):.3f})")
    return [*cells, f"{statistics.median(trial.seconds for trial in trials):.1f} s"]


def report(name: str, trials: list[Trial], objective: Objective) -> None:
    """One line of results."""
    cells = "".join(f"{cell:>16}" for cell in summary(trials, objective))
    print(f"{name:32}{cells}", flush=True)


def headings(objective: Objective) -> None:
    """What the columns of ``report`` are."""
    cells = "".join(f"{cell:>16}" for cell in ("until the best", "rank at 50", "at 100", "time"))
    print(f"{objective.column:32}{cells}", flush=True)


def main() -> None:
    """Every rule with a surrogate, then without one, on two tasks of NAS-Bench-201: medians, regret in brackets."""
    torch.set_num_threads(1)
    benchmark = read_table(TABLE, catalog.space("nb201"))
    for column in COLUMNS:
        objective = benchmark.objective(column)
        headings(objective)
        for surrogate in (True, False):
            for rule in catalog.CANDIDATES:
                trials = searches(rule, objective, surrogate=surrogate)
                report(rule if surrogate else f"{rule}, no surrogate", trials, objective)
