"""Graphs with operations on nodes, of any size: what is valid, what is the same, how they are drawn and read."""

from itertools import product

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archbo import catalog
from archbo.errors import InvalidArchitectureError, UsageError
from archbo.networks import NodeCellSkeleton, network
from archbo.spaces import DagSpace, NodeCellSpace
from archbo.spaces.relabel import canonical_order

SMALL_DAG = DagSpace("small-dag", ["a", "skip_connect"], nodes=6, inputs=2)
SMALL_TREE = DagSpace("small-tree", ["a", "b"], nodes=6, inputs=1)
SMALL_CELL = NodeCellSpace("small-cell", ["zero", "a", "b"], nodes=4, zero_ops=["zero"])
LARGE_DAG = DagSpace("large-dag", ["a", "b", "skip_connect"], nodes=30, inputs=2)
LARGE_CELL = NodeCellSpace("large-cell", ["a", "b", "none"], nodes=30, max_edges=45)
LARGE = [LARGE_DAG, LARGE_CELL]


def every(*spaces):
    return pytest.mark.parametrize("space", spaces, ids=lambda space: space.name)


def draw(space, n=100, seed=0):
    return space.sample(n, generator=torch.Generator().manual_seed(seed))


def all_rows(space):
    X = torch.tensor(list(product(*map(range, space.cardinalities))), dtype=torch.double)
    return X[space.is_valid(X)]


def pruned(space, row):
    """What is on paths from input to output, by networkx."""
    graph = space.to_networkx(row)
    ops = dict(graph.nodes(data="op"))
    (first,) = [node for node, op in ops.items() if op == "input"]
    (last,) = [node for node, op in ops.items() if op == "output"]
    return graph.subgraph(
        (nx.descendants(graph, first) | {first}) & (nx.ancestors(graph, last) | {last})
    )


def isomorphic(first, second):
    return nx.is_isomorphic(first, second, node_match=lambda a, b: a == b)


def shuffled(graph, seed):
    """The same graph with other names, its nodes in another order."""
    order = torch.randperm(len(graph), generator=torch.Generator().manual_seed(seed)).tolist()
    nodes = [list(graph)[place] for place in order]
    names = {node: f"node {place}" for place, node in enumerate(graph)}
    other = nx.DiGraph()
    other.add_nodes_from((names[node], graph.nodes[node]) for node in nodes)
    other.add_edges_from((names[a], names[b]) for a, b in graph.edges)
    return other


# Keys.


@every(SMALL_DAG, SMALL_TREE, SMALL_CELL)
def test_keys_of_all_rows_of_a_small_space_are_its_isomorphism_classes(space):
    X = all_rows(space)
    graphs = [pruned(space, row) for row in X]
    classes, found = {}, []
    for graph in graphs:
        label = tuple(
            sorted((graph.nodes[v]["op"], graph.in_degree(v), graph.out_degree(v)) for v in graph)
        )
        group = classes.setdefault(label, [])
        number = next((n for other, n in group if isomorphic(graph, other)), None)
        if number is None:
            number = sum(map(len, classes.values()))
            group.append((graph, number))
        found.append(number)
    keys = space.keys(X).tolist()
    assert len(set(keys)) == len(set(found)) == len(set(zip(keys, found, strict=True)))
    assert set(space.ids(space.enumerate())) == set(keys)


@every(*LARGE)
def test_large_graphs_have_one_key_under_every_name_of_their_nodes(space):
    X = draw(space, 40)
    twins = [shuffled(pruned(space, row), seed) for seed, row in enumerate(X)]
    if space is LARGE_DAG:
        assert all(map(isomorphic, twins, [space.to_networkx(row) for row in X]))
    keys = space.keys(torch.cat([X, space.rows(twins)]))
    assert keys[:40].equal(keys[40:])
    assert len(keys.unique(dim=0)) == len(space.distinct(X))


def same_form(adjacency, labels):
    """The graphs in canonical order, as rows."""
    n, V = labels.shape
    order = canonical_order(adjacency, labels)
    sorted_rows = adjacency.gather(1, order[:, :, None].expand(n, V, V))
    both = sorted_rows.gather(2, order[:, None, :].expand(n, V, V))
    assert not both.tril().any()
    return torch.cat([both.flatten(1).long(), labels.gather(1, order)], 1)


