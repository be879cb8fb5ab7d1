"""From an acquisition function and candidates to the next ``q`` architectures."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from botorch.generation import MaxPosteriorSampling
from torch import Generator, Tensor

from archbo.acquisition.candidates import Candidates
from archbo.acquisition.cost import Cost, per_cost
from archbo.acquisition.factories import AcquisitionFactory, Observations
from archbo.predictors import marginals

__all__ = [
    "Acquisition",
    "IndependentThompsonSampling",
    "Maximize",
    "ThompsonSampling",
    "TopSampling",
]

CHUNK = 4096
"""Rows whose marginal posterior is asked for at a time."""


class Acquisition(Protocol):
    """A rule that picks rows."""

    def select(
        self, observations: Observations, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        """The next rows, ``q x d``; fewer where fewer candidates are left."""


@dataclass(frozen=True)
class Maximize:
    """Take the candidates with the highest values of an acquisition function.

    One is taken after the other, each pending for the next, unless ``sequential`` is false. Analytic functions
    look at every candidate; Monte Carlo ones, which cost a joint posterior per candidate, at a shortlist by
    analytic LogEI. From the best candidates a local search climbs on where there are neighbours beyond them.
    Ties are broken at random.

    Args:
        factory: Makes the acquisition function.
        shortlist: The number of candidates that a Monte Carlo function looks at.
        climbs: The number of candidates that the local search starts from.
        cost: What evaluating rows costs; then the candidates of the highest value per unit of it are taken
            (Snoek, Larochelle and Adams 2012, arXiv 1206.2944, section 3.2). The function's value is a gain then,
            or the logarithm of one.
        sequential: Whether rows are picked for a batch, each pending for the next; otherwise they are the highest
            of one ranking, rivals that may be much alike.

    Example:
        Any BoTorch acquisition function serves:

        >>> from botorch.acquisition import qSimpleRegret
        >>> regret = Maximize(lambda seen: qSimpleRegret(seen.model, sampler=seen.sampler))
    """

    factory: AcquisitionFactory
    shortlist: int = 256
    climbs: int = 5
    cost: Cost | None = None
    sequential: bool = True

    def select(
        self, observations: Observations, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        """The next rows, ``q x d``; fewer where fewer candidates are left."""
        choices = _choices(observations, candidates, generator)
        if not self.sequential:
            return self._best(observations, choices, candidates, min(q, len(choices)))
        picked = choices[:0]
        for _ in range(min(q, len(choices))):
            if len(picked):
                choices = candidates.without(choices, picked)
            row = self._best(observations.with_pending(picked), choices, candidates, 1)
            picked = torch.cat([picked, row])
        return picked

    def _best(
        self, observations: Observations, choices: Tensor, candidates: Candidates, n: int
    ) -> Tensor:
        """The best ``n`` rows of ``choices``, the first of them climbed from."""
        here = replace(observations, choices=choices)
        function = self.factory(here)
        pool = choices
        if not isinstance(function, AnalyticAcquisitionFunction):
            pool = self._shortlist(observations, choices)
        values = self._values(function, pool)
        best = self._climb(function, pool, values, candidates, here.seen)
        if n == 1:
            return best
        ranked = pool[values.topk(min(n, len(pool))).indices]
        return candidates.without(torch.cat([best, ranked]), here.seen)[:n]

    def _shortlist(self, observations: Observations, choices: Tensor) -> Tensor:
        if len(choices) <= self.shortlist:
            return choices
        marginal = LogExpectedImprovement(observations.model, best_f=observations.best_f)
        return choices[self._values(marginal, choices).topk(self.shortlist).indices]

    def _climb(
        self,
        function: AcquisitionFunction,
        pool: Tensor,
        values: Tensor,
        candidates: Candidates,
        avoid: Tensor,
    ) -> Tensor:
        """The best row (``1 x d``) of the pool, or of what a local search from its best rows finds."""
        top = values.topk(min(self.climbs, len(pool)))
        best, best_value = pool[top.indices[:1]], float(top.values[0])
        if len(candidates.neighbours(best[0])) == 0:
            return best
        for start, value in zip(pool[top.indices], top.values.tolist(), strict=True):
            row, here = start, value
            while True:
                around = candidates.without(candidates.neighbours(row), avoid)
                if len(around) == 0:
                    break
                around_values = self._values(function, around)
                if float(around_values.max()) <= here:
                    break
                row, here = around[around_values.argmax()], float(around_values.max())
            if here > best_value:
                best, best_value = row.unsqueeze(0), here
        return best

    def _values(self, function: AcquisitionFunction, X: Tensor) -> Tensor:
        """The function at each row of ``X`` (``m x d``) by itself, per unit of cost."""
        chunk = CHUNK if isinstance(function, AnalyticAcquisitionFunction) else 128
        with torch.no_grad():
            values = torch.cat([function(part) for part in X.unsqueeze(-2).split(chunk)])
            return values if self.cost is None else per_cost(function, values, self.cost(X))


@dataclass(frozen=True)
class ThompsonSampling:
    """Take the maximum of one draw from the joint posterior for each of the ``q`` rows (arXiv 1705.09236).

    A draw over ``m`` rows costs ``m^3``, so it is made on part of the candidates: half of them the most
    promising by upper confidence bound, half at random. Pending rows change nothing but that they are not taken
    again: draws differ by themselves.

    Args:
        size: The number of candidates in a draw.
    """

    size: int = 2000

    def select(
        self, observations: Observations, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        """The next rows, ``q x d``; fewer where fewer candidates are left."""
        choices = _choices(observations, candidates, generator)
        if len(choices) > self.size:
            mean, std = marginals(observations.model, choices)
            order = (mean + 2 * std).argsort(descending=True)
            rest = order[self.size // 2 :]
            random = rest[torch.randperm(len(rest), generator=generator)[: self.size // 2]]
            choices = choices[torch.cat([order[: self.size // 2], random])]
        sampling = MaxPosteriorSampling(observations.model, replacement=False)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(observations.seed)
            rows: Tensor = sampling(choices, num_samples=min(q, len(choices)))
        return rows


@dataclass(frozen=True)
class IndependentThompsonSampling:
    """Take the ``q`` highest of one draw for each candidate by itself (BANANAS, arXiv 1910.11858).

    A draw is Gaussian with the mean and the standard deviation that the predictor has of the candidate, so that every
    candidate is drawn for in one pass. Pending rows change nothing but that they are not taken again.
    """

    def select(
        self, observations: Observations, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        """The next rows, ``q x d``; fewer where fewer candidates are left."""
        choices = _choices(observations, candidates, generator)
        mean, std = marginals(observations.model, choices, batch_size=CHUNK)
        draws = mean + std * torch.randn(len(mean), generator=generator, dtype=mean.dtype)
        return choices[draws.topk(min(q, len(choices))).indices]


@dataclass(frozen=True)
class TopSampling:
    """Draw among the candidates with the highest posterior mean (WeakNAS, arXiv 2102.10490).

    Args:
        top: The number of candidates to draw from, all of them equally likely.
    """

    top: int = 100

    def select(
        self, observations: Observations, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        """The next rows, ``q x d``; fewer where fewer candidates are left."""
        choices = _choices(observations, candidates, generator)
        mean, _ = marginals(observations.model, choices)
        best = mean.topk(min(max(self.top, q), len(choices))).indices
        return choices[best[torch.randperm(len(best), generator=generator)[:q]]]


def _choices(observations: Observations, candidates: Candidates, generator: Generator) -> Tensor:
    """What the candidates propose, in random order: the first of equals must not be the table's first."""
    choices = candidates.propose(
        observations.X, observations.Y, avoid=observations.seen, generator=generator
    )
    return choices[torch.randperm(len(choices), generator=generator)]
