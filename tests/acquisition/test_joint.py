"""Joint moments against one big joint posterior, belief against conditioning."""

import pytest
import torch
from botorch.models import SingleTaskGP

from archbo.acquisition.joint import Believer, cross_moments, noise_variance
from archbo.errors import UsageError
from archbo.predictors import GP, RandomForest, marginals
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"a": range(4), "b": range(4), "c": range(3)})
X = SPACE.sample(40, generator=torch.Generator().manual_seed(0)).unique(dim=0)
Y = (X @ torch.tensor([[1.0], [-0.5], [0.7]], dtype=torch.double)).sin() + 0.1 * X[:, :1]
TRAIN, PENDING, REST = X[:10], X[10:13], X[13:]


def plain_gp():
    model = SingleTaskGP(TRAIN, Y[:10], outcome_transform=None)
    model.likelihood.noise = 0.05
    return model.eval()


def model_of(kind):
    if kind == "plain":
        return plain_gp()
    predictor = GP(SPACE) if kind == "gp" else RandomForest(SPACE, n_trees=20)
    return predictor.fit(TRAIN, Y[:10], seed=0).latent


every_kind = pytest.mark.parametrize("kind", ["plain", "gp", "forest"])


@every_kind
@pytest.mark.parametrize("batch_size", [3, 100])
@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
def test_cross_moments_are_parts_of_one_joint_posterior(kind, batch_size):
    model = model_of(kind)
    mean, variance, covariance = cross_moments(model, REST, PENDING, batch_size=batch_size)
    with torch.no_grad():
        joint = model.posterior(torch.cat([REST, PENDING]))
    n, total = len(REST), joint.distribution.covariance_matrix
    torch.testing.assert_close(mean, joint.mean[:n, 0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(variance, total.diagonal()[:n], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(covariance, total[:n, n:], rtol=1e-5, atol=1e-6)


@every_kind
@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
def test_noise_variance_is_the_models(kind):
    model = model_of(kind)
    noise = model.likelihood.noise if kind != "forest" else model.noise
    assert noise_variance(model, REST).tolist() == pytest.approx([noise.item()] * len(REST))


@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
def test_believer_is_the_model_conditioned_on_its_own_means():
    """Against GPyTorch's conditioning, for marginal, joint and batched posteriors, with noise and without."""
    model = plain_gp()
    with torch.no_grad():
        told = model.condition_on_observations(PENDING, model.posterior(PENDING).mean)
        for rows in (REST, REST.unsqueeze(-2), REST[:12].reshape(4, 3, -1), REST[:1], PENDING):
            for noise in (False, True):
                wanted = told.posterior(rows, observation_noise=noise).distribution
                found = Believer(model, PENDING).posterior(rows, observation_noise=noise)
                assert found.mean.shape == (*rows.shape[:-1], 1)
                torch.testing.assert_close(found.distribution.mean, wanted.mean)
                torch.testing.assert_close(
                    found.distribution.covariance_matrix,
                    wanted.covariance_matrix,
                    atol=1e-6,
                    rtol=0,
                )


@every_kind
@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
def test_belief_keeps_means_and_takes_variance(kind):
    model = model_of(kind)
    believer = Believer(model, PENDING)
    (mean, std), (new_mean, new_std) = (marginals(m, X) for m in (model, believer))
    torch.testing.assert_close(new_mean, mean, rtol=1e-5, atol=1e-6)
    assert (new_std <= std + 1e-6).all()
    assert (new_std[10:13] < 0.9 * std[10:13]).all()
    with torch.no_grad():
        draws = believer.posterior(REST).rsample(torch.Size([20_000])).squeeze(-1)
    torch.testing.assert_close(draws.std(0), new_std[13:], rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("rows", [REST.unsqueeze(-2), REST[:12].reshape(4, 3, -1), REST[:5]])
@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
def test_belief_takes_variances_of_noise_and_one_output(rows):
    believer = Believer(plain_gp(), PENDING)
    noise = torch.rand(*rows.shape[:-1], 1, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        clean, noisy = believer.posterior(rows, [0]), believer.posterior(rows, None, noise)
    torch.testing.assert_close(noisy.mean, clean.mean)
    torch.testing.assert_close(noisy.variance, clean.variance + noise, rtol=1e-6, atol=1e-9)
    for wrong in ([1], [0, 0], []):
        with pytest.raises(UsageError, match="but the model has one output; give"):
            believer.posterior(rows, wrong)
