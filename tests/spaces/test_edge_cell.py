"""Edge cells: their own operations, and what other libraries' digits mean."""

import re

import networkx as nx
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archbo import Optimizer, catalog
from archbo.errors import InvalidArchitectureError, UsageError
from archbo.proxies import EdgeCellSkeleton, TransNASSkeleton, network, read_suite_zero
from archbo.spaces import EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TNB101 = EdgeCellSpace.trans_nas_micro()


def parameters(space, arch, skeleton=None):
    return sum(weights.numel() for weights in network(space, arch, skeleton).parameters())


# Digits, by numbers of parameters that are counted here from the papers' descriptions.


def conv(kernel, C_in, C_out):
    """A convolution without bias and its batch normalisation."""
    return kernel**2 * C_in * C_out + 2 * C_out


def transnas_parameters(digits):
    """Of the 64-41414 network with ten classes (arXiv 2105.11871), from ``a_bc_def``."""
    # Node j sums the operations on earlier nodes: a is 0>1, bc is 0>2, 1>2, and def is 0>3, 1>3, 2>3.
    sources = (0, 0, 1, 0, 1, 2)
    C, total = 64, conv(3, 3, 32) + conv(3, 32, 64)
    for module in range(5):
        for cell in range(2):
            grows = cell == 0 and module % 2 == 0
            C_out = 2 * C if grows else C
            for digit, source in zip(digits, sources, strict=True):
                C_in = C if source == 0 else C_out
                if digit == 1 and grows and source == 0:
                    total += C_in * C_out + 2 * C_out  # a factorised reduction: two halves
                elif digit in (2, 3):
                    total += conv({2: 1, 3: 3}[digit], C_in, C_out)
            C = C_out
    return total + 10 * C + 10


@pytest.mark.parametrize(
    "digits", [(3, 1, 1, 2, 1, 2), (0, 0, 0, 2, 0, 0), (2, 0, 0, 0, 0, 3), (0, 0, 3, 2, 0, 0)]
)
def test_naslibs_digits_of_transnas_are_those_of_the_official_string(digits):
    """NASLib formats the digits into the string (search_spaces/transbench101/conversions.py)."""
    a, b, c, d, e, f = digits
    for form in (str(digits), digits, list(digits), f"{a}_{b}{c}_{d}{e}{f}"):
        assert str(TNB101.arch(form)) == f"64-41414-{a}_{b}{c}_{d}{e}{f}"
        assert parameters(TNB101, form, TransNASSkeleton()) == transnas_parameters(digits)


def test_a_suite_zero_file_of_transnas_holds_the_cells_that_it_says(tmp_path):
    cells = [(3, 1, 1, 2, 1, 2), (2, 3, 2, 3, 2, 3), (0, 0, 3, 0, 1, 2)]
    entries = ", ".join(
        f'"{digits}": {{"params": {{"score": {transnas_parameters(digits)}, "time": 0}}}}'
        for digits in cells
    )
    path = tmp_path / "zc_transbench101_micro.json"
    path.write_text(f'{{"cifar10": {{{entries}}}}}')
    table = read_suite_zero(path, TNB101, "cifar10")
    found = [parameters(TNB101, row, TransNASSkeleton()) for row in table.X]
    assert table.scores(table.X).flatten().tolist() == found


# NASLib's numbers and edges of NAS-Bench-201 (search_spaces/nasbench201/conversions.py): operations 0 skip, 1 none,
# 2 conv3x3, 3 conv1x1, 4 pooling; edges 01, 02, 03, 12, 13, 23.
KERNEL = {2: 3, 3: 1}


