"""Networks against published parameter counts, and against cells computed by hand."""

import nas_bench_graph
import pandas as pd
import pytest
import torch
from torch import nn

from archbo import catalog
from archbo.errors import UsageError
from archbo.networks import default_skeleton
from archbo.networks.node_cell import node_channels
from archbo.proxies import (
    DartsSkeleton,
    EdgeCellSkeleton,
    GnnSkeleton,
    NodeCellSkeleton,
    TransNASMacroSkeleton,
    TransNASSkeleton,
    network,
)
from archbo.spaces import CategoricalSpace

# archbo builds no networks of the others.
SPACES = {
    name: catalog.space(name)
    for name in catalog.SPACES
    if name not in ("nats-size", "accel-nasbench")
}
SMALL = {
    "nb201": EdgeCellSkeleton(channels=4, cells=2, classes=5),
    "tnb101-micro": TransNASSkeleton(channels=4, classes=5),
    "tnb101-macro": TransNASMacroSkeleton(channels=4, classes=5),
    "nb101": NodeCellSkeleton(channels=8, cells=2, classes=5),
    "darts": DartsSkeleton(channels=4, cells=3, classes=5),
    "darts-any-sources": DartsSkeleton(channels=4, cells=3, classes=5),
    "nas-bench-301": DartsSkeleton(channels=4, cells=3, classes=5),
    "nas-bench-graph": GnnSkeleton(features=6, hidden=8, classes=5),
    "nas-bench-graph-proteins": GnnSkeleton(features=6, hidden=8, classes=5),
}
every_space = pytest.mark.parametrize("name", SPACES)


def parameters(net):
    return sum(weights.numel() for weights in net.parameters())


def batch(name):
    generator = torch.Generator().manual_seed(1)
    if name.startswith("nas-bench-graph"):
        edges = torch.randint(10, (2, 30), generator=generator)
        return torch.randn(10, 6, generator=generator), edges
    return (torch.randn(3, 3, 16, 16, generator=generator),)


def rows(name, n, seed=0):
    return SPACES[name].sample(n, generator=torch.Generator().manual_seed(seed))


# Published counts.


def test_nas_bench_201_has_as_many_parameters_as_published(nb201_table):
    table = pd.read_parquet(nb201_table, columns=["arch_str", "c10_num_params"])
    sample = table.sample(12, random_state=0)  # of all nets, those with unreachable operations too
    counts = [parameters(network(SPACES["nb201"], arch)) for arch in sample.arch_str]
    assert counts == sample.c10_num_params.tolist()


def test_nas_bench_101_has_as_many_parameters_as_its_documented_example():
    # The Inception-like cell in the README of google-research/nasbench.
    edges = [(0, 1), (0, 2), (0, 3), (0, 5), (1, 6), (2, 6), (3, 4), (4, 6), (5, 6)]
    matrix = torch.zeros(7, 7, dtype=torch.int64)
    matrix[tuple(torch.tensor(edges).T)] = 1
    one, three = "conv1x1-bn-relu", "conv3x3-bn-relu"
    ops = ["input", one, three, three, three, "maxpool3x3", "output"]
    space = SPACES["nb101"]
    assert parameters(network(space, space.from_matrix(matrix, ops))) == 2_694_282


def test_nas_bench_101_has_as_many_parameters_as_measured(nb101_energy_table):
    sample = pd.read_parquet(nb101_energy_table).sample(6, random_state=0)
    cells = sample.adj_upper + ":" + sample.ops
    assert [parameters(network(SPACES["nb101"], cell)) for cell in cells] == sample.params.tolist()


