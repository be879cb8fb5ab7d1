"""What architectures are measured with, for every space that has networks."""

import math

import pytest
import torch

from archbo import catalog
from archbo.errors import UsageError
from archbo.networks import default_skeleton
from archbo.proxies import (
    DEFAULT_MEASURES,
    EdgeCellSkeleton,
    network,
    random_graph,
    random_images,
    score,
    setup,
)
from archbo.spaces import CategoricalSpace

# archbo builds no networks of the others.
SPACES = {
    name: catalog.space(name)
    for name in catalog.SPACES
    if name not in ("nats-size", "accel-nasbench")
}
every_space = pytest.mark.parametrize("name", SPACES)


def tensors(made):
    inputs = made.inputs if isinstance(made.inputs, tuple) else (made.inputs,)
    return (*inputs, made.targets)


def alike(a, b):
    return all(x.equal(y) for x, y in zip(tensors(a), tensors(b), strict=True))


@every_space
def test_an_architecture_is_measured_in_reasonable_numbers(name):
    space, made = SPACES[name], setup(SPACES[name])
    X = space.sample(1, generator=torch.Generator().manual_seed(2))
    options = {"nodes": ["snip"], "skeleton": made.skeleton}
    table = score(space, X, made.inputs, made.targets, DEFAULT_MEASURES, **options)
    found = table.drop(columns="arch_str").iloc[0]
    assert found.map(math.isfinite).all()
    size = sum(weights.numel() for weights in network(space, X[0], made.skeleton).parameters())
    assert found.params == pytest.approx(size / 1e6)
    assert found[[f"{column}.snip" for column in space.columns]].max() > 0


@every_space
def test_the_batch_follows_from_the_seed(name):
    space, made = SPACES[name], setup(SPACES[name], seed=3)
    assert alike(made, setup(space, seed=3))
    assert not alike(made, setup(space, seed=4))
    assert made.skeleton == setup(space).skeleton
    assert int(made.targets.max()) < made.skeleton.classes


@every_space
def test_the_full_size_is_that_of_the_paper(name):
    full = setup(SPACES[name], full=True)
    assert full.skeleton == default_skeleton(SPACES[name])
    assert full.skeleton != setup(SPACES[name]).skeleton
    first = tensors(full)[0]
    if name.startswith("nas-bench-graph"):
        assert first.shape == (2708, full.skeleton.features)
    else:
        side = 256 if name.startswith("tnb101") else 32
        assert first.shape == (64, 3, side, side)


def test_the_shipped_table_of_nas_bench_201_is_made_with_these():
    made = setup(SPACES["nb201"])
    assert made.skeleton == EdgeCellSkeleton(channels=8, cells=3)
    images, labels = random_images(32, resolution=8)
    assert made.inputs.equal(images)
    assert made.targets.equal(labels)


def test_spaces_without_networks_are_refused():
    with pytest.raises(UsageError, match="toy has no networks"):
        setup(CategoricalSpace("toy", {"op": ["a", "b"]}))


def test_random_graphs_go_both_ways_and_have_the_degree_asked_for():
    (x, edges), labels = random_graph(200, features=9, degree=6, classes=3, seed=2)
    assert x.shape == (200, 9)
    assert set(labels.tolist()) == {0, 1, 2}
    pairs = set(map(tuple, edges.T.tolist()))
    assert len(pairs) == edges.shape[1]
    assert {(target, source) for source, target in pairs} == pairs
    assert all(source != target for source, target in pairs)
    assert set(edges[0].tolist()) == set(range(200))
    assert 5.7 < edges.shape[1] / 200 <= 6
    with pytest.raises(UsageError, match="at least 2 nodes"):
        random_graph(1)
    with pytest.raises(UsageError, match="degree of a random graph is 3"):
        random_graph(degree=3)
