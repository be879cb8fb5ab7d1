"""Weisfeiler-Lehman labels against a recursion over the nodes of networkx graphs."""

from collections import Counter

import networkx as nx
import pytest
import torch

from archbo import catalog
from archbo.encodings.weisfeiler_lehman import WLEncoding
from archbo.errors import UsageError
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NAMES = ("nb201", "nb101", "darts", "nas-bench-graph")
SPACES = {name: catalog.space(name) for name in NAMES}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def sampled(space, n, seed=0):
    return space.sample(n, generator=torch.Generator().manual_seed(seed))


def graph_of(space, row, *, semantic):
    """A multigraph of the nodes between inputs and outputs, identities contracted if asked for."""
    plain, template = space.to_networkx(row), space.template
    forward = set(template.inputs).union(*(nx.descendants(plain, n) for n in template.inputs))
    backward = set(template.outputs).union(*(nx.ancestors(plain, n) for n in template.outputs))
    graph = nx.MultiDiGraph(plain.subgraph(forward & backward))
    for node in list(graph):
        if semantic and graph.nodes[node]["op"] in space.identity_ops:
            for source, _ in list(graph.in_edges(node)):
                for _, target in list(graph.out_edges(node)):
                    graph.add_edge(source, target)
            graph.remove_node(node)
    return graph


def label(graph, node, iteration, *, successors=False):
    """The label of a node of a networkx graph written out."""
    name = graph.nodes[node]["op"]
    if iteration:
        ways = {"<-": [source for source, _ in graph.in_edges(node)]}
        if successors:
            ways["->"] = [target for _, target in graph.out_edges(node)]
        for arrow, others in ways.items():
            names = sorted(label(graph, n, iteration - 1, successors=successors) for n in others)
            name += f"{arrow}({', '.join(names)})" if names else ""
    return name


@every_space
@pytest.mark.parametrize("semantic", [False, True])
@pytest.mark.parametrize("successors", [False, True])
def test_features_count_the_labels_of_networkx_graphs(space, semantic, successors):
    encoding = WLEncoding(space, 2, semantic=semantic, successors=successors, max_labels=200)
    names, X = set(encoding.feature_names), sampled(space, 8, seed=3)
    for row, features in zip(X, encoding(X), strict=True):
        graph = graph_of(space, row, semantic=semantic)
        wanted = Counter(
            f"{h}:{label(graph, node, h, successors=successors)}"
            for h in range(3)
            for node in graph
        )
        counted = {
            encoding.feature_names[i]: features[i].item() for i in features.nonzero().flatten()
        }
        assert counted == {name: count for name, count in wanted.items() if name in names}
        assert len(counted) > 1


def test_all_labels_of_a_small_space_are_kept_unless_only_one_architecture_has_them():
    space = EdgeCellSpace("small", ("none", "skip_connect", "conv"), notation="nb201")
    encoding = WLEncoding(space, 1, semantic=False, max_labels=10_000)
    owners = Counter()
    for row in space.enumerate():
        graph = graph_of(space, row, semantic=False)
        owners.update({f"1:{label(graph, node, 1)}" for node in graph})
    wanted = {name for name, count in owners.items() if count > 1}
    assert {name for name in encoding.feature_names if name.startswith("1:")} == wanted


def test_the_most_frequent_labels_are_kept():
    space = catalog.space("tnb101-micro")
    many, few = (WLEncoding(space, 2, max_labels=limit) for limit in (400, 20))
    per_group = torch.tensor(few.groups).bincount()
    assert (per_group <= 20).all()
    found = (many(space.enumerate()) > 0).double().mean(0)
    share = dict(zip(many.feature_names, found.tolist(), strict=True))
    second = [name for name in many.feature_names if name.startswith("2:")]
    kept = [name for name in few.feature_names if name.startswith("2:")]
    left = set(second) - set(kept)
    assert min(share[name] for name in kept) >= max(share[name] for name in left)


@every_space
def test_groups_are_iterations(space):
    encoding = WLEncoding(space, max_labels=50)
    assert [int(name[0]) for name in encoding.feature_names] == list(encoding.groups)


def test_moving_a_skip_leaves_semantic_labels_alone():
    space = SPACES["nb201"]
    X = space.rows(
        [
            "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|",
            "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|",
        ]
    )
    for semantic in (False, True):
        first, second = WLEncoding(space, semantic=semantic)(X)
        assert first.equal(second) == semantic


def test_isomorphic_architectures_look_the_same():
    space = SPACES["nb101"]
    X, encoding = sampled(space, 200), WLEncoding(space)
    assert encoding(X).equal(encoding(space.canonical(X)))


def test_of_a_product_of_choices_the_choices_are_left():
    space = CategoricalSpace("toy", {"width": [8, 16], "skip": ["no", "yes"]})
    names = WLEncoding(space, 2).feature_names
    assert {name for name in names if name.startswith("0:")} == {f"0:{op}" for op in space.op_names}


@pytest.mark.parametrize("options", [{"iterations": -1}, {"max_labels": 0}])
def test_nonsense_is_refused(options):
    with pytest.raises(UsageError, match="iterations must be at least 0 and max_labels at least 1"):
        WLEncoding(SPACES["nb201"], **options)
