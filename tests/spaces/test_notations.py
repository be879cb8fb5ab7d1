"""Texts and objects in which other people's files hold architectures, and the right reading of each."""

import json
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch

import archbo
from archbo import catalog
from archbo.errors import InvalidArchitectureError
from archbo.spaces import CategoricalSpace, Integer, MixedSpace, Real, StageSpace

PAIRS = [
    [("sep_conv_3x3", 0), ("dil_conv_5x5", 1)],
    [("skip_connect", 0), ("dil_conv_3x3", 2)],
    [("sep_conv_5x5", 1), ("max_pool_3x3", 0)],
    [("avg_pool_3x3", 1), ("skip_connect", 4)],
]
OTHER = [PAIRS[0], PAIRS[0], PAIRS[0], PAIRS[0]]
FLAT = [edge for pair in PAIRS for edge in pair]
FLAT_OTHER = [edge for pair in OTHER for edge in pair]
GENOTYPE = (
    f"Genotype(normal={FLAT}, normal_concat=range(2, 6), "
    f"reduce={FLAT_OTHER}, reduce_concat=range(2, 6))"
)
# NASLib's numbers count the operations without none: 0 max pool, 1 average pool, 2 skip, 3 and 4 separable, 5 and 6
# dilated convolutions.
COMPACT = (
    ((0, 3), (1, 6), (0, 2), (2, 5), (1, 4), (0, 0), (1, 1), (4, 2)),
    ((0, 3), (1, 6)) * 4,
)


@pytest.mark.parametrize("name", ["darts", "nas-bench-301"])
@pytest.mark.parametrize(
    "written",
    [
        GENOTYPE.replace("range(2, 6)", "[2, 3, 4, 5, 6]"),
        GENOTYPE.replace("range(2, 6)", "range(2, 7)"),
        GENOTYPE.replace(str(FLAT), str(PAIRS)),
        GENOTYPE.replace(", reduce=", ",\n    reduce="),
        "genotypes." + GENOTYPE,
        "genotype = " + GENOTYPE,
        f"Genotype({FLAT}, range(2, 6), {FLAT_OTHER}, range(2, 6))",
        f"Genotype({FLAT}, range(2, 6), reduce={FLAT_OTHER}, reduce_concat=range(2, 6))",
        str(COMPACT),
        COMPACT,
        [list(map(list, cell)) for cell in COMPACT],
    ],
    ids=lambda written: str(written)[:20],
)
def test_genotypes(name, written):
    space = catalog.space(name)
    assert space.arch(written).row == space.arch(GENOTYPE).row


@pytest.mark.parametrize(
    "written",
    [
        GENOTYPE.replace("range(2, 6)", "[3, 4, 5]"),
        GENOTYPE.replace("Genotype", "Phenotype"),
        f"Genotype({FLAT}, range(2, 6))",
        str(COMPACT[:1]),
        str(COMPACT).replace("6", "7"),
        str(COMPACT).replace("(4, 2)", "(5, 2)"),
    ],
)
def test_what_is_no_genotype_is_refused(written):
    with pytest.raises(InvalidArchitectureError):
        catalog.space("darts").arch(written)


CELL = "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
NODES = (
    (("avg_pool_3x3", 0),),
    (("skip_connect", 0), ("none", 1)),
    (("nor_conv_1x1", 0), ("avg_pool_3x3", 1), ("nor_conv_1x1", 2)),
)


@pytest.mark.parametrize(
    "written",
    [
        CELL.replace("|+|", "| + |"),
        CELL.replace("|+|", "|\n+|"),
        "(4, 0, 3, 1, 4, 3)",
        "[4, 0, 3, 1, 4, 3]",
        str(tuple(map(np.int64, (4, 0, 3, 1, 4, 3)))),
        str(NODES),
        NODES,
        list(map(list, NODES)),
    ],
    ids=lambda written: str(written)[:20],
)
def test_cells_of_nas_bench_201(written):
    space = catalog.space("nb201")
    assert str(space.arch(written)) == CELL


