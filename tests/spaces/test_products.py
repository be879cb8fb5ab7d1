"""Products of spaces and stages of blocks: parts stay what they are, and files say the same."""

import json

import pytest
import torch

from archbo import Bayesian, Goal, Optimizer
from archbo.encodings import PartEncoding, PathEncoding, default_encoding
from archbo.errors import DataError, InvalidArchitectureError, UsageError
from archbo.randomness import generator
from archbo.spaces import (
    EdgeCellSpace,
    Integer,
    MixedSpace,
    NodeCellSpace,
    ProductSpace,
    Real,
    StageSpace,
    file_content,
    read_space,
    space_of,
)
from archbo.testing.spaces import SpaceContract

RECIPE = {
    "rate": Real(1e-4, 1, log=True),
    "optimizer": ["sgd", "adam"],
    "momentum": Real(0, 0.99, active_if={"optimizer": ["sgd"]}),
    "epochs": Integer(10, 30),
}
CELL = EdgeCellSpace("cell", ["none", "skip_connect", "conv"])
BOTH = ProductSpace("both", {"cell": CELL, "recipe": MixedSpace("recipe", RECIPE)})
STAGES = StageSpace(
    "net",
    [{"depth": [1, 2, 3], "kernel": [3, 5, 7]}, {"depth": Integer(2, 3), "kernel": [3, 5]}],
    {"resolution": [160, 192, 224]},
)


class TestProduct(SpaceContract):
    def make(self):
        recipe = MixedSpace("recipe", {**RECIPE, "warmup": Integer(0, 4)})
        return ProductSpace("both", {"cell": CELL, "recipe": recipe})


class TestStages(SpaceContract):
    def make(self):
        return StageSpace("net", STAGES.stages, STAGES.overall)


def test_a_product_keeps_what_is_known_of_its_cells():
    X = BOTH.sample(50, generator=generator(0))
    cells, recipes = X[:, :6], X[:, 6:]
    assert BOTH.canonical(X)[:, :6].equal(CELL.canonical(cells))
    assert BOTH.graphs(X).adjacency.equal(CELL.graphs(cells).adjacency)
    paths = PathEncoding(CELL, counts=True, semantic=True)
    assert PartEncoding(BOTH, "cell", paths)(X).equal(paths(cells))
    default = default_encoding(BOTH)
    n = default_encoding(CELL).n_features
    assert default(X)[:, :n].equal(default_encoding(CELL)(cells))
    assert default(X)[:, n:].equal(default_encoding(BOTH.parts["recipe"])(recipes))
    assert default.differentiable
    twins = X.clone()
    twins[:, :6] = CELL.canonical(cells)
    assert BOTH.function_keys(twins).equal(BOTH.function_keys(X))
    with pytest.raises(UsageError, match="encodes no part 'recipe'"):
        PartEncoding(BOTH, "recipe", paths)


def test_isomorphs_are_one_in_products_too():
    cells = NodeCellSpace("cells", ["a", "b"], max_edges=6)
    both = ProductSpace("p", {"cell": cells, "n": MixedSpace("n", {"n": Integer(1, 3)})})
    X = cells.sample(200, generator=generator(0))
    rows = torch.cat([X, X.new_zeros(200, 1)], -1)
    assert len(both.distinct(rows)) == len(cells.distinct(X)) < 200


def test_the_parts_of_an_architecture():
    arch = BOTH.archs(BOTH.sample(1, generator=generator(0)))[0]
    cell = BOTH.part_of(arch, "cell")
    assert str(arch).startswith(f"cell: {cell}; recipe: rate=")
    assert arch["cell.op_0_1"] == cell["op_0_1"]
    with pytest.raises(DataError, match="no part 'x'"):
        BOTH.part_of(arch, "x")
    with pytest.raises(InvalidArchitectureError, match=r"write cell: \.\.\.; recipe: \.\.\."):
        BOTH.arch(str(cell))


def test_architecture_and_recipe_are_searched_together():
    optimizer = Optimizer(Bayesian(BOTH, Goal.parse("score"), n_initial=3, seed=0))
    for _ in range(5):
        (arch,) = optimizer.ask()
        optimizer.tell([arch], [str(arch).count("conv") - arch["recipe.rate"]])
    assert optimizer.log.n_told == 5


def test_blocks_beyond_the_depth_count_for_nothing():
    arch = STAGES.arch([0, 0, 2, 1, 1, 0, 1, 1, 1])
    assert arch["stage1_block1_kernel"] == 7
    assert arch["stage1_block2_kernel"] == arch["stage1_block3_kernel"] == "not active"
    assert arch["stage2_block2_kernel"] == 5
    assert len(STAGES.distinct(STAGES.enumerate())) == 3 * (3 + 9 + 27) * (4 + 8)


FILES = {
    "cells.toml": 'kind = "edge-cell"\nname = "cell"\nops = ["none", "skip_connect", "conv"]',
    "both.toml": """
kind = "product"
[parts]
cell = "cells.toml"
[parts.recipe]
kind = "mixed"
[parts.recipe.columns]
rate = { low = 1e-4, high = 1.0, log = true }
optimizer = ["sgd", "adam"]
momentum = { low = 0.0, high = 0.99, active_if = { optimizer = ["sgd"] } }
epochs = { low = 10, high = 30 }
""",
    "net.toml": """
kind = "stages"
[overall]
resolution = [160, 192, 224]
[[stages]]
depth = [1, 2, 3]
kernel = [3, 5, 7]
[[stages]]
depth = { low = 2, high = 3 }
kernel = [3, 5]
""",
}


@pytest.mark.parametrize(("file", "space"), [("both.toml", BOTH), ("net.toml", STAGES)])
def test_files_say_the_same_and_go_through_json(tmp_path, file, space):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    assert read_space(tmp_path / file) == space
    assert space_of(json.loads(json.dumps(file_content(space)))) == space


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("both.toml", '"cells.toml"', '"gone.toml"', "no space file .*gone.toml"),
        (
            "both.toml",
            "low = 10",
            "low = 40",
            "part 'recipe': column 'epochs' .* low must be below",
        ),
        ("both.toml", '"cells.toml"', "3", "parts is .*; write a table"),
        ("net.toml", "depth = [1, 2, 3]", "deep = [1]", "stage1 of space 'net' has no 'depth'"),
        (
            "net.toml",
            "[1, 2, 3]",
            "[0, 2]",
            "depth of stage1 .* is 0, 2; give whole numbers from 1",
        ),
        (
            "net.toml",
            "low = 2, high = 3",
            "low = 2.0, high = 3.0",
            "depth of stage2 .* whole numbers",
        ),
    ],
)
def test_bad_files_name_place_and_remedy(tmp_path, file, old, new, message):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace(old, new, 1) if name == file else text)
    with pytest.raises(DataError, match=message) as caught:
        read_space(tmp_path / file)
    assert "\n" not in str(caught.value)
