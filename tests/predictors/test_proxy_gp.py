"""The Gaussian process that starts from the consensus of proxies, against dense algebra."""

import warnings

import pytest
import torch

from archbo.encodings import ZeroCostEncoding
from archbo.errors import UsageError
from archbo.predictors import ProxyGP, marginals
from archbo.predictors.gaussian_processes.proxy_gp import Consensus
from archbo.proxies import ProxyTable
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"a": range(6), "b": range(5), "c": range(4)})
X = SPACE.enumerate()
GENERATOR = torch.Generator().manual_seed(0)
NOISE = torch.rand(len(X), generator=GENERATOR, dtype=torch.double)
SCORES = torch.stack([X.sum(-1), 10.0 ** X[:, 1], NOISE], -1)
PROXIES = ProxyTable(SPACE, X, SCORES, ["params", "t_synflow", "t_ntk"])
Y = (X[:, 0] + X[:, 1] - X[:, 2]).unsqueeze(-1)
SOME = torch.randperm(len(X), generator=GENERATOR)[:9]


def test_consensus_is_the_standardised_mean_of_signed_ranks():
    """A measure of which less is better, say its authors, counts the other way round; its name may have a prefix."""
    consensus = Consensus(PROXIES)
    ranks = PROXIES.ranks(X)
    wanted = ranks[:, 0] + ranks[:, 1] - ranks[:, 2]
    torch.testing.assert_close(consensus(X), wanted / wanted.std())
    torch.testing.assert_close(consensus(X.reshape(6, 20, 3)), consensus(X).reshape(6, 20))
    other = Consensus(PROXIES, {"t_ntk": 1, "params": -1})(X)
    wanted = -ranks[:, 0] + ranks[:, 1] + ranks[:, 2]
    torch.testing.assert_close(other, wanted / wanted.std())


def test_posterior_is_that_of_dense_algebra():
    """Prior mean slope times consensus plus a standard normal constant, to whose mean the constant is set."""
    gp = ProxyGP(SPACE, proxies=PROXIES, slope=0.7, combination=1.5, structure=0.4)
    gp.fit(X[SOME], Y[SOME], seed=0)
    kernel, encoding = gp.model.covar_module, gp.features
    with torch.no_grad():
        K = kernel(encoding(X)).to_dense()
    known = K[SOME][:, SOME] + 0.1 * torch.eye(len(SOME)).double()
    mean = 0.7 * gp.consensus(X)
    residual = gp.to_latent(Y[SOME]).flatten() - mean[SOME]
    ones = torch.ones_like(residual)
    with_constant = known + torch.outer(ones, ones)
    constant = ones @ torch.linalg.solve(with_constant, residual)
    wanted = mean + constant + K[:, SOME] @ torch.linalg.solve(known, residual - constant)
    covariance = K - K[:, SOME] @ torch.linalg.solve(known, K[SOME])
    found, std = marginals(gp.latent, X)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(std.square(), covariance.diagonal(), atol=1e-6, rtol=1e-4)
    joint = gp.latent.posterior(X[:7])
    torch.testing.assert_close(joint.mean.flatten(), wanted[:7])


def test_the_linear_part_is_a_priori_as_large_as_it_is_said_to_be():
    gp = ProxyGP(SPACE, proxies=PROXIES, combination=1.5, structure=0.0)
    gp.fit(X[SOME], Y[SOME], seed=0)
    with torch.no_grad():
        variance = gp.model.covar_module(gp.features(X), diag=True)
    assert 1.4 < variance.mean() < 1.6
    ranks = ZeroCostEncoding(SPACE, PROXIES)(X)
    torch.testing.assert_close(
        variance,
        1.5 * ranks.square().mean(-1) / ranks.square().mean(0).mean(),
        rtol=0.15,
        atol=0.05,
    )


def test_trust_shifts_the_mean_that_acquisition_functions_see():
    plain, trusting = (
        ProxyGP(SPACE, proxies=PROXIES, trust=trust).fit(X[SOME], Y[SOME], seed=0)
        for trust in (0.0, 1.3)
    )
    for rows in (X.unsqueeze(-2), X[:12].reshape(3, 4, 3)):
        before, after = plain.latent.posterior(rows), trusting.latent.posterior(rows)
        shift = 1.3 * plain.consensus(rows)
        torch.testing.assert_close(after.mean.squeeze(-1), before.mean.squeeze(-1) + shift)
        torch.testing.assert_close(
            after.distribution.covariance_matrix, before.distribution.covariance_matrix
        )


def test_one_observation_or_equal_ones_leave_the_proxies_order():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows, values in ((X[:1], [1.0]), (X[:3], [2.0, 2.0, 2.0])):
            gp = ProxyGP(SPACE, proxies=PROXIES, combination=0.0).fit(rows, values, seed=0)
            mean, _ = marginals(gp.latent, X)
            best = gp.consensus(X) > 1
            assert mean[best].mean() > mean[~best].mean()
            assert not gp.fell_back


def test_hyperparameters_are_learned_from_enough_observations():
    few, many = (
        ProxyGP(SPACE, proxies=PROXIES, learn_after=n).fit(X[::3], Y[::3], seed=0) for n in (40, 39)
    )
    prior = ProxyGP(SPACE, proxies=PROXIES).fit(X[:2], Y[:2], seed=0)
    start = dict(prior.model.covar_module.named_parameters())
    for name, parameter in few.model.covar_module.named_parameters():
        torch.testing.assert_close(parameter, start[name])
    learned = dict(many.model.covar_module.named_parameters())
    assert any(not torch.allclose(learned[name], value) for name, value in start.items())
    # The known part of the mean is not fitted away: the constant is that of what it leaves.
    with torch.no_grad():
        inputs = many.model.train_inputs[0]  # features, once it is fitted
        K = many.model.covar_module(inputs).to_dense()
    K = K + many.model.noise * torch.eye(len(K))
    residual = many.model.train_targets - many.slope * many.consensus(X[::3])
    solved = torch.linalg.solve(K, torch.stack([residual, torch.ones_like(residual)], -1)).sum(0)
    torch.testing.assert_close(
        many.model.mean_module.constant.detach(), (solved[0] / solved[1]).detach()
    )


@pytest.mark.parametrize(("combination", "structure"), [(0, 0), (-1, 1), (1, -0.1)])
def test_variances_that_are_none_are_refused(combination, structure):
    with pytest.raises(UsageError, match="combination and structure must not be negative"):
        ProxyGP(SPACE, proxies=PROXIES, combination=combination, structure=structure)
