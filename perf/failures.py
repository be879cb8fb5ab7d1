"""How many of a search's trials crash where a third of the space does, and what is found among the rest."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean
from typing import final

import torch
from torch import Tensor

from archbo import catalog
from archbo.acquisition import Context, FixedCandidates
from archbo.bo_loop import Bayesian, RandomSearch, Strategy, run
from archbo.goals import Goal
from archbo.log import Log
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace, SearchSpace
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import EMBEDDED, load

__all__ = ["MEASUREMENT"]

MOST = 2_000
"""The most architectures to choose from."""
SIX = CategoricalSpace("six", {f"column{i}": [f"choice{j}" for j in range(5)] for i in range(6)})
"""Six columns of five choices each."""
SIZES = CategoricalSpace(
    "sizes",
    {
        "width": [8, 16, 32, 64, 96],
        "depth": [1, 2, 3, 4, 6],
        "resolution": [16, 24, 32, 48, 64],
        "batch": [16, 32, 64, 128],
        "act": ["relu", "gelu", "silu"],
    },
)
"""Networks whose memory grows with four of five decisions."""


class CrashError(Exception):
    """A training that crashed."""


@final
class Heedless(Bayesian):
    """The same search without learning from failures."""

    def context(self, log: Log, fidelity: str | None = None) -> Context:
        """As for any Bayesian search, but that nothing seems to fail."""
        return replace(super().context(log, fidelity), success=None)


def _cells(X: Tensor) -> Tensor:
    benchmark = load(EMBEDDED)
    values = benchmark.values(benchmark.evaluator().goal.metrics[0]).flatten().tolist()
    found = dict(zip(benchmark.space.ids(benchmark.X), values, strict=True))
    return torch.tensor([found[key] for key in benchmark.space.ids(X)], dtype=torch.double)


def _made_up(X: Tensor) -> Tensor:
    """What each choice is worth, and each pair of those in the first two columns."""
    worth = torch.randn(6, 5, generator=generator(1), dtype=torch.double)
    pairs = torch.randn(5, 5, generator=generator(2), dtype=torch.double)
    choices = X.long()
    total: Tensor = worth.gather(1, choices.T).sum(0) + pairs[choices[:, 0], choices[:, 1]]
    return total


def _grows(X: Tensor) -> Tensor:
    return X @ torch.tensor([1.0, 0.8, 0.9, 0.2, 0.3], dtype=X.dtype)


def _memory(X: Tensor) -> Tensor:
    """The logarithm of width times depth times resolution squared times batch."""
    columns = [torch.tensor(column, dtype=X.dtype).log() for column in SIZES.choices[:4]]
    powers = (1, 1, 2, 1)
    parts = zip(powers, columns, X.long().T, strict=False)
    return torch.stack([power * column[choice] for power, column, choice in parts]).sum(0)


@dataclass(frozen=True)
class Case:
    """A space, what its architectures are worth, and which of them crash; each from rows ``n x d`` to ``n``."""

    space: SearchSpace
    value: Callable[[Tensor], Tensor]
    crashes: Callable[[Tensor], Tensor]


CELLS = catalog.space("nb201")
CONV = CELLS.op_names.index("nor_conv_3x3")
CASES = {
    "cells: a convolution on the first edge or the fourth": Case(
        CELLS, _cells, lambda X: (X[:, [0, 3]] == CONV).any(-1)
    ),
    "cells: two convolutions or more": Case(CELLS, _cells, lambda X: (X == CONV).sum(-1) >= 2),
    "six columns: a choice in one of two": Case(
        SIX, _made_up, lambda X: (X[:, 2] == 3) | (X[:, 4] == 1)
    ),
    "six columns: the same choice in two": Case(
        SIX, _made_up, lambda X: (X[:, 0] == X[:, 1]) | (X[:, 5] == 0)
    ),
    "sizes: out of memory, where values grow with size": Case(
        SIZES, _grows, lambda X: _memory(X) > _memory(SIZES.enumerate()).quantile(2 / 3)
    ),
}
METHODS: dict[str, Callable[..., Strategy]] = {
    "at random": RandomSearch,
    "not learning from failures": Heedless,
    "archbo": Bayesian,
}


@dataclass(frozen=True)
class Task:
    """A search of a space of which a part crashes."""

    case: str
    method: str
    size: int
    seed: int

    def __str__(self) -> str:
        return f"{self.case}, {self.method}, seed {self.seed}"


@cache
def _pool(case: str) -> tuple[FixedCandidates, Tensor]:
    """What to choose from, and the values of what does not crash."""
    made = CASES[case]
    X = made.space.enumerate()
    X = X[torch.randperm(len(X), generator=generator(99))[:MOST]]
    return FixedCandidates(made.space, X), made.value(X[~made.crashes(X)])


def crashed(task: Task) -> tuple[float, float]:
    """The share of trials that crashed, and the rank of the best found among all that do not crash."""
    case, (candidates, values) = CASES[task.case], _pool(task.case)

    def evaluate(arch: object) -> float:
        row = case.space.rows([arch])  # type: ignore[list-item] # run gives an architecture
        if bool(case.crashes(row)):
            raise CrashError
        return float(case.value(row))

    strategy = METHODS[task.method](case.space, Goal(), candidates=candidates, seed=task.seed)
    log = run(strategy, evaluate, task.size, catch=(CrashError,))
    return log.n_failed / len(log), 1 + int((values > log.best[1]).sum())


def measure(settings: Settings) -> Section:
    """The share of crashes among all trials, and the mean rank of the best, for each rule and method."""
    wanted = settings.wanted(CASES)
    tasks = [
        Task(case, method, settings.size, seed)
        for case in wanted
        for method in METHODS
        for seed in settings.seeds
    ]
    found = dict(zip(tasks, each(crashed, tasks, workers=settings.workers), strict=True))
    rows = []
    for case in wanted:
        cells = []
        for method in METHODS:
            runs = [found[Task(case, method, settings.size, seed)] for seed in settings.seeds]
            share, rank = (fmean(side) for side in zip(*runs, strict=True))
            cells.append(f"{share:.0%}, {rank:.1f}")
        rows.append([case, *cells])
    return Section(
        "Where trainings crash",
        [Grid(["what crashes", *METHODS], rows)],
        [
            f"The mean share of the first {settings.size} trials that crashed, the random start of five included, and the "
            "mean rank of the best found among all architectures that do not crash. There are at most "
            f"{MOST:,} to choose from, about a third of which crash. How likely a training is to succeed is learned "
            "from those that did and did not."
        ],
    )


MEASUREMENT = Measurement(measure, repeats=3, size=60, unit="queries")
