"""What surrogates see of an architecture unless told otherwise."""

from archbo.encodings.adjacency import OneHotEncoding
from archbo.encodings.base import Encoding
from archbo.encodings.op_counts import OpCountEncoding
from archbo.encodings.path import PathEncoding
from archbo.spaces import SearchSpace

__all__ = ["default_encoding"]


def default_encoding(space: SearchSpace) -> Encoding:
    """One-hot rows, and beside them the counts of semantic paths and of operations, where there are paths.

    Paths are truncated where there would be more than 400: that makes a kernel slow, and hardly better.
    """
    one_hot = OneHotEncoding(space)
    if all(len(path) == 3 for path in space.template.paths()):
        return one_hot  # each path is one decision
    paths = PathEncoding.at_most(space, 400, counts=True, semantic=True)
    return one_hot + paths + OpCountEncoding(space)
