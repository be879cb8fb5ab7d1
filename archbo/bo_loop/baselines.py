"""Search methods without a surrogate, to compare with."""

import torch
from torch import Tensor

from archbo.acquisition import Candidates
from archbo.bo_loop.searcher import Searcher
from archbo.errors import NothingLeftError, UsageError
from archbo.spaces import SearchSpace

__all__ = ["RandomSearch", "RegularizedEvolution"]


class RandomSearch(Searcher):
    """Architectures at random, each once."""

    def _next(self, q: int) -> Tensor:
        return self.candidates.random(q, avoid=self.seen, generator=self.generator)


class RegularizedEvolution(Searcher):
    """Mutate the winner of a tournament among the youngest architectures (arXiv 1802.01548, algorithm 1).

    Only architectures not seen before are asked for: a mutation that was seen is mutated again, and after
    100 vain mutations a random architecture takes its place.

    Args:
        space: The space to search.
        candidates: Where architectures may come from; the whole space by default.
        population: The number of youngest architectures that may be parents.
        tournament: The number of them drawn, the best of which is mutated.
        seed: The same seed gives the same search.

    Raises:
        UsageError: ``tournament`` is not between 1 and ``population``.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        candidates: Candidates | None = None,
        population: int = 20,
        tournament: int = 5,
        seed: int,
    ) -> None:
        super().__init__(space, candidates=candidates, seed=seed)
        if not 1 <= tournament <= population:
            raise UsageError(
                f"tournament must be between 1 and population={population}; got {tournament}"
            )
        self.population, self.tournament = population, tournament

    def _next(self, q: int) -> Tensor:
        rows = self.X[:0]
        while len(rows) < q:
            try:
                rows = torch.cat([rows, self._fresh(q - len(rows), torch.cat([self.seen, rows]))])
            except NothingLeftError:
                if len(rows) == 0:
                    raise
                break
        return rows

    def _fresh(self, n: int, avoid: Tensor) -> Tensor:
        """At least one new row and at most ``n``."""
        if len(self.X) >= self.population:
            return self._child(avoid)
        n = min(n, max(1, self.population - len(avoid)))
        return self.candidates.random(n, avoid=avoid, generator=self.generator)

    def _child(self, avoid: Tensor) -> Tensor:
        X, Y = self.X[-self.population :], self.Y[-self.population :]
        draw = torch.randperm(len(X), generator=self.generator)[: self.tournament]
        child = X[draw[Y[draw].argmax()]].unsqueeze(0)
        for _ in range(100):
            child = self.space.mutate(child, generator=self.generator)
            if self.candidates.contains(child) and len(self.candidates.without(child, avoid)):
                return child
        return self.candidates.random(1, avoid=avoid, generator=self.generator)