@pytest.mark.parametrize(
    "written",
    ["[4, 0, 3, 1, 4]", "[4, 0, 3, 1, 4, 5]", str(NODES[:2]), "(np.int64(4),", "((1,), 2)"],
)
def test_what_is_no_cell_is_refused(written):
    with pytest.raises(InvalidArchitectureError):
        catalog.space("nb201").arch(written)


MATRIX = [[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
LABELS = ["input", "maxpool3x3", "conv3x3-bn-relu", "output"]
FLATTENED = (*(bit for row in MATRIX for bit in row), 0, 2, 4, 1)


@pytest.mark.parametrize(
    "written",
    [
        str(FLATTENED),
        {"matrix": MATRIX, "ops": LABELS},
        {"matrix": np.array(MATRIX), "ops": tuple(LABELS)},
        str({"matrix": MATRIX, "ops": LABELS}),
        {"module_adjacency": MATRIX, "module_operations": LABELS},
    ],
    ids=lambda written: str(written)[:20],
)
def test_cells_of_nas_bench_101(written):
    space = catalog.space("nb101")
    assert space.arch(written).row == space.from_matrix(MATRIX, LABELS)


@pytest.mark.parametrize(
    "written", [str(FLATTENED[:-1]), str((*FLATTENED[:-1], 5)), "{'matrix': 3}", "{3}", "(1,)"]
)
def test_what_is_no_specification_is_refused(written):
    with pytest.raises(InvalidArchitectureError):
        catalog.space("nb101").arch(written)


# Sub-networks of Once-for-All.

BLOCKS = [(stage, block) for stage in range(1, 6) for block in range(1, 5)]
NET = {
    "ks": [3 + 2 * (n % 3) for n in range(20)],
    "e": [(3, 4, 6)[n // 2 % 3] for n in range(20)],
    "d": [2, 3, 4, 2, 3],
}
DEEP = dict(zip(BLOCKS, (block <= NET["d"][stage - 1] for stage, block in BLOCKS), strict=True))


def stages(kernel, expand, **overall):
    stage = {"depth": [2, 3, 4], kernel: [3, 5, 7], expand: [3, 4, 6]}
    return StageSpace("ofa", [stage] * 5, overall)


def flat(*more, depth=None):
    """Columns for each block, as in the traces of DyNAS-T, where 0 stands for blocks that are not there."""
    columns = {f"d_{stage}": depth for stage in range(1, 6) if depth}
    for stage, block in BLOCKS:
        gone = more if block > 2 else ()
        columns |= {f"ks_{stage}_{block}": [*gone, 3, 5, 7], f"e_{stage}_{block}": [*gone, 3, 4, 6]}
    return CategoricalSpace("ofa", columns)


@pytest.mark.parametrize(
    "names", [("ks", "e"), ("kernel", "expand"), ("kernel_size", "expand_ratio")]
)
@pytest.mark.parametrize("form", [dict, str])
def test_subnetworks_in_spaces_of_stages(names, form):
    arch = stages(*names).arch(form(NET))
    for name, key in zip(names, ("ks", "e"), strict=True):
        for (stage, block), value in zip(BLOCKS, NET[key], strict=True):
            wanted = value if DEEP[stage, block] else "not active"
            assert arch[f"stage{stage}_block{block}_{name}"] == wanted
    assert [arch[f"stage{stage}_depth"] for stage in range(1, 6)] == NET["d"]


@pytest.mark.parametrize(
    ("space", "absent"),
    [
        (flat(0), {"ks": 0, "e": 0}),
        (flat("not active"), {"ks": "not active", "e": "not active"}),
        (flat(0, depth=[2, 3, 4]), {"ks": 0, "e": 0}),
        (flat(depth=[2, 3, 4]), {}),
    ],
    ids=["zero", "not active", "zero and depth", "depth"],
)
def test_subnetworks_in_columns_for_each_block(space, absent):
    arch = space.arch(NET)
    for key in ("ks", "e"):
        for (stage, block), value in zip(BLOCKS, NET[key], strict=True):
            wanted = value if DEEP[stage, block] else absent.get(key, value)
            assert arch[f"{key}_{stage}_{block}"] == wanted
    assert [arch.values.get(f"d_{stage}", d) for stage, d in enumerate(NET["d"], 1)] == NET["d"]


def test_real_subnetworks_come_back_from_their_columns():
    path = Path(__file__).parents[2].parent / "shared" / "data" / "dynas_traces.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    space = archbo.space(str(path.with_suffix(".toml")))
    frame = pd.read_parquet(path).head(200)
    nets = [
        {
            "ks": [row[f"ks_{stage}_{block}"] or 7 for stage, block in BLOCKS],
            "e": [row[f"e_{stage}_{block}"] or 6 for stage, block in BLOCKS],
            "d": [
                sum(row[f"ks_{stage}_{block}"] > 0 for block in range(1, 5))
                for stage in range(1, 6)
            ],
        }
        for row in frame.to_dict("records")
    ]
    assert space.rows(nets).equal(space.rows(frame[list(space.columns)].to_dict("records")))


def test_what_else_a_subnetwork_says_is_a_column():
    space = stages("ks", "e", resolution=[160, 224])
    whole = {"wid": None, **NET, "r": [224]}
    assert space.arch(whole) == space.arch({**NET, "resolution": 224})
    assert space.arch(whole)["resolution"] == 224
    uniform = space.arch({"ks": 5, "e": np.int64(4), "d": 2, "r": 160})
    assert (uniform["stage3_block2_ks"], uniform["stage5_block1_e"]) == (5, 4)
    with pytest.raises(InvalidArchitectureError, match="no choice for column 'resolution'"):
        space.arch(NET)
    with pytest.raises(InvalidArchitectureError, match="unknown column 'r'"):
        stages("ks", "e").arch(whole)


@pytest.mark.parametrize(
    ("space", "change", "message"),
    [
        (
            flat(0),
            {"ks": NET["ks"][:19]},
            "ks of the sub-network has 19 entries; ofa has 20 blocks",
        ),
        (flat(0), {"e": "6"}, "e of the sub-network has '6'; ofa has 20 blocks"),
        (flat(0), {"d": [2, 3, 4, 2]}, "d of the sub-network has 4 entries; ofa has 5 stages"),
        (flat(0), {"d": 5}, "stage 1 of the sub-network has the depth 5; that of ofa has 4 blocks"),
        (flat(0), {"d": [2, 3, 4, 1, 2]}, "unknown choice '0' in column 'ks_4_2'"),
        (flat(), {}, "unknown choice '0' in column 'ks_1_3'"),
        (flat(0), {"ks": 0}, "ks of block 1 of stage 1 of the sub-network is 0, but .* depth 2"),
        (stages("ks", "e"), {"d": 1}, "unknown choice '1' in column 'stage1_depth'"),
        (stages("ks", "e"), {"e": 5}, "unknown choice '5' in column 'stage1_block1_e'"),
        (stages("ks", "width"), {}, "has no columns such as stage1_block1_kernel"),
        (CategoricalSpace("s", {"ks": [3, 5]}), {}, "has no columns such as .* ks_1_1"),
    ],
)
def test_subnetworks_that_do_not_fit_are_refused(space, change, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        space.arch(NET | change)


def test_columns_of_the_same_names_are_columns():
    space = CategoricalSpace("s", {"ks": [3, 5], "e": [4, 6], "d": [2, 3]})
    assert space.arch({"ks": 5, "e": 6, "d": 2}).row == (1, 1, 0)


# Lists for categorical spaces, such as those of FBNet's 22 layers.

OPS = ["k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip"]
FBNET = CategoricalSpace("fbnet", {f"op_{layer}": OPS for layer in range(22)})
LAYERS = [3, 8, 0, 7, 7, 2, 1, 4, 5, 6, 8, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0]


@pytest.mark.parametrize(
    "written",
    [
        LAYERS,
        tuple(LAYERS),
        np.array(LAYERS),
        str(LAYERS),
        [OPS[layer] for layer in LAYERS],
        str([OPS[layer] for layer in LAYERS]),
        dict(zip(FBNET.columns, (OPS[layer] for layer in LAYERS), strict=True)),
    ],
    ids=lambda written: f"{type(written).__name__} {str(written)[:8]}",
)
def test_lists_of_indices_and_of_choices(written):
    assert FBNET.arch(written).row == tuple(LAYERS)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (LAYERS[:21], "rows of fbnet have 22 columns"),
        ([9, *LAYERS[1:]], "columns take integers from 0 up to"),
        ([*map(float, LAYERS[1:]), 0.5], "columns take integers from 0 up to"),
        (str([*map(float, LAYERS)]), "malformed architecture"),
        (OPS, "has 9 entries; fbnet has 22 columns"),
        (["k7_e1", *OPS, *OPS, *OPS[:3]], "unknown choice 'k7_e1' in column 'op_0'"),
    ],
)
def test_lists_that_do_not_fit_are_refused(written, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        FBNET.arch(written)


NUMBERS = CategoricalSpace("numbers", {"layers": [1, 2, 3], "kernel": [3, 5, 1], "width": [8, 16]})


@pytest.mark.parametrize("written", [[1, 1, 8], [2, 5, 16], (1, 1, 8), "[1, 1, 8]", "(3, 5, 16)"])
def test_integers_that_are_choices_are_not_taken_for_indices(written):
    with pytest.raises(
        InvalidArchitectureError,
        match=r"could be the choices of numbers .* as a dict, \{'layers': ",
    ):
        NUMBERS.arch(written)
    ambiguous = CategoricalSpace("s", {"a": [1, 2, 3], "b": [2, 1, 0]})
    with pytest.raises(InvalidArchitectureError, match="or the row as a tensor"):
        ambiguous.arch([1, 2])
    assert ambiguous.arch(torch.tensor([1, 2])).row == ambiguous.arch([1.0, 2.0]).row == (1, 2)
    assert ambiguous.arch({"a": 1, "b": 2}).row == ambiguous.arch(["1", "2"]).row == (0, 0)


def test_integers_that_can_only_be_indices_are_indices():
    assert NUMBERS.arch([0, 1, 1])["kernel"] == 5
    assert NUMBERS.arch(NUMBERS.arch("layers=2,kernel=1,width=8").row)["layers"] == 2


def test_a_range_of_integers_has_indices_too():
    space = MixedSpace("s", {"units": Integer(1, 200), "rate": Real(0, 1)})
    with pytest.raises(InvalidArchitectureError, match="could be the choices of s themselves"):
        space.arch([64, 0.5])
    assert space.arch(space.arch("units=64,rate=0.5").row)["units"] == 64


# ConfigSpace's dictionaries of NAS-Bench-301.


def configuration(prefix, none=None):
    """As ``convert_genotype_to_config`` of nasbench301 writes the cells of GENOTYPE, beside what else there is."""
    first = {2: 0, 3: 2, 4: 5, 5: 9}  # the number of a node's first edge
    config = {"OptimizerSelector:sgd:learning_rate": 0.025, f"{prefix}layers": 8}
    for cell, pairs in (("normal", PAIRS), ("reduce", OTHER)):
        config |= {f"{prefix}edge_{cell}_{number}": none for number in range(14) if none}
        for node, pair in enumerate(pairs, 2):
            config |= {f"{prefix}edge_{cell}_{first[node] + source}": op for op, source in pair}
            if node > 2:
                sources = sorted(source for _, source in pair)
                config[f"{prefix}inputs_node_{cell}_{node}"] = "_".join(map(str, sources))
    return config


@pytest.mark.parametrize("name", ["darts", "nas-bench-301", "darts-any-sources"])
@pytest.mark.parametrize(
    "config",
    [
        configuration("NetworkSelectorDatasetInfo:darts:"),
        configuration("NetworkSelectorDatasetInfo_COLON_darts_COLON_", none="#na#"),
        configuration(""),
        str(configuration("NetworkSelectorDatasetInfo:darts:")),
    ],
    ids=["colons", "yahpo", "plain", "text"],
)
def test_configurations_of_nas_bench_301(name, config):
    space = catalog.space(name)
    assert space.arch(config) == space.arch(GENOTYPE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs_node_normal_4": None}, "inputs_node_normal_4 is None; give two earlier nodes"),
        ({"inputs_node_normal_3": "0_3"}, "inputs_node_normal_3 is '0_3'; give two earlier nodes"),
        ({"inputs_node_normal_3": "0_1"}, "edge_normal_4 is 'dil_conv_3x3', but no node reads"),
        ({"edge_normal_4": None}, "unknown operation None in node 3 of the normal cell"),
        ({"edge_normal_0": "conv"}, "unknown operation 'conv' in node 2 of the normal cell"),
        ({"edge_reduce_1": None}, "unknown operation None in node 2 of the reduce cell"),
        ({"edge_normal_3": "skip_connect"}, "edge_normal_3 is 'skip_connect', but no node reads"),
        ({"edge_normal_20": "skip_connect"}, "edge_normal_20 is 'skip_connect', but no node reads"),
    ],
)
def test_configurations_that_do_not_fit_are_refused(change, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        catalog.space("nas-bench-301").arch(configuration("") | change)


FIELDS = {
    "normal": FLAT,
    "normal_concat": range(2, 6),
    "reduce": FLAT_OTHER,
    "reduce_concat": [2, 3, 4, 5],
}
LISTS = json.loads(json.dumps({**FIELDS, "normal_concat": [2, 3, 4, 5]}))


def draw(cell, names=range(7), output=True):
    """A cell with its operations on edges."""
    graph = nx.DiGraph()
    for node, pair in enumerate(cell, 2):
        graph.add_edges_from((names[source], names[node], {"op": op}) for op, source in pair)
        if output:
            graph.add_edge(names[node], names[6])
    return graph


DARTS_NAMES = ["c_{k-2}", "c_{k-1}", "0", "1", "2", "3", "c_{k}"]  # cnn/visualize.py of DARTS


@pytest.mark.parametrize("name", ["darts", "nas-bench-301"])
@pytest.mark.parametrize(
    "written",
    [
        FIELDS,
        LISTS,
        str(LISTS),
        list(LISTS.values()),
        str(list(LISTS.values())),
        {"reduce": OTHER, "normal": PAIRS},
        {"normal": draw(PAIRS), "reduce": draw(OTHER, output=False)},
        {"normal": draw(PAIRS, DARTS_NAMES), "reduce": draw(OTHER, DARTS_NAMES, output=False)},
    ],
    ids=["fields", "lists", "text", "positional", "positional text", "cells", "graphs", "drawn"],
)
def test_cells_by_name(name, written):
    space = catalog.space(name)
    assert space.arch(written) == space.arch(GENOTYPE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda graph: graph.add_edge("0", "2", op="skip_connect"), "normal cell is none of darts"),
        (lambda graph: graph.remove_edge("0", "c_{k}"), "normal cell is none of darts"),
        (lambda graph: graph.remove_edge("c_{k-2}", "0"), "normal cell is none of darts"),
        (
            lambda graph: graph.add_edge("3", "0", op="skip_connect"),
            "normal cell is none of darts",
        ),
        (lambda graph: graph.add_edge("3", "c_{k-2}", op="skip_connect"), "the graph has a cycle"),
        (lambda graph: graph.add_node("x"), "has the nodes .*'x'; name them 0 to 5, or c_"),
        (lambda graph: graph.add_node(2), "has the nodes .*, 2; name them 0 to 5, or c_"),
        (lambda graph: graph.edges["c_{k-2}", "0"].clear(), "edge 0 -> 2 of the graph has op=None"),
        (lambda graph: graph.edges["c_{k-2}", "0"].update(op="conv"), "unknown operation 'conv'"),
    ],
)
def test_drawn_cells_that_do_not_fit_are_refused(change, message):
    graph = draw(PAIRS, DARTS_NAMES)
    change(graph)
    with pytest.raises(InvalidArchitectureError, match=message):
        catalog.space("darts").arch({"normal": graph, "reduce": OTHER})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"normal_concat": [4, 5]}, r"normal_concat is \[4, 5\]; cells of darts concatenate all"),
        ({"normal": FLAT[:7]}, "give eight pairs"),
        ({"more": 1}, "no choice for column 'normal_inputs_2'"),
    ],
)
def test_fields_that_do_not_fit_are_refused(change, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        catalog.space("darts").arch(LISTS | change)


# Graphs.


def drawn(name, n=60):
    space = catalog.space(name)
    return space, space.sample(n, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["darts", "nas-bench-301", "darts-any-sources", "nas-bench-graph"])
def test_graphs_are_read_back(name):
    space, X = drawn(name)
    found = space.rows([space.to_networkx(row) for row in X])
    assert space.keys(found).equal(space.keys(X))
    if not space.zero_ops:  # what a none reads is not in the graph
        assert found.equal(X)


def test_nodes_of_nas_bench_graph_may_have_any_name():
    space = catalog.space("nas-bench-graph")
    graph = nx.DiGraph([("x", "a"), ("a", "b"), ("a", "c"), ("c", "d"), ("b", "y"), ("d", "y")])
    ops = {"x": "input", "a": "gcn", "b": "gat", "c": "skip", "d": "fc", "y": "output"}
    nx.set_node_attributes(graph, ops, "op")
    assert space.keys(space.rows([graph, "0,1,1,3|gcn,gat,skip,fc"])).unique().numel() == 1


def without(graph, *nodes):
    graph = graph.copy()
    graph.remove_nodes_from(nodes)
    return graph


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("darts", lambda graph: without(graph, 1), "graph is none of darts .* give a Genotype"),
        ("darts", lambda graph: graph.reverse(), "graph is none of darts"),
        ("darts", lambda graph: nx.relabel_nodes(graph, {2: 4, 4: 2}), "graph is none of darts"),
        ("darts", lambda graph: nx.relabel_nodes(graph, str), "graph is none of darts"),
        ("darts", lambda graph: nx.Graph(graph), "Graph as an architecture of darts; give"),
        ("nas-bench-301", lambda graph: without(graph, 2), "graph is none of nas-bench-301"),
        ("nas-bench-301", lambda _: nx.DiGraph(), "graph is none of nas-bench-301"),
        ("nas-bench-graph", lambda graph: without(graph, 1), "5 nodes that read .* four layers"),
        ("nas-bench-graph", lambda graph: without(graph, 0), "0 nodes with op='input'"),
    ],
)
def test_graphs_that_are_no_architectures_are_refused(name, change, message):
    space, X = drawn(name, 1)
    with pytest.raises(InvalidArchitectureError, match=message):
        space.arch(change(space.to_networkx(X[0])))


