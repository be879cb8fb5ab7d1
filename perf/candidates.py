"""What rules for candidates are worth, with a surrogate and without ("Mutation is all you need", arXiv 2107.07343)."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates, TopSampling
from archbo.benchmarks import Objective, read_table
from archbo.bo_loop import History, Optimizer, Searcher, run
from archbo.encodings import OneHotEncoding
from archbo.predictors import RandomForest

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nb201.parquet"
COLUMNS = ("c100_val_200", "in16_val_200")
RULES = ("exhaustive", "mutation", "crossover", "hill-climbing", "local", "trust-region")
QUERIES = 100
SEEDS = range(3)


class Outcome(NamedTuple):
    """The best value after each query, up to the table's best, and the seconds per query."""

    best: list[float]
    pace: float


class FoundError(Exception):
    """There is nothing left to search for."""


def outcome(searcher: Searcher, objective: Objective) -> Outcome:
    """Search until the best of the table or the end of the budget."""

    def stop(history: History) -> None:
        if history.best[1] == objective.best:
            raise FoundError

    started = time.perf_counter()
    with suppress(FoundError):
        run(searcher, objective, QUERIES, callback=stop)
    seconds = time.perf_counter() - started
    return Outcome(searcher.history.running_best.tolist(), seconds / len(searcher.history))


def heading(objective: Objective) -> str:
    """What the columns of ``report`` are."""
    return _line(
        objective.column, ("until the best", "rank at 50", f"at {QUERIES}", "time per query")
    )


def report(name: str, outcomes: Sequence[Outcome], objective: Objective) -> str:
    """Medians: queries until the best, rank and regret on the way, seconds."""
    found = [len(o.best) if o.best[-1] == objective.best else QUERIES + 1 for o in outcomes]
    median = statistics.median(found)
    cells = [f"> {QUERIES}" if median > QUERIES else f"{median:g}"]
    for n in (50, QUERIES):
        values = [o.best[min(n, len(o.best)) - 1] for o in outcomes]
        rank = statistics.median(map(objective.rank, values))
        cells.append(f"{rank:g} ({objective.best - statistics.median(values):.3f})")
    return _line(name, (*cells, f"{statistics.median(o.pace for o in outcomes):.2f} s"))


def main() -> None:
    """Each rule without a surrogate, then with one, on two tasks of NAS-Bench-201."""
    torch.set_num_threads(1)
    benchmark = read_table(TABLE, catalog.space("nb201"))
    space, everything = benchmark.space, FixedCandidates(benchmark.space, benchmark.X)

    def without(rule: str, seed: int) -> Optimizer:
        # Drawn from all candidates, whatever the least of predictors says.
        least = RandomForest(space, OneHotEncoding(space), n_trees=2)
        candidates = catalog.candidates(rule, space, everything)
        anyone = TopSampling(top=len(benchmark))
        return Optimizer(space, least, anyone, candidates=candidates, seed=seed)

    def surrogate(rule: str, seed: int) -> Optimizer:
        candidates = catalog.candidates(rule, space, everything)
        return catalog.optimizer(space, candidates=candidates, seed=seed)

    kinds: dict[str, Callable[[str, int], Optimizer]] = {"no surrogate": without, "gp": surrogate}
    for column in COLUMNS:
        objective = benchmark.objective(column)
        print(heading(objective), flush=True)
        for kind, make in kinds.items():
            for rule in RULES:
                outcomes = [outcome(make(rule, seed), objective) for seed in SEEDS]
                print(report(f"{rule}, {kind}", outcomes, objective), flush=True)


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:32}" + "".join(f"{cell:>16}" for cell in cells)
