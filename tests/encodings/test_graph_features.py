"""Graph features against networkx, path by path."""

import re
from functools import cache

import networkx as nx
import pytest
import torch

from archbo import catalog
from archbo.encodings import PathEncoding
from archbo.encodings.graph_features import GraphFeatureEncoding
from archbo.spaces import CategoricalSpace

NAMES = ("nb201", "tnb101-micro", "nb101", "darts", "nas-bench-graph")
SPACES = {name: catalog.space(name) for name in NAMES}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def sampled(space, n, seed=0):
    return space.sample(n, generator=torch.Generator().manual_seed(seed))


class Definition:
    """The features of one architecture, each from its name."""

    def __init__(self, space, row):
        template = space.template
        graph = space.to_networkx(row)
        forward = set(template.inputs).union(*(nx.descendants(graph, n) for n in template.inputs))
        backward = set(template.outputs).union(*(nx.ancestors(graph, n) for n in template.outputs))
        labels = nx.get_node_attributes(graph, "op")
        self.ends = {labels[node]: node for node in (*template.inputs, *template.outputs)}
        self.graph = graph.subgraph(forward & backward)
        self.op = nx.get_node_attributes(self.graph, "op")
        self.middle = set(self.graph) - set(self.ends.values())
        self.free = space.identity_ops
        self.longest = max(len(path) - 2 for path in template.paths())

    def __call__(self, name):
        if name.startswith("uses of "):
            return sum(self.op[node] == name.removeprefix("uses of ") for node in self.middle)
        kind, ends, listed = re.fullmatch(r"(.*) \((.*)\) over (.*)", name).groups()
        allowed = set() if listed == "nothing" else set(listed.split(", "))
        nodes = [self.ends[end] for end in ends.split(">")]
        if len(nodes) == 1:
            return self.degree(kind, nodes[0], allowed)
        return self.along_paths(kind, *nodes, allowed)

    def degree(self, kind, end, allowed):
        if end not in self.graph:
            return 0
        if kind.startswith("mean"):
            inner = self.graph.subgraph(nx.ancestors(self.graph, end) & self.middle)
            degree = inner.in_degree if kind == "mean in-degree" else inner.out_degree
            return sum(d for n, d in degree if self.op[n] in allowed) / max(1, len(inner))
        near = self.graph.predecessors if kind == "in-degree" else self.graph.successors
        return sum(self.op[node] in allowed for node in near(end))

    @cache  # noqa: B019 - lives as long as the test
    def paths(self, start, end):
        there = start in self.graph and end in self.graph
        found = nx.all_simple_paths(self.graph, start, end) if there else ()
        return [[self.op[node] for node in path[1:-1]] for path in found]

    def along_paths(self, kind, start, end, allowed):
        paths = self.paths(start, end)
        within = [path for path in paths if set(path) <= allowed]
        if kind == "paths":
            return len(within)
        which, what = kind.split(maxsplit=1)
        values = {
            "path": [len(path) for path in within],
            "free path": [sum(op not in self.free for op in path) for path in within],
            "on a path": [sum(op in allowed for op in path) for path in paths],
        }[what]
        if which in ("shortest", "fewest"):
            return min(values, default=self.longest + 1)
        return max(values, default=-1)


@every_space
def test_each_feature_is_its_definition(space):
    encoding = GraphFeatureEncoding(space)
    X = sampled(space, 4 if space.name == "darts" else 12, seed=5)
    for row, features in zip(X, encoding(X), strict=True):
        wanted = [Definition(space, row)(name) for name in encoding.feature_names]
        torch.testing.assert_close(
            features, torch.tensor(wanted, dtype=torch.double), atol=1e-6, rtol=0
        )


@every_space
def test_features_do_not_repeat_each_other(space):
    features = GraphFeatureEncoding(space)(sampled(space, 1000))
    correlation = torch.corrcoef(features[:, features.std(0) > 0].T).abs()
    assert (correlation.triu(1) < 1 - 1e-9).all()


def test_all_sets_of_few_operations_are_looked_at():
    names = GraphFeatureEncoding(SPACES["nb101"]).feature_names
    sets = {name.split(" over ")[1] for name in names if " over " in name}
    assert len(sets) == 2**3


def test_of_many_operations_single_ones_and_nearly_all_are_looked_at():
    names = GraphFeatureEncoding(SPACES["nas-bench-graph"]).feature_names
    sizes = {name.count(",") + 1 for name in names if " over " in name}
    assert sizes == {1, 8, 9}


def test_groups_are_kinds():
    encoding = GraphFeatureEncoding(SPACES["nb201"])
    kinds = [name.split(" over ")[0].split(" of ")[0] for name in encoding.feature_names]
    pairs = set(zip(kinds, encoding.groups, strict=True))
    assert len(pairs) == len(set(kinds)) == len(set(encoding.groups))


def test_of_a_product_of_choices_counts_are_left():
    space = CategoricalSpace("toy", {"width": [8, 16, 32], "skip": ["no", "yes"], "one": [1]})
    names = GraphFeatureEncoding(space).feature_names
    assert names == ("uses of width=8", "uses of width=16", "uses of width=32", "uses of skip=no")


def test_isomorphic_architectures_look_the_same():
    space = SPACES["nb101"]
    X = sampled(space, 200)
    encoding = GraphFeatureEncoding(space)
    assert not X.equal(space.canonical(X))
    assert encoding(X).equal(encoding(space.canonical(X)))


@pytest.mark.parametrize("name", ["nb201", "tnb101-micro", "nb101"])
def test_features_are_the_same_in_any_batch(name):
    """Few rows, many, and of a small space, whose features are kept, few after many."""
    space = SPACES[name]
    X = sampled(space, 5000)
    fresh, used = GraphFeatureEncoding(space), GraphFeatureEncoding(space)
    features = used(X)
    for part, wanted in zip(X[4800:].split(50), features[4800:].split(50), strict=True):
        assert fresh(part).equal(wanted)
        assert used(part.float()).equal(wanted.float())


def test_paths_over_all_operations_are_all_paths():
    space = SPACES["nb201"]
    encoding, X = GraphFeatureEncoding(space), space.enumerate()
    everything = encoding.feature_names.index(
        "paths (input>output) over skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3"
    )
    assert encoding(X)[:, everything].equal(PathEncoding(space, counts=True)(X).sum(-1))