def test_a_layer_of_nas_bench_graph_reads_one_node_and_leaves_feed_the_output():
    space, _ = drawn("nas-bench-graph")
    for a, b in ((1, 3), (1, 5), (0, 5)):
        graph = space.to_networkx(space.parse("0,1,2,3|gcn,gat,fc,gin"))
        graph.add_edge(a, b)
        with pytest.raises(InvalidArchitectureError, match="layers that read one node each"):
            space.arch(graph)


@pytest.mark.parametrize("name", ["nb201", "tnb101-micro"])
def test_graphs_of_cells_are_read_by_nodes_and_by_edges(name):
    space, X = drawn(name)
    assert space.rows([space.to_networkx(row) for row in X]).equal(X)
    graphs = []
    for row in X.long().tolist():
        edges = zip(space.edges, (space.op_names[op] for op in row), strict=True)
        graph = nx.DiGraph()
        graph.add_nodes_from(range(4))
        graph.add_edges_from((*edge, {"op": op}) for edge, op in edges if op != "none")
        graphs.append(graph)
    assert space.rows(graphs).equal(X)


def test_nodes_of_a_cell_may_have_any_name_where_their_order_is_clear():
    space = catalog.space("nb201")
    graph = nx.DiGraph()
    for a, b, op in [
        ("x", "h", "nor_conv_3x3"),
        ("h", "g", "skip_connect"),
        ("g", "y", "nor_conv_1x1"),
    ]:
        graph.add_edge(a, b, op=op)
    graph.add_edge("x", "y", op="avg_pool_3x3")
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
    assert str(space.arch(graph)) == text
    whole = space.arch(
        "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|"
    )
    assert space.arch(nx.relabel_nodes(whole.to_networkx(), "node {}".format)) == whole


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([(0, 1), (1, 2), (2, 4)], "unknown operation"),
        ([(0, 1), (1, 2)], "the graph has 3 nodes"),
        ([(0, 1), (1, 2), (2, 3), (3, 0)], "the graph has a cycle"),
        (
            [("x", "g"), ("x", "h"), ("g", "y"), ("h", "y")],
            "either of nodes 'g' and 'h' .* could come first",
        ),
    ],
)
def test_graphs_that_are_no_cells_are_refused(edges, message):
    graph = nx.DiGraph(edges)
    nx.set_edge_attributes(graph, "conv" if "unknown" in message else "skip_connect", "op")
    with pytest.raises(InvalidArchitectureError, match=message):
        catalog.space("nb201").arch(graph)


