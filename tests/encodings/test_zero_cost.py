"""Proxies as features."""

import pytest
import torch

from archbo import catalog
from archbo.encodings import OneHotEncoding, ZeroCostEncoding
from archbo.errors import UsageError
from archbo.proxies import ProxyTable
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
    message = (
        r"no proxies of darts; .*--proxies 'c10_zc_\*'.* compute --spaces darts.*--proxies FILE"
    )
    for name in ("zero-cost", "nodewise"):
        with pytest.raises(UsageError, match=message):
            catalog.encoding(name, catalog.space("darts"))
    with pytest.raises(UsageError, match="proxies are of nb201, not of nb101"):
        ZeroCostEncoding(catalog.space("nb101"), table)
