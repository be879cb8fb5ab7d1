"""The row itself as features."""

from collections.abc import Iterator

import torch
from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.spaces import Decision, SearchSpace
from archbo.spaces.decisions import Range

__all__ = ["CategoricalEncoding", "OneHotEncoding"]


class CategoricalEncoding(Encoding):
    """One number per decision, scaled to [0, 1]: for kernels and trees that split by equality.

    What does not count is -1.
    Unless it is canonical, it is differentiable: rows may lie between the choices.

    Args:
        space: The space that the rows belong to.
        canonical: Take the canonical row, in which unreachable operations are gone.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> encoding = CategoricalEncoding(EdgeCellSpace.nas_bench_201())
        >>> encoding(torch.tensor([[3.0, 0, 1, 0, 0, 4]]))
        tensor([[0.7500, 0.0000, 0.2500, 0.0000, 0.0000, 1.0000]])
    """

    def __init__(self, space: SearchSpace, *, canonical: bool = False) -> None:
        super().__init__(space)
        self.canonical = canonical
        self.feature_names = space.columns
        self.groups = tuple(range(space.n_columns))
        self.differentiable = not canonical  # a canonical row jumps

    def _encode(self, X: Tensor) -> Tensor:
        rows = self.space.canonical(X) if self.canonical else X
        steps = [max(1, cardinality - 1) for cardinality in self.space.cardinalities]
        numbers = rows / torch.tensor(steps, dtype=X.dtype, device=X.device)
        for column, decision in enumerate(self.space.decisions):
            if isinstance(decision, Range):
                numbers[:, column] = decision.position(rows[:, column])
        return torch.where(self.space.active(X), numbers, -1.0)

    def _same_options(self, other: "CategoricalEncoding") -> bool:
        return self.canonical == other.canonical

    def __repr__(self) -> str:
        return f"CategoricalEncoding({self.space.name}, canonical={self.canonical})"


class OneHotEncoding(Encoding):
    """One indicator per choice of each decision (the adjacency encoding of arXiv 2007.04965).

    A range is one feature, the position in it from 0 to 1, through which gradients flow unless it is canonical. What
    does not count has no indicator, or is in the middle of its range, beside a feature that says whether it counts.

    Args:
        space: The space that the rows belong to.
        canonical: Take the canonical row, in which unreachable operations are gone.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "skip": ["no", "yes"]})
        >>> encoding = OneHotEncoding(space)
        >>> encoding.feature_names
        ('width=8', 'width=16', 'width=32', 'skip=no', 'skip=yes')
        >>> encoding(torch.tensor([[2.0, 0.0]]))
        tensor([[0., 0., 1., 1., 0.]])
    """

    def __init__(self, space: SearchSpace, *, canonical: bool = False) -> None:
        super().__init__(space)
        self.canonical = canonical
        named = [list(_features(*item)) for item in space.finders.items()]
        self.feature_names = tuple(name for names in named for name in names)
        self.groups = tuple(column for column, names in enumerate(named) for _ in names)
        self._sizes = [len(names) for names in named]
        self._offsets = torch.tensor([0, *self._sizes[:-1]], device="cpu").cumsum(0)
        self._is_plain = all(d.names and not d.active_if for d in space.decisions)
        ranges = any(isinstance(decision, Range) for decision in space.decisions)
        self.differentiable = ranges and not canonical

    def _encode(self, X: Tensor) -> Tensor:
        rows = self.space.canonical(X) if self.canonical else X
        if self._is_plain:
            features = X.new_zeros(len(X), self.n_features)
            return features.scatter_(1, rows.long() + self._offsets.to(X.device), 1.0)
        parts = []
        for decision, cells, counts in zip(
            self.space.decisions, rows.unbind(-1), self.space.active(X).unbind(-1), strict=True
        ):
            if decision.names:
                indicators = torch.nn.functional.one_hot(cells.long(), decision.cardinality)
                parts.append(indicators.to(X) * counts.unsqueeze(-1))
            elif isinstance(decision, Range):
                place = torch.where(counts, decision.position(cells), 0.5)
                parts.append(
                    torch.stack([place, counts.to(X)], -1)[:, : 1 + bool(decision.active_if)]
                )
        return torch.cat(parts, -1)

    def _same_options(self, other: "OneHotEncoding") -> bool:
        return self.canonical == other.canonical

    def __repr__(self) -> str:
        return f"OneHotEncoding({self.space.name}, canonical={self.canonical})"


def _features(column: str, decision: Decision) -> Iterator[str]:
    """The names of the features of one column."""
    yield from (f"{column}={text}" for text in decision.names)
    if not decision.names:
        yield column
        yield from [f"{column} counts"] if decision.active_if else []
