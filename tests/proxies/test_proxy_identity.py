"""Proxies are compared by content, travel by pickle, and depend on no global setting."""

import pickle

import pytest
import torch

from archbo import catalog
from archbo.proxies import (
    MEASURES,
    ComputedProxies,
    Consensus,
    EdgeCellSkeleton,
    ProxyTable,
    compute,
    network,
    random_graph,
    random_images,
    score,
    setup,
)
from archbo.proxies.measures.sampling import distinct_architectures
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace

NB201 = catalog.space("nb201")
X = NB201.sample(5, generator=generator(0)).unique(dim=0)
SCORES = torch.stack([torch.arange(5.0), torch.tensor([1.0, torch.nan, 2, -torch.inf, 0])], -1)
NODES = torch.arange(30.0).reshape(5, 6, 1)


def table(space=NB201, X=X, scores=SCORES, names=("a", "b"), nodes=NODES, node_names=("snip",)):
    return ProxyTable(space, X, scores, names, nodes=nodes, node_names=node_names)


def computed(**options):
    images, targets = random_images(4, resolution=8)
    options = {"inputs": images, "targets": targets, "measures": ["l2_norm"]} | options
    options = {"nodes": [], "skeleton": EdgeCellSkeleton(4, 1), "n_reference": 3} | options
    space = options.pop("space", NB201)
    return ComputedProxies(space, **options)


TABLES = [
    {"X": X.flip(0)},
    {"scores": SCORES + 1},
    {"scores": SCORES.nan_to_num()},
    {"names": ("a", "c")},
    {"nodes": NODES + 1},
    {"node_names": ("plain",)},
    {"space": catalog.space("tnb101-micro"), "X": X.clamp(max=3)},
]
COMPUTED = [
    {"inputs": random_images(4, resolution=8, seed=1)[0]},
    {"inputs": (random_images(4, resolution=8)[0],)},
    {"targets": torch.zeros(4, dtype=torch.int64)},
    {"measures": ["params"]},
    {"nodes": ["snip"]},
    {"skeleton": EdgeCellSkeleton(4, 2)},
    {"n_reference": 4},
    {"seed": 1},
    {"space": catalog.space("tnb101-micro")},
]


@pytest.mark.parametrize(
    ("make", "change"),
    [*((table, change) for change in TABLES), *((computed, change) for change in COMPUTED)],
)
def test_equal_content_is_the_same_and_any_change_is_not(make, change):
    assert make().same_as(make())
    assert make(space=catalog.space("nb201")).same_as(make())
    assert not make(**change).same_as(make())
    assert not make().same_as(make(**change))


def test_kinds_are_told_apart():
    names = {"names": ["l2_norm"], "scores": SCORES[:, :1], "nodes": None, "node_names": ()}
    assert not table(**names).same_as(computed())
    assert not computed().same_as(table(**names))


def test_they_survive_pickling():
    for proxies in (table(), computed()):
        proxies.ranks(X)
        copy = pickle.loads(pickle.dumps(proxies))  # noqa: S301
        assert copy.same_as(proxies)
        assert copy.ranks(X).equal(proxies.ranks(X))
        assert copy.node_ranks(X).equal(proxies.node_ranks(X))


def test_a_setup_is_compared_without_an_error():
    assert setup(NB201) != setup(NB201)  # tensors have no single truth
    assert pickle.loads(pickle.dumps(setup(NB201))).inputs.equal(setup(NB201).inputs)  # noqa: S301


# Failures.


