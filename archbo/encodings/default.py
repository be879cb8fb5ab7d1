"""What surrogates see of an architecture unless told otherwise."""

from archbo.encodings.adjacency import OneHotEncoding
from archbo.encodings.base import Concatenation, Encoding
from archbo.encodings.choices import ChoiceEncoding
from archbo.encodings.graph_features import GraphFeatureEncoding
from archbo.encodings.parts import PartEncoding
from archbo.encodings.path import PathEncoding
from archbo.spaces import ProductSpace, SearchSpace

__all__ = ["default_encoding", "has_paths"]


def default_encoding(space: SearchSpace) -> Encoding:
    """One-hot rows beside graph features and the counts of semantic paths; of plain columns, what choices share.

    Of a product of spaces, those of its parts.

    The rows tell apart what computes the same, which near the optimum is worth a look at each. Paths are
    truncated where there would be more than 400: that makes a kernel slow, and hardly better.
    """
    if isinstance(space, ProductSpace):
        parts = space.parts.items()
        return Concatenation(*(PartEncoding(space, p, default_encoding(s)) for p, s in parts))
    if not has_paths(space):
        return ChoiceEncoding(space)
    paths = PathEncoding.at_most(space, 400, counts=True, semantic=True)
    return OneHotEncoding(space) + GraphFeatureEncoding(space) + paths


def has_paths(space: SearchSpace) -> bool:
    """Whether paths tell more than the decisions do: some path holds several of them."""
    return any(len(path) != 3 for path in space.template.paths())
