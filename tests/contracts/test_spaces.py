"""Every space of the catalog, and some that it does not have, keeps the contract."""

import pytest
import torch

from archbo import catalog
from archbo.spaces import (
    CategoricalSpace,
    DagSpace,
    EdgeCellSpace,
    Integer,
    MixedSpace,
    NodeCellSpace,
    Ordered,
    Real,
)
from archbo.testing.spaces import SpaceContract, rows

MAKERS = dict(catalog.SPACES) | {
    "toy": lambda: CategoricalSpace(
        "toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]}
    ),
    "typed": lambda: CategoricalSpace(
        "typed", {"lr": [0.0, 1e-3, 0.1], "bn": [True, False], "act": [None, "relu", 5]}
    ),
    "fixed-column": lambda: CategoricalSpace(
        "few", {"fixed": ["only"], "free": range(6), "other": range(9)}
    ),
    "own-edges": lambda: EdgeCellSpace(
        "own-edges",
        ["conv", "zero", "identity"],
        notation="nb201",
        zero_ops=["zero"],
        identity_ops=["identity"],
    ),
    "own-edges-without-zero": lambda: EdgeCellSpace("plain", ["conv", "pool"], notation="nb201"),
    "five-nodes": lambda: EdgeCellSpace("five", ["none", "skip_connect", "conv"], nodes=5),
    "two-nodes": lambda: EdgeCellSpace("two", [f"conv{k}" for k in range(30)], nodes=2),
    "mixed": lambda: MixedSpace(
        "mixed",
        {
            "op": ["conv", "pool", "skip"],
            "kernel": Ordered([3, 5, 7], active_if={"op": ["conv", "pool"]}),
            "width": Integer(8, 24, log=True),
            "rate": Real(1e-4, 1.0, log=True),
            "momentum": Real(-0.5, 0.9),
            "expand": Integer(1, 6, active_if={"kernel": [5, 7]}),
        },
    ),
    "finite-mixed": lambda: MixedSpace(
        "finite",
        {
            "op": ["conv", "skip"],
            "kernel": Ordered([3, 5, 7], log=True, active_if={"op": ["conv"]}),
            "depth": Integer(1, 12),
        },
    ),
    "numbers": lambda: CategoricalSpace(
        "numbers", {"layers": [1, 2, 3, 4], "kernel": [3, 2, 1], "groups": [1, 0]}
    ),
    "own-nodes": lambda: NodeCellSpace("own-nodes", ["a", "b"], max_edges=6),
    "four-nodes": lambda: NodeCellSpace("four-nodes", ["none", "skip_connect", "a"], nodes=4),
    "many-nodes": lambda: NodeCellSpace(
        "many-nodes",
        ["a", "zero", "same"],
        nodes=12,
        max_edges=20,
        zero_ops=["zero"],
        identity_ops=["same"],
    ),
    "dag": lambda: DagSpace("dag", ["a", "skip_connect"], nodes=5, inputs=2),
    "tree": lambda: DagSpace("tree", ["a", "b"], nodes=5, inputs=1),
    "large-dag": lambda: DagSpace("large-dag", ["a", "b", "c"], nodes=30, inputs=3),
}


@pytest.mark.parametrize("name", MAKERS)
class TestSpaces(SpaceContract):
    @pytest.fixture(autouse=True)
    def pick(self, name):
        self.name = name

    def make(self):
        return MAKERS[self.name]()


def test_keys_of_a_huge_space_are_several_words_and_injective():
    space = CategoricalSpace("huge", {f"c{i}": range(2 + i % 5) for i in range(60)})
    assert space.size > 2**63
    X = rows(space, 50)
    X = torch.cat([X, *map(space.neighbours, X[:3])]).unique(dim=0)
    keys = space.row_keys(X)
    assert keys.ndim == 2
    assert keys.shape[1] > 1
    assert len(keys.unique(dim=0)) == len(X)
    assert len(set(space.ids(X))) == len(X)
    assert space.ids(X) == [tuple(key) for key in keys.tolist()]


def test_equal_spaces_of_the_catalog_are_the_same_name_only():
    spaces = {name: make() for name, make in MAKERS.items()}
    for first, one in spaces.items():
        for second, other in spaces.items():
            assert (one == other) == (first == second)
