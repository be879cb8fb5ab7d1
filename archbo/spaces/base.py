"""What an architecture is: a row of a tensor, and the search space that gives the row its meaning."""

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeAlias

import networkx as nx
import torch
from torch import Generator, Tensor

from archbo.errors import InvalidArchitectureError, UsageError
from archbo.spaces.graph import GraphBatch, GraphTemplate

__all__ = ["Arch", "ArchLike", "SearchSpace"]

ENUMERABLE = 2_000_000
"""The largest number of rows that ``SearchSpace.enumerate`` lists."""


@dataclass(frozen=True)
class Arch:
    """One architecture: a row of its search space, hashable and printed in the space's own notation."""

    space: "SearchSpace"
    row: tuple[int, ...]

    def __str__(self) -> str:
        return self.space.format(self.row)

    def to_networkx(self) -> "nx.DiGraph[int]":
        """The architecture as a directed graph whose nodes carry ``op``."""
        return self.space.to_networkx(self.row)


ArchLike: TypeAlias = Arch | str | Sequence[int] | Tensor
"""What stands for one architecture: an ``Arch``, its text, or its row."""


class SearchSpace(ABC):
    """A set of architectures, each a row of ``d`` small integers held in a float tensor.

    A subclass sets the attributes and implements ``parse``, ``format`` and ``graphs``. It overrides
    ``is_valid`` where not every row is an architecture, and ``canonical`` where several rows mean the same.

    Attributes:
        name: The name in the catalog.
        columns: Names of the ``d`` decisions.
        cardinalities: The number of choices of each decision.
        op_names: The operations to choose from.
        zero_ops: Operations that remove their edge or node.
        identity_ops: Operations that pass their input on.
        template: What the graphs of the space have in common.
        rule: What a valid row obeys beyond its columns' ranges, as it ends an error message.
        folds: Whether rows with equal ``keys`` count as one architecture in this space's benchmarks.
    """

    name: str
    columns: tuple[str, ...]
    cardinalities: tuple[int, ...]
    op_names: tuple[str, ...]
    zero_ops: frozenset[str] = frozenset()
    identity_ops: frozenset[str] = frozenset()
    template: GraphTemplate
    rule: str = ""
    folds: ClassVar[bool] = False

    @abstractmethod
    def parse(self, text: str) -> tuple[int, ...]:
        """Read the space's official notation.

        Raises:
            InvalidArchitectureError: The text is no architecture of this space.
        """

    @abstractmethod
    def format(self, row: Sequence[int] | Tensor) -> str:
        """Write a row in the space's official notation; ``parse`` reads it back."""

    @abstractmethod
    def graphs(self, X: Tensor) -> GraphBatch:
        """The graphs of rows ``X`` (``n x d``), operations on nodes; zero operations are gone."""

    @property
    def n_columns(self) -> int:
        """The number of decisions ``d``."""
        return len(self.cardinalities)

    @cached_property
    def size(self) -> int:
        """The number of rows, valid or not."""
        return math.prod(self.cardinalities)

    @property
    def choice_names(self) -> tuple[tuple[str, ...], ...]:
        """For each column the names of its choices; operations by name where a column picks one."""
        return tuple(
            self.op_names if c == len(self.op_names) else tuple(map(str, range(c)))
            for c in self.cardinalities
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, d={self.n_columns}, size={self.size:,})"

    # Rows in, rows out.

    def arch(self, arch: ArchLike) -> Arch:
        """Check an architecture in any form and return it as an ``Arch``.

        Raises:
            InvalidArchitectureError: It is no architecture of this space.
        """
        if isinstance(arch, Arch):
            if arch.space is not self and arch.space.name != self.name:
                raise InvalidArchitectureError(
                    f"{arch} belongs to the space {arch.space.name!r}; give architectures of {self.name!r}"
                )
            return arch
        if isinstance(arch, str):
            return Arch(self, self.parse(arch))
        X = torch.as_tensor(arch, dtype=torch.double).reshape(1, -1)
        self.check(X)
        return Arch(self, tuple(int(value) for value in X[0]))

    def rows(
        self, archs: Sequence[ArchLike] | Tensor, *, dtype: torch.dtype = torch.double
    ) -> Tensor:
        """Rows ``n x d`` of architectures in any form.

        Raises:
            InvalidArchitectureError: One of them is no architecture of this space.
        """
        if isinstance(archs, Tensor):
            self.check(archs)
            return archs.to(dtype)
        rows = [self.arch(arch).row for arch in archs]
        return torch.tensor(rows, dtype=dtype).reshape(len(rows), self.n_columns)

    def archs(self, X: Tensor) -> list[Arch]:
        """The architectures of rows ``X`` (``n x d``)."""
        return [Arch(self, tuple(row)) for row in X.long().tolist()]

    def check(self, X: Tensor) -> None:
        """Raise unless every row of ``X`` (``n x d``) is a valid architecture.

        Raises:
            InvalidArchitectureError: The shape is wrong, or a row is outside the space.
        """
        if X.ndim != 2 or X.shape[1] != self.n_columns:
            raise InvalidArchitectureError(
                f"rows of {self.name} have {self.n_columns} columns ({', '.join(self.columns)}); "
                f"got a tensor of shape {tuple(X.shape)}"
            )
        bad = (~self.is_valid(X)).nonzero().flatten()
        if len(bad):
            raise InvalidArchitectureError(
                f"row {int(bad[0])} is no architecture of {self.name}: {X[bad[0]].tolist()}; "
                f"columns take integers from 0 up to {[c - 1 for c in self.cardinalities]}{self.rule}"
            )

    # What rows mean.

    def is_valid(self, X: Tensor) -> Tensor:
        """``n`` bool: which rows of ``X`` (``n x d``) are architectures of the space."""
        limits = torch.tensor(self.cardinalities, dtype=X.dtype)
        return ((X >= 0) & (limits > X) & (X.round() == X)).all(-1)

    def canonical(self, X: Tensor) -> Tensor:
        """One representative row for all rows of ``X`` (``n x d``) that mean the same architecture."""
        return X

    def row_keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff the rows are.

        Returns:
            ``n`` int64, or ``n x w`` where the space has more than 2^63 rows.
        """
        words, word, size = [], torch.zeros(len(X), dtype=torch.int64), 1
        for column, cardinality in zip(X.long().unbind(-1), self.cardinalities, strict=True):
            if size * cardinality >= 2**63:
                words.append(word)
                word, size = torch.zeros_like(word), 1
            word = word * cardinality + column
            size *= cardinality
        return torch.stack([*words, word], -1) if words else word

    def keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff the canonical rows of ``X`` (``n x d``) are; shaped as ``row_keys``."""
        return self.row_keys(self.canonical(X))

    def identity_keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff two rows are one architecture to this space's benchmarks.

        These are ``keys`` where the space folds, ``row_keys`` elsewhere; shaped as these.
        """
        return self.keys(X) if self.folds else self.row_keys(X)

    def ids(self, X: Tensor) -> list[Hashable]:
        """The ``identity_keys`` of ``X`` (``n x d``) as ``n`` Python values."""
        keys = self.identity_keys(X)
        return list(keys.tolist() if keys.ndim == 1 else map(tuple, keys.tolist()))

    # Ways to get rows.

    def sample(self, n: int, *, generator: Generator, dtype: torch.dtype = torch.double) -> Tensor:
        """``n x d`` rows, each drawn uniformly per decision and kept if valid."""
        rows = torch.empty(0, self.n_columns, dtype=dtype)
        while len(rows) < n:
            draw = torch.stack(
                [torch.randint(c, (2 * n + 16,), generator=generator) for c in self.cardinalities],
                -1,
            ).to(dtype)
            rows = torch.cat([rows, draw[self.is_valid(draw)]])
        return rows[:n]

    def neighbours(self, row: Tensor) -> Tensor:
        """All valid rows (``m x d``) that differ from ``row`` (``d``) in one decision."""
        moves = [
            (column, value)
            for column, cardinality in enumerate(self.cardinalities)
            for value in range(cardinality)
            if value != int(row[column])
        ]
        X = row.repeat(len(moves), 1)
        index, values = torch.tensor(moves).T
        X[torch.arange(len(moves)), index] = values.to(X.dtype)
        return X[self.is_valid(X)]

    def mutate(self, X: Tensor, *, generator: Generator) -> Tensor:
        """Change one decision of each row of ``X`` (``n x d``) at random; a row without a valid draw stays."""
        limits = torch.tensor(self.cardinalities)
        open_columns = (limits > 1).nonzero().flatten()
        result, left = X.clone(), torch.arange(len(X))
        for _ in range(20):
            pick = torch.randint(len(open_columns), (len(left),), generator=generator)
            column = open_columns[pick]
            shift = 1 + torch.rand(len(left), generator=generator) * (limits[column] - 1)
            draw = X[left].clone()
            line = torch.arange(len(left))
            draw[line, column] = (draw[line, column] + shift.floor()) % limits[column]
            valid = self.is_valid(draw)
            result[left[valid]] = draw[valid]
            left = left[~valid]
            if not len(left):
                break
        return result

    def crossover(self, X: Tensor, Z: Tensor, *, generator: Generator) -> Tensor:
        """Children ``n x d`` that take each decision from the row in ``X`` or the one in ``Z`` (``n x d`` each).

        Each parent gives about half. Where that is no architecture, the child takes fewer decisions from ``Z``
        until it is one; in the end it is the row in ``X``.
        """
        take = torch.rand(X.shape, generator=generator) < 0.5
        for _ in range(20):
            children = torch.where(take, Z, X)
            bad = ~self.is_valid(children).unsqueeze(-1)
            if not bool(bad.any()):
                break
            take &= ~bad | (torch.rand(X.shape, generator=generator) < 0.5)
        return torch.where(bad, X, children)

    def enumerate(self, *, dtype: torch.dtype = torch.double) -> Tensor:
        """Every architecture once: all valid rows, canonical ones only where the space folds.

        Raises:
            UsageError: There are too many.
        """
        if not self.is_enumerable:
            raise UsageError(f"{self.name} has {self.size:,} rows, too many to list; use sample()")
        axes = [torch.arange(c, dtype=dtype) for c in self.cardinalities]
        X = torch.cartesian_prod(*axes).reshape(-1, self.n_columns)
        X = X[self.is_valid(X)]
        return self.distinct(self.canonical(X)) if self.folds else X

    @property
    def is_enumerable(self) -> bool:
        """Whether ``enumerate`` lists the space."""
        return self.size <= ENUMERABLE

    def distinct(self, X: Tensor) -> Tensor:
        """The rows of ``X`` (``n x d``) without those whose ``ids`` came before, in their order."""
        _, group = torch.unique(self.identity_keys(X), dim=0, return_inverse=True)
        index = torch.arange(len(X))
        first = torch.full_like(index, len(X)).scatter_reduce_(0, group, index, "amin")
        return X[first[first < len(X)].sort().values]

    def to_networkx(self, row: Sequence[int] | Tensor) -> "nx.DiGraph[int]":
        """The architecture as a directed graph whose nodes carry ``op``, the name of their operation."""
        X = torch.as_tensor(row, dtype=torch.double).reshape(1, -1)
        return self.graphs(X).to_networkx(0)

    def _unknown_op(self, op: str, where: str) -> InvalidArchitectureError:
        return InvalidArchitectureError(
            f"unknown operation {op!r} in {where}; {self.name} has {', '.join(self.op_names)}"
        )