def test_failures_are_the_worst_whichever_way_is_better():
    space = CategoricalSpace("s", {"width": range(4)})
    rows = space.enumerate()
    scores = torch.tensor([1.0, torch.nan, 2.0, torch.inf]).unsqueeze(-1).repeat(1, 3)
    scores[:, 2] = 0.0  # with scores by none an architecture would not be in the table
    proxies = ProxyTable(space, rows, scores, ["zc_ntk", "zc_snip", "constant"])
    ranks = proxies.ranks(rows)
    assert ranks[:, 1].argsort(stable=True).tolist()[2:] == [0, 2]
    # A low ntk is good, so a high rank of it is bad.
    assert ranks[:, 0].argsort(stable=True).tolist()[:2] == [0, 2]
    only = ProxyTable(space, rows, scores[:, [0, 2]], ["zc_ntk", "constant"])
    assert Consensus(only)(rows).argsort(descending=True, stable=True).tolist()[:2] == [0, 2]


def test_a_measure_that_fails_everywhere_tells_nothing():
    scores = torch.stack([torch.arange(5.0), torch.full((5,), torch.nan)], -1)
    proxies = table(scores=scores)
    assert proxies.ranks(X)[:, 1].tolist() == [0.0] * 5
    assert len(proxies) == 5


# Global settings.


@pytest.fixture
def elsewhere():
    """A default device on which nothing can be computed."""
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


def test_a_default_device_changes_nothing(elsewhere, tmp_path):
    cpu = torch.device("cpu")
    skeleton = EdgeCellSkeleton(4, 1)
    images, labels = random_images(8, resolution=8)
    file = tmp_path / "scores.parquet"
    options = {"nodes": ["snip"], "skeleton": skeleton}
    frame = score(NB201, X, images, labels, tuple(MEASURES), path=file, **options)
    again = score(NB201, X, images, labels, tuple(MEASURES), path=file, **options)
    net = network(NB201, X[0].int().tolist(), skeleton)
    alone = compute(net, images, labels, tuple(MEASURES))
    read = ProxyTable.read(file, NB201)
    lazy = computed(nodes=["snip"])
    found = [read.ranks(X), read.node_ranks(X), lazy.ranks(X), lazy.node_ranks(X)]
    found += [Consensus(read)(X), random_graph(8)[0][0], distinct_architectures(NB201, 3)]
    found += [random_images(2, kind=kind)[0] for kind in ("normal", "uniform")]
    assert all(tensor.device == cpu for tensor in (*found, images, labels))
    torch.set_default_device(None)
    assert again.equals(frame)
    assert alone == pytest.approx(frame.iloc[0][[*MEASURES]].to_dict())
    here = computed(nodes=["snip"])
    assert found[2].equal(here.ranks(X))
    assert found[1].equal(ProxyTable.read(file, NB201).node_ranks(X))
    wanted = score(NB201, X, images, labels, tuple(MEASURES), **options)
    assert wanted.equals(frame)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_that_are_switched_off_are_switched_on(mode):
    images, labels = random_images(8, resolution=8)
    skeleton = EdgeCellSkeleton(4, 1)
    wanted = compute(network(NB201, X[0], skeleton), images, labels, tuple(MEASURES))
    with mode():
        net = network(NB201, X[0], skeleton)
        found = compute(net, images, labels, tuple(MEASURES))
        lazy = computed(measures=["snip"]).scores(X)
    assert found == wanted
    assert lazy.equal(computed(measures=["snip"]).scores(X))
    assert lazy.min() > 0


def test_no_other_devices_generator_is_seeded(monkeypatch):
    def refuse(*arguments):
        raise AssertionError

    for place in (torch, torch.cuda):
        monkeypatch.setattr(place, "manual_seed", refuse)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    images, labels = random_images(8, resolution=8)
    net = network(NB201, X[0], EdgeCellSkeleton(4, 1))
    assert len(compute(net, images, labels, tuple(MEASURES))) == len(MEASURES)


# What is measured.


def test_a_larger_sample_contains_a_smaller_one():
    for name in ("nb201", "darts"):
        space = catalog.space(name)
        large, small = (distinct_architectures(space, n, seed=3) for n in (30, 10))
        assert large[:10].equal(small)
        assert space.canonical(large).equal(large)
        assert len(space.keys(large).unique(dim=0)) == 30
        assert not distinct_architectures(space, 10, seed=4).equal(small)