@given(st.tuples(*[st.integers(0, 4)] * 6))
def test_naslibs_digits_of_nas_bench_201_have_the_parameters_and_paths_of_their_cell(digits):
    arch = NB201.arch(str(digits))
    skeleton = EdgeCellSkeleton(channels=4, cells=1)
    nothing = parameters(NB201, "(1, 1, 1, 1, 1, 1)", skeleton)
    wanted = sum(conv(KERNEL[d], C, C) for d in digits if d in KERNEL for C in (4, 8, 16))
    assert parameters(NB201, arch, skeleton) - nothing == wanted
    # The order of the edges cannot be told from the number of parameters, but from the paths.
    there = dict(zip([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], digits, strict=True))
    ways = [((0, 3),), ((0, 1), (1, 3)), ((0, 2), (2, 3)), ((0, 1), (1, 2), (2, 3))]
    paths = sorted([there[edge] for edge in way] for way in ways if 1 not in map(there.get, way))
    graph = arch.to_networkx()
    names = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    found = (
        [names.index(graph.nodes[node]["op"]) for node in path[1:-1]]
        for path in nx.all_simple_paths(graph, 0, 7)
    )
    assert sorted(found) == paths


def test_a_bare_tuple_that_could_be_two_cells_is_refused_with_the_ways_to_say_it():
    digits = (4, 0, 3, 1, 4, 3)
    with pytest.raises(
        InvalidArchitectureError,
        match=r"give the row as a list, \[4, 0, 3, 1, 4, 3\], or the digits as text, '\(4, 0, ",
    ):
        NB201.arch(digits)
    with pytest.raises(InvalidArchitectureError, match="could be a row"):
        NB201.rows([digits])
    assert NB201.arch(list(digits)).row == digits
    assert NB201.arch(str(digits)).row == (4, 1, 0, 2, 4, 2)
    # All pooling is all pooling in both.
    assert NB201.arch((4,) * 6) == NB201.arch(str((4,) * 6)) == NB201.arch([4] * 6)
    # Other operations than NAS-Bench-201's have no digits.
    mine = EdgeCellSpace("mine", ["a", "b"], notation="nb201")
    assert mine.arch((1, 0, 1, 0, 0, 1)).row == (1, 0, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("space", "text", "message"),
    [
        (NB201, "(4, 0, 3, 1, 4, 9)", "unknown operation '9' in edge (2, 3)"),
        (NB201, "(4, 0)", "six digits such as (4, 3, 3, 0, 0, 0)"),
        (TNB101, "(0, 0, 4, 0, 0, 0)", "unknown operation '4' in edge (1, 2)"),
        (TNB101, "(4, 0)", "six digits such as (3, 1, 1, 2, 1, 2)"),
    ],
)
def test_wrong_digits_are_named(space, text, message):
    with pytest.raises(InvalidArchitectureError, match=re.escape(message)):
        space.arch(text)


# Operations of one's own.


def own():
    ops = ["zero", "identity", "conv3x3"]
    return EdgeCellSpace("mine", ops, notation="nb201", zero_ops=["zero"], identity_ops="identity")


def test_own_zero_and_identity_operations_mean_what_those_of_nas_bench_201_mean():
    mine = own()
    usual = EdgeCellSpace("usual", ["none", "skip_connect", "conv3x3"], notation="nb201")
    X = mine.enumerate()
    assert mine.canonical(X).equal(usual.canonical(X))
    assert len(mine.keys(X).unique()) < len(X)
    for name in ("semantic-path", "graph-features", "wl", "default"):
        assert catalog.encoding(name, mine)(X).equal(catalog.encoding(name, usual)(X))


def test_a_search_in_such_a_space_goes_on_after_its_first_fit():
    for mine in (own(), EdgeCellSpace("plain", ["zero", "identity", "conv3x3"], notation="nb201")):
        optimizer = Optimizer(mine, seed=0)
        for value in range(12):
            (arch,) = optimizer.ask()
            optimizer.tell([arch], [float(arch.row.count(2)) + value / 100])


def test_without_a_zero_operation_every_edge_counts():
    plain = EdgeCellSpace("plain", ["a", "b"], notation="nb201")
    X = plain.enumerate()
    assert plain.canonical(X).equal(X)
    assert plain.graphs(X).connected().all()


