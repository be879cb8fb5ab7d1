"""Spaces in TOML files: what is read, what is refused, and a cell of five nodes from the file to the trained network."""

import json
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import archbo
from archbo import catalog
from archbo.comparison import draw_arch
from archbo.errors import DataError, InvalidArchitectureError, UsageError
from archbo.networks import EdgeCellSkeleton, network
from archbo.spaces import (
    CategoricalSpace,
    DagSpace,
    EdgeCellSpace,
    NodeCellSpace,
    ProductSpace,
    file_content,
    read_space,
    space_of,
)

CELLS = """\
kind = "edge-cell"
name = "my-cells"
nodes = 5
ops = ["zero", "identity", "conv"]
zero = ["zero"]
identity = ["identity"]
"""
FIVE = EdgeCellSpace(
    "my-cells",
    ["zero", "identity", "conv"],
    nodes=5,
    zero_ops=["zero"],
    identity_ops=["identity"],
)
TEXT = "|conv~0|+|zero~0|identity~1|+|zero~0|zero~1|conv~2|+|conv~0|zero~1|zero~2|identity~3|"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cells.toml"
    path.write_text(CELLS)
    return path


def test_a_file_is_the_space_in_python(file):
    assert archbo.space(str(file)) == read_space(file) == FIVE
    assert FIVE.size == 59_049
    file.write_text('kind = "edge-cell"\nops = ["none", "conv"]')
    assert read_space(file) == EdgeCellSpace("cells", ["none", "conv"])


@pytest.mark.parametrize(
    "space",
    [
        FIVE,
        EdgeCellSpace("plain", ["none", "conv"], zero_ops=[]),
        EdgeCellSpace.trans_nas_micro(),
        CategoricalSpace("s", {"width": [8, 16.5], "op": ["conv", True, None]}),
        NodeCellSpace.nas_bench_101(),
        NodeCellSpace("nodes", ["a", "z", "i"], nodes=5, zero_ops=["z"], identity_ops=["i"]),
        NodeCellSpace("kept", ["none", "skip_connect"], zero_ops=[], identity_ops=[]),
        DagSpace("graphs", ["a", "i"], nodes=8, inputs=2, identity_ops=["i"]),
        DagSpace("tree", ["a", "skip_connect"], nodes=4, inputs=1, identity_ops=[]),
        ProductSpace("both", {"cell": FIVE, "graph": DagSpace("g", ["a"], nodes=4, inputs=1)}),
    ],
    ids=lambda space: space.name,
)
def test_what_a_file_would_say_makes_an_equal_space_also_after_json(space):
    assert space_of(json.loads(json.dumps(file_content(space)))) == space


NODES = """\
kind = "node-cell"
name = "my-nodes"
nodes = 6
max_edges = 8
ops = ["conv", "pool", "gone", "same"]
zero = ["gone"]
identity = ["same"]
"""
GRAPHS = """\
kind = "dag"
name = "my-graphs"
nodes = 12
inputs = 2
ops = ["conv", "pool", "same"]
identity = ["same"]
"""


