"""Proxies that are measured when they are asked for."""

import pytest
import torch

import archbo.proxies.computed
from archbo import catalog
from archbo.proxies import ComputedProxies, EdgeCellSkeleton, nodes_of, random_images, score

NB201 = catalog.space("nb201")
SMALL = EdgeCellSkeleton(channels=4, cells=1)
IMAGES = random_images(8, resolution=8)
MEASURES, NODES = ["l2_norm", "synflow"], ["snip"]


def proxies(**options):
    options = {"nodes": NODES, "skeleton": SMALL, "n_reference": 6, **options}
    return ComputedProxies(NB201, *IMAGES, MEASURES, **options)


def rows(n, seed=0):
    return NB201.sample(n, generator=torch.Generator().manual_seed(seed))


def score_of_twins(X, seed):
    options = {"nodes": NODES, "skeleton": SMALL, "seed": seed}
    return score(NB201, NB201.canonical(X), *IMAGES, MEASURES, **options)


@pytest.mark.parametrize("seed", [0, 5])
def test_numbers_are_those_of_the_canonical_twins(seed):
    X = rows(8)
    assert (NB201.canonical(X) != X).any()
    found, table = proxies(seed=seed), score_of_twins(X, seed)
    wanted = torch.tensor(table[MEASURES].to_numpy(copy=True))
    assert found.scores(X).equal(wanted)
    assert found.nodes(X).equal(nodes_of(table, NB201, NODES))


def test_the_reference_is_a_sample_of_the_space():
    scores, nodes = proxies(seed=3).reference
    table = score_of_twins(rows(6, seed=3), 3)
    assert scores.equal(torch.tensor(table[MEASURES].to_numpy(copy=True)))
    assert nodes.equal(nodes_of(table, NB201, NODES))


def test_nothing_is_measured_twice(monkeypatch):
    measured = []

    def counted(space, X, *arguments, **options):
        measured.extend(map(tuple, X.tolist()))
        return score(space, X, *arguments, **options)

    monkeypatch.setattr(archbo.proxies.computed, "score", counted)
    lazy, X = proxies(), rows(5)
    asked = torch.cat([X, X.flip(0), rows(6)])  # the last are the reference
    assert not measured
    for ask in (lazy.scores, lazy.nodes, lazy.ranks, lazy.node_ranks):
        ask(torch.cat([X, X]))
        ask(X)
        ask(NB201.canonical(X))
    wanted = {tuple(row) for row in NB201.canonical(asked).tolist()}
    assert len(measured) == len(wanted)
    assert set(measured) == wanted


def test_ranks_of_the_reference_fill_the_interval():
    lazy = proxies()
    X = rows(6)
    scores, ranks = lazy.scores(X)[:, 1], lazy.ranks(X)[:, 1]
    assert len(scores.unique()) == 6
    assert ranks.argsort().equal(scores.argsort())
    torch.testing.assert_close(ranks.sort().values, torch.linspace(-1, 1, 6).double())
    assert lazy.node_ranks(X).max() == 1


def test_nothing_asked_is_nothing_measured(monkeypatch):
    lazy = proxies()
    lazy.reference  # noqa: B018 - it is measured here
    monkeypatch.setattr(archbo.proxies.computed, "score", None)
    nothing = torch.zeros(0, 6)
    for ask in (lazy.scores, lazy.ranks):
        assert ask(nothing).shape == (0, 2)
    for ask in (lazy.nodes, lazy.node_ranks):
        assert ask(nothing).shape == (0, 6, 1)
