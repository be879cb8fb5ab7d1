"""NAS-Bench-Graph's macro space: its fold, its keys, its notation."""

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archbo.errors import InvalidArchitectureError
from archbo.spaces import GnnMacroSpace

SPACE = GnnMacroSpace.nas_bench_graph()
PROTEINS = GnnMacroSpace.nas_bench_graph_proteins()

rows = st.tuples(*(st.integers(0, c - 1) for c in SPACE.cardinalities)).filter(
    lambda row: set(row[3:]) != {8}
)


def all_rows(space, ops):
    axes = [torch.arange(c) for c in space.cardinalities[:3]]
    axes += [torch.tensor([space.op_names.index(op) for op in ops])] * 4
    return torch.cartesian_prod(*axes).double()


def folded_tree(space, row):
    """The tree below the raw input without the skips that compute nothing, one removed at a time."""
    tree = nx.DiGraph()
    tree.add_node(0, op="input")
    for layer, (link, op) in enumerate(zip((0, *row[:3]), row[3:], strict=True), 1):
        tree.add_node(layer, op=space.op_names[int(op)])
        tree.add_edge(int(link), layer)

    def removable(node):
        (above,) = tree.predecessors(node)
        return tree.out_degree(node) or tree.out_degree(above) == 1 or above == 0

    while skips := [v for v, op in tree.nodes(data="op") if op == "skip" and removable(v)]:
        (above,) = tree.predecessors(skips[0])
        tree.add_edges_from((above, below) for below in list(tree.successors(skips[0])))
        tree.remove_node(skips[0])
    return tree


def code(tree, node=0):
    """Equal for two trees iff they are isomorphic."""
    return tree.nodes[node]["op"], sorted(code(tree, below) for below in tree.successors(node))


def test_the_tables_hold_the_distinct_networks():
    assert len(SPACE.enumerate()) == 26_206
    assert len(PROTEINS.enumerate()) == 2_021


def test_keys_are_equal_iff_the_folded_trees_are_isomorphic():
    X = all_rows(SPACE, ["gat", "fc", "skip"])
    codes = [str(code(folded_tree(SPACE, row))) for row in X.tolist()]
    keys = SPACE.keys(X).tolist()
    assert len(set(zip(keys, codes, strict=True))) == len(set(keys)) == len(set(codes))


@given(rows, rows)
def test_two_networks_fold_iff_networkx_says_so(first, second):
    trees = [folded_tree(SPACE, row) for row in (first, second)]
    same = nx.is_isomorphic(*trees, node_match=lambda a, b: a == b)
    first_key, second_key = SPACE.keys(torch.tensor([first, second])).tolist()
    assert (first_key == second_key) == same


@given(rows, st.permutations(range(1, 5)))
def test_the_numbering_of_the_layers_means_nothing(row, numbers):
    new = (0, *numbers)
    links = {new[layer]: new[link] for layer, link in zip(range(1, 5), (0, *row[:3]), strict=True)}
    ops = {new[layer]: row[2 + layer] for layer in range(1, 5)}
    # Number the layers again, sources first.
    order = [0, *nx.topological_sort(nx.DiGraph((s, t) for t, s in links.items()))][1:]
    place = {layer: index for index, layer in enumerate(order)}
    other = (
        *(place[links[layer]] for layer in order[2:]),
        *(ops[layer] for layer in order[1:]),
    )
    assert SPACE.keys(torch.tensor([row])).equal(SPACE.keys(torch.tensor([other])))


def test_canonical_rows_are_fixed_and_keep_the_network():
    X = all_rows(PROTEINS, PROTEINS.op_names)
    C = PROTEINS.canonical(X)
    assert PROTEINS.canonical(C).equal(C)
    for row, other in zip(X[::97].tolist(), C[::97].tolist(), strict=True):
        assert code(folded_tree(PROTEINS, row)) == code(folded_tree(PROTEINS, other))


