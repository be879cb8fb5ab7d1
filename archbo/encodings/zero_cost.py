"""Zero-cost proxies as features."""

from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.errors import UsageError
from archbo.proxies.table import ProxyTable
from archbo.spaces import SearchSpace

__all__ = ["ZeroCostEncoding"]


class ZeroCostEncoding(Encoding):
    """The ranks of an architecture's zero-cost proxies in a table, each between -1 and 1.

    Proxies differ in unit and by orders of magnitude; their order is what they tell. Each is a group.

    Args:
        space: The space that the rows belong to.
        table: The scores; an architecture without takes its canonical twin's.

    Raises:
        UsageError: The table is of another space.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> X = space.enumerate()
        >>> ZeroCostEncoding(space, ProxyTable(space, X, 10.0**X, ["params"]))(X).flatten().tolist()
        [-1.0, 0.0, 1.0]
    """

    def __init__(self, space: SearchSpace, table: ProxyTable) -> None:
        if table.space.name != space.name:
            raise UsageError(f"the proxies are of {table.space.name}, not of {space.name}")
        super().__init__(space)
        self.table = table
        self.feature_names = table.names
        self.groups = tuple(range(len(table.names)))

    def _encode(self, X: Tensor) -> Tensor:
        return self.table.ranks(X).to(X.dtype)

    def __repr__(self) -> str:
        return f"ZeroCostEncoding({self.space.name}, {', '.join(self.feature_names)})"
