"""Regularized evolution."""

from typing import final

import torch
from torch import Generator, Tensor

from archbo.acquisition import Candidates
from archbo.bo_loop.strategy import Proposals, Strategy
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.spaces import SearchSpace

__all__ = ["RegularizedEvolution"]

VAIN = 100
"""The number of mutations that lead to no new architecture before a random one takes their place."""


@final
class RegularizedEvolution(Strategy):
    """Mutate the winner of a tournament among the youngest architectures (arXiv 1802.01548, algorithm 1).

    Only new architectures are proposed: a mutation that was seen is mutated again, and after 100 of them a random
    architecture is taken. With several objectives or bounds the winner of a tournament is the one on the first front
    of the youngest; infeasible architectures lose to feasible ones.

    Args:
        space: The space to search.
        goal: What is wanted; one metric called ``value`` is maximised unless given.
        candidates: Where architectures may come from; the whole space unless given.
        population: The number of youngest architectures that may be parents.
        tournament: The number of them drawn, the best of which is mutated.
        seed: The same seed gives the same search.

    Raises:
        UsageError: ``tournament`` is not between 1 and ``population``.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> evolution = RegularizedEvolution(space, population=4, tournament=2, seed=0)
        >>> print(*run(evolution, lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        *,
        candidates: Candidates | None = None,
        population: int = 20,
        tournament: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__(space, goal, candidates=candidates, seed=seed)
        if not 1 <= tournament <= population:
            raise UsageError(
                f"tournament must be between 1 and population={population}; got {tournament}"
            )
        self.population, self.tournament = population, tournament

    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        seen = log.seen(self.goal.target)
        X, gains = log.means(self.goal.target)
        if len(X) < self.population:
            left = self.population - len(seen)
            return self._random(log, min(q, max(left, 1)), generator)
        merit = self.goal.merit(gains[-self.population :])
        child = self._child(X[-self.population :], merit, seen, generator)
        return self._random(log, 1, generator) if child is None else Proposals(child)

    def _child(self, X: Tensor, merit: Tensor, seen: Tensor, generator: Generator) -> Tensor | None:
        """A new row (``1 x d``) made from the population ``X`` (``n x d``), if one is found."""
        drawn = torch.randperm(len(X), generator=generator)[: self.tournament]
        child = X[drawn[merit[drawn].argmax()]].unsqueeze(0)
        for _ in range(VAIN):
            child = self.space.mutate(child, generator=generator)
            fresh = self.candidates.without(self.candidates.restrict(child), seen)
            if len(fresh):
                return fresh
        return None
