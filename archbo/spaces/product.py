"""Products of spaces: an architecture together with a recipe of its training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Generator, Tensor

from archbo.errors import DataError, InvalidArchitectureError
from archbo.spaces.base import Arch, Row, SearchSpace
from archbo.spaces.decisions import Decision
from archbo.spaces.graph import GraphBatch

__all__ = ["ProductSpace"]


class ProductSpace(SearchSpace):
    """A choice from each of several spaces; written ``cell: |conv~0|+...; recipe: rate=0.01,epochs=30``.

    Columns are those of the parts behind their names, as ``recipe.rate``. Graphs, operations and twins by function are
    those of the first part.

    Args:
        name: The name of the space.
        parts: The spaces by name, the architectures first.

    Raises:
        DataError: There are no parts, one is no space, or the notation cannot hold its name.

    Example:
        >>> from archbo.spaces import EdgeCellSpace, MixedSpace, Real
        >>> recipe = MixedSpace("recipe", {"rate": Real(1e-4, 1, log=True)})
        >>> space = ProductSpace("both", {"cell": EdgeCellSpace("cell", ["none", "conv"], nodes=2), "recipe": recipe})
        >>> arch = space.arch("cell: |conv~0|; recipe: rate=0.01")
        >>> arch["recipe.rate"], str(space.part_of(arch, "cell"))
        (0.01, '|conv~0|')
    """

    def __init__(self, name: str, parts: Mapping[str, SearchSpace]) -> None:
        if not isinstance(name, str):
            raise DataError(f"the name of a space is a text; got {name!r}")
        if not isinstance(parts, Mapping) or not parts:
            raise DataError(f"space {name!r} has no parts; give at least one space by name")
        for part, space in parts.items():
            if not isinstance(part, str) or not part.isidentifier():
                raise DataError(f"{part!r} in space {name!r}: name parts by letters, digits and _")
            if not isinstance(space, SearchSpace):
                raise DataError(f"part {part!r} of space {name!r} is no space; got {space!r}")
        self.name, self.parts = name, dict(parts)
        first = next(iter(parts.values()))
        self.columns = tuple(
            f"{part}.{column}" for part, s in parts.items() for column in s.columns
        )
        self.choices = tuple(choices for space in parts.values() for choices in space.choices)
        self.op_names, self.op_columns = first.op_names, first.op_columns
        self.zero_ops, self.identity_ops = first.zero_ops, first.identity_ops
        self.template = first.template
        self.rule = "".join(f"{space.rule} ({part})" for part, space in parts.items() if space.rule)

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """Those of the parts."""
        return tuple(
            replace(decision, active_if={f"{part}.{c}": v for c, v in decision.active_if.items()})
            for part, space in self.parts.items()
            for decision in space.decisions
        )

    @property
    def content(self) -> dict[str, object]:
        """As any space's, and that of each part."""
        return {**super().content, "parts": {name: s.content for name, s in self.parts.items()}}

    @cached_property
    def slices(self) -> dict[str, slice]:
        """The columns of each part."""
        ends = torch.tensor([s.n_columns for s in self.parts.values()], device="cpu").cumsum(0)
        places = zip(self.parts.items(), ends.tolist(), strict=True)
        return {name: slice(end - space.n_columns, end) for (name, space), end in places}

    def part_of(self, arch: Arch, part: str) -> Arch:
        """The choice from one part, such as the cell alone.

        Raises:
            DataError: There is no such part.
        """
        if part not in self.parts:
            raise DataError(f"{self.name} has no part {part!r}; it has {', '.join(self.parts)}")
        return self.parts[part].arch(Row(arch.row[self.slices[part]]))

    def _each(self, X: Tensor) -> list[tuple[SearchSpace, Tensor]]:
        """The parts, and their columns of rows ``X`` (``n x d``)."""
        return [(self.parts[name], X[:, columns]) for name, columns in self.slices.items()]

    def parse(self, text: str) -> tuple[Any, ...]:
        given = dict(piece.strip().partition(": ")[::2] for piece in text.split(";"))
        if given.keys() != self.parts.keys():
            wanted = "; ".join(f"{name}: ..." for name in self.parts)
            raise InvalidArchitectureError(
                f"malformed architecture {text!r} of {self.name}; write {wanted}"
            )
        return tuple(
            cell for name, space in self.parts.items() for cell in space.parse(given[name])
        )

    def format(self, row: Sequence[Any] | Tensor) -> str:
        return "; ".join(
            f"{name}: {self.parts[name].format(row[columns])}"
            for name, columns in self.slices.items()
        )

    def is_valid(self, X: Tensor) -> Tensor:
        """``n`` bool: which rows of ``X`` (``n x d``) are architectures of the space."""
        return torch.stack([space.is_valid(columns) for space, columns in self._each(X)]).all(0)

    def canonical(self, X: Tensor) -> Tensor:
        return torch.cat([space.canonical(columns) for space, columns in self._each(X)], -1)

    def function_keys(self, X: Tensor) -> Tensor:
        """Integers, ``n x w``, that are equal if two rows of ``X`` (``n x d``) agree in every part, as its keys have it."""
        keys = [space.function_keys(columns) for space, columns in self._each(X)]
        return torch.cat([key.reshape(len(key), -1) for key in keys], -1)

    def identity_keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff two rows of ``X`` (``n x d``) are one to the benchmarks of each part."""
        parts = [s.canonical(x) if s.merges_isomorphs else x for s, x in self._each(X)]
        return self.row_keys(torch.cat(parts, -1))

    def graphs(self, X: Tensor) -> GraphBatch:
        return next(space.graphs(columns) for space, columns in self._each(X))

    def sample(self, n: int, *, generator: Generator, dtype: torch.dtype = torch.double) -> Tensor:
        """``n x d`` rows, drawn from each part."""
        parts = [s.sample(n, generator=generator, dtype=dtype) for s in self.parts.values()]
        return torch.cat(parts, -1)

    def enumerate(self, *, dtype: torch.dtype = torch.double) -> Tensor:
        """Every architecture once."""
        return self.distinct(super().enumerate(dtype=dtype))
