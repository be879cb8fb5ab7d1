"""The row itself as features."""

import torch
from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.spaces import SearchSpace

__all__ = ["CategoricalEncoding", "OneHotEncoding"]


class CategoricalEncoding(Encoding):
    """One number per decision, scaled to [0, 1]: for kernels and trees that split by equality.

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
        return rows / torch.tensor(steps, dtype=X.dtype, device=X.device)

    def _same_options(self, other: "CategoricalEncoding") -> bool:
        return self.canonical == other.canonical

    def __repr__(self) -> str:
        return f"CategoricalEncoding({self.space.name}, canonical={self.canonical})"


class OneHotEncoding(Encoding):
    """One indicator per choice of each decision (the adjacency encoding of arXiv 2007.04965).

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
        self.feature_names = tuple(
            f"{column}={choice}"
            for column, choices in zip(space.columns, space.choice_names, strict=True)
            for choice in choices
        )
        self.groups = tuple(
            column for column, choices in enumerate(space.choice_names) for _ in choices
        )
        self._offsets = torch.tensor([0, *space.cardinalities[:-1]], device="cpu").cumsum(0)

    def _encode(self, X: Tensor) -> Tensor:
        rows = self.space.canonical(X) if self.canonical else X
        features = X.new_zeros(len(X), self.n_features)
        return features.scatter_(1, rows.long() + self._offsets.to(X.device), 1.0)

    def _same_options(self, other: "OneHotEncoding") -> bool:
        return self.canonical == other.canonical

    def __repr__(self) -> str:
        return f"OneHotEncoding({self.space.name}, canonical={self.canonical})"
