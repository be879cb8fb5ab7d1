"""Searches of integers, reals and choices: archbo's own beside BoTorch's, on BoTorch's test functions."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Normalize
from botorch.optim import optimize_acqf, optimize_acqf_mixed_alternating
from botorch.test_functions.synthetic import AckleyMixed, Branin, Hartmann
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

from archbo import Bayesian, Goal, MixedSpace, RandomSearch, catalog
from archbo.bo_loop import Strategy, run
from archbo.randomness import generator
from archbo.spaces import Arch, Choice, Decision, Real
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings

__all__ = ["MEASUREMENT"]

INITIAL = 5
"""The number of random evaluations that every search begins with, as archbo's own does."""
MOMENTS = (10, 20, 40)
"""The numbers of evaluations after which regrets are read."""


@dataclass(frozen=True)
class Problem:
    """A function of BoTorch's that is minimised, and which of its arguments are 0 or 1."""

    name: str
    function: Any
    n_binary: int = 0

    @property
    def space(self) -> MixedSpace:
        """Its domain."""
        lows, highs = self.function.bounds.tolist()
        columns: dict[str, Decision] = {
            f"x{place}": Choice([0, 1]) if place < self.n_binary else Real(low, high)
            for place, (low, high) in enumerate(zip(lows, highs, strict=True))
        }
        return MixedSpace(self.name, columns)

    def evaluate(self, arch: Arch) -> float:
        """The value of the function."""
        return float(self.function(torch.tensor([arch.row], dtype=torch.double)))


def _ackley() -> AckleyMixed:
    """Ten binary arguments and three reals; the optimum lies at a random point, which is always the same."""
    with torch.random.fork_rng(devices=()):
        torch.random.manual_seed(0)
        return AckleyMixed(dim=13, randomize_optimum=True)


PROBLEMS = (
    Problem("Branin, 2 reals", Branin()),
    Problem("Hartmann, 6 reals", Hartmann(6)),
    Problem("Ackley, 10 binaries and 3 reals", _ackley(), 10),
)

Search = Callable[[Problem, int, int], list[float]]
"""The values of a problem in the order of a search, given the number of evaluations and the seed."""


def _archbo(make: Callable[[MixedSpace, int], Strategy]) -> Search:
    def search(problem: Problem, n: int, seed: int) -> list[float]:
        log = run(make(problem.space, seed), problem.evaluate, n)
        return [trial.values[0] for trial in log.trials]

    return search


def _botorch(problem: Problem, n: int, seed: int) -> list[float]:
    """BoTorch's loop as its tutorials have it: a Gaussian process with its priors, LogEI and its optimisers."""
    function, bounds = problem.function, problem.function.bounds
    X = problem.space.sample(INITIAL, generator=generator(seed, 1))
    torch.random.manual_seed(seed)
    while len(X) < n:
        Y = -function(X).unsqueeze(-1)
        model = SingleTaskGP(X, Y, input_transform=Normalize(X.shape[-1], bounds=bounds))
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        log_ei = LogExpectedImprovement(model, best_f=Y.max())
        row: Tensor
        if problem.n_binary:
            binary = {place: [0.0, 1.0] for place in range(problem.n_binary)}
            row, _ = optimize_acqf_mixed_alternating(
                log_ei, bounds, discrete_dims=binary, num_restarts=10, raw_samples=512
            )
        else:
            row, _ = optimize_acqf(log_ei, bounds, q=1, num_restarts=10, raw_samples=512)
        X = torch.cat([X, row])
    return [float(value) for value in function(X)]


GOAL = Goal.parse("-value")
METHODS: dict[str, Search] = {
    "archbo": _archbo(lambda space, seed: Bayesian(space, GOAL, seed=seed)),
    "BoTorch": _botorch,
    "random": _archbo(lambda space, seed: RandomSearch(space, GOAL, seed=seed)),
    "evolution": _archbo(lambda space, seed: catalog.strategy("evolution", space, GOAL, seed=seed)),
}


def regrets(task: tuple[int, str, int, int]) -> list[float]:
    """The simple regret of one method on one problem after each moment, with one seed."""
    place, method, n, seed = task
    problem = PROBLEMS[place]
    values = METHODS[method](problem, n, seed)
    optimum = problem.function.optimal_value
    return [min(values[:moment]) - optimum for moment in MOMENTS if moment <= n]


def measure(settings: Settings) -> Section:
    """Medians of simple regrets."""
    wanted = settings.wanted(METHODS)
    tasks = [
        (place, method, settings.size, seed)
        for place in range(len(PROBLEMS))
        for method in wanted
        for seed in settings.seeds
    ]
    found = dict(zip(tasks, each(regrets, tasks, workers=settings.workers), strict=True))
    moments = [moment for moment in MOMENTS if moment <= settings.size]
    rows = []
    for place, problem in enumerate(PROBLEMS):
        for method in wanted:
            runs = [found[place, method, settings.size, seed] for seed in settings.seeds]
            cells = [median(values) for values in zip(*runs, strict=True)]
            worst, best = (pick(values[-1] for values in runs) for pick in (max, min))
            rows.append(
                [
                    problem.name,
                    method,
                    *(f"{cell:.2g}" for cell in cells),
                    f"{best:.2g} - {worst:.2g}",
                ]
            )
    header = ["function", "search", *(f"after {moment}" for moment in moments), "least - most"]
    return Section(
        "Integers, reals and choices together",
        [Grid(header, rows)],
        [
            "Medians over seeds of simple regret: how far the lowest value found is above the optimum; the last column has "
            f"the ends after the last evaluation. Every search begins with {INITIAL} random evaluations. BoTorch is `SingleTaskGP` "
            "with its priors, LogEI, and `optimize_acqf` or `optimize_acqf_mixed_alternating`, 10 restarts from 512 samples.",
            "The priors of archbo's Gaussian process with reals were chosen on Branin's and Hartmann's functions, some of these "
            "seeds among them, and how it sees binaries on Ackley's: the table shows that nothing is lost, and does not judge.",
        ],
    )


MEASUREMENT = Measurement(measure, repeats=10, size=40, unit="evaluations")