@pytest.mark.parametrize(
    ("text", "space"),
    [
        (
            NODES,
            NodeCellSpace(
                "my-nodes",
                ["conv", "pool", "gone", "same"],
                nodes=6,
                max_edges=8,
                zero_ops=["gone"],
                identity_ops=["same"],
            ),
        ),
        (
            GRAPHS,
            DagSpace(
                "my-graphs", ["conv", "pool", "same"], nodes=12, inputs=2, identity_ops=["same"]
            ),
        ),
        ('kind = "node-cell"\nops = ["conv"]', NodeCellSpace("file", ["conv"])),
        ('kind = "dag"\nops = ["conv"]\nnodes = 20', NodeCellSpace("file", ["conv"], nodes=20)),
        (
            'kind = "dag"\nops = ["a", "b"]\nnodes = 20\nzero = ["b"]',
            NodeCellSpace("file", ["a", "b"], nodes=20, zero_ops=["b"]),
        ),
    ],
    ids=["node-cell", "dag", "short node-cell", "dag of any inputs", "dag with zeros"],
)
def test_files_of_graphs_are_the_spaces_in_python(text, space, tmp_path):
    path = tmp_path / "file.toml"
    path.write_text(text)
    found = read_space(path)
    assert found == space
    assert space_of(json.loads(json.dumps(file_content(found)))) == space
    X = found.sample(20, generator=torch.Generator().manual_seed(0))
    assert space.rows(list(map(str, found.archs(X)))).equal(X)


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (NODES, "max_edges = 8", "max_edges = 0", "max_edges of space 'my-nodes' is 0"),
        (NODES, "max_edges = 8", "max_edges = 8.5", "max_edges is 8.5; write a whole number"),
        (NODES, "nodes = 6", "inputs = 2", "unknown key 'inputs'; a space of the kind 'node-cell'"),
        (NODES, 'zero = ["gone"]', 'zero = ["no"]', "zero_ops of space 'my-nodes' has 'no'"),
        (GRAPHS, "nodes = 12", "", "there is no 'nodes'; write a whole number"),
        (GRAPHS, "inputs = 2", 'inputs = "2"', "inputs is '2'; write how many nodes each node"),
        (GRAPHS, "identity", "zero", "has zero operations, which would leave nodes with fewer"),
    ],
)
def test_bad_files_of_graphs_name_place_and_remedy(text, old, new, message, tmp_path):
    path = tmp_path / "file.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_space(path)


DARTS = catalog.space("darts")


@pytest.mark.parametrize(
    "space",
    [
        DARTS,
        ProductSpace("both", {"cell": DARTS}),
        ProductSpace("outer", {"inner": ProductSpace("both", {"cell": FIVE, "other": DARTS})}),
        CategoricalSpace("s", {"dtype": [torch.float32, torch.float64]}),
        ProductSpace("s", {"inner": CategoricalSpace("s", {"file": [Path("a"), Path("b")]})}),
    ],
    ids=["darts", "part", "part of a part", "objects", "objects of a part"],
)
def test_other_spaces_have_no_files(space):
    assert file_content(space) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"edge-cell"', '"edges"', 'kind is \'edges\'; write kind = "categorical" or "edge-cell"'),
        ('"edge-cell"', "[1]", r"kind is \[1\]; write kind = "),
        (
            "zero =",
            "zeros =",
            "unknown key 'zeros'; a space of the kind 'edge-cell' has kind, name, ",
        ),
        ("ops =", "# ops =", "there is no 'ops'; write a list of names"),
        ("nodes = 5", "nodes = 5.0", "nodes is 5.0; write a whole number"),
        ("nodes = 5", "nodes = true", "nodes is True; write a whole number"),
        (
            "nodes = 5",
            "nodes = 1",
            "nodes of space 'my-cells' is 1; give a whole number, at least 2",
        ),
        ('"my-cells"', "3", "name is 3; write it in quotes"),
        ('["zero"]', '"zero"', "zero is 'zero'; write a list of names"),
        ('["identity"]', '["skip"]', "identity_ops of space 'my-cells' has 'skip', which is not"),
        ("nodes = 5", 'nodes = 5\nnotation = "tnb101"', "'tnb101' writes cells of 4; take 'nb201'"),
        ("nodes = 5", 'nodes = 5\nnotation = "dots"', "unknown notation 'dots'"),
    ],
)
def test_bad_files_name_place_and_remedy(file, old, new, message):
    assert old in CELLS
    file.write_text(CELLS.replace(old, new, 1))
    with pytest.raises(DataError, match=message) as caught:
        read_space(file)
    assert str(caught.value).startswith(str(file))


def test_a_categorical_space_is_not_read_from_the_file_of_cells(file):
    with pytest.raises(DataError, match="its kind is another"):
        CategoricalSpace.from_toml(file)


# Five nodes.


def test_text_and_pairs_are_read_and_written():
    arch = FIVE.arch(TEXT)
    assert arch.row == (2, 0, 1, 0, 0, 2, 2, 0, 0, 1)
    assert str(arch) == TEXT
    nodes = [
        [(token[:-2], int(token[-1])) for token in group[1:-1].split("|")]
        for group in TEXT.split("+")
    ]
    assert FIVE.arch(str(nodes)) == FIVE.arch(nodes) == arch
    assert FIVE.arch(arch.row) == arch


