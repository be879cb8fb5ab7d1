"""What an acquisition function is brought to in spaces too large to list, and the seconds and memory that it takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean, median

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.optim import optimize_acqf_discrete_local_search
from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
from torch import Tensor

from archbo import catalog
from archbo.acquisition import Context, Maximize, candidates_for
from archbo.acquisition.maximize import default_rule
from archbo.bo_loop import Bayesian, RegularizedEvolution, run
from archbo.goals import Goal
from archbo.log import Log
from archbo.randomness import generator
from archbo.spaces import Arch, CategoricalSpace, SearchSpace
from perf.processes import each, peak_memory
from perf.section import Grid, Section
from perf.settings import Measurement, Settings

__all__ = ["MEASUREMENT"]

FBNET = [f"k{k}_e{e}" for k in (3, 5) for e in ("1", "1_g2", "3", "6")] + ["skip"]
"""The blocks to choose from in each of FBNet's 22 layers (arXiv 1812.03443)."""
SPACES: dict[str, Callable[[], SearchSpace]] = {
    "`darts`, 24 columns, 10^18": lambda: catalog.space("darts"),
    "FBNet, 22 columns of 9 blocks, 10^21": lambda: CategoricalSpace(
        "fbnet", {f"op_{layer}": FBNET for layer in range(22)}
    ),
    "40 columns of 10 operations, 10^40": lambda: CategoricalSpace(
        "operations", {f"op_{column}": [f"op{i}" for i in range(10)] for column in range(40)}
    ),
}
RANDOM, CHUNK = 100_000, 4_000
"""The number of random architectures, and how many of them are in memory at a time."""


def landscape(space: SearchSpace, seed: int) -> Callable[[Arch], float]:
    """A made-up value: normal draws for each choice, and half as large ones for each pair in neighbouring columns."""
    source, d, most = generator(seed), space.n_columns, max(space.cardinalities)
    alone = torch.randn(d, most, generator=source)
    pairs = torch.randn(d - 1, most, most, generator=source)

    def value(arch: Arch) -> float:
        row = space.canonical(torch.tensor([arch.row], dtype=torch.double))[0].long()
        both = pairs[torch.arange(d - 1), row[:-1], row[1:]]
        return float(alone[torch.arange(d), row].sum() + both.sum() / 2)

    return value


@dataclass(frozen=True)
class Search:
    """A log in the middle of a search, and what its acquisition function is maximised with."""

    space: SearchSpace
    log: Log
    context: Context
    rule: Maximize
    seed: int

    @property
    def function(self) -> AcquisitionFunction:
        """The acquisition function."""
        return self.rule.factory(self.context)

    @property
    def choices(self) -> list[Tensor]:
        """The numbers to choose from in each column."""
        return [torch.arange(n, dtype=torch.double) for n in self.space.cardinalities]


def _archbo(search: Search) -> Tensor:
    candidates, source = candidates_for(search.space), generator(search.seed)
    return search.rule.select(search.context, candidates, 1, generator=source)


def _at_random(search: Search) -> Tensor:
    best, height = search.context.X[:1], -torch.inf
    for chunk in range(RANDOM // CHUNK):
        X = search.space.sample(CHUNK, generator=generator(search.seed, chunk))
        values = search.rule.values(search.context, X)
        if float(values.max()) > height:
            best, height = X[values.argmax()].unsqueeze(0), float(values.max())
    return best


def _local_search(search: Search) -> Tensor:
    row: Tensor = optimize_acqf_discrete_local_search(
        search.function, search.choices, q=1, X_avoid=search.context.avoid
    )[0]
    return row


def _mixed_alternating(search: Search) -> Tensor:
    values = {column: choices.tolist() for column, choices in enumerate(search.choices)}
    ends = [[0.0, choices[-1]] for choices in values.values()]
    row: Tensor = optimize_acqf_mixed_alternating(
        search.function,
        torch.tensor(ends, dtype=torch.double).T,
        cat_dims=values,
        options={"initialization_strategy": "random"},
    )[0]
    return row


METHODS: dict[str, Callable[[Search], Tensor]] = {
    "archbo's default": _archbo,
    f"the best of {RANDOM:,} at random": _at_random,
    "BoTorch, `optimize_acqf_discrete_local_search`": _local_search,
    "BoTorch, `optimize_acqf_mixed_alternating`": _mixed_alternating,
}


@dataclass(frozen=True)
class Task:
    """One proposal after a number of observations."""

    space: str
    method: str
    observations: int
    seed: int

    def __str__(self) -> str:
        return f"{self.space}, {self.method}, seed {self.seed}"


@dataclass(frozen=True)
class Proposal:
    """The value that the acquisition function was brought to, the seconds of the processor it took, and the most memory in GiB.

    Attributes:
        value: LogEI.
        fit: Seconds of the fit before.
        seconds: Seconds of the search.
        memory: Of the whole process, imports and all.
    """

    value: float
    fit: float
    seconds: float
    memory: float


def propose(task: Task) -> Proposal:
    """Observe what regularised evolution visits, fit, and look for the best architecture to evaluate next."""
    space, goal = SPACES[task.space](), Goal()
    visited = RegularizedEvolution(space, goal, seed=task.seed)
    log = run(visited, landscape(space, task.seed), task.observations)
    strategy = Bayesian(space, goal, seed=task.seed)
    strategy.context(log.first(10))  # what is loaded at the first fit
    started = time.process_time()
    context = strategy.context(log)
    fitted = time.process_time()
    search = Search(space, log, context, default_rule(space, goal), task.seed)
    torch.manual_seed(task.seed)  # BoTorch draws from it
    found = METHODS[task.method](search)
    ended = time.process_time()
    value = float(search.rule.values(context, found))
    return Proposal(value, fitted - started, ended - fitted, peak_memory())


def measure(settings: Settings) -> Section:
    """Each way to maximise the same acquisition function, each in a process of its own."""
    names = settings.wanted(METHODS)
    tasks = [
        Task(space, method, settings.size, seed)
        for space in SPACES
        for method in names
        for seed in settings.seeds
    ]
    found = dict(
        zip(tasks, each(propose, tasks, workers=settings.workers, fresh=True), strict=True)
    )
    tables = []
    for space in SPACES:
        rows = []
        for method in names:
            proposals = [found[Task(space, method, settings.size, s)] for s in settings.seeds]
            rows.append(
                [
                    method,
                    f"{fmean(p.value for p in proposals):.3f}",
                    " ".join(f"{p.value:.3f}" for p in proposals),
                    f"{median(p.fit for p in proposals):.2f}",
                    f"{median(p.seconds for p in proposals):.2f}",
                    f"{max(p.memory for p in proposals):.2f}",
                ]
            )
        header = [
            "maximised by", "LogEI, mean", "each seed", "s of the fit", "s of the search", "peak GiB",
        ]  # fmt: skip
        tables.append(Grid(header, rows, f"{space}:"))
    return Section(
        "Spaces too large to list",
        tables,
        [
            f"The next architecture to evaluate after {settings.size} that regularised evolution visited, by LogEI of the default "
            "surrogate; the higher the better. Values are made up: a random number for each choice, and one half as large for "
            "each pair of choices in neighbouring columns. Seconds are the processor's, medians. Memory is that of the whole process, with Python and its libraries, "
            "which alone take 0.4 GiB. BoTorch's functions have their default numbers of restarts, and are given archbo's "
            "surrogate, whose posterior at many rows is in closed form; the second begins at random rows."
        ],
    )


MEASUREMENT = Measurement(measure, repeats=3, size=150, unit="observations")
