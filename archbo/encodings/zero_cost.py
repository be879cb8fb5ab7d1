"""Zero-cost proxies as features."""

from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.errors import UsageError
from archbo.proxies import Proxies, proxies_for
from archbo.spaces import SearchSpace

__all__ = ["NodewiseEncoding", "ZeroCostEncoding"]


class ZeroCostEncoding(Encoding):
    """The ranks of an architecture's zero-cost proxies, each between -1 and 1.

    Proxies differ in unit and by orders of magnitude; their order is what they tell. Each is a group.

    Args:
        space: The space that the rows belong to.
        proxies: The scores, those that come with archbo unless given; an architecture without takes its
            canonical twin's.

    Raises:
        UsageError: The proxies are of another space, or archbo has none of this one.

    Example:
        >>> from archbo.proxies import ProxyTable
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> X = space.enumerate()
        >>> ZeroCostEncoding(space, ProxyTable(space, X, 10.0**X, ["params"]))(X).flatten().tolist()
        [-1.0, 0.0, 1.0]
    """

    def __init__(self, space: SearchSpace, proxies: Proxies | None = None) -> None:
        proxies = _proxies_of(space, proxies)
        super().__init__(space)
        self.proxies = proxies
        self.feature_names = proxies.names
        self.groups = tuple(range(len(proxies.names)))

    def _encode(self, X: Tensor) -> Tensor:
        return self.proxies.ranks(X).to(X)

    def _same_options(self, other: "ZeroCostEncoding") -> bool:
        return self.proxies.same_as(other.proxies)

    def __repr__(self) -> str:
        return f"ZeroCostEncoding({self.space.name}, {', '.join(self.feature_names)})"


class NodewiseEncoding(Encoding):
    """The parts that each decision has in zero-cost proxies, ranked among those of all decisions (arXiv 2402.02105).

    A decision that brings no weights has none: its features are 0. The parts in one proxy are a group.

    Args:
        space: The space that the rows belong to.
        proxies: With parts by decision, those that come with archbo unless given; an architecture without takes
            its canonical twin's.

    Raises:
        UsageError: The proxies are of another space, or have no parts, or archbo has none of this space.

    Example:
        >>> import torch
        >>> from archbo.proxies import ProxyTable
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"first": ["none", "conv"], "second": ["none", "conv"]})
        >>> X = space.enumerate()
        >>> nodes = (X * torch.tensor([3.0, 5.0])).unsqueeze(-1)
        >>> table = ProxyTable(space, X, nodes.sum(1), ["snip"], nodes=nodes, node_names=["snip"])
        >>> encoding = NodewiseEncoding(space, table)
        >>> encoding.feature_names, encoding(X[-1:]).tolist()
        (('first.snip', 'second.snip'), [[0.375, 0.875]])
    """

    def __init__(self, space: SearchSpace, proxies: Proxies | None = None) -> None:
        proxies = _proxies_of(space, proxies)
        if not proxies.node_names:
            raise UsageError(
                f"these proxies of {space.name} have no parts by decision; compute some with nodes, or leave "
                "them to zero-cost"
            )
        super().__init__(space)
        self.proxies = proxies
        self.feature_names = tuple(
            f"{column}.{name}" for column in space.columns for name in proxies.node_names
        )
        self.groups = tuple(range(len(proxies.node_names))) * space.n_columns

    def _encode(self, X: Tensor) -> Tensor:
        return self.proxies.node_ranks(X).flatten(1).to(X)

    def _same_options(self, other: "NodewiseEncoding") -> bool:
        return self.proxies.same_as(other.proxies)

    def __repr__(self) -> str:
        return f"NodewiseEncoding({self.space.name}, {', '.join(self.proxies.node_names)})"


def _proxies_of(space: SearchSpace, proxies: Proxies | None) -> Proxies:
    found = proxies_for(space, proxies)
    if found.space != space:
        raise UsageError(
            f"the proxies are of another space that is named {space.name!r} too, but differs: "
            f"{space.unlike(found.space)}"
        )
    return found
