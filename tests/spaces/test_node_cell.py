"""NAS-Bench-101's cells: which there are, which are the same, how they are written."""

import json
from itertools import combinations, permutations
from pathlib import Path

import networkx as nx
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from archbo.errors import InvalidArchitectureError
from archbo.spaces import NodeCellSpace

SPACE = NodeCellSpace.nas_bench_101()
PAIRS = list(combinations(range(7), 2))
DIRECT = "1" + "0" * 20 + ":input|output"
TABLE = Path(__file__).parents[2].parent / "shared" / "data" / "nb101_energy_ecnas.parquet"

bits = st.lists(st.booleans(), min_size=21, max_size=21)
ops = st.lists(st.integers(0, 2), min_size=5, max_size=5)
any_rows = st.tuples(bits, ops).map(lambda parts: (*map(int, parts[0]), *parts[1]))


@pytest.fixture(scope="module")
def listed():
    return SPACE.enumerate()


def pruned(row):
    """The nodes and edges on paths from input to output, by networkx; empty where there is none."""
    graph = nx.DiGraph()
    graph.add_node(0, op="input")
    graph.add_node(6, op="output")
    graph.add_nodes_from((v, {"op": SPACE.op_names[int(row[20 + v])]}) for v in range(1, 6))
    graph.add_edges_from(pair for pair, bit in zip(PAIRS, row, strict=False) if bit)
    live = (nx.descendants(graph, 0) | {0}) & (nx.ancestors(graph, 6) | {6})
    return graph.subgraph(live if 0 in live else ())


def is_cell(row):
    graph = pruned(row)
    return len(graph) >= 2 and graph.number_of_edges() <= 9


rows = any_rows.filter(is_cell)


def isomorphic(first, second):
    return nx.is_isomorphic(pruned(first), pruned(second), node_match=lambda a, b: a == b)


def renumbered(row, new):
    """The row after node v has become node ``new[v]``, or None where an edge would point backwards."""
    edges = {(new[s], new[t]) for (s, t), bit in zip(PAIRS, row, strict=False) if bit}
    if any(source > target for source, target in edges):
        return None
    old = {number: node for node, number in enumerate(new)}
    return (*(int(pair in edges) for pair in PAIRS), *(row[20 + old[v]] for v in range(1, 6)))


@given(any_rows)
def test_is_valid_is_a_path_and_at_most_nine_edges_on_paths(row):
    assert SPACE.is_valid(torch.tensor([row])).item() == is_cell(row)


def test_dead_edges_do_not_count():
    matrix = [[0] * 7 for _ in range(7)]
    for source, target in [*PAIRS[5:], (0, 6)]:
        matrix[source][target] = int(target != 6 or source == 0)
    labels = ["input", *["maxpool3x3"] * 5, "output"]
    row = SPACE.from_matrix(matrix, labels)
    assert sum(row[:21]) > 9
    assert SPACE.keys(torch.tensor([row])).equal(SPACE.keys(SPACE.rows([DIRECT])))


@given(rows, st.permutations(range(1, 6)), st.integers(0, 25))
def test_keys_are_equal_iff_the_pruned_graphs_are_isomorphic(row, middle, column):
    twin = renumbered(row, (0, *middle, 6)) or row
    changed = list(twin)
    changed[column] = (changed[column] + 1) % SPACE.cardinalities[column]
    assume(is_cell(changed))
    key, twin_key, changed_key = SPACE.keys(torch.tensor([row, twin, changed])).tolist()
    assert key == twin_key
    assert (key == changed_key) == isomorphic(row, changed)


def test_every_numbering_of_a_cell_has_one_canonical_row():
    edges = {(0, 1), (0, 2), (0, 3), (1, 4), (2, 5), (3, 6), (4, 6), (5, 6)}
    row = (*(int(pair in edges) for pair in PAIRS), 2, 1, 0, 1, 2)
    twins = {renumbered(row, (0, *middle, 6)) for middle in permutations(range(1, 6))} - {None}
    assert len(twins) > 10
    C = SPACE.canonical(torch.tensor(sorted(twins)))
    assert len(C.unique(dim=0)) == 1
    assert tuple(C[0].tolist()) in twins


@given(rows)
def test_canonical_row_is_fixed_whole_and_has_unused_positions_last(row):
    X = SPACE.canonical(torch.tensor([row]))
    canonical = tuple(X[0].tolist())
    assert SPACE.canonical(X).equal(X)
    assert isomorphic(row, canonical)
    graph = pruned(canonical)
    assert graph.number_of_edges() == sum(canonical[:21])
    k = len(graph)
    assert set(graph) == {*range(k - 1), 6}
    assert canonical[20 + k - 1 :] == (0,) * (7 - k)


