"""Proxies as features."""

import pytest
import torch

from archbo import catalog
from archbo.encodings import NodewiseEncoding, OneHotEncoding, ZeroCostEncoding
from archbo.errors import UsageError
from archbo.proxies import ProxyTable, shipped
from archbo.spaces import EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()


@pytest.fixture(scope="module")
def table():
    X = NB201.enumerate()
    scores = torch.stack([X.sum(-1), (X == 3).sum(-1).double()], -1)
    return ProxyTable(NB201, X, scores, ["total", "convolutions"])


def test_features_are_the_ranks_for_batches_of_any_shape(table):
    encoding = ZeroCostEncoding(NB201, table)
    X = NB201.sample(12, generator=torch.Generator().manual_seed(0))
    assert encoding(X).equal(table.ranks(X))
    assert encoding(X.reshape(2, 3, 2, 6)).equal(table.ranks(X).reshape(2, 3, 2, 2))
    assert encoding(X.float()).equal(table.ranks(X).float())
    encoding.remember(NB201.enumerate())
    assert encoding(X).equal(table.ranks(X))


def test_names_join_it_with_others(table):
    joined = catalog.encoding("one-hot+zero-cost", NB201, table)
    assert joined.feature_names[-2:] == ("total", "convolutions")
    assert joined.groups[-2:] == (6, 7)
    assert joined.equals(OneHotEncoding(NB201) + ZeroCostEncoding(NB201, table))
    assert catalog.encoding("default+zero-cost", NB201, table).n_features > joined.n_features


def test_a_surrogate_learns_from_it(table):
    X = NB201.sample(60, generator=torch.Generator().manual_seed(1))
    Y = table.ranks(X)[:, 1]
    gp = catalog.predictor("gp", NB201, ZeroCostEncoding(NB201, table)).fit(X[:40], Y[:40], seed=0)
    mean, _ = gp.predict(X[40:])
    assert (mean - Y[40:]).abs().mean() < 0.1


def test_scores_that_are_missing_or_of_another_space_are_refused(table):
    message = r"no proxies of darts; give some as proxies=ComputedProxies.* or ProxyTable\.read"
    for name in ("zero-cost", "nodewise"):
        with pytest.raises(UsageError, match=message):
            catalog.encoding(name, catalog.space("darts"))
    with pytest.raises(UsageError, match="proxies are of nb201, not of nb101"):
        ZeroCostEncoding(catalog.space("nb101"), table)


@pytest.fixture(scope="module")
def parted(table):
    """With parts of both signs, in two measures."""
    X = NB201.enumerate()
    nodes = torch.stack([X - 2, X * torch.arange(6)], -1)
    options = {"nodes": nodes, "node_names": ["a", "b"]}
    return ProxyTable(NB201, X, table.scores(X), table.names, **options)


def test_parts_are_features_decision_by_decision(parted):
    encoding = NodewiseEncoding(NB201, parted)
    X = NB201.sample(12, generator=torch.Generator().manual_seed(0))
    wanted = torch.stack(
        [
            parted.node_ranks(X)[:, decision, measure]
            for decision in range(6)
            for measure in range(2)
        ],
        -1,
    )
    assert encoding(X).equal(wanted)
    assert encoding(X.reshape(2, 3, 2, 6)).equal(wanted.reshape(2, 3, 2, 12))
    names = [f"{column}.{measure}" for column in NB201.columns for measure in ("a", "b")]
    assert encoding.feature_names == tuple(names)
    assert encoding.groups == (0, 1) * 6


def test_names_join_parts_with_others(parted):
    joined = catalog.encoding("zero-cost+nodewise", NB201, parted)
    assert joined.equals(ZeroCostEncoding(NB201, parted) + NodewiseEncoding(NB201, parted))
    assert joined.groups == (0, 1, *(2, 3) * 6)


def test_proxies_without_parts_are_refused_or_stood_in_for(table):
    with pytest.raises(UsageError, match=r"nb201 have no parts by decision; .*to zero-cost"):
        NodewiseEncoding(NB201, table)
    assert catalog.encoding("nodewise", NB201, table).proxies is shipped(NB201)
    with pytest.raises(UsageError, match="proxies are of nb201, not of nb101"):
        NodewiseEncoding(catalog.space("nb101"), table)
