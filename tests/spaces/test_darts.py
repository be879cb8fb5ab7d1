"""DARTS genotypes: what they say, which are the same, how they are written."""

import re
from pathlib import Path

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archbo.errors import InvalidArchitectureError
from archbo.spaces import DartsSpace

SPACE = DartsSpace()
NB301 = DartsSpace.nas_bench_301()
ANY = DartsSpace.with_any_sources()
TABLE = Path(__file__).parents[2].parent / "shared" / "data" / "oncenas_darts545.parquet"

# The first genotype published with DARTS (arXiv 1806.09055, version 1).
DARTS_V1 = (
    "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('skip_connect', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], reduce_concat=[2, 3, 4, 5])"
)


@st.composite
def cells(draw, space=SPACE):
    """Four pairs ``((op, source), (op, source))``."""
    op = st.sampled_from(space.op_names)
    return [
        [
            (draw(op), source)
            for source in draw(
                st.permutations(range(node) if not space.any_sources else 2 * [*range(node)])
            )[:2]
        ]
        for node in range(2, 6)
    ]


numberings = st.permutations(range(2, 6))


def genotype(normal, reduce):
    edges = [[edge for pair in cell for edge in pair] for cell in (normal, reduce)]
    return (
        f"Genotype(normal={edges[0]}, normal_concat=range(2, 6), "
        f"reduce={edges[1]}, reduce_concat=range(2, 6))"
    )


def renumbered(cell, numbers):
    """The cell after node k has become ``numbers[k - 2]``, sorted so that edges point forwards."""
    order = nx.DiGraph((source, node) for node, pair in enumerate(cell, 2) for _, source in pair)
    rank = dict(enumerate(numbers, 2))
    nodes = nx.lexicographical_topological_sort(order, key=lambda node: rank.get(node, node - 10))
    new = {0: 0, 1: 1}
    new |= {node: k for k, node in enumerate((v for v in nodes if v > 1), 2)}
    old = {number: node for node, number in new.items()}
    return [[(op, new[source]) for op, source in reversed(cell[old[k] - 2])] for k in range(2, 6)]