@settings(max_examples=50)
@given(st.integers(0, 2**31), st.sampled_from([0.2, 0.35, 0.5]), st.integers(1, 2))
def test_canonical_order_tells_graphs_apart_iff_they_are_not_isomorphic(seed, density, n_labels):
    generator = torch.Generator().manual_seed(seed)
    adjacency = (torch.rand(8, 6, 6, generator=generator) < density).triu(1)
    labels = torch.randint(n_labels, (8, 6), generator=generator)
    forms = same_form(adjacency, labels)
    graphs = []
    for edges, ops in zip(adjacency, labels.tolist(), strict=True):
        graph = nx.DiGraph()
        graph.add_nodes_from((node, {"op": op}) for node, op in enumerate(ops))
        graph.add_edges_from(edges.nonzero().tolist())
        graphs.append(graph)
    for i, j in product(range(8), repeat=2):
        assert forms[i].equal(forms[j]) == isomorphic(graphs[i], graphs[j])


def test_parallel_chains_which_no_colour_tells_apart_have_one_form():
    adjacency = torch.zeros(2, 30, 30, dtype=torch.bool)
    for chain in range(14):
        adjacency[0, [0, 1 + 2 * chain, 2 + 2 * chain], [1 + 2 * chain, 2 + 2 * chain, 29]] = True
        adjacency[1, [0, 1 + chain, 15 + chain], [1 + chain, 15 + chain, 29]] = True
    forms = same_form(adjacency, torch.zeros(2, 30, dtype=torch.int64))
    assert forms[0].equal(forms[1])


# Rows.


@pytest.mark.parametrize("max_edges", [1, 2, 9, 28, 60, None])
def test_every_draw_of_a_large_cell_is_valid_and_uses_its_edges(max_edges):
    space = NodeCellSpace("cells", ["none", "a"], nodes=30, max_edges=max_edges)
    X = draw(space, 500)
    assert space.is_valid(X).all()
    live, edges = space._pruned(X)
    assert int(edges.sum(0).max()) <= space.max_edges
    assert len(set(live.sum(0).tolist())) == min(29, space.max_edges)


def test_every_cell_of_a_space_can_be_drawn():
    """The draw of large cells, on a space of which all cells can be listed."""
    listed = NodeCellSpace("few", ["a"], nodes=6, max_edges=6)
    drawn = NodeCellSpace("few", ["a"], nodes=8, max_edges=6)
    X = draw(drawn, 20_000)
    small = listed.rows(
        [pruned(drawn, row) for row in drawn.distinct(X) if len(pruned(drawn, row)) <= 6]
    )
    assert set(listed.keys(small).tolist()) == set(listed.ids(listed.enumerate()))


@every(*LARGE)
def test_neighbours_and_children_of_large_graphs_are_many_and_valid(space):
    X = draw(space, 20)
    assert all(len(space.neighbours(row)) > 300 for row in X[:3])
    children = space.crossover(X, X.flip(0), generator=torch.Generator().manual_seed(0))
    assert space.is_valid(children).all()
    assert (children != X).any(-1).float().mean() > 0.5


@every(*LARGE)
def test_large_graphs_are_encoded_and_too_many_paths_are_refused(space):
    X = draw(space, 30)
    for name in ("default", "wl", "graph-features", "op-counts", "one-hot"):
        assert catalog.encoding(name, space)(X).isfinite().all()
    with pytest.raises(UsageError, match="give a smaller max_length"):
        catalog.encoding("path", space)


# Semantics.


def test_identities_and_zeros_of_node_cells_compute_nothing():
    space = NodeCellSpace("s", ["none", "skip_connect", "a", "b"], nodes=5)
    twice = space.arch(
        (
            [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0] * 4],
            ["input", "a", "skip_connect", "output"],
        )
    )
    once = space.arch(([[0, 1, 0], [0, 0, 1], [0] * 3], ["input", "a", "output"]))
    dead = space.arch(
        ([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0] * 4], ["input", "a", "none", "output"])
    )
    other = space.arch(([[0, 1, 0], [0, 0, 1], [0] * 3], ["input", "b", "output"]))
    X = space.rows([twice, once, dead, other])
    assert space.keys(X).unique().numel() == 3
    assert space.keys(X)[1] == space.keys(X)[2]
    functions = space.function_keys(X)
    assert functions[0] == functions[1] == functions[2] != functions[3]
    features = catalog.encoding("semantic-path", space)(X)
    assert features[0].equal(features[1])
    with pytest.raises(InvalidArchitectureError, match="0 edges on paths"):
        space.arch(([[0, 1, 0], [0, 0, 1], [0] * 3], ["input", "none", "output"]))


