"""The catalog's spaces, encodings and predictors, with proxies where they take some, for tests of all of them."""

from functools import cache, partial

import pytest

from archbo import GBDT, RelativisticGNN, catalog
from archbo.networks import has_networks
from archbo.proxies import SHIPPED, ComputedProxies, ProxyTable, setup, shipped
from archbo.spaces import CategoricalSpace, Integer, MixedSpace, Ordered, Real

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
MIXED = MixedSpace(
    "mixed",
    {
        "op": ["conv", "pool"],
        "rate": Real(1e-3, 1.0, log=True),
        "kernel": Ordered([3, 5, 7], active_if={"op": ["conv"]}),
        "width": Integer(1, 6, log=True),
        "expand": Integer(1, 5, active_if={"kernel": [5, 7]}),
    },
)
SPACES = {name: make() for name, make in catalog.SPACES.items()} | {"toy": TOY}
CELLS = {name: space for name, space in SPACES.items() if not isinstance(space, CategoricalSpace)}
SOME_SPACES = {name: SPACES[name] for name in ("nb201", "nb101", "toy")}


def has_proxies(space):
    """Whether there are proxies for it: scores of its networks, or made-up ones of the toy space."""
    return has_networks(space) or space == TOY


@cache
def proxies_of(space):
    """Those that come with archbo, and for other spaces scores of very small networks, or numbers from the rows."""
    if space.name in SHIPPED:
        return shipped(space)
    if space == TOY:
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


def on_every_space(registry, options=None):
    """What makes the registry's entries, with some options by name, and with proxies where they take some."""
    makers = {
        name: partial(entry, **(options or {}).get(name, {})) for name, entry in registry.items()
    }
    takers = {name for name, entry in registry.items() if entry.needs & {"proxies", "parts"}}
    return {name: with_proxies(m) if name in takers else m for name, m in makers.items()}


# The default joins others: on a space whose paths are single decisions it is one of them.
ENCODINGS = on_every_space(catalog.ENCODINGS)
del ENCODINGS["default"]

# Smaller than their defaults, so that a fit takes a moment.
SMALL: dict[str, dict[str, object]] = {
    "bnn-hmc": {"warmup": 30, "samples": 25},
    "sghmc": {"burn_in": 300, "steps": 300},
    "deep-ensemble": {"n_steps": 100},
    "laplace": {"n_steps": 100},
    "gnn": {"n_members": 6, "n_epochs": 20},
    "stack-gnn": {"parts": (GBDT, partial(RelativisticGNN, n_members=6, n_epochs=20))},
    "mixer": {"n_members": 6, "n_epochs": 100},
    "random-forest": {"n_trees": 30},
    # So that it is fitted at all; its own tests look at the few observations that it takes as they are.
    "proxy-gp": {"learn_after": 0},
}
PREDICTORS = on_every_space(catalog.PREDICTORS, SMALL)

ONE_OF_EACH = ("gp", "bnn-hmc", "random-forest", "stack")
"""A predictor of each kind of posterior: exact, an ensemble with and without gradients, and a mixture."""


def slow_unless(quick, *case):
    """A case of a parametrised test, which ``make test-slow`` runs unless it is quick."""
    return pytest.param(*case, marks=() if quick else pytest.mark.slow)
