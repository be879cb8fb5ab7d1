"""The tables of proxies that come with archbo."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import as_file, files

from archbo.errors import UsageError
from archbo.proxies.base import Proxies
from archbo.proxies.table import ProxyTable
from archbo.spaces import EdgeCellSpace, SearchSpace

__all__ = ["SHIPPED", "proxies_for", "shipped"]

SHIPPED: Mapping[str, Callable[[], SearchSpace]] = {"nb201": EdgeCellSpace.nas_bench_201}
"""The spaces that there are tables of, each from ``archbo proxies compute --spaces NAME``."""


def shipped(space: SearchSpace) -> ProxyTable:
    """The proxies of a whole space, and their parts by decision, that come with archbo.

    They are those of small networks on random images (see ``setup``), so they know nothing of a task.

    Raises:
        UsageError: There is no such table.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> table = shipped(EdgeCellSpace.nas_bench_201())
        >>> len(table), table.names[:3]
        (9445, ('grad_norm', 'snip', 'grasp'))
    """
    if space.name not in SHIPPED:
        raise UsageError(
            f"archbo has no proxies of {space.name}; name columns of the table that hold some, such as "
            f"--proxies 'c10_zc_*', or make a file with 'archbo proxies compute --spaces {space.name}' "
            "and name it with --proxies FILE"
        )
    return _read(space.name)


def proxies_for(space: SearchSpace, proxies: Proxies | None = None) -> Proxies:
    """The given proxies, or those of the space that come with archbo.

    Raises:
        UsageError: They are of another space, or archbo has none of this one.
    """
    if proxies is None:
        return shipped(space)
    if proxies.space.name != space.name:
        raise UsageError(f"the proxies are of {proxies.space.name}, not of {space.name}")
    return proxies


@cache
def _read(name: str) -> ProxyTable:
    with as_file(files("archbo.proxies") / "tables" / f"{name}.parquet") as path:
        return ProxyTable.read(path, SHIPPED[name]())