def test_an_edge_without_operation_is_named():
    with pytest.raises(InvalidArchitectureError, match="edge 0 -> 1 of the graph has op=None"):
        catalog.space("nb201").arch(nx.DiGraph([(0, 1), (1, 2), (2, 3)]))


# Networks of TransNAS-Bench-101's macro space.


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("64-1234-basic", "64-1234-basic"),
        (" 64-414141-basic\n", "64-414141-basic"),
        ("(1, 2, 3, 4, 0, 0)", "64-1234-basic"),
        ("[4, 1, 4, 1, 4, 0]", "64-41414-basic"),
        (
            ["raw", "channels x2", "resolution / 2", "raw", "not active", "not active"],
            "64-1231-basic",
        ),
    ],
)
def test_macro_networks_of_trans_nas(written, text):
    assert str(catalog.space("tnb101-macro").arch(written)) == text


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("64-123-basic", "cannot read"),
        ("64-1234567-basic", "cannot read"),
        ("64-1235-basic", "cannot read"),
        ("64-1234", "cannot read"),
        ("64-41414-1_02_333", "cannot read"),
        ("(1, 2, 3, 4)", "cannot read"),
        ("(1, 2, 0, 4, 0, 0)", "is not in tnb101-macro; four to six modules"),
        ("64-1111-basic", "channels one to three times"),
        ("64-2222-basic", "is not in tnb101-macro"),
        ("64-33332-basic", None),
        ("64-333332-basic", "is not in tnb101-macro"),
        (["raw"] * 6, "is no architecture of tnb101-macro"),
        ((1, 2, 3, 4, 0, 0), "could be a row of tnb101-macro"),
    ],
)
def test_what_is_no_macro_network_is_refused(written, message):
    space = catalog.space("tnb101-macro")
    if message is None:
        assert str(space.arch(written)) == written
        return
    with pytest.raises(InvalidArchitectureError, match=message):
        space.arch(written)


def test_macro_notation_round_trips():
    space = catalog.space("tnb101-macro")
    X = space.enumerate()
    texts = [space.format(row) for row in X]
    assert len(set(texts)) == 3256
    assert space.rows(texts).equal(X)
    digits = [str(tuple(int(d) for d in text.split("-")[1].ljust(6, "0"))) for text in texts]
    assert space.rows(digits).equal(X)