def test_darts_has_as_many_parameters_as_published():
    # "DARTS_V2 (CIFAR-10)" of quark0/darts, whose evaluation logs 3.349342 MB.
    normal = [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)] * 2
    normal += [("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)]
    reduce = [("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)]
    reduce += [("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)]
    genotype = (
        f"Genotype(normal={normal}, normal_concat=range(2, 6), "
        f"reduce={reduce}, reduce_concat=range(2, 6))"
    )
    assert parameters(network(SPACES["darts"], genotype)) == 3_349_342


def test_darts_has_as_many_parameters_as_measured(darts_table):
    sample = pd.read_parquet(darts_table).sample(3, random_state=0)
    counts = [parameters(network(SPACES["darts"], arch)) / 1e6 for arch in sample.architecture]
    assert counts == pytest.approx(sample.params.tolist(), abs=1e-6)


def test_nas_bench_graph_has_as_many_parameters_as_its_table():
    space, table = SPACES["nas-bench-graph"], nas_bench_graph.light_read("cora")
    keys = torch.tensor(sorted(map(int, table)))[::1500]
    for key, row in zip(keys.tolist(), space.from_table_key(keys), strict=True):
        assert parameters(network(space, row)) == round(1e6 * float(table[key]["para"])), key


def test_nas_bench_graph_proteins_has_as_many_parameters_as_its_table_but_for_the_first_layer():
    space, table = SPACES["nas-bench-graph-proteins"], nas_bench_graph.light_read("proteins")
    keys = torch.tensor(sorted(map(int, table)))[::300]
    for key, row in zip(keys.tolist(), space.from_table_key(keys), strict=True):
        first = 8 * 256 + 256
        assert parameters(network(space, row)) + first == round(1e6 * float(table[key]["para"]))


# What a network computes.


@every_space
def test_a_network_gives_an_output_per_class_and_gradients(name):
    for row in rows(name, 8):
        net = network(SPACES[name], row, SMALL[name])
        inputs = batch(name)
        logits = net(*inputs)
        assert logits.shape == (len(inputs[0]), 5)
        logits.sum().backward()
        assert any(weights.grad is not None for weights in net.parameters())


@every_space
def test_columns_name_modules_of_the_network(name):
    space = SPACES[name]
    for row in rows(name, 8):
        net = network(space, row, SMALL[name])
        modules = dict(net.named_modules())
        assert set(net.columns) <= set(modules)
        assert set(net.columns.values()) <= set(range(space.n_columns))
        assert all(net.column_of(f"{name}.0.1") == column for name, column in net.columns.items())
        assert net.column_of("classifier") is None


@pytest.mark.parametrize("name", ["nb201", "tnb101-micro", "darts"])
def test_an_operation_changes_the_modules_of_its_column_only(name):
    space = SPACES[name]
    row = rows(name, 1, seed=3)[0]
    base = shapes(network(space, row, SMALL[name]))
    for column in space.op_columns:
        seen = set()
        for choice in range(space.cardinalities[column]):
            other = row.clone()
            other[column] = choice
            found = shapes(network(space, other, SMALL[name]))
            seen |= {key for key in base | found if base.get(key) != found.get(key)}
        assert seen == {column}


def shapes(net):
    result = {}
    for name, weights in net.named_parameters():
        result.setdefault(net.column_of(name.rpartition(".")[0]), []).append(weights.shape)
    return result


@every_space
def test_weights_follow_from_the_seed_and_leave_the_generator_alone(name):
    space, row = SPACES[name], rows(name, 1)[0]
    state = torch.get_rng_state()
    first, again = (network(space, row, SMALL[name], seed=7) for _ in range(2))
    other = network(space, row, SMALL[name], seed=8)
    assert torch.get_rng_state().equal(state)
    pairs = list(zip(first.parameters(), again.parameters(), strict=True))
    assert all(a.equal(b) for a, b in pairs)
    others = zip(first.parameters(), other.parameters(), strict=True)
    assert any(not a.equal(b) for a, b in others)


def test_an_edge_cell_is_what_its_string_says():
    arch = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"
    net = network(SPACES["nb201"], arch, SMALL["nb201"])
    cell = net.cells[0]
    x = torch.randn(2, 4, 8, 8)
    conv = cell.edges[0]
    one = conv[2](conv[1](x.relu()))
    two = one
    pooled = nn.functional.avg_pool2d(one, 3, 1, 1, count_include_pad=False)
    last = cell.edges[5]
    three = x + pooled + last[2](last[1](two.relu()))
    assert torch.allclose(cell(x), three, atol=1e-6)
    assert conv[1].kernel_size == (3, 3)
    assert last[1].kernel_size == (1, 1)


def test_edge_cells_halve_the_resolution_twice():
    net = network(SPACES["nb201"], "(0, 0, 0, 0, 0, 0)", SMALL["nb201"])
    assert net.cells(net.stem(torch.randn(1, 3, 16, 16))).shape == (1, 16, 4, 4)


def test_a_node_cell_splits_and_cuts_channels():
    # Nodes 1, 2 and 3 share 8 channels as 3, 3 and 2; node 4 feeds node 3 alone.
    edges = [(0, 1), (1, 6), (0, 2), (2, 6), (3, 6), (1, 3), (2, 3)]
    assert node_channels(edges, [1, 2, 3], 6, 8) == {6: 8, 1: 3, 2: 3, 3: 2}
    assert node_channels([(0, 1), (1, 2), (2, 6)], [1, 2], 6, 8) == {6: 8, 1: 8, 2: 8}

    space = SPACES["nb101"]
    matrix = [[0, 1, 1, 0, 1], [0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 1], [0] * 5]
    ops = ["input", "conv1x1-bn-relu", "maxpool3x3", "maxpool3x3", "output"]
    net = network(space, space.from_matrix(matrix, ops), SMALL["nb101"])
    cell = net.cells[0]
    x = torch.randn(2, 8, 8, 8)
    one = cell.ops["1"](cell.projections["1"](x))
    two = nn.functional.max_pool2d(cell.projections["2"](x), 3, 1, 1)
    three = nn.functional.max_pool2d(one[:, :2] + two[:, :2], 3, 1, 1)
    assert torch.allclose(
        cell(x), torch.cat([one, two, three], 1) + cell.projections["6"](x), atol=1e-6
    )


def test_dropped_nodes_of_a_cell_are_not_built():
    space = SPACES["nb101"]
    matrix = torch.zeros(5, 5, dtype=torch.int64)
    matrix[0, 1] = matrix[1, 4] = matrix[0, 2] = matrix[3, 4] = (
        1  # 2 feeds nothing, nothing feeds 3
    )
    conv = "conv3x3-bn-relu"
    whole = space.from_matrix(matrix, ["input", conv, conv, conv, "output"])
    pruned = space.canonical(torch.tensor([whole]).double())[0]
    counts = [parameters(network(space, row, SMALL["nb101"])) for row in (whole, pruned)]
    assert counts[0] == counts[1]


def test_a_darts_cell_reads_the_two_before_it():
    normal = [("skip_connect", 0), ("none", 1)] * 2 + [("skip_connect", 0), ("skip_connect", 1)] * 2
    reduce = [("skip_connect", 0), ("none", 1)] * 4
    genotype = (
        f"Genotype(normal={normal}, normal_concat=range(2, 6), "
        f"reduce={reduce}, reduce_concat=range(2, 6))"
    )
    net = network(SPACES["darts"], genotype, DartsSkeleton(channels=4, cells=6))
    cell = net.cells[1]
    before, last = torch.randn(2, 12, 8, 8), torch.randn(2, 16, 8, 8)
    a, b = cell.before(before), cell.last(last)
    assert torch.allclose(cell(before, last), torch.cat([a, a, a + b, a + b], 1), atol=1e-6)
    # Cells 2 and 4 of six reduce; what leaves them has half the resolution and twice the channels.
    x = net.stem(torch.randn(2, 3, 16, 16))
    sizes = []
    states = [x, x]
    for cell in net.cells:
        states.append(cell(*states[-2:]))
        sizes.append(tuple(states[-1].shape[1:]))
    stages = [(16, 16, 16)] * 2 + [(32, 8, 8)] * 2 + [(64, 4, 4)] * 2
    assert sizes == stages


def test_affine_is_an_option_of_darts():
    row = rows("darts", 1)[0]
    with_scale, without = (
        network(SPACES["darts"], row, DartsSkeleton(channels=4, cells=3, affine=affine))
        for affine in (True, False)
    )
    norms = [m for m in without.cells[0].ops.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(norm.weight is None for norm in norms)
    assert parameters(without) < parameters(with_scale)


def test_a_graph_network_concatenates_the_layers_that_feed_no_other():
    net = network(SPACES["nas-bench-graph"], "0,0,1,2|fc,fc,fc,skip", SMALL["nas-bench-graph"])
    x, edges = batch("nas-bench-graph")
    one, two = (net.norms[k](net.layers[k](x)).relu() for k in (0, 1))
    three = net.norms[2](net.layers[2](one)).relu()
    assert torch.allclose(net(x, edges), net.head(torch.cat([three, two], 1)), atol=1e-5)


def test_graph_layers_look_at_the_graph():
    x, edges = batch("nas-bench-graph")
    for op in ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph"):
        net = network(
            SPACES["nas-bench-graph"], f"0,1,2,3|skip,skip,skip,{op}", SMALL["nas-bench-graph"]
        )
        assert not torch.allclose(net(x, edges), net(x, edges[:, :3])), op


def test_a_macro_network_has_two_residual_blocks_per_module():
    net = network(SPACES["tnb101-macro"], "64-1234-basic", TransNASMacroSkeleton())
    shapes = [tuple(net.blocks[: 1 + k](torch.zeros(1, 64, 8, 8)).shape[1:]) for k in range(4)]
    assert shapes == [(64, 8, 8), (128, 8, 8), (128, 4, 4), (256, 2, 2)]
    norms = {64: 128, 128: 256, 256: 512}
    blocks = sum(
        9 * C_in * C + 9 * C * C + 2 * norms[C] + (C_in * C + norms[C] if changed else 0)
        for C_in, C, changed in [
            *((64, 64, False), (64, 64, False), (64, 128, True), (128, 128, False)),
            *((128, 128, True), (128, 128, False), (128, 256, True), (256, 256, False)),
        ]
    )
    assert parameters(net.blocks) == blocks


# What is refused.


def test_spaces_without_networks_and_skeletons_of_others_are_refused():
    toy = CategoricalSpace("toy", {"op": ["a", "b"]})
    with pytest.raises(UsageError, match="toy has no networks"):
        network(toy, (0,))
    with pytest.raises(UsageError, match="NodeCellSkeleton is for a NodeGraphSpace"):
        network(SPACES["nb201"], "(0, 0, 0, 0, 0, 0)", NodeCellSkeleton())


@pytest.mark.parametrize(
    "build",
    [
        lambda: EdgeCellSkeleton(channels=0),
        lambda: EdgeCellSkeleton(cells=0),
        lambda: TransNASSkeleton(channels=1),
        lambda: NodeCellSkeleton(channels=4),
        lambda: DartsSkeleton(cells=2),
        lambda: GnnSkeleton(hidden=7),
    ],
)
def test_skeletons_without_room_are_refused(build):
    with pytest.raises(UsageError, match="Skeleton"):
        build()


@every_space
def test_every_space_has_a_skeleton_of_its_own(name):
    assert isinstance(SPACES[name], default_skeleton(SPACES[name]).space_type)


def test_either_edge_cell_space_has_the_skeleton_of_its_own_paper():
    assert default_skeleton(SPACES["nb201"]) == EdgeCellSkeleton()
    assert default_skeleton(SPACES["tnb101-micro"]) == TransNASSkeleton()