def flow(cell):
    """The cell as a graph with operations on edges, without what carries nothing but zeros."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from((node, {"kind": min(node, 2)}) for node in range(6))
    for node, pair in enumerate(cell, 2):
        graph.add_edges_from((source, node, {"op": op}) for op, source in pair if op != "none")
    alive = {0, 1} | nx.descendants(graph, 0) | nx.descendants(graph, 1)
    graph.remove_edges_from([edge for edge in graph.edges if edge[0] not in alive])
    return graph


def isomorphic(first, second):
    kinds = nx.isomorphism.categorical_node_match("kind", None)
    ops = nx.isomorphism.categorical_multiedge_match("op", None)
    return nx.is_isomorphic(flow(first), flow(second), node_match=kinds, edge_match=ops)


def written(space, row):
    """Normal and reduction cell, read off the notation."""
    edges = [
        (op, int(source)) for op, source in re.findall(r"\('(\w+)', (\d)\)", space.format(row))
    ]
    pairs = [edges[index : index + 2] for index in range(0, 16, 2)]
    return pairs[:4], pairs[4:]


@given(cells(), cells())
def test_notation_round_trips(normal, reduce):
    row = SPACE.parse(genotype(normal, reduce))
    assert SPACE.is_valid(torch.tensor([row])).all()
    assert SPACE.parse(SPACE.format(row)) == row
    assert written(SPACE, row) == tuple(
        [sorted(pair, key=lambda edge: edge[1]) for pair in cell] for cell in (normal, reduce)
    )


def test_a_published_genotype_is_read():
    for space in (SPACE, NB301):
        row = space.parse(DARTS_V1)
        normal, reduce = written(space, row)
        assert normal[3] == [("sep_conv_3x3", 0), ("skip_connect", 2)]
        assert reduce[1] == [("max_pool_3x3", 0), ("skip_connect", 2)]
        assert dict(zip(space.columns, row, strict=True))["normal_inputs_5"] == 1  # 0 and 2


@given(cells(), cells(), numberings)
def test_the_numbering_of_the_nodes_means_nothing(normal, reduce, numbers):
    twin = genotype(renumbered(normal, numbers), renumbered(reduce, numbers[::-1]))
    key, twin_key = SPACE.keys(SPACE.rows([genotype(normal, reduce), twin])).tolist()
    assert key == twin_key


@given(cells(), numberings, st.integers(0, 7), st.sampled_from(SPACE.op_names))
def test_keys_are_equal_iff_the_cells_are_isomorphic(cell, numbers, edge, op):
    other = renumbered(cell, numbers)
    other[edge // 2][edge % 2] = (op, other[edge // 2][edge % 2][1])
    texts = [genotype(cell, cell), genotype(other, cell), genotype(cell, other)]
    key, normal_key, reduce_key = SPACE.keys(SPACE.rows(texts)).tolist()
    assert (key == normal_key) == (key == reduce_key) == isomorphic(cell, other)


@given(cells(ANY), numberings, st.integers(0, 7), st.sampled_from(ANY.op_names))
def test_keys_with_any_sources_are_equal_iff_the_cells_are_isomorphic(cell, numbers, edge, op):
    other = renumbered(cell, numbers)
    twin, (pair, place) = genotype(other, cell), divmod(edge, 2)
    other[pair][place] = (op, other[pair][place][1])
    texts = [genotype(cell, cell), twin, genotype(other, cell)]
    key, twin_key, other_key = ANY.keys(ANY.rows(texts)).tolist()
    assert key == twin_key
    assert (key == other_key) == isomorphic(cell, other)


def test_a_node_that_reads_a_node_twice_is_no_other_node():
    pairs = [
        [("sep_conv_3x3", 0), ("skip_connect", 0)],
        [("skip_connect", 0), ("sep_conv_3x3", 0)],
        [("sep_conv_3x3", 0), ("sep_conv_3x3", 0)],
        [("sep_conv_3x3", 0), ("skip_connect", 1)],
        [("sep_conv_3x3", 0), ("none", 0)],
        [("sep_conv_3x3", 0), ("none", 1)],
    ]
    rest = [[("dil_conv_3x3", 0), ("dil_conv_5x5", 1)]] * 3
    X = ANY.rows([genotype([pair, *rest], [pair, *rest]) for pair in pairs])
    first, swapped, twice, other, none, elsewhere = ANY.keys(X).tolist()
    assert first == swapped
    assert none == elsewhere
    assert len(set(map(str, (first, twice, other, none)))) == 4
    once = SPACE.rows([ANY.format(X[3]), ANY.format(X[5])])
    assert ANY.rows([SPACE.format(row) for row in once]).equal(X[[3, 5]])
    with pytest.raises(InvalidArchitectureError, match="take the space darts-any-sources"):
        SPACE.parse(ANY.format(X[0]))


@given(st.lists(cells(), min_size=2, max_size=2), st.booleans())
def test_what_a_none_reads_means_nothing(pair, swap):
    """Cells of few operations, where chance isomorphism is common."""
    few = {"none": "none", "skip_connect": "none"}
    first, second = ([[(few.get(op, "sep_conv_3x3"), s) for op, s in p] for p in c] for c in pair)
    second = [[("none", edge[1]) for edge in p] for p in second[:2]] + second[2:]
    first = second[:2] + first[2:] if swap else first
    keys = SPACE.keys(SPACE.rows([genotype(first, first), genotype(second, second)])).tolist()
    assert (keys[0] == keys[1]) == isomorphic(first, second)


@pytest.mark.parametrize("space", [SPACE, NB301, ANY], ids=lambda space: space.name)
def test_canonical_rows_are_fixed_and_keep_the_cells(space):
    X = space.sample(300, generator=torch.Generator().manual_seed(0))
    C = space.canonical(X)
    assert space.is_valid(C).all()
    assert space.canonical(C).equal(C)
    assert not C.equal(X)
    for row, other in zip(X, C, strict=True):
        assert all(map(isomorphic, written(space, row), written(space, other)))


def test_keys_fit_one_integer():
    last = torch.tensor([[c - 1 for c in SPACE.cardinalities]])
    assert SPACE.row_keys(last).tolist() == [SPACE.size - 1]


@given(cells(), cells())
def test_graph_has_a_node_per_operation(normal, reduce):
    graph = SPACE.to_networkx(SPACE.parse(genotype(normal, reduce)))
    expected = nx.DiGraph()
    for first, name, cell in ((0, "normal", normal), (11, "reduce", reduce)):
        expected.add_node(first, op=f"{name} c_{{k-2}}")
        expected.add_node(first + 1, op=f"{name} c_{{k-1}}")
        expected.add_node(first + 10, op=f"{name} output")
        feeding = {0: [first], 1: [first + 1]}
        number = first + 2
        for node, pair in enumerate(cell, 2):
            feeding[node] = []
            for op, source in sorted(pair, key=lambda edge: edge[1]):
                if op != "none":
                    expected.add_node(number, op=op)
                    expected.add_edges_from((start, number) for start in feeding[source])
                    expected.add_edge(number, first + 10)
                    feeding[node].append(number)
                number += 1
    assert dict(graph.nodes(data="op")) == dict(expected.nodes(data="op"))
    assert set(graph.edges) == set(expected.edges)


def test_real_genotypes_are_read():
    if not TABLE.exists():
        pytest.skip(f"needs the table {TABLE.name}, which is not part of the repository")
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(TABLE)
    X = SPACE.rows(table.architecture.tolist())
    assert len(X) == 545
    assert SPACE.rows([SPACE.format(row) for row in X]).equal(X)
    # Genotypes with one key are one network, hence as many operations.
    groups = table.groupby(SPACE.keys(X).tolist())
    assert len(groups) < 545
    assert (groups.flop.nunique() == 1).all()


BASE = genotype(*[[[("skip_connect", 0), ("sep_conv_3x3", 1)]] * 4] * 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "malformed genotype ''"),
        ("Genotype(", "malformed genotype"),
        ("Genotype(normal=[])", "malformed genotype .*: write Genotype"),
        ("Genotype(**x)", "malformed genotype"),
        ("(" * 300, "malformed genotype"),
        (BASE[:-1] + ", extra=1)", "malformed genotype"),
        (BASE.replace("[", "[print() or ", 1), "malformed genotype"),
        (BASE.replace("Genotype", "print"), "malformed genotype"),
        (
            BASE.replace("(2, 6)", "(2, 5)", 1),
            r"normal_concat is range\(2, 5\).*; .* range\(2, 6\)",
        ),
        (BASE.replace("0)", "2)", 1), "source 2 of node 2 of the normal cell; .* 0 to 1"),
        (BASE.replace("0)", "True)", 1), "source True of node 2 of the normal cell"),
        (BASE.replace("0)", "1)", 1), "node 2 of the normal cell read node 1; give two distinct"),
        (BASE.replace("skip_connect", "conv", 1), "'conv' in node 2 of the normal cell; darts has"),
        (BASE.replace("('skip_connect', 0), ", "", 1), "the normal cell is .*; give eight pairs"),
        (BASE.replace("('skip_connect', 0)", "0", 1), "the normal cell is .*; give eight pairs"),
    ],
)
def test_bad_text_names_place_and_remedy(text, message):
    with pytest.raises(InvalidArchitectureError, match=message) as caught:
        SPACE.parse(text)
    assert "\n" not in str(caught.value)


def test_none_is_no_operation_of_nas_bench_301():
    with pytest.raises(InvalidArchitectureError, match="unknown operation 'none' in node 2"):
        NB301.parse(BASE.replace("skip_connect", "none", 1))