def test_function_keys_of_dags_contract_identities():
    X = SMALL_TREE.rows(["a(0)|a(1)|b(2)|b(3)"])
    space = DagSpace("s", ["a", "b", "skip_connect"], nodes=6, inputs=1)
    chains = [
        "a(0)|skip_connect(1)|b(2)|skip_connect(3)",
        "skip_connect(0)|a(1)|skip_connect(2)|b(3)",
    ]
    X = space.rows([*chains, "a(0)|b(1)|a(2)|b(3)"])
    first, second, third = space.function_keys(X).tolist()
    assert first == second != third
    assert len(space.keys(X).unique()) == 3


# Notation.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "write an operation and what it reads for each of 4 nodes, as in 'a\\(0\\)\\|a\\(0,1\\)",
        ),
        ("a(0)|a(0,1)|a(0,1)", "malformed graph"),
        ("a(0)|a(0,1)|a(0,1)|a", "malformed graph"),
        ("a(0)|a(0,1)|a(0,1)|c(0,1)", "unknown operation 'c' in node 4"),
        (
            "a(0)|a(0,1)|a(0,3)|a(0,1)",
            "node 3 reads 0, 3; .* 2 distinct earlier ones, so give 2 of 0 to 2",
        ),
        ("a(0)|a(0,1)|a(1,1)|a(0,1)", "node 3 reads 1, 1"),
        ("a(0)|a(0)|a(0,1)|a(0,1)", "node 2 reads 0; "),
    ],
)
def test_bad_texts_of_dags_name_place_and_remedy(text, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        SMALL_DAG.arch(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NodeCellSpace("s", ["a"], nodes=2), "nodes of space 's' is 2; give .* at least 3"),
        (lambda: NodeCellSpace("s", ["a"], max_edges=0), "max_edges of space 's' is 0; give"),
        (lambda: NodeCellSpace("s", ["a"], zero_ops=["b"]), "has 'b', which is not among"),
        (lambda: DagSpace("s", ["a"], nodes=5, inputs=0), "inputs of space 's' is 0; give"),
        (lambda: DagSpace("s", ["a|"], nodes=5, inputs=1), "names may not hold"),
        (lambda: NodeCellSpace("s", list("abcdefgh")).enumerate(), "too many to list"),
    ],
)
def test_what_makes_no_space_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


# Networks.


@every(SMALL_DAG, SMALL_CELL)
def test_networks_have_the_operations_of_their_graphs(space):
    def scale(channels):
        return torch.nn.Conv2d(channels, channels, 1, groups=channels, bias=False)

    skeleton = NodeCellSkeleton(
        channels=8,
        cells=1,
        classes=3,
        operations={"a": scale, **({"b": scale} if "b" in space.op_names else {})},
    )
    for row in draw(space, 5):
        net = network(space, row, skeleton)
        graph = pruned(space, row)
        expected = 3 * sum(op in ("a", "b") for op in dict(graph.nodes(data="op")).values())
        assert (
            sum(
                m.kernel_size == (1, 1) and m.groups > 1
                for m in net.modules()
                if isinstance(m, torch.nn.Conv2d)
            )
            == expected
        )
        assert net(torch.zeros(2, 3, 16, 16)).shape == (2, 3)
        assert set(net.columns) <= set(dict(net.named_modules()))


def test_too_few_channels_for_a_large_cell_are_refused():
    space = DagSpace("wide", ["conv"], nodes=12, inputs=1)
    with pytest.raises(
        UsageError, match="10 nodes share the 8 channels of a cell of wide; give more"
    ):
        network(space, "|".join(["conv(0)"] * 10), NodeCellSkeleton(channels=8, cells=1))