@pytest.mark.parametrize("text", ["(4, 3, 3, 0, 0, 0)", "conv", "|conv~0|+|zero~0|conv~1|"])
def test_other_texts_are_refused_with_the_notation(text):
    with pytest.raises(InvalidArchitectureError, match=r"write \|op~0\|.*\|op~2\|op~3\|$"):
        FIVE.arch(text)


def test_four_nodes_are_kept_as_before_there_were_others():
    assert "nodes" not in EdgeCellSpace.nas_bench_201().content
    assert FIVE.content["nodes"] == 5


def test_edges_off_every_path_count_for_nothing():
    dead = FIVE.rows(
        [TEXT.replace("zero~1|conv~2", "conv~1|conv~2").replace("identity~3", "zero~3")]
    )
    # Only 0 -> 4 is left: node 3 leads nowhere.
    assert FIVE.canonical(dead).tolist() == [[0, 0, 0, 0, 0, 0, 2, 0, 0, 0]]


def test_five_nodes_of_which_the_last_but_one_is_passed_on_compute_what_four_do():
    """Node 4 is node 3 passed on: every semantic feature is that of the cell of four."""
    four = EdgeCellSpace("four", FIVE.op_names, zero_ops=["zero"], identity_ops=["identity"])
    X = four.sample(50, generator=torch.Generator().manual_seed(0))
    last = torch.tensor([0, 0, 0, 1], dtype=X.dtype).expand(50, 4)
    longer = catalog.encoding("semantic-path", FIVE)
    shorter = catalog.encoding("semantic-path", four)
    features = dict(zip(longer.feature_names, longer(torch.cat([X, last], -1)).T, strict=True))
    for name, values in zip(shorter.feature_names, shorter(X).T, strict=True):
        assert features.pop(name).equal(values)
    assert not torch.stack(list(features.values())).any()


def test_a_space_from_a_file_is_searched_encoded_drawn_and_trained(file):
    space = archbo.space(str(file))
    assert len(CELLS.splitlines()) < 15
    optimizer = archbo.Optimizer(space, seed=0)
    for _ in range(14):
        (arch,) = optimizer.ask()
        optimizer.tell([arch], [float(arch.row.count(2))])
    best = optimizer.log.winners[0][0]
    assert catalog.encoding("default", space)(space.rows([best])).isfinite().all()
    assert isinstance(draw_arch(best), Figure)

    net = network(space, best, EdgeCellSkeleton(channels=4, cells=1, classes=3))
    descent = torch.optim.SGD(net.parameters(), lr=0.05)
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(2):
        loss = nn.functional.cross_entropy(net(images), torch.arange(8) % 3)
        descent.zero_grad()
        loss.backward()
        descent.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]


# Operations of one's own.


def gate(channels):
    return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Sigmoid())


def test_own_operations_are_built_by_their_functions():
    space = EdgeCellSpace("gates", ["none", "gate"], nodes=3)
    skeleton = EdgeCellSkeleton(channels=4, cells=1, operations={"gate": gate})
    net = network(space, "|gate~0|+|none~0|gate~1|", skeleton)
    assert sum(isinstance(module, nn.Sigmoid) for module in net.modules()) == 6
    assert net(torch.zeros(2, 3, 8, 8)).shape == (2, 10)
    assert f"operations={{'gate': '{gate.__module__}.gate'}}" in repr(skeleton)
    assert hash(skeleton) == hash(EdgeCellSkeleton(channels=4, cells=1))
    assert skeleton != EdgeCellSkeleton(channels=4, cells=1)


def test_operations_without_a_module_are_refused_with_the_ways_to_give_one():
    space = EdgeCellSpace("gates", ["none", "gate"], nodes=3)
    with pytest.raises(UsageError, match=r"no module for the operation 'gate' of gates; give"):
        network(space, "|gate~0|+|none~0|gate~1|")
    skeleton = EdgeCellSkeleton(operations={"gates": gate})
    with pytest.raises(UsageError, match="'gates' is no operation of gates, which has none, gate"):
        network(space, "|none~0|+|none~0|none~1|", skeleton)
