"""What an architecture is: a row of a tensor, and the search space that gives the row its meaning."""

import ast
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from numbers import Integral, Real
from typing import Any, ClassVar, TypeAlias

import networkx as nx
import numpy as np
import torch
from torch import Generator, Tensor

from archbo.errors import DataError, InvalidArchitectureError, UsageError
from archbo.spaces.choices import NOT_ACTIVE, changes, other_changes, text_of, type_of
from archbo.spaces.decisions import Choice, Decision
from archbo.spaces.graph import GraphBatch, GraphTemplate, without_caches

__all__ = ["Arch", "ArchLike", "Row", "SearchSpace"]

ENUMERABLE = 2_000_000
"""The largest number of rows that ``SearchSpace.enumerate`` lists: what a computer lists in a few seconds."""

ATTEMPTS = 20
"""How often ``mutate`` and ``crossover`` draw before they keep a parent; few rows of a real space need as many."""


class Row(tuple[Any, ...]):
    """The row of an ``Arch``: a tuple that is known to be a row, and not the digits of another library.

    Its cells are integers, and floats where the decision is a range of reals.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Arch:
    """One architecture: a row of its search space, hashable and printed in the space's own notation.

    Two are equal if their rows are and their spaces are, whichever process they come from.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> arch = CategoricalSpace("s", {"width": [8, 16], "op": ["conv", "pool"]}).arch("width=16,op=pool")
        >>> arch["width"], arch.values
        (16, {'width': 16, 'op': 'pool'})
    """

    space: "SearchSpace"
    row: tuple[Any, ...]

    # Python would count up from arch[0].
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def __post_init__(self) -> None:
        if type(self.row) is not Row:
            object.__setattr__(self, "row", Row(self.row))

    def __str__(self) -> str:
        return self.space.format(self.row)

    def __getitem__(self, column: str) -> Any:  # noqa: ANN401 - choices are of any type
        if column not in self.space.columns:
            raise UsageError(
                f"{self.space.name} has no column {column!r}; it has {', '.join(self.space.columns)}"
            )
        return self.values[column]

    @property
    def values(self) -> dict[str, Any]:
        """The value of each column, as the space was given it; operations by name; "not active" where it does not count."""
        return {
            column: decision.value(cell) if counts else NOT_ACTIVE
            for (column, decision), cell, counts in zip(
                self.space.finders.items(), self.row, self.space.counting(self.row), strict=True
            )
        }

    def to_networkx(self) -> "nx.DiGraph[int]":
        """The architecture as a directed graph whose nodes carry ``op``."""
        return self.space.to_networkx(self.row)


ArchLike: TypeAlias = Arch | str | Mapping[str, object] | Sequence[Any] | Tensor
"""What stands for one architecture: an ``Arch``, its text, its choice of each column, or its row."""


class SearchSpace(ABC):
    """A set of architectures, each a row of ``d`` numbers held in a float tensor.

    The numbers are indices of choices; those of a range of reals are the reals themselves. What a column stands for is
    its ``Decision``; all are ``Choice`` of ``choices`` unless a subclass overrides ``decisions``.

    A subclass sets the attributes and implements ``parse``, ``format`` and ``graphs``. It overrides
    ``is_valid`` where not every row is an architecture, ``canonical`` where several rows mean the same, and
    ``content`` where more than the attributes makes two spaces of the class differ.

    Spaces are values: they are equal, and hash alike, if their ``content`` is equal. Tensors are made on the
    device of the rows that a method is given, on the CPU where it is given none; generators are the CPU's.

    Attributes:
        name: The name in the catalog.
        columns: Names of the ``d`` decisions.
        choices: For each column the objects to choose from: operations by name, 0 and 1 for an edge; none for reals.
        op_names: The operations to choose from.
        op_columns: Positions of the columns whose choices are ``op_names``.
        zero_ops: Operations that remove their edge or node.
        identity_ops: Operations that pass their input on.
        template: What the graphs of the space have in common.
        rule: What a valid row obeys beyond its columns' ranges, as it ends an error message.
        merges_isomorphs: Whether rows with equal ``keys`` count as one architecture in this space's benchmarks.
    """

    name: str
    columns: tuple[str, ...]
    choices: tuple[Sequence[object], ...]
    op_names: tuple[str, ...]
    op_columns: tuple[int, ...] = ()
    zero_ops: frozenset[str] = frozenset()
    identity_ops: frozenset[str] = frozenset()
    template: GraphTemplate
    rule: str = ""
    merges_isomorphs: ClassVar[bool] = False

    @abstractmethod
    def parse(self, text: str) -> tuple[Any, ...]:
        """Read the space's official notation.

        Raises:
            InvalidArchitectureError: The text is no architecture of this space.
        """

    @abstractmethod
    def format(self, row: Sequence[Any] | Tensor) -> str:
        """Write a row in the space's official notation; ``parse`` reads it back."""

    @abstractmethod
    def graphs(self, X: Tensor) -> GraphBatch:
        """The graphs of rows ``X`` (``n x d``), operations on nodes; zero operations are gone."""

    # What it is.

    @property
    def n_columns(self) -> int:
        """The number of decisions ``d``."""
        return len(self.columns)

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """What each column stands for."""
        return tuple(map(Choice, self.choices))

    @cached_property
    def finders(self) -> dict[str, Decision]:
        """The decisions by the names of their columns."""
        return dict(zip(self.columns, self.decisions, strict=True))

    @cached_property
    def cardinalities(self) -> tuple[int, ...]:
        """The number of choices of each decision; 0 for a range of reals, which has no number."""
        return tuple(decision.cardinality for decision in self.decisions)

    @cached_property
    def choice_names(self) -> tuple[tuple[str, ...], ...]:
        """For each column the texts of its choices; none for a range."""
        return tuple(decision.names for decision in self.decisions)

    @cached_property
    def is_finite(self) -> bool:
        """Whether no decision is a range of reals."""
        return not any(decision.is_real for decision in self.decisions)

    @cached_property
    def size(self) -> float:
        """The number of rows, valid or not; infinite with a range of reals."""
        return math.prod(self.cardinalities) if self.is_finite else math.inf

    @property
    def extent(self) -> str:
        """Its size in words."""
        return f"{self.size:,} rows" if self.is_finite else "infinitely many rows"

    @property
    def content(self) -> dict[str, object]:
        """All that makes the space what it is, of such types as JSON knows.

        Keep it with records of architectures: ``difference`` tells whether they still mean the same.
        """
        return {
            "kind": type(self).__name__,
            "name": self.name,
            "columns": list(self.columns),
            "choices": [list(texts) for texts in self.choice_names],
            "types": [
                list(map(type_of, choices)) if names else []
                for names, choices in zip(self.choice_names, self.choices, strict=True)
            ],
            "zero_ops": sorted(self.zero_ops),
            "identity_ops": sorted(self.identity_ops),
        }

    @cached_property
    def _identity(self) -> str:
        return json.dumps(self.content, sort_keys=True)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, SearchSpace) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __getstate__(self) -> dict[str, object]:
        return without_caches(self)

    def difference(self, content: Mapping[str, object]) -> str:
        """What has changed since ``content`` was kept, such that texts of then do not mean the same now.

        Choices may have been added and reordered: architectures are found again by their text.

        Args:
            content: Of the space as it was, also after a way through JSON.

        Returns:
            One line, empty if nothing such has changed.

        Example:
            >>> from archbo.spaces import CategoricalSpace
            >>> before = CategoricalSpace("s", {"width": [8, 16]}).content
            >>> CategoricalSpace("s", {"width": [4, 16, 8]}).difference(before)
            ''
            >>> CategoricalSpace("s", {"width": [16, 32]}).difference(before)
            "choices of column 'width' are gone: 8"
        """
        return "; ".join(changes(content, self.content))

    def unlike(self, other: "SearchSpace") -> str:
        """What makes this space unequal to another one, on one line; empty if they are equal."""
        if self == other:
            return ""
        before, after = other.content, self.content
        return next(chain(changes(before, after), other_changes(before, after)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, d={self.n_columns}, size={self.size:,})"

    # Rows in, rows out.

    def arch(self, arch: ArchLike) -> Arch:
        """Check an architecture in any form and return it as an ``Arch``.

        Args:
            arch: An ``Arch`` of this space or one that is equal to it; the space's notation; a choice for each
                column as a mapping; or a row as tensor, array or list of numbers, or ``Arch.row``.
                Other objects are read like their text, such as a ``Genotype`` or a pair of matrix and labels.
                Cells are read from a graph of networkx too, with ``op`` on its nodes as ``Arch.to_networkx`` makes
                it, or on its edges where the space has its operations there.
                A bare tuple of integers is a row too, except where another library writes the architectures of
                this space as such tuples and means another one by it: then it is refused, since nobody can
                tell which is meant. Give a list for the row, or the text of the tuple for the other reading.
                So is a list of integers that could be the choices themselves, such as ``[1, 2]`` where each column has
                1, 2 and 3 to choose from: give a tensor for the row, or a mapping for the choices.

        Raises:
            InvalidArchitectureError: It is no architecture of this space, or could be two.

        Example:
            >>> from archbo.spaces import EdgeCellSpace
            >>> space = EdgeCellSpace.nas_bench_201()
            >>> row, digits = space.arch([4, 0, 3, 1, 4, 3]), space.arch("(4, 0, 3, 1, 4, 3)")
            >>> digits.row
            (4, 1, 0, 2, 4, 2)
            >>> space.arch((4, 0, 3, 1, 4, 3))
            Traceback (most recent call last):
                ...
            archbo.errors.InvalidArchitectureError: (4, 0, 3, 1, 4, 3) could be a row of nb201 or ...
        """
        if isinstance(arch, Arch):
            if arch.space != self:
                raise self._stranger(arch)
            return arch
        if isinstance(arch, str):
            return Arch(self, self.parse(arch))
        if isinstance(arch, Mapping):
            row: Sequence[float] = self.row_of(arch)
        else:
            numbers = _numbers(arch)
            if numbers is None:
                return Arch(self, self._parse_object(arch))
            self._refuse_two_meanings(arch)
            row = numbers
        X = torch.tensor([row], dtype=torch.double, device="cpu")
        self.check(X)
        return self.archs(X)[0]

    def _stranger(self, arch: Arch) -> InvalidArchitectureError:
        other = arch.space
        if other.name != self.name:
            return InvalidArchitectureError(
                f"{arch} belongs to the space {other.name!r}; give architectures of {self.name!r}"
            )
        return InvalidArchitectureError(
            f"{arch} belongs to another space that is named {self.name!r} too, but differs: "
            f"{self.unlike(other)}; give architectures of this one, or their text"
        )

    def _parse_object(self, value: object) -> tuple[Any, ...]:
        """Read what is neither text nor numbers; a collection is read like its text."""
        if isinstance(value, list | tuple):
            return self.parse(str(value))
        if isinstance(value, nx.Graph):
            return self._parse_graph(value)
        raise InvalidArchitectureError(
            f"cannot read {shown(value)} as an architecture of {self.name}; give its text, a choice "
            f"for each of {', '.join(self.columns)} as a dict, or a row of {self.n_columns} numbers"
        )

    def _parse_graph(self, graph: "nx.Graph[Any]") -> tuple[int, ...]:
        """Read a graph of networkx, such as ``Arch.to_networkx`` makes; a space with graphs overrides it."""
        raise InvalidArchitectureError(
            f"cannot read a graph as an architecture of {self.name}; give its text"
        )

    def _digits(self, digits: Sequence[int]) -> tuple[int, ...] | None:
        """The row that another library means by bare digits, None where none writes such or they are wrong."""
        return None

    def _refuse_two_meanings(self, value: object) -> None:
        if not isinstance(value, list | tuple) or isinstance(value, Row):
            return
        if len(value) == self.n_columns and any(isinstance(number, Integral) for number in value):
            cells = [d.find(number) for d, number in zip(self.decisions, value, strict=True)]
            if None not in cells and cells != list(value):
                choices = dict(zip(self.columns, value, strict=True))
                raise InvalidArchitectureError(
                    f"{shown(value)} could be the choices of {self.name} themselves, where a list is a row of their "
                    f"indices; give the choices as a dict, {shown(choices)}, or the row as a tensor"
                )
        if isinstance(value, tuple) and all(isinstance(digit, Integral) for digit in value):
            digits = tuple(map(int, value))
            if self._digits(digits) not in (None, digits):
                raise InvalidArchitectureError(
                    f"{digits} could be a row of {self.name} or the digits of another library, which mean "
                    f"another architecture; give the row as a list, {list(digits)}, or the digits as "
                    f"text, {str(digits)!r}"
                )

    def row_of(self, values: Mapping[str, object]) -> tuple[Any, ...]:
        """The row of a value per column; it need not be valid.

        Numbers are found as numbers, anything else by its text. What does not count may be "not active" or None, and
        any other value that it is given there is forgotten.

        Raises:
            InvalidArchitectureError: A column is missing or unknown, or a value is not one of its column's.
        """
        cells, gaps = [], []
        for column, decision in self.finders.items():
            if column not in values:
                raise InvalidArchitectureError(
                    f"no choice for column {column!r} in {shown(dict(values))}; "
                    f"{self.name} has the columns {', '.join(self.columns)}"
                )
            cell = decision.find(values[column])
            if cell is None:
                if not (decision.active_if and _is_gap(values[column])):
                    raise InvalidArchitectureError(
                        f"unknown choice {text_of(values[column])!r} in column {column!r}; "
                        f"{self.name} has {decision.described}"
                    )
                gaps.append(column)
            cells.append(decision.default if cell is None else cell)
        if len(values) > len(cells):
            unknown = next(column for column in values if column not in self.finders)
            raise InvalidArchitectureError(
                f"unknown column {unknown!r}; {self.name} has the columns {', '.join(self.columns)}"
            )
        for column, counts in zip(self.columns, self.counting(cells), strict=True):
            if counts and column in gaps:
                raise InvalidArchitectureError(
                    f"column {column!r} counts in {shown(dict(values))}, so that it cannot be {NOT_ACTIVE!r}; "
                    f"{self.name} has {self.finders[column].described}"
                )
        X = torch.tensor([cells], dtype=torch.double, device="cpu")
        return Row(self._cells(self.settled(X))[0])

    def rows(
        self,
        archs: Sequence[ArchLike] | Tensor,
        *,
        dtype: torch.dtype = torch.double,
    ) -> Tensor:
        """Rows ``n x d`` of architectures in any form.

        Args:
            archs: Architectures as ``arch`` takes them, or a tensor or array of rows, ``n x d``.
            dtype: Of the rows.

        Raises:
            InvalidArchitectureError: One of them is no architecture of this space.
        """
        if isinstance(archs, np.ndarray) and archs.dtype.kind in "biuf":
            archs = torch.tensor(archs, device="cpu")
        if isinstance(archs, Tensor):
            self.check(archs)
            return self.settled(archs).to(dtype)
        if isinstance(archs, str | bytes | Mapping | Arch) or not isinstance(archs, Iterable):
            raise InvalidArchitectureError(
                f"{shown(archs)} is no list of architectures of {self.name}; give several in a list"
            )
        rows = [self.arch(arch).row for arch in archs]
        return torch.tensor(rows, dtype=dtype, device="cpu").reshape(len(rows), self.n_columns)

    def archs(self, X: Tensor) -> list[Arch]:
        """The architectures of rows ``X`` (``n x d``)."""
        return [Arch(self, Row(row)) for row in self._cells(self.settled(X))]

    def _cells(self, X: Tensor) -> list[list[Any]]:
        """The cells of rows, as ``Arch.row`` has them."""
        if self.is_finite:
            rows: list[list[Any]] = X.long().tolist()
            return rows
        columns = [
            (column if decision.is_real else column.long()).tolist()
            for decision, column in zip(self.decisions, X.unbind(-1), strict=True)
        ]
        return list(map(list, zip(*columns, strict=True)))

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
                f"columns take integers from 0 up to {self._ends}{self.rule}"
            )

    @property
    def _ends(self) -> list[Any]:
        return [d.described if d.is_real else d.cardinality - 1 for d in self.decisions]

    # What rows mean.

    def is_valid(self, X: Tensor) -> Tensor:
        """``n`` bool: which rows of ``X`` (``n x d``) are architectures of the space."""
        low, high = torch.tensor(
            [decision.limits for decision in self.decisions], dtype=X.dtype, device=X.device
        ).T
        real = torch.tensor([decision.is_real for decision in self.decisions], device=X.device)
        valid: Tensor = (low <= X) & (high >= X) & ((X.round() == X) | real)
        return valid.all(-1)

    @cached_property
    def in_order(self) -> tuple[str, ...]:
        """The columns, each behind those that its decision's ``active_if`` names.

        Raises:
            DataError: A condition names no column, or leads back to its own.
        """
        ordered: list[str] = []
        while len(ordered) < len(self.columns):
            ready = [
                column
                for column, decision in self.finders.items()
                if column not in ordered and set(ordered) >= decision.active_if.keys()
            ]
            if not ready:
                stuck = next(column for column in self.columns if column not in ordered)
                raise DataError(
                    f"active_if of column {stuck!r} of space {self.name!r} leads to a column that there is not, or back "
                    f"to itself; it has the columns {', '.join(self.columns)}"
                )
            ordered.extend(ready)
        return tuple(ordered)

    @cached_property
    def _conditions(self) -> list[tuple[int, int, list[float]]]:
        """Columns, other columns, and the cells of these with which the first count, in an order that follows chains.

        Raises:
            DataError: A condition wants what its column cannot be.
        """
        found: list[tuple[int, int, list[float]]] = []
        for column in self.in_order if any(d.active_if for d in self.decisions) else ():
            for parent, values in self.finders[column].active_if.items():
                decision = self.finders[parent]
                cells = [decision.find(value) for value in values]
                known = [cell for cell in cells if cell is not None]
                if len(known) < len(cells) or not cells or decision.is_real:
                    raise DataError(
                        f"active_if of column {column!r} of space {self.name!r} wants {parent} to be one of {list(values)}; "
                        f"{parent} has {decision.described}"
                        + ", of which none can be named"
                        * decision.is_real
                    )
                found.append((self.columns.index(column), self.columns.index(parent), known))
        return found

    def active(self, X: Tensor) -> Tensor:
        """``n x d`` bool: which decisions of rows ``X`` (``n x d``) count; others switch the rest off."""
        active = torch.ones(X.shape, dtype=torch.bool, device=X.device)
        for column, parent, cells in self._conditions:
            wanted = torch.tensor(cells, dtype=X.dtype, device=X.device)
            active[:, column] &= active[:, parent] & torch.isin(X[:, parent].round(), wanted)
        return active

    def counting(self, row: Sequence[float]) -> list[bool]:
        """Which decisions of one row count."""
        if not self._conditions:
            return [True] * len(row)
        X = torch.tensor([list(row)], dtype=torch.double, device="cpu")
        counts: list[bool] = self.active(X)[0].tolist()
        return counts

    def settled(self, X: Tensor) -> Tensor:
        """Rows ``X`` (``n x d``) with one fixed cell for every decision that does not count."""
        if not self._conditions:
            return X
        defaults = [decision.default for decision in self.decisions]
        fixed = torch.tensor(defaults, dtype=X.dtype, device=X.device)
        return torch.where(self.active(X), X, fixed)

    def canonical(self, X: Tensor) -> Tensor:
        """One representative row for all rows of ``X`` (``n x d``) that mean the same architecture."""
        return X

    def row_keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff the rows are.

        Returns:
            ``n`` int64, or ``n x w`` where the space has more than 2^63 rows. The bits of a real are a word.
        """
        words, size = [], 1
        word = torch.zeros(len(X), dtype=torch.int64, device=X.device)
        for cells, cardinality in zip(X.unbind(-1), self.cardinalities, strict=True):
            if not cardinality:
                unsigned = cells.double() + 0.0  # there is a zero with a sign
                words.append(unsigned.view(torch.int64))
                continue
            column = cells.long()
            if size * cardinality >= 2**63:
                words.append(word)
                word, size = torch.zeros_like(word), 1
            word = word * cardinality + column
            size *= cardinality
        return torch.stack([*words, word], -1) if words else word

    def keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff the canonical rows of ``X`` (``n x d``) are; shaped as ``row_keys``."""
        return self.row_keys(self.canonical(X))

    def function_keys(self, X: Tensor) -> Tensor:
        """Integers that are equal if two rows of ``X`` (``n x d``) are twins: they compute the same function.

        These are ``keys`` unless the space knows better: cells with operations on edges contract identities, and
        compare what is left as a formula.

        Returns:
            ``n`` int64, or ``n x w``.
        """
        return self.keys(X)

    @property
    def official_order(self) -> Tensor | None:
        """All rows in the order in which the authors of a benchmark number them, ``n x d``; None if they do not."""
        return None

    def identity_keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff two rows are one architecture to this space's benchmarks.

        These are ``keys`` where the space merges isomorphs, ``row_keys`` elsewhere; shaped as these.
        """
        return self.keys(X) if self.merges_isomorphs else self.row_keys(X)

    def ids(self, X: Tensor) -> list[Hashable]:
        """The ``identity_keys`` of ``X`` (``n x d``) as ``n`` Python values."""
        keys = self.identity_keys(X)
        return list(keys.tolist() if keys.ndim == 1 else map(tuple, keys.tolist()))

    # Ways to get rows.

    def sample(self, n: int, *, generator: Generator, dtype: torch.dtype = torch.double) -> Tensor:
        """``n x d`` rows, each drawn uniformly per decision, on its scale, and kept if valid."""
        rows = torch.empty(0, self.n_columns, dtype=dtype, device="cpu")
        while len(rows) < n:
            draw = self.settled(self._drawn(2 * n + 16, generator).to(dtype))
            rows = torch.cat([rows, draw[self.is_valid(draw)]])
        return rows[:n]

    def _drawn(self, n: int, generator: Generator) -> Tensor:
        return torch.stack([d.draw(n, generator=generator).double() for d in self.decisions], -1)

    def neighbours(self, row: Tensor) -> Tensor:
        """All valid rows (``m x d``) that differ from ``row`` (``d``) in one decision, of a range in one step.

        What is switched on by it has its fixed cell.
        """
        moves = [
            (column, value)
            for column, counts in enumerate(self.counting(row.tolist()))
            for value in (self.decisions[column].near(float(row[column])) if counts else ())
        ]
        X = row.repeat(len(moves), 1)
        columns = torch.tensor([column for column, _ in moves], dtype=torch.int64, device=X.device)
        values = torch.tensor([value for _, value in moves], dtype=X.dtype, device=X.device)
        X[torch.arange(len(moves), device=X.device), columns] = values
        X = self.settled(X)
        return X[self.is_valid(X)]

    @cached_property
    def _open(self) -> list[int]:
        return [column for column, d in enumerate(self.decisions) if d.cardinality != 1]

    def mutate(self, X: Tensor, *, generator: Generator) -> Tensor:
        """Change one decision of each row of ``X`` (``n x d``) at random; a row without a valid draw stays.

        What is switched on by it is drawn.
        """
        open_columns = torch.tensor(self._open, dtype=torch.int64, device="cpu")
        result, left = X.clone(), torch.arange(len(X), device="cpu")
        for _ in range(ATTEMPTS if self._open else 0):
            n = len(left)
            pick = torch.randint(len(open_columns), (n,), generator=generator, device="cpu")
            random = torch.rand(n, generator=generator, dtype=torch.float, device="cpu")
            before = X[left.to(X.device)]
            draw = self._moved(before, open_columns[pick].to(X.device), random.to(X.device))
            valid = self.is_valid(draw)
            if self._conditions:
                counts = self.active(before)
                fresh = self._drawn(n, generator).to(X)
                draw = self.settled(torch.where(~counts & self.active(draw), fresh, draw))
                valid = self.is_valid(draw) & (draw != before).any(-1)
            result[left.to(X.device)[valid]] = draw[valid]
            left = left[~valid.cpu()]
            if not len(left):
                break
        return result

    def _moved(self, X: Tensor, columns: Tensor, random: Tensor) -> Tensor:
        """Rows with another cell in one column each, given a random number from 0 to 1 each."""
        moved = X.clone()
        for column, decision in enumerate(self.decisions):
            here = columns == column
            moved[here, column] = decision.moved(X[here, column], random[here])
        return moved

    def crossover(self, X: Tensor, Z: Tensor, *, generator: Generator) -> Tensor:
        """Children ``n x d`` that take each decision from the row in ``X`` or the one in ``Z`` (``n x d`` each).

        Each parent gives about half. Where that is no architecture, the child takes fewer decisions from ``Z``
        until it is one; in the end it is the row in ``X``.
        """
        if self._conditions:  # what counts in one parent only comes from that one
            of_x, of_z = self.active(X), self.active(Z)
            X, Z = torch.where(of_x, X, Z), torch.where(of_z, Z, X)

        def coins() -> Tensor:
            random = torch.rand(X.shape, generator=generator, dtype=torch.float, device="cpu")
            return (random < 0.5).to(X.device)

        take = coins()
        for _ in range(ATTEMPTS):
            children = torch.where(take, Z, X)
            bad = ~self.is_valid(children).unsqueeze(-1)
            if not bool(bad.any()):
                break
            take &= ~bad | coins()
        return self.settled(torch.where(bad, X, children))

    def enumerate(self, *, dtype: torch.dtype = torch.double) -> Tensor:
        """Every architecture once: all valid rows, canonical ones only where the space merges isomorphs.

        Raises:
            UsageError: There are too many.
        """
        if not self.is_enumerable:
            raise UsageError(f"{self.name} has {self.extent}, too many to list; use sample()")
        axes = [torch.arange(c, dtype=dtype, device="cpu") for c in self.cardinalities]
        X = self.settled(torch.cartesian_prod(*axes).reshape(-1, self.n_columns))
        X = X[self.is_valid(X)]
        return self.distinct(self.canonical(X)) if self.merges_isomorphs else X

    @property
    def is_enumerable(self) -> bool:
        """Whether ``enumerate`` lists the space."""
        return self.size <= ENUMERABLE

    def distinct(self, X: Tensor) -> Tensor:
        """The rows of ``X`` (``n x d``) without those whose ``ids`` came before, in their order."""
        _, group = torch.unique(self.identity_keys(X), dim=0, return_inverse=True)
        index = torch.arange(len(X), device=X.device)
        first = torch.full_like(index, len(X)).scatter_reduce_(0, group, index, "amin")
        return X[first[first < len(X)].sort().values]

    def to_networkx(self, row: Sequence[Any] | Tensor) -> "nx.DiGraph[int]":
        """The architecture as a directed graph whose nodes carry ``op``, the name of their operation."""
        X = torch.tensor([[float(value) for value in row]], dtype=torch.double, device="cpu")
        return self.graphs(X).to_networkx(0)

    def _unknown_op(self, op: str, where: str) -> InvalidArchitectureError:
        return InvalidArchitectureError(
            f"unknown operation {op!r} in {where}; {self.name} has {', '.join(self.op_names)}"
        )


def checked_ops(op_names: Iterable[str], space: str, reserved: str = "") -> tuple[str, ...]:
    """The operations of a space, if a notation that reserves some characters can tell them apart.

    Raises:
        UsageError: It cannot, or there are none.
    """
    if not isinstance(space, str):
        raise UsageError(f"the name of a space is a text; got {space!r}")
    ops = (op_names,) if isinstance(op_names, str) else tuple(op_names)
    if not ops or not all(isinstance(op, str) and op for op in ops) or len(set(ops)) < len(ops):
        raise UsageError(f"space {space!r} needs distinct names of operations; got {ops}")
    for op in ops:
        if set(op) & set(reserved) or op != op.strip():
            raise UsageError(
                f"operation {op!r} of space {space!r}: names may not hold any of {' '.join(reserved)}, or begin "
                "or end with a space"
            )
    return ops


def _is_gap(value: object) -> bool:
    """Whether a value says that its column does not count."""
    return value is None or (isinstance(value, str) and value == NOT_ACTIVE)


def literal_of(text: str) -> Any:  # noqa: ANN401
    """The list, tuple or dictionary that a text writes as Python does; None where it writes none."""
    if not text.lstrip().startswith(("[", "(", "{")):
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def shown(value: object) -> str:
    """Whatever cannot be read, on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _numbers(value: object) -> list[float] | None:
    """The numbers of a row, None where it is none."""
    if isinstance(value, Tensor):
        return [float(number) for number in value.detach().flatten().tolist()]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return [float(number) for number in value.ravel().tolist()]
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray):
        return None
    if not all(isinstance(n, Real) or (isinstance(n, Tensor) and n.ndim == 0) for n in value):
        return None
    try:
        return [float(number) for number in value]
    except OverflowError:
        return None
