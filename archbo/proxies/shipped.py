"""The tables of proxies that come with archbo."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import as_file, files

from archbo.errors import NoProxiesError, UsageError
from archbo.networks import has_networks
from archbo.proxies.base import Proxies
from archbo.proxies.table import ProxyTable
from archbo.spaces import EdgeCellSpace, SearchSpace

__all__ = ["SHIPPED", "proxies_for", "shipped"]

SHIPPED: Mapping[str, Callable[[], SearchSpace]] = {"nb201": EdgeCellSpace.nas_bench_201}
"""The spaces for which there are tables, each made by ``archbo proxies compute --spaces NAME``."""


def shipped(space: SearchSpace) -> ProxyTable:
    """The proxies of a whole space, and their parts by decision, that come with archbo.

    They are scores of small networks on random images (see ``setup``), and so independent of any task.

    Raises:
        NoProxiesError: There is no table of this space.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> table = shipped(EdgeCellSpace.nas_bench_201())
        >>> len(table), table.names[:3]
        (9445, ('grad_norm', 'snip', 'grasp'))
    """
    if space.name in SHIPPED and space == SHIPPED[space.name]():
        return _read(space.name)
    computable = has_networks(space)
    others = "ProxyTable.from_benchmark(benchmark, columns) or ProxyTable.read(file, space)"
    own = "ComputedProxies(space, ...), " if computable else ""
    raise NoProxiesError(
        f"archbo has no proxies of {space.name}; give some as proxies={own}{others}",
        space=space.name,
        computable=computable,
    )


def proxies_for(space: SearchSpace, proxies: Proxies | None = None) -> Proxies:
    """The given proxies, or those of the space that come with archbo.

    Raises:
        NoProxiesError: None are given, and archbo has none of this space.
        UsageError: They are of another space.
    """
    if proxies is None:
        return shipped(space)
    if proxies.space != space:
        name = proxies.space.name
        what = f"of {name}" if name != space.name else f"of another space named {name}"
        raise UsageError(f"the proxies are {what}, not of {space.name}; give proxies of that space")
    return proxies


@cache
def _read(name: str) -> ProxyTable:
    with as_file(files("archbo.proxies") / "tables" / f"{name}.parquet") as path:
        return ProxyTable.read(path, SHIPPED[name]())
