"""The Gaussian process that believes in proxies: what it learns of their weights."""

import pytest
import torch

from archbo.errors import UsageError
from archbo.predictors import ProxyGP
from archbo.proxies import ProxyTable
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"width": range(6), "depth": range(5), "kind": range(4)})
X = SPACE.enumerate()
SCORES = torch.randn(len(X), 3, generator=torch.Generator().manual_seed(0), dtype=torch.double)
PROXIES = ProxyTable(SPACE, X, SCORES, ["snip", "ntk", "zen"])
RANKS = PROXIES.ranks(X)


def fitted(values, rows, **options):
    return ProxyGP(SPACE, proxies=PROXIES, **options).fit(X[rows], values[rows], seed=0)


def test_weights_are_those_of_bayesian_linear_regression():
    rows = torch.randperm(len(X), generator=torch.Generator().manual_seed(1))[:15]
    gp = fitted(SCORES[:, 1], rows, structure=0.0)
    prior = gp.slope * gp.consensus.signs / gp.consensus.scale
    kernel = gp.model.covar_module.kernels[0]
    variances = (kernel.outputscale * kernel.base_kernel.log_weight.exp()).detach()
    noise, constant = gp.model.noise.detach(), gp.model.mean_module.constant.detach()
    R = RANKS[rows]
    residual = gp.model.train_targets - constant - R @ prior
    precision = torch.diag(1 / variances) + R.T @ R / noise
    expected = prior + torch.linalg.solve(precision, R.T @ residual / noise)
    torch.testing.assert_close(torch.tensor(list(gp.weights().values())).double(), expected)


@pytest.mark.parametrize("n", [15, 30])
def test_the_mean_is_the_weighted_ranks_and_the_structure(n):
    # Twins in structure differ in their ranks alone.
    rows = torch.randperm(len(X), generator=torch.Generator().manual_seed(2))[:n]
    gp = fitted(RANKS[:, 2], rows)
    weights = torch.tensor(list(gp.weights().values()), dtype=torch.double)
    features = gp.features(X)
    moved = features.clone()
    change = torch.randn(len(X), 3, generator=torch.Generator().manual_seed(3), dtype=torch.double)
    moved[:, -3:] += change
    difference = (gp.model.mean_at(moved) - gp.model.mean_at(features)).detach()
    torch.testing.assert_close(difference, change @ weights)


def test_weights_begin_with_the_consensus_and_follow_the_observations():
    equal = torch.zeros(len(X), dtype=torch.double)
    a_priori = fitted(equal, torch.arange(1), combination=0.0).weights()
    each = 0.6 / ProxyGP(SPACE, proxies=PROXIES).consensus.scale
    assert a_priori == pytest.approx({"snip": each, "ntk": -each, "zen": each})
    against = fitted(-RANKS[:, 2], torch.arange(0, len(X), 7)).weights()
    assert max(against, key=lambda name: abs(against[name])) == "zen"
    assert against["zen"] < 0
    trusting = fitted(-RANKS[:, 2], torch.arange(0, len(X), 7), trust=1.2).weights()
    assert trusting == against


def test_weights_want_a_fit():
    with pytest.raises(UsageError):
        ProxyGP(SPACE, proxies=PROXIES).weights()
