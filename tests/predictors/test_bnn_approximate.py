"""Deep ensembles, stochastic-gradient HMC and linearised Laplace against their definitions."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from archbo.encodings import OneHotEncoding
from archbo.errors import NumericalWarning
from archbo.predictors.bayesian_networks.deep_ensemble import DeepEnsemble
from archbo.predictors.bayesian_networks.laplace import LinearisedLaplace, linear_posterior_draws
from archbo.predictors.bayesian_networks.relevance import gp_relevance
from archbo.predictors.bayesian_networks.sghmc import SGHMC, sample_sghmc
from archbo.predictors.ranking.losses import diff_kendall, hinge, list_mle, logistic
from archbo.spaces import CategoricalSpace

GRID = CategoricalSpace("grid", {name: range(5) for name in "abcd"})
QUICK = {
    "ensemble": lambda: DeepEnsemble(GRID, n_networks=10, n_folds=5, n_steps=200),
    "sghmc": lambda: SGHMC(GRID, chains=4, burn_in=1000, steps=1000),
    "laplace": lambda: LinearisedLaplace(GRID, modes=2, n_steps=200),
}
every = pytest.mark.parametrize("make", QUICK.values(), ids=QUICK)


def rng(seed=0):
    return np.random.default_rng(seed)


def data():
    """A smooth function of rows, and values with noise of standard deviation 0.2."""
    X = GRID.enumerate()[rng().permutation(625)]
    f = torch.sin(X[:, 0]) + 0.3 * X[:, 1] - 0.2 * X[:, 2] * (X[:, 3] > 2)
    return X, f, f + 0.2 * torch.tensor(rng(1).standard_normal(625))


@every
def test_predictions_rank_and_intervals_cover_what_is_held_out(make):
    X, f, Y = data()
    mean, std = make().fit(X[:80], Y[:80], seed=0).predict(X[80:])
    assert kendalltau(mean, f[80:]).statistic > 0.7
    inside = ((Y[80:] - mean).abs() < 1.645 * std).double().mean()
    assert 0.8 < inside < 0.99


def linear_model(n=12, p=5):
    """Jacobians of two linear models, and the covariance of what is unknown in each given the data."""
    J, noise = rng(1).standard_normal((2, n, p)), 0.3
    return J, noise, np.linalg.inv(np.eye(p) + J.transpose(0, 2, 1) @ J / noise)


def test_laplace_of_a_linear_model_is_bayesian_linear_regression():
    J, noise, covariance = linear_model()
    draws = linear_posterior_draws(J, noise, 20_000, generator=rng())
    for own, exact in zip(draws, covariance, strict=True):
        std = np.sqrt(exact.diagonal())
        assert (np.abs(own.mean(0)) < 5 * std / np.sqrt(20_000)).all()
        error = (np.cov(own.T) - exact) / np.outer(std, std)
        assert np.abs(error).max() < 5 * np.sqrt(2 / 20_000)


@pytest.mark.parametrize("hidden", [(4,), (4, 3)], ids=str)
def test_jacobian_is_autograds(hidden):
    X, _, Y = data()
    laplace = LinearisedLaplace(GRID, hidden=hidden, modes=2, n_steps=20).fit(
        X[:20], Y[:20], seed=0
    )
    model = laplace.model
    inputs = model._features(X[:6])
    jacobian = model.jacobian(inputs)
    shapes = model._net.shapes
    for mode in range(2):

        def outputs(weights):
            *hidden_parts, output = weights.split([*(a * b for a, b in shapes), shapes[-1][0] + 1])
            values = torch.tensor(inputs)
            for part, shape in zip(hidden_parts, shapes, strict=True):
                values = torch.tanh(values @ part.reshape(shape).T)
                values = torch.cat([values, torch.ones_like(values[:, :1])], 1)
            return values @ output

        point = torch.cat([model.weights[mode], model.output[mode]]).double()
        expected = torch.autograd.functional.jacobian(outputs, point)
        np.testing.assert_allclose(jacobian[mode], expected, rtol=1e-4, atol=1e-6)
    members = model.members(X[:6]).reshape(2, 2, -1, 6)
    centre = torch.tensor(
        model._net.forward(model._net.layers(model.weights.double().numpy()), inputs)[-1]
    )
    centre = (model.output.double().unsqueeze(1) @ centre).squeeze(1)
    torch.testing.assert_close(members.mean((1, 2)), centre, rtol=1e-5, atol=1e-6)
    moved = torch.tensor(jacobian) @ model.direction.double().mT
    torch.testing.assert_close(members[:, 0], centre.unsqueeze(1) + moved.mT, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gradient_noise", [0.0, 1.0])
def test_sghmc_has_about_the_moments_of_a_gaussian(gradient_noise):
    covariance = np.array([[1.0, 0.5, 0], [0.5, 1.0, 0], [0, 0, 0.1]])
    mean, precision, source = np.array([1.0, -2.0, 0.5]), np.linalg.inv(covariance), rng(5)

    def gradient(position):
        noise = gradient_noise * source.standard_normal(position.shape)
        return ((position - mean) @ precision + noise).astype(np.float32)

    draws = sample_sghmc(
        gradient,
        np.zeros((200, 3), np.float32),
        burn_in=500,
        steps=1500,
        thin=50,
        step_size=0.1,
        friction=0.1,
        generator=rng(),
    )
    assert draws.shape == (200, 30, 3)
    flat, std = draws.reshape(-1, 3), np.sqrt(covariance.diagonal())
    assert (np.abs(flat.mean(0) - mean) < 0.1 * std).all()
    error = (np.cov(flat.T) - covariance) / np.outer(std, std)
    assert np.abs(error).max() < 0.2


def test_sghmc_that_leaves_for_infinity_is_no_fit():
    X, _, Y = data()
    sghmc = SGHMC(GRID, burn_in=100, steps=100, step_size=100.0)
    with pytest.warns(NumericalWarning, match=r"SGHMC: it could not be fitted .*infinity"):
        sghmc.fit(X[:20], Y[:20], seed=0)
    assert sghmc.fell_back


@pytest.mark.parametrize("loss", [hinge, logistic, list_mle, diff_kendall])
def test_ensembles_of_ranking_losses_predict_in_the_unit_of_the_values(loss):
    X, _, Y = data()
    ensemble = DeepEnsemble(GRID, loss=loss, n_networks=10, n_folds=5, n_steps=200)
    mean, std = ensemble.fit(X[:80], 1000 + 10 * Y[:80], seed=0).predict(X[80:])
    truth = 1000 + 10 * Y[80:]
    assert kendalltau(mean, truth).statistic > 0.6
    assert (mean - truth).square().mean() < 0.5 * truth.var()
    assert 0.75 < ((truth - mean).abs() < 1.645 * std).double().mean() <= 1


def test_relevance_tells_what_matters():
    X, _, _ = data()
    y = X[:60, 0] + 0.1 * torch.tensor(rng(2).standard_normal(60))
    relevance, noise = gp_relevance(OneHotEncoding(GRID), X[:60], y.numpy())
    assert relevance.shape == (4,)
    assert relevance.argmax() == 0
    assert relevance[0] > relevance[1:].max() + 0.3
    assert 0 < noise < 0.1
