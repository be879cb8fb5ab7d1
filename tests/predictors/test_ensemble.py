"""Ensembles as Gaussians, and error bars from held-out values."""

import pytest
import torch
from botorch.models.ensemble import EnsembleModel

from archbo.predictors import GaussianEnsemble, calibrate
from archbo.predictors.gaussian_model import FLOOR


class Lines(GaussianEnsemble):
    """Members that are known linear functions."""

    def __init__(self, **options):
        super().__init__(**options)
        self.slopes = torch.tensor([[1.0, 2.0], [0.0, -1.0], [2.0, 0.5]], dtype=torch.double)
        self.seen = []

    def members(self, X):
        self.seen.append(len(X))
        return self.slopes.to(X) @ X.T


def batch(b=4, q=3):
    return torch.randn(b, q, 2, generator=torch.Generator().manual_seed(0), dtype=torch.double)


def test_it_is_an_ensemble_of_botorch():
    model, X = Lines(), batch()
    assert isinstance(model, EnsembleModel)
    values = model(X)
    assert values.shape == (4, 3, 3, 1)
    for member, slope in enumerate(model.slopes):
        torch.testing.assert_close(values[:, member, :, 0], X @ slope)
    assert EnsembleModel.posterior(model, X).values.equal(values)


@pytest.mark.parametrize("q", [1, 3])
def test_posterior_has_the_moments_of_the_members(q):
    model, X = Lines(spread=1.5, noise=0.2), batch(q=q)
    posterior = model.posterior(X)
    for row, part in zip(posterior.distribution.covariance_matrix, X, strict=True):
        wanted = 1.5**2 * torch.cov((model.slopes @ part.T).T.reshape(q, 3), correction=1)
        torch.testing.assert_close(
            row, wanted.reshape(q, q) + FLOOR * torch.eye(q).double(), rtol=1e-4, atol=1e-5
        )
    torch.testing.assert_close(posterior.mean.squeeze(-1), X @ model.slopes.mean(0))
    noisy = model.posterior(X, observation_noise=True)
    torch.testing.assert_close(noisy.variance, posterior.variance + 0.2)


def test_an_architecture_is_equal_to_itself():
    """Twice the same row has one value; members see it once."""
    model = Lines()
    X = batch(b=1, q=1).expand(1, 2, 2)
    covariance = model.posterior(X).distribution.covariance_matrix[0]
    torch.testing.assert_close(covariance, covariance[0, 0].expand(2, 2), rtol=0, atol=1e-5)
    first, second = model.posterior(X).rsample(torch.Size([50])).squeeze().T
    torch.testing.assert_close(first, second, rtol=0, atol=0.02)
    assert model.seen[0] == 1


def test_batches_share_their_rows():
    model = Lines()
    common, own = batch(b=1, q=5), 10 + batch(b=6, q=1)
    joint = torch.cat([common.expand(6, 5, 2), own], -2)
    values = model(joint)
    assert model.seen == [11]
    torch.testing.assert_close(values.squeeze(-1), model.slopes @ joint.mT)


@pytest.mark.parametrize(("spread", "noise"), [(0.5, 0.05), (2.0, 0.01), (1.0, 0.3)])
def test_calibration_finds_the_error_bars_that_were_true(spread, noise):
    generator = torch.Generator().manual_seed(1)
    n = 20_000
    variance = 0.02 + torch.rand(n, generator=generator, dtype=torch.double)
    mean = torch.randn(n, generator=generator, dtype=torch.double)
    error = torch.randn(n, generator=generator, dtype=torch.double)
    Z = mean + (spread**2 * variance + noise).sqrt() * error
    found_spread, found_noise = calibrate(mean, variance, Z)
    for v in (0.02, 1.02):
        found = found_spread**2 * v + found_noise
        assert found == pytest.approx(spread**2 * v + noise, rel=0.05)


def test_calibration_by_few_values_stays_near_its_prior():
    one = torch.ones(1, dtype=torch.double)
    spread, noise = calibrate(0 * one, 0.5 * one, 0 * one)
    assert 0.4 < spread < 1
    assert 0.002 < noise < 0.05
    wide, _ = calibrate(0 * one, 0.5 * one, 100 * one)
    assert wide > 1