def test_dead_edges_become_the_first_of_several_zero_operations():
    space = EdgeCellSpace(
        "two", ["conv", "off", "none"], notation="nb201", zero_ops=["none", "off"]
    )
    dead = space.rows([[0, 1, 2, 1, 2, 0], [2, 2, 2, 2, 2, 2]])
    assert space.canonical(dead).equal(torch.ones(2, 6, dtype=torch.double))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"zero_ops": ["none"]},
            "zero_ops of space 'x' has 'none', which is not among its operations a, b",
        ),
        ({"identity_ops": ["skip"]}, "identity_ops of space 'x' has 'skip', which is not among"),
        (
            {"zero_ops": ["a"], "identity_ops": ["a"]},
            "'a' of space 'x' is either a zero or an identity",
        ),
        ({"notation": "nb301"}, "unknown notation 'nb301' of space 'x'"),
        ({"op_names": []}, "space 'x' needs distinct names of operations"),
        ({"op_names": ["a", "a"]}, "space 'x' needs distinct names of operations"),
        ({"op_names": ["a", 3]}, "space 'x' needs distinct names of operations"),
        ({"op_names": ["a~b"]}, "operation 'a~b' of space 'x': names may not hold any of"),
        (
            {"op_names": [*map(str, range(11))], "notation": "tnb101"},
            "11 operations of space 'x', but",
        ),
        ({"name": 3}, "the name of a space is a text; got 3"),
    ],
)
def test_operations_that_make_no_space_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        EdgeCellSpace(**({"name": "x", "op_names": ["a", "b"], "notation": "nb201"} | options))


# Twins.


def test_functions_of_nas_bench_201_are_unions_of_its_authors_classes(nb201_table):
    """Their 6,466 texts tell a sum with a zero from the same sum without it; no class of theirs is split."""
    space = EdgeCellSpace.nas_bench_201()
    frame = pd.read_parquet(nb201_table, columns=["arch_str", "unique_str"])
    X = space.rows(list(frame["arch_str"]))
    assert [space.unique_str(row) for row in X.tolist()] == list(frame["unique_str"])
    functions = space.function_keys(X).tolist()
    assert frame["unique_str"].nunique() == 6466
    assert len(set(zip(functions, frame["unique_str"], strict=True))) == 6466
    assert len(set(functions)) == 4930


def test_functions_of_trans_nas_micro_are_its_classes(tnb101_table):
    space = EdgeCellSpace.trans_nas_micro()
    frame = pd.read_parquet(tnb101_table, columns=["arch_str", "unique_str"])
    functions = space.function_keys(space.rows(list(frame["arch_str"]))).tolist()
    pairs = set(zip(functions, frame["unique_str"], strict=True))
    assert len(set(functions)) == frame["unique_str"].nunique() == len(pairs) == 1229


def formula(space, row):
    """What the last map computes, in sorted terms."""
    terms = {0: ["x"], 1: [], 2: [], 3: []}
    for (source, target), op in zip(space.edges, row, strict=True):
        name, arriving = space.op_names[op], terms[source]
        if name == "skip_connect" and (source > 0 or space.notation == "nb201"):
            terms[target] += arriving
        elif name != "none" and arriving:
            terms[target].append(f"{name}({' + '.join(sorted(arriving))})")
    return " + ".join(sorted(terms[3]))


@pytest.mark.parametrize("make", [EdgeCellSpace.nas_bench_201, EdgeCellSpace.trans_nas_micro])
def test_function_keys_are_equal_where_formulas_are(make):
    space = make()
    X = space.enumerate()
    keys = space.function_keys(X).tolist()
    formulas = [formula(space, row) for row in X.long().tolist()]
    assert len(set(zip(keys, formulas, strict=True))) == len(set(keys)) == len(set(formulas))
    canonical = space.function_keys(space.canonical(X)).tolist()
    assert canonical == keys


def test_symmetric_edges_and_contracted_skips_make_twins():
    space = EdgeCellSpace.nas_bench_201()
    texts = [
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|",
        "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|avg_pool_3x3~2|",
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|avg_pool_3x3~1|skip_connect~2|",
        "|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|avg_pool_3x3~2|",
        "|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|none~0|avg_pool_3x3~1|skip_connect~2|",
    ]
    first, second, third, fourth, fifth = space.function_keys(space.rows(texts)).tolist()
    assert first == second
    assert third == fourth
    assert len({first, third, fifth}) == 3
