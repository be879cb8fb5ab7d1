"""The path encoding against every simple path that networkx finds."""

from collections import Counter
from itertools import product

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archbo.encodings import PathEncoding
from archbo.errors import UsageError
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
OPTIONS = [
    {"counts": counts, "semantic": semantic, "max_length": max_length}
    for counts, semantic, max_length in product((False, True), (False, True), (None, 0, 1, 2))
]


def paths(space, row, *, semantic):
    """How often each named path leads from an input to an output."""
    graph = space.to_networkx(row)
    op = graph.nodes(data="op")
    template, dropped = space.template, space.identity_ops if semantic else ()
    found = Counter()
    for source, target in product(template.inputs, template.outputs):
        for path in nx.all_simple_paths(graph, source, target):
            middle = [op[node] for node in path[1:-1] if op[node] not in dropped]
            found[op[source], *middle, "output"] += 1
    return found


@pytest.fixture(scope="module")
def encodings():
    """Each encoding is made once for all examples."""
    return {
        name: [(options, PathEncoding(space, **options)) for options in OPTIONS]
        for name, space in SPACES.items()
    }


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_features_are_the_paths_of_the_graph(encodings, name, seed):
    space = SPACES[name]
    X = space.sample(2, generator=torch.Generator().manual_seed(seed))
    wanted = {semantic: [paths(space, row, semantic=semantic) for row in X] for semantic in (0, 1)}
    for options, encoding in encodings[name]:
        longest = options["max_length"]
        for features, found in zip(encoding(X), wanted[options["semantic"]], strict=True):
            kept = {
                ">".join(path): float(count if options["counts"] else 1)
                for path, count in found.items()
                if longest is None or len(path) - 2 <= longest
            }
            present = features.nonzero().flatten().tolist()
            assert {encoding.feature_names[i]: float(features[i]) for i in present} == kept


@pytest.mark.parametrize("name", SPACES)
def test_groups_are_path_lengths(name, encodings):
    for _, encoding in encodings[name]:
        assert list(encoding.groups) == [n.count(">") - 1 for n in encoding.feature_names]


@pytest.mark.parametrize(
    ("name", "semantic", "size"),
    [
        # 1 + 3 + 9 + ... + 3^5 paths of up to five operations (BANANAS, arXiv 1910.11858, counts 364).
        ("nb101", False, 364),
        ("nb101", True, 364),
        ("nb201", False, 1 + 4 + 16 + 64),
        ("nb201", True, 40),
        ("toy", False, 1 + 5),
    ],
)
def test_number_of_features(name, semantic, size):
    assert PathEncoding(SPACES[name], semantic=semantic).n_features == size


def test_truncation_keeps_the_features_of_short_paths():
    space = SPACES["nb101"]
    X = space.sample(50, generator=torch.Generator().manual_seed(0))
    whole = PathEncoding(space, counts=True)
    for length in range(6):
        short = PathEncoding(space, counts=True, max_length=length)
        assert short.feature_names == whole.feature_names[: short.n_features]
        assert short(X).equal(whole(X)[:, : short.n_features])
    assert short.n_features == whole.n_features
    assert PathEncoding(space, max_length=99).n_features == whole.n_features


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (  # 0 -> 1 -> 3 with the skip after or before the convolution
            "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
            "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|",
        ),
        (  # the same chain, and no skip at all
            "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|",
            "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
        ),
        (  # two convolutions one after the other, the skip at either end
            "|nor_conv_1x1~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|",
            "|skip_connect~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|nor_conv_3x3~2|",
        ),
    ],
)
def test_moving_a_skip_leaves_semantic_features_alone(first, second):
    X = NB201.rows([first, second])
    for counts in (False, True):
        semantic = PathEncoding(NB201, semantic=True, counts=counts)(X)
        plain = PathEncoding(NB201, counts=counts)(X)
        assert semantic[0].equal(semantic[1])
        assert not plain[0].equal(plain[1])


def test_parallel_paths_are_counted_not_only_seen():
    X = NB201.rows(
        [
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|",
            "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
        ]
    )
    seen, counted = (PathEncoding(NB201, semantic=True, counts=c)(X) for c in (False, True))
    assert seen[0].equal(seen[1])
    assert counted[0].equal(2 * counted[1])


def test_unreachable_operations_are_invisible():
    X = NB201.rows(
        [
            f"|{dead}~0|+|none~0|none~1|+|avg_pool_3x3~0|none~1|none~2|"
            for dead in ("none", "nor_conv_3x3")
        ]
    )
    features = PathEncoding(NB201, counts=True)(X)
    assert features[0].equal(features[1])


@pytest.mark.parametrize("limit", [1, 5, 6, 40, 85, 1000])
@pytest.mark.parametrize("name", ["nb201", "nb101", "darts"])
def test_at_most_keeps_the_longest_paths_that_fit(name, limit):
    space = SPACES[name]
    sizes = [PathEncoding(space, max_length=length).n_features for length in range(6)]
    fitting = [size for size in sizes if size <= limit]
    if fitting:
        assert PathEncoding.at_most(space, limit, counts=True).n_features == fitting[-1]
    else:
        with pytest.raises(UsageError, match=f"{limit} are too few"):
            PathEncoding.at_most(space, limit)


def test_too_many_paths_and_negative_lengths_are_refused():
    wide = CategoricalSpace("wide", {"a": range(100_001)})
    with pytest.raises(UsageError, match=r"wide has 100,002 paths .* give a smaller max_length"):
        PathEncoding(wide)
    assert PathEncoding(wide, max_length=0).n_features == 1
    with pytest.raises(UsageError, match="max_length counts operations, at least 0; got -1"):
        PathEncoding(NB201, max_length=-1)


def test_a_large_space_is_encoded_without_delay():
    """Making the encoding does not look at the space once per feature."""
    calls = []

    class Watched(DartsSpace):
        def graphs(self, X):
            calls.append(len(X))
            return super().graphs(X)

    assert PathEncoding(Watched()).n_features > 10_000
    assert len(calls) < 10
