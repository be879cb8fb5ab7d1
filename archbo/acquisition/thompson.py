"""Rules that draw instead of maximising."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Generator, Tensor

from archbo.acquisition.candidates.base import Candidates
from archbo.acquisition.context import CHUNK, Context
from archbo.acquisition.rule import Rule, shuffled_choices
from archbo.predictors import draw, marginals
from archbo.randomness import generator as new_generator

__all__ = ["IndependentThompsonSampling", "ThompsonSampling", "TopSampling"]


@final
@dataclass(frozen=True)
class ThompsonSampling(Rule):
    """Take the maximum of one draw from the joint posterior for each of the ``q`` rows (arXiv 1705.09236).

    A draw over ``m`` rows costs ``m^3``, so it covers part of the candidates: half of them have the highest upper
    confidence bounds, the others are random. Pending rows are not taken again, and change nothing else: the draws of
    a batch differ by themselves.

    Args:
        size: The number of candidates in a draw.
    """

    size: int = 2000

    def _select(
        self, context: Context, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        choices = shuffled_choices(context, candidates, generator)
        if len(choices) > self.size:
            mean, std = marginals(context.model, choices, batch_size=CHUNK)
            order = (mean + 2 * std).argsort(descending=True)
            rest = order[self.size // 2 :]
            random = rest[torch.randperm(len(rest), generator=generator)[: self.size // 2]]
            choices = choices[torch.cat([order[: self.size // 2], random])]
        n = min(q, len(choices))
        draws = draw(context.model, choices, n, generator=new_generator(context.seed))
        taken = torch.zeros(len(choices), dtype=torch.bool)
        picked = []
        for values in draws:
            best = values.masked_fill(taken, -torch.inf).argmax()
            taken[best] = True
            picked.append(int(best))
        return choices[picked]


@final
@dataclass(frozen=True)
class IndependentThompsonSampling(Rule):
    """Take the ``q`` highest of one draw for each candidate by itself (BANANAS, arXiv 1910.11858).

    A draw is Gaussian with the mean and the standard deviation of the candidate's marginal posterior, so that one pass
    serves all candidates. Pending rows are not taken again, and change nothing else.
    """

    def _select(
        self, context: Context, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        choices = shuffled_choices(context, candidates, generator)
        mean, std = marginals(context.model, choices, batch_size=CHUNK)
        draws = mean + std * torch.randn(len(mean), generator=generator, dtype=mean.dtype)
        return choices[draws.topk(min(q, len(choices))).indices]


@final
@dataclass(frozen=True)
class TopSampling(Rule):
    """Draw among the candidates with the highest posterior mean (WeakNAS, arXiv 2102.10490).

    Args:
        top: The number of candidates to draw from, all of them equally likely.
    """

    top: int = 100

    def _select(
        self, context: Context, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        choices = shuffled_choices(context, candidates, generator)
        mean, _ = marginals(context.model, choices, batch_size=CHUNK)
        best = mean.topk(min(max(self.top, q), len(choices))).indices
        return choices[best[torch.randperm(len(best), generator=generator)[:q]]]
