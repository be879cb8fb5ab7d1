"""Encodings of the parts of a product of spaces."""

from typing import Self

from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.errors import UsageError
from archbo.spaces import ProductSpace

__all__ = ["PartEncoding"]


class PartEncoding(Encoding):
    """What an encoding says of one part of a product, such as the semantic paths of the cell alone.

    Args:
        space: The product.
        part: The name of the part.
        encoding: An encoding of it.

    Raises:
        UsageError: There is no such part, or the encoding is of another space.

    Example:
        >>> import torch
        >>> from archbo.encodings import OpCountEncoding
        >>> from archbo.spaces import EdgeCellSpace, MixedSpace, Real
        >>> cell, recipe = EdgeCellSpace("cell", ["none", "conv"], nodes=2), MixedSpace("recipe", {"rate": Real(0, 1)})
        >>> space = ProductSpace("both", {"cell": cell, "recipe": recipe})
        >>> encoding = PartEncoding(space, "cell", OpCountEncoding(cell))
        >>> encoding.feature_names, encoding(torch.tensor([[1.0, 0.5]])).tolist()
        (('cell: conv',), [[1.0]])
    """

    def __init__(self, space: ProductSpace, part: str, encoding: Encoding) -> None:
        super().__init__(space)
        if space.parts.get(part) != encoding.space:
            raise UsageError(
                f"{encoding!r} encodes no part {part!r} of {space.name}, which has {', '.join(space.parts)}"
            )
        self.part, self.encoding = part, encoding
        self.columns = space.slices[part]
        self.feature_names = tuple(f"{part}: {name}" for name in encoding.feature_names)
        self.groups = encoding.groups
        self.differentiable = encoding.differentiable

    def _encode(self, X: Tensor) -> Tensor:
        features: Tensor = self.encoding(X[:, self.columns])
        return features

    def _same_options(self, other: Self) -> bool:
        return self.encoding.equals(other.encoding)

    def __repr__(self) -> str:
        return f"PartEncoding({self.space.name}, {self.part!r}, {self.encoding!r})"
