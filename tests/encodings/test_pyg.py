"""Graph batches against networkx, and against torch-geometric's own batching of single graphs."""

import networkx as nx
import pytest
import torch

from archbo.encodings import PathEncoding
from archbo.encodings.pyg import cell_costs, semantic_graphs, to_pyg
from archbo.spaces import (
    CategoricalSpace,
    DartsSpace,
    EdgeCellSpace,
    GnnMacroSpace,
    NodeCellSpace,
)

NB201 = EdgeCellSpace.nas_bench_201()
SPACES = {
    "nb201": NB201,
    "nb101": NodeCellSpace.nas_bench_101(),
    "darts": DartsSpace(),
    "nas-bench-graph": GnnMacroSpace.nas_bench_graph(),
    "toy": CategoricalSpace("toy", {"width": [8, 16, 32], "op": ["conv", "skip"]}),
}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def rows(space, n=20, seed=0):
    return space.sample(n, generator=torch.Generator().manual_seed(seed))


def contracted(space, row):
    """The semantic graph by networkx, one node after the other."""
    graph, template = nx.MultiDiGraph(space.to_networkx(row)), space.template
    ends = {*template.inputs, *template.outputs}
    forward = set(template.inputs).union(*(nx.descendants(graph, n) for n in template.inputs))
    backward = set(template.outputs).union(*(nx.ancestors(graph, n) for n in template.outputs))
    graph = nx.MultiDiGraph(graph.subgraph(forward & backward))
    for node, op in list(graph.nodes(data="op")):
        if op in space.identity_ops and node not in ends:
            for source, _ in list(graph.in_edges(node)):
                for _, target in list(graph.out_edges(node)):
                    graph.add_edge(source, target)
            graph.remove_node(node)
    return graph


@every_space
def test_semantic_graphs_are_those_of_networkx(space):
    X = rows(space, 30)
    batch, V = semantic_graphs(space, X), space.template.n_nodes
    assert batch.edges.shape == (30, V, V)
    assert (batch.edges.dtype, batch.mask.dtype) == (torch.int64, torch.bool)
    assert batch.ops.equal(space.graphs(X).ops)
    for row, edges, mask in zip(X, batch.edges, batch.mask, strict=True):
        graph = contracted(space, row)
        assert set(mask.nonzero().flatten().tolist()) == set(graph.nodes)
        wanted = torch.from_numpy(nx.to_numpy_array(graph, nodelist=sorted(graph.nodes)))
        assert edges[mask][:, mask].equal(wanted.long())
        assert edges.sum() == wanted.sum()


@pytest.mark.parametrize("name", ["nb201", "nb101", "nas-bench-graph"])
def test_powers_of_the_edges_count_semantic_paths(name):
    space = SPACES[name]
    X, encoding = rows(space, 40), PathEncoding(SPACES[name], counts=True, semantic=True)
    wanted, lengths = encoding(X), torch.tensor(encoding.groups)
    edges = semantic_graphs(space, X).edges.double()
    walk = edges
    for length in range(int(lengths.max()) + 1):
        there = walk[:, space.template.inputs[0], space.template.outputs[0]]
        assert there.equal(wanted[:, lengths == length].sum(-1))
        walk = walk @ edges


def one_by_one(space, X, *, semantic, node_features):
    """The batch by torch-geometric, from a graph per row."""
    from torch_geometric.data import Batch, Data

    data = []
    for row in X:
        graph = contracted(space, row) if semantic else nx.MultiDiGraph(space.to_networkx(row))
        nodes = sorted(graph.nodes)
        ops = [space.template.op_names.index(graph.nodes[node]["op"]) for node in nodes]
        x = torch.eye(len(space.template.op_names), dtype=X.dtype)[ops]
        if node_features:
            x = torch.cat([x, node_features(space.graphs(row.unsqueeze(0)))[0, nodes].to(X)], -1)
        weights = torch.from_numpy(nx.to_numpy_array(graph, nodelist=nodes))
        edge_index = weights.nonzero().T
        extra = {"edge_weight": weights[tuple(edge_index)].to(X)} if semantic else {}
        data.append(Data(x=x, op=torch.tensor(ops), edge_index=edge_index, **extra))
    return Batch.from_data_list(data)


@every_space
@pytest.mark.parametrize("semantic", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_batch_is_torch_geometrics_own(space, semantic, dtype):
    X = rows(space, 12).to(dtype)
    features = cell_costs if space is NB201 else None
    batch = to_pyg(space, X, semantic=semantic, node_features=features)
    wanted = one_by_one(space, X, semantic=semantic, node_features=features)
    assert set(batch.keys()) == set(wanted.keys())
    for key in wanted.keys():  # noqa: SIM118 - it is no dict
        assert batch[key].dtype == wanted[key].dtype
        assert batch[key].equal(wanted[key])
    assert batch.num_graphs == len(X)
    batch.validate()
    for ours, theirs in zip(batch.to_data_list(), wanted.to_data_list(), strict=True):
        assert set(ours.keys()) == set(theirs.keys())
        assert all(ours[key].equal(theirs[key]) for key in theirs.keys())  # noqa: SIM118
    assert batch[3].edge_index.equal(wanted[3].edge_index)


def test_batch_of_nothing():
    batch = to_pyg(NB201, rows(NB201, 2)[:0])
    assert (batch.num_graphs, batch.num_nodes, batch.num_edges) == (0, 0, 0)


def test_a_network_of_torch_geometric_takes_the_batch():
    from torch_geometric.nn import GCNConv, global_add_pool

    X = rows(NB201, 6)
    torch.manual_seed(0)
    conv = GCNConv(len(NB201.template.op_names), 4).double()

    def pooled(X):
        batch = to_pyg(NB201, X)
        return global_add_pool(conv(batch.x, batch.edge_index), batch.batch)

    alone = torch.cat([pooled(row.unsqueeze(0)) for row in X])
    torch.testing.assert_close(pooled(X), alone)


def test_costs_are_those_of_the_operations():
    X = NB201.rows(
        ["|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"]
    )
    costs = cell_costs(NB201.graphs(X))[0]
    # Multiplications and weights of a layer with C channels on a map of HW pixels, over those of a 1x1 convolution.
    C = 16
    wanted = {1: (9 * C * C, 9 * C * C), 3: (C * C, C * C), 6: (9 * C, 0)}
    for node in range(8):
        flops, params = wanted.get(node, (0, 0))
        assert costs[node].tolist() == [flops / C**2, params / C**2]