@pytest.mark.parametrize(
    ("text", "canonical", "key"),
    [
        # Worked out by hand from the rules of the benchmark: links regular, skips in front, parts sorted.
        ("0,0,0,0|gat,gat,gat,gat", "0,0,0,0|gat,gat,gat,gat", 0),
        ("0,1,0,3|fc,arma,sage,gat", "0,0,1,2|sage,fc,gat,arma", 34705),
        ("0,1,2,3|gcn,skip,skip,gin", "0,1,2,3|skip,skip,gcn,gin", 88812),
        ("0,0,0,0|fc,skip,gin,gcn", "0,1,1,1|skip,gcn,gin,fc", 58127),
        # This skip stays: it adds the first layer to the output.
        ("0,1,1,2|gcn,fc,skip,gat", "0,1,1,2|gcn,fc,skip,gat", 61780),
        ("0,1,1,3|gcn,skip,fc,gat", "0,1,1,2|gcn,fc,skip,gat", 61780),
        # This one does not: it is all that reads the second layer.
        ("0,1,1,2|gcn,fc,gat,skip", "0,1,2,2|skip,gcn,gat,fc", 78107),
    ],
)
def test_known_networks(text, canonical, key):
    X = SPACE.rows([text])
    assert SPACE.format(SPACE.canonical(X)[0]) == canonical
    assert SPACE.table_key(X).tolist() == [key]
    assert SPACE.format(SPACE.from_table_key(torch.tensor([key]))[0]) == canonical


@pytest.mark.parametrize("space", [SPACE, PROTEINS], ids=["all", "proteins"])
def test_table_keys_round_trip(space):
    X = space.enumerate()
    keys = space.table_key(X)
    assert len(keys.unique()) == len(X)
    assert space.from_table_key(keys).equal(X)


def test_proteins_is_keyed_in_the_numbering_of_all_operations():
    text = "0,0,1,1|sage,arma,gcn,fc"
    assert PROTEINS.table_key(PROTEINS.rows([text])).equal(SPACE.table_key(SPACE.rows([text])))


@pytest.mark.parametrize("key", [-1, 88_888, 90_000, 10, 9])
def test_foreign_keys_are_refused(key):
    with pytest.raises(InvalidArchitectureError, match=f"^{key} at position 1 is no key"):
        SPACE.from_table_key(torch.tensor([0, key]))


def test_only_four_skips_are_no_network():
    X = all_rows(SPACE, SPACE.op_names)
    valid = SPACE.is_valid(X)
    assert (~valid).sum() == 24
    assert (X[~valid, 3:] == 8).all()


@given(rows)
def test_notation_round_trips(row):
    text = SPACE.format(row)
    assert SPACE.parse(text) == row
    links, ops = (part.split(",") for part in text.split("|"))
    assert SPACE.parse(str(([int(link) for link in links], ops))) == row


@given(rows)
def test_graph_has_the_links_and_all_leaves_feed_the_output(row):
    graph = SPACE.to_networkx(row)
    links = (0, *row[:3])
    leaves = set(range(1, 5)) - set(links)
    expected = {(link, layer) for layer, link in enumerate(links, 1)} | {(v, 5) for v in leaves}
    assert set(graph.edges) == expected
    ops = ["input", *(SPACE.op_names[op] for op in row[3:]), "output"]
    assert dict(graph.nodes(data="op")) == dict(enumerate(ops))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "malformed network '': write four links"),
        ("0,1,2|gcn,gcn,gcn,gcn", "malformed network"),
        ("0,1,2,3|gcn,gcn,gcn", "malformed network"),
        ("(0, 1, 2, 3)", "malformed network"),
        ("([0, 1, 2, True], ['gcn'] * 4)", "malformed network"),
        ("([0, 1, 2, True], ['gcn', 'gcn', 'gcn', 'gcn'])", "malformed network"),
        ("(" * 300, "malformed network"),
        ("0,1,3,0|gcn,gcn,gcn,gcn", "bad link of layer 3 in .*; give an earlier layer, 0 to 2"),
        ("0,1,-1,0|gcn,gcn,gcn,gcn", "bad link of layer 3"),
        ("0,1,2,3|gcn,gcn,conv,gcn", "unknown operation 'conv' in layer 3 of .*; .* has gat, gcn"),
        ("0,1,2,3|skip,skip,skip,skip", "computes nothing; give at least one layer"),
    ],
)
def test_bad_text_names_place_and_remedy(text, message):
    with pytest.raises(InvalidArchitectureError, match=message) as caught:
        SPACE.parse(text)
    assert "\n" not in str(caught.value)
