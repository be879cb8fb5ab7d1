"""Candidates made from the best observations: by mutation, by crossover, and by climbing."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Generator, Tensor

from archbo.acquisition.candidates.base import Candidates, FixedCandidates
from archbo.spaces import SearchSpace

__all__ = [
    "CrossoverCandidates",
    "HillClimbingCandidates",
    "LocalCandidates",
    "MovingCandidates",
    "MutationCandidates",
    "candidates_for",
    "mutations",
]

WHOLE_SPACE = 50_000
"""Up to this many architectures the acquisition function scores every one; by choice, about a second's work."""
SIZE = 2048
"""The number of rows that a rule makes at a time; by choice, well above any shortlist."""


@dataclass(eq=False)
class MovingCandidates(Candidates, ABC):
    """Rows made from what has been observed, in the whole space or among other candidates.

    A subclass implements ``_make``. In a table with few rows of its space, moves may hit none of them: then all that
    is proposed are random rows, and ``exhaustive`` is the better rule.

    Args:
        space: The space to move in.
        within: What rows are restricted to, such as the rows of a table; every valid row unless given.

    Attributes:
        climbs: Whether a local search may move on from what is proposed.
    """

    climbs: ClassVar[bool] = False
    within: Candidates | None = None

    @abstractmethod
    def _make(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        """Valid rows ``m x d``, given observations ``X`` (``n x d``), ``Y`` (``n x 1``), ``n > 0``."""

    @final
    def _propose(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        return self.restrict(self._make(X, Y, generator))

    def _random(self, n: int, generator: Generator) -> Tensor:
        if self.within is not None:
            return self.within._random(n, generator)
        rows = self.space.sample(n, generator=generator)
        for _ in range(20):
            rows = self.space.distinct(rows)
            if len(rows) >= n:
                break
            rows = torch.cat([rows, self.space.sample(n, generator=generator)])
        return rows

    @property
    def pool(self) -> Tensor | None:
        """The list that rows are restricted to, if there is one."""
        return self.within.pool if self.within is not None else None

    def contains(self, X: Tensor) -> Tensor:
        """Every valid row, or what it is restricted to."""
        return self.space.is_valid(X) if self.within is None else self.within.contains(X)

    def restrict(self, X: Tensor) -> Tensor:
        """The rows of valid ``X`` (``n x d``) that could be proposed, as they would be."""
        return X if self.within is None else self.within.restrict(X)

    def reached(self, row: Tensor, X: Tensor) -> Tensor:
        """What may be proposed, if a local search is to move on; else nothing."""
        return self.restrict(X) if self.climbs else super().reached(row, X)

    def _sample(self, n: int, X: Tensor, generator: Generator) -> Tensor:
        """About ``n`` random rows of the type of ``X``, not all of them distinct."""
        if self.within is not None:
            return self.within._random(n, generator).to(X)
        return self.space.sample(n, generator=generator, dtype=X.dtype)


@final
@dataclass(eq=False, kw_only=True)
class MutationCandidates(MovingCandidates):
    """Mutations of the best observations, as BANANAS makes its candidates (arXiv 1910.11858).

    Much of its performance comes from them (arXiv 2107.07343).

    Args:
        space: The space to move in.
        within: What rows are restricted to; every valid row unless given.
        size: The number of rows made.
        parents: The number of best observations that are mutated.
        steps: The largest number of decisions that a mutation changes.
        fresh: The share of random rows among them, a half in NAS-BOWL (arXiv 2006.07556).

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {name: range(10) for name in "abcd"})
        >>> X = space.sample(20, generator=torch.Generator().manual_seed(0))
        >>> rule = MutationCandidates(space, parents=1, steps=1)
        >>> rows = rule.propose(X, X[:, :1], avoid=X, generator=torch.Generator().manual_seed(0))
        >>> (rows != X[X[:, 0].argmax()]).sum(-1).unique().tolist()
        [1]
    """

    size: int = SIZE
    parents: int = 10
    steps: int = 3
    fresh: float = 0.0

    def _make(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        best, n_fresh = _best(X, Y, self.parents), round(self.fresh * self.size)
        rows = mutations(self.space, best, self.size - n_fresh, self.steps, generator)
        return torch.cat([rows, self._sample(n_fresh, X, generator)])


@final
@dataclass(eq=False, kw_only=True)
class CrossoverCandidates(MovingCandidates):
    """Children of pairs of the best observations, each decision from either parent, half of them mutated once.

    Args:
        space: The space to move in.
        within: What rows are restricted to; every valid row unless given.
        size: The number of children.
        parents: The number of best observations that pairs are drawn from.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {name: range(10) for name in "abcd"})
        >>> X = space.rows([[0, 0, 0, 0], [1, 1, 1, 1], [9, 9, 9, 9]])
        >>> rule = CrossoverCandidates(space, parents=2)
        >>> Y, generator = torch.tensor([[3.0], [2.0], [1.0]]), torch.Generator().manual_seed(0)
        >>> rows = rule.propose(X, Y, avoid=X, generator=generator)
        >>> (rows > 1).sum(-1).unique().tolist()
        [0, 1]
    """

    size: int = SIZE
    parents: int = 20

    def _make(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        best = _best(X, Y, self.parents)
        first, second = torch.randint(len(best), (2, self.size), generator=generator)
        children = self.space.crossover(best[first], best[second], generator=generator)
        half = self.size // 2
        mutated = self.space.mutate(children[:half], generator=generator)
        return torch.cat([mutated, children[half:]])


@final
@dataclass(eq=False, kw_only=True)
class HillClimbingCandidates(MovingCandidates):
    """The neighbours of the best observations, where a local search of the acquisition function starts.

    ``Maximize`` moves on from the most promising neighbours to better neighbours of theirs as long as there are any,
    so that the rows it takes may be many decisions away.

    Args:
        space: The space to move in.
        within: What rows are restricted to; every valid row unless given.
        parents: The number of best observations whose neighbours are proposed.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {name: range(3) for name in "abcdefgh"})
        >>> X = space.rows([[0] * 8, [1] * 8])
        >>> rule = HillClimbingCandidates(space, parents=1)
        >>> Y, generator = torch.tensor([[1.0], [2.0]]), torch.Generator().manual_seed(0)
        >>> rows = rule.propose(X, Y, avoid=X, generator=generator)
        >>> len(rows), (rows != X[1]).sum(-1).unique().tolist()
        (16, [1])
    """

    climbs: ClassVar[bool] = True
    parents: int = 10

    def _make(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        return torch.cat([self.space.neighbours(row) for row in _best(X, Y, self.parents)])


@final
@dataclass(eq=False, kw_only=True)
class LocalCandidates(MovingCandidates):
    """Mutations of the best observations and random rows, and climbing from there: for spaces too large to list.

    Args:
        space: The space to move in.
        within: What rows are restricted to; every valid row unless given.
        size: The number of candidates, three quarters of them mutations.
        parents: The number of best observations that are mutated, each by one to three decisions.
    """

    climbs: ClassVar[bool] = True
    size: int = SIZE
    parents: int = 10

    def _make(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        best, n_fresh = _best(X, Y, self.parents), self.size // 4
        rows = mutations(self.space, best, self.size - n_fresh, 3, generator)
        return torch.cat([rows, self._sample(n_fresh, X, generator)])


def candidates_for(space: SearchSpace) -> Candidates:
    """All of a space with up to 50,000 architectures, else mutations of the best observations and random rows."""
    # Several rows may stand for one architecture.
    if space.is_enumerable and space.size <= 10 * WHOLE_SPACE:
        X = space.enumerate()
        if len(X) <= WHOLE_SPACE:
            return FixedCandidates(space, X)
    return LocalCandidates(space)


def mutations(space: SearchSpace, X: Tensor, n: int, steps: int, generator: Generator) -> Tensor:
    """At least ``n`` rows: each row of ``X`` (``m x d``) equally often, with 1 to ``steps`` mutations of one decision."""
    rows = X.repeat(-(-n // len(X)), 1)
    wanted = torch.randint(1, steps + 1, (len(rows),), generator=generator)
    for step in range(steps):
        moved = space.mutate(rows, generator=generator)
        rows = torch.where((wanted > step).unsqueeze(-1), moved, rows)
    return rows


def _best(X: Tensor, Y: Tensor, n: int) -> Tensor:
    """The ``n`` rows of ``X`` with the highest ``Y`` (``m x 1``)."""
    return X[Y.flatten().argsort(descending=True)[:n]]