def test_all_cells_are_listed(listed):
    X = listed
    assert SPACE.is_enumerable
    assert (
        len(X) == 423_624
    )  # "423k unique convolutional architectures", arXiv 1902.09635, section 2
    assert (SPACE.row_keys(X).diff() > 0).all()
    assert SPACE.canonical(X).equal(X)
    assert SPACE.is_valid(X).all()


def test_samples_are_listed(listed):
    drawn = SPACE.keys(SPACE.sample(5_000, generator=torch.Generator().manual_seed(0)))
    assert torch.isin(drawn, SPACE.row_keys(listed)).all()


@given(any_rows)
def test_graph_is_the_row(row):
    graph = SPACE.to_networkx(row)
    edges = {pair for pair, bit in zip(PAIRS, row, strict=False) if bit}
    nodes = {0, 6} | {node for edge in edges for node in edge}
    assert set(graph.edges) == edges
    labels = ["input", *(SPACE.op_names[op] for op in row[21:]), "output"]
    assert dict(graph.nodes(data="op")) == {node: labels[node] for node in nodes}


@given(rows)
def test_notation_round_trips(row):
    assert SPACE.parse(SPACE.format(row)) == row


@given(rows)
def test_matrix_and_labels_are_read_in_both_notations(row):
    text, _, labels = SPACE.format(row).partition(":")
    names = labels.split("|")
    k = len(names)
    bit = dict(zip(PAIRS, text, strict=True))
    matrix = [[int(bit.get((s, t), "0")) for t in range(k)] for s in range(k)]
    assert SPACE.parse(repr((matrix, names))) == row
    assert SPACE.parse(json.dumps([matrix, names])) == row
    assert SPACE.from_matrix(torch.tensor(matrix, dtype=torch.float), names) == row


def test_real_cells_are_read_and_written_as_they_are(listed):
    if not TABLE.exists():
        pytest.skip(f"needs the table {TABLE.name}, which is not part of the repository")
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(TABLE)
    texts = (table.adj_upper + ":" + table.ops).tolist()
    X = SPACE.rows(texts)
    assert [SPACE.format(row) for row in X] == texts
    # Cells with one key have one graph, hence as many parameters.
    groups = table.groupby(SPACE.keys(X).tolist())
    assert (groups.params.nunique() == 1).all()
    assert torch.isin(SPACE.keys(X), SPACE.row_keys(listed)).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "malformed cell '': write 21 bits and up to 7 labels"),
        ("1" * 20 + ":input|output", "malformed cell"),
        ("2" + "0" * 20 + ":input|output", "malformed cell"),
        ("1" + "0" * 20, "malformed cell"),
        ("[1, 2, 3]", "malformed cell"),
        ("(" * 300, "malformed cell"),
        ("01" + "0" * 19 + ":input|output", "edge 0 -> 2 in .* leaves its 2 nodes; name 3 nodes"),
        ("1" + "0" * 20 + ":output|input", "the first is 'input', the last 'output'"),
        (
            "110000100000000000000:input|conv5x5|output",
            "'conv5x5' in node 1 .* has conv3x3-bn-relu",
        ),
        ("0" * 21 + ":input|output", "has 0 edges on paths from input to output; give 1 to 9"),
        ("1" * 21 + ":input" + "|maxpool3x3" * 5 + "|output", "has 21 edges .*; give 1 to 9"),
        ("([[0, 1]], ['input', 'output'])", "give 2 rows of 2 numbers"),
        ("([[0, 1], [0]], ['input', 'output'])", "give 2 rows of 2 numbers"),
        ("([[0, 2], [0, 0]], ['input', 'output'])", "each 0 or 1"),
        ("([[0, 1" + "0" * 30 + "], [0, 0]], ['input', 'output'])", "give 2 rows of 2 numbers"),
        ("([['a', 1], [0, 0]], ['input', 'output'])", "give 2 rows of 2 numbers"),
        ("(None, ['input', 'output'])", "give 2 rows of 2 numbers"),
        ("([[0, 1], [1, 0]], ['input', 'output'])", "edge 1 -> 0 .* points backwards; list the"),
        ("([[0, 1], [0, 0]], 'io')", "give a list of 2 to 7"),
        ("([[0]], ['input'])", "give a list of 2 to 7"),
    ],
)
def test_bad_text_names_place_and_remedy(text, message):
    with pytest.raises(InvalidArchitectureError, match=message) as caught:
        SPACE.parse(text)
    assert "\n" not in str(caught.value)


def test_invalid_rows_are_refused():
    with pytest.raises(InvalidArchitectureError, match="row 1 is no architecture"):
        SPACE.rows(torch.tensor([[0] * 5 + [1] + [0] * 20, [0] * 26]))
