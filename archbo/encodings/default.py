"""What surrogates see of an architecture unless told otherwise."""

from archbo.encodings.adjacency import OneHotEncoding
from archbo.encodings.base import Encoding
from archbo.encodings.graph_features import GraphFeatureEncoding
from archbo.encodings.path import PathEncoding
from archbo.spaces import SearchSpace

__all__ = ["default_encoding"]


def default_encoding(space: SearchSpace) -> Encoding:
    """One-hot rows, and beside them graph features and the counts of semantic paths, where there are paths.

    The rows tell apart what computes the same, which near the optimum is worth a look at each. Paths are
    truncated where there would be more than 400: that makes a kernel slow, and hardly better.
    """
    one_hot = OneHotEncoding(space)
    if all(len(path) == 3 for path in space.template.paths()):
        return one_hot  # each path is one decision
    paths = PathEncoding.at_most(space, 400, counts=True, semantic=True)
    return one_hot + GraphFeatureEncoding(space) + paths
