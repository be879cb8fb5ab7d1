"""Search methods without a surrogate, to compare with."""

from contextlib import suppress

import torch
from torch import Tensor

from archbo.acquisition import Candidates
from archbo.bo_loop.searcher import Searcher
from archbo.errors import NothingLeftError, UsageError
from archbo.spaces import SearchSpace

__all__ = ["LocalSearch", "RandomSearch", "RegularizedEvolution"]


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


class LocalSearch(Searcher):
    """Evaluate all neighbours, move to the best if it is better, else start again at random (arXiv 2005.02960).

    Where the walk stands follows from what has been told: it begins at the first architecture, and a new one at the
    first that was told after a local optimum was recognised. Where more is asked for than there are
    neighbours to evaluate, the rest is random.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(LocalSearch(space, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """

    def _next(self, q: int) -> Tensor:
        around = self.candidates.without(self._around(), self.seen)
        rows = around[torch.randperm(len(around), generator=self.generator)[:q]]
        if len(rows) == 0:
            return self.candidates.random(q, avoid=self.seen, generator=self.generator)
        if len(rows) < q:
            avoid = torch.cat([self.seen, rows])
            with suppress(NothingLeftError):
                more = self.candidates.random(q - len(rows), avoid=avoid, generator=self.generator)
                rows = torch.cat([rows, more])
        return rows

    def _around(self) -> Tensor:
        """The rows (``m x d``) around where the walk stands; none where a new one is to begin."""
        told: dict[object, int] = {}
        for index, key in enumerate(self.space.ids(self.X)):
            told.setdefault(key, index)
        Y = self.Y.flatten().tolist()
        here = latest = 0
        while here < len(Y):
            around = self.candidates.restrict(self.space.neighbours(self.X[here]))
            found = [told.get(key) for key in self.space.ids(around)]
            known = [index for index in found if index is not None]
            if len(known) < len(found):
                return around
            latest = max(latest, here, *known)
            best = max(known, key=Y.__getitem__, default=here)
            here = best if Y[best] > Y[here] else latest + 1
        return self.X[:0]
