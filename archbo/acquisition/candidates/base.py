"""Where the next architecture may come from."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Generator, Tensor

from archbo.errors import NothingLeftError
from archbo.spaces import SearchSpace

__all__ = ["Candidates", "DerivedCandidates", "FixedCandidates", "exhaustive"]

LEAST = 10
"""Random rows join the proposals of a rule that has fewer than this; by choice, enough to compare and quick to score."""


@dataclass(eq=False)
class Candidates(ABC):
    """A rule that proposes rows to choose from, never one of those to avoid.

    Where a rule has fewer than ten, random rows join them: a search goes on until nothing is left at all. A rule
    with few rows may fill only part of a batch of more than ten.

    Proposals follow from the arguments alone. An object keeps nothing between calls that they depend on.

    A subclass implements ``_propose``, ``_random`` and ``contains``. It overrides ``restrict`` where rows are proposed
    in another form than they are given, ``reached`` where a local search may move on from what is proposed, and
    ``given`` where such moves depend on the observations.

    Args:
        space: The space that the rows belong to.
    """

    space: SearchSpace

    @abstractmethod
    def _propose(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        """Rows ``m x d`` to choose from, given observations ``X`` (``n x d``), ``Y`` (``n x 1``), ``n > 0``."""

    @abstractmethod
    def _random(self, n: int, generator: Generator) -> Tensor:
        """About ``n`` distinct rows or more at random; fewer where there are fewer."""

    @abstractmethod
    def contains(self, X: Tensor) -> Tensor:
        """``n`` bool: which rows of ``X`` (``n x d``) could ever be proposed."""

    def restrict(self, X: Tensor) -> Tensor:
        """The rows of ``X`` (``n x d``) that could be proposed, as they would be."""
        return X[self.contains(X)]

    def reached(self, row: Tensor, X: Tensor) -> Tensor:
        """The rows of valid ``X`` (``n x d``) that a local search may move to from ``row`` (``d``): by default none."""
        return X[:0]

    @final
    def neighbours(self, row: Tensor) -> Tensor:
        """Rows ``m x d`` next to ``row`` (``d``) that a local search may move to."""
        return self.reached(row, self.space.neighbours(row))

    def given(self, X: Tensor, Y: Tensor) -> "Candidates":
        """The candidates after observations ``X`` (``n x d``), ``Y`` (``n x 1``), ``n > 0``: by default the same.

        What they propose for these observations stays as it was; their ``neighbours`` may be others.
        """
        return self

    @property
    def pool(self) -> Tensor | None:
        """All rows that are ever proposed, ``m x d``; None where they are not listed."""
        return None

    @final
    def propose(self, X: Tensor, Y: Tensor, *, avoid: Tensor, generator: Generator) -> Tensor:
        """Distinct rows ``m x d`` to choose from.

        Args:
            X: ``n x d``, the architectures observed, at least one.
            Y: ``n x 1``, their values.
            avoid: ``a x d``, rows whose architectures are not proposed.
            generator: The source of randomness.

        Raises:
            NothingLeftError: Nothing is left.
        """
        rows = self.without(self._propose(X, Y, generator), avoid)
        if len(rows) < LEAST:
            more = self._random(LEAST + len(avoid), generator).to(rows)
            rows = self.without(torch.cat([rows, more]), avoid)
        return self._checked(rows)

    @final
    def random(self, n: int, *, avoid: Tensor, generator: Generator) -> Tensor:
        """``n`` distinct rows at random, none in ``avoid`` (``a x d``); fewer where fewer are left.

        Raises:
            NothingLeftError: Nothing is left.
        """
        rows = self.without(self._random(n + len(avoid), generator), avoid)
        return self._checked(rows)[:n]

    def without(self, X: Tensor, avoid: Tensor) -> Tensor:
        """The distinct rows of ``X`` whose architectures are not in ``avoid``."""
        seen = set(self.space.ids(avoid))
        fresh = []
        for row, key in enumerate(self.space.ids(X)):
            if key not in seen:
                seen.add(key)
                fresh.append(row)
        return X[fresh]

    def _checked(self, X: Tensor) -> Tensor:
        if len(X) == 0:
            raise NothingLeftError(f"every architecture of {self.space.name} has been asked for")
        return self.preferred(X)

    def preferred(self, X: Tensor) -> Tensor:
        """Of the rows ``X`` (``n x d``) that are left, at least one, those to choose from: all unless overridden."""
        return X


class DerivedCandidates(Candidates):
    """Other candidates, as they are unless overridden."""

    def __init__(self, candidates: Candidates) -> None:
        super().__init__(candidates.space)
        self.candidates = candidates

    def _propose(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        return self.candidates._propose(X, Y, generator)

    def _random(self, n: int, generator: Generator) -> Tensor:
        return self.candidates._random(n, generator)

    @property
    def pool(self) -> Tensor | None:
        """The candidates' own list."""
        return self.candidates.pool

    def contains(self, X: Tensor) -> Tensor:
        """Which rows of ``X`` (``n x d``) the candidates could propose."""
        return self.candidates.contains(X)

    def restrict(self, X: Tensor) -> Tensor:
        """As the candidates do."""
        return self.candidates.restrict(X)

    def reached(self, row: Tensor, X: Tensor) -> Tensor:
        """As the candidates do."""
        return self.candidates.reached(row, X)

    def without(self, X: Tensor, avoid: Tensor) -> Tensor:
        """As the candidates do."""
        return self.candidates.without(X, avoid)


@dataclass(eq=False)
class FixedCandidates(Candidates):
    """The same rows each time: a whole space, or the rows of a table.

    Args:
        space: The space that the rows belong to.
        X: ``m x d``; of rows that stand for the same architecture the first is kept.

    Raises:
        InvalidArchitectureError: A row is no architecture of the space.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> FixedCandidates(space, space.rows(["width=32", "width=8", "width=32"])).X.tolist()
        [[2.0], [0.0]]
    """

    X: Tensor

    def __post_init__(self) -> None:
        self.space.check(self.X)
        self.X = self.space.distinct(self.X)

    @cached_property
    def _ids(self) -> dict[object, int]:
        return {key: row for row, key in enumerate(self.space.ids(self.X))}

    def _propose(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        return self.X

    def _random(self, n: int, generator: Generator) -> Tensor:
        return self.X[torch.randperm(len(self.X), generator=generator)[:n]]

    @property
    def pool(self) -> Tensor:
        """The fixed rows."""
        return self.X

    def contains(self, X: Tensor) -> Tensor:
        """Which rows stand for one of the fixed architectures."""
        return torch.tensor([key in self._ids for key in self.space.ids(X)], dtype=torch.bool)

    def restrict(self, X: Tensor) -> Tensor:
        """The fixed rows that stand for the architectures of ``X`` (``n x d``)."""
        found = [self._ids[key] for key in self.space.ids(X) if key in self._ids]
        return self.X[torch.tensor(found, dtype=torch.int64)]

    def without(self, X: Tensor, avoid: Tensor) -> Tensor:
        """As for any candidates, without computing the keys of all fixed rows again."""
        if X is not self.X:
            return super().without(X, avoid)
        keep = torch.ones(len(X), dtype=torch.bool)
        keep[[self._ids[key] for key in self.space.ids(avoid) if key in self._ids]] = False
        return X[keep]


def exhaustive(space: SearchSpace, within: Candidates | None = None) -> Candidates:
    """Every architecture of a space, or whatever it is restricted to.

    Raises:
        UsageError: The space has too many to list.
    """
    return within if within is not None else FixedCandidates(space, space.enumerate())
