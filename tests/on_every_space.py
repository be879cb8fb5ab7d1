"""The catalog's spaces and encodings, with proxies where they take some, for tests of all of them."""

from functools import cache

from archbo import catalog
from archbo.proxies import SHIPPED, ComputedProxies, ProxyTable, setup, shipped
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
SPACES = {name: make() for name, make in catalog.SPACES.items()} | {"toy": TOY}
SOME_SPACES = {name: SPACES[name] for name in ("nb201", "nb101", "toy")}


@cache
def proxies_of(space):
    """Those that come with archbo, and for other spaces scores of very small networks, or numbers from the rows."""
    if space.name in SHIPPED:
        return shipped(space)
    if space is TOY:
        X = space.enumerate()
        return ProxyTable(
            space, X, X.cumsum(-1), space.columns, nodes=X.unsqueeze(-1), node_names=["size"]
        )
    small = setup(space)
    return ComputedProxies(
        space,
        small.inputs,
        small.targets,
        ["params", "l2_norm"],
        nodes=["l2_norm"],
        skeleton=small.skeleton,
        n_reference=20,
    )


def with_proxies(make):
    """Something of the catalog, on proxies that there are for every space."""
    return lambda space, *arguments: make(space, *arguments, proxies=proxies_of(space))


def on_every_space(table):
    """The entries of the catalog's table, those that take proxies with some."""
    takers = catalog.TAKE_PROXIES | catalog.TAKE_PARTS
    return {name: with_proxies(make) if name in takers else make for name, make in table.items()}


ENCODINGS = on_every_space(catalog.ENCODINGS)
