"""What all models with Gaussian posteriors share, and draws without global generators."""

import pytest
import torch
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.models import SingleTaskGP
from botorch.models.ensemble import EnsembleModel
from linear_operator.operators import DiagLinearOperator

from archbo import GP, CategoricalSpace
from archbo.errors import UsageError
from archbo.predictors import GaussianModel, draw
from archbo.randomness import generator

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})


class Line(GaussianModel):
    """The sum of the row, with a weight that is uncertain."""

    def __init__(self, *, diagonal=True):
        super().__init__()
        self.diagonal = diagonal

    def _moments(self, X):
        line = X.sum(-1)
        if self.diagonal and X.shape[-2] == 1:
            return line, DiagLinearOperator(line.square() + 0.1)
        covariance = line.unsqueeze(-1) * line.unsqueeze(-2)
        return line, covariance + 0.1 * torch.eye(X.shape[-2]).to(X)

    def _noise(self, X):
        return 0.1 * X[..., 0].square()


def batch(*shape, seed=0):
    return torch.rand(*shape, 3, generator=generator(seed), dtype=torch.double)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("shape", [(4,), (1,), (5, 1), (5, 4), (2, 5, 1)], ids=str)
def test_posterior_has_the_moments_and_the_noise_that_are_asked_for(shape, diagonal):
    model, X = Line(diagonal=diagonal), batch(*shape)
    line = X.sum(-1, keepdim=True)
    given = torch.rand(*shape, 1, generator=generator(1), dtype=torch.double)
    for noise, extra in [
        (False, torch.zeros_like(line)),
        (True, 0.1 * X[..., :1].square()),
        (given, given),
        (given[..., :1, :], given[..., :1, :].expand_as(line)),
    ]:
        posterior = model.posterior(X, [0], noise)
        torch.testing.assert_close(posterior.mean, line)
        torch.testing.assert_close(posterior.variance, line.square() + 0.1 + extra)
        assert posterior.rsample(torch.Size([3])).shape == (3, *shape, 1)
    small = model.posterior(X.float(), observation_noise=given.float())
    assert small.mean.dtype == small.variance.dtype == torch.float


@pytest.mark.parametrize("shape", [(7, 1), (4, 2), (4,), (), (3, 4, 1)], ids=str)
def test_noise_of_another_shape_is_refused(shape):
    with pytest.raises(UsageError, match=r"observation_noise has the shape .* \(4, 1\)"):
        Line().posterior(batch(4), observation_noise=torch.ones(shape))


def test_transforms_see_the_posterior():
    double = ScalarizedPosteriorTransform(torch.tensor([2.0], dtype=torch.double))
    X = batch(5, 2)
    posterior = Line().posterior(X, posterior_transform=double)
    torch.testing.assert_close(posterior.mean, 2 * X.sum(-1, keepdim=True))


@pytest.mark.parametrize("shape", [(3,), (2, 1), (2, 3)], ids=str)
def test_draws_have_the_moments_of_the_posterior(shape):
    model, X, n = Line(), batch(*shape), 20_000
    draws = draw(model, X, n, generator=generator(0))
    assert draws.shape == (n, *shape)
    assert draws.equal(draw(model, X, n, generator=generator(0)))
    assert not draws.equal(draw(model, X, n, generator=generator(1)))
    posterior = model.posterior(X)
    std = posterior.variance.squeeze(-1).sqrt()
    assert ((draws.mean(0) - posterior.mean.squeeze(-1)).abs() < 5 * std / n**0.5).all()
    flat = draws.reshape(n, -1, shape[-1])
    for index, covariance in enumerate(
        posterior.distribution.covariance_matrix.reshape(-1, shape[-1], shape[-1])
    ):
        error = flat[:, index].T.cov() - covariance
        assert error.abs().max() < 5 * (2 / n) ** 0.5 * covariance.max()


def test_draws_of_a_predictor_are_those_of_its_latent_model_warped():
    X = TOY.enumerate()
    gp = GP(TOY).fit(X[::2], X[::2].sum(-1).exp(), seed=0)
    warped = draw(gp, X, 5, generator=generator(3))
    latent = draw(gp.latent, X, 5, generator=generator(3))
    torch.testing.assert_close(warped, gp.warp.inverse(latent))


class Three(EnsembleModel):
    """Three members, of which the last counts half."""

    _num_outputs = 1
    weights = torch.tensor([0.25, 0.25, 0.5])

    def forward(self, X):
        slopes = torch.tensor([1.0, 2.0, 3.0]).to(X)
        return X.sum(-1, keepdim=True).unsqueeze(-3) * slopes[:, None, None]


def test_members_of_an_ensemble_are_drawn_whole():
    X = batch(2, 3)
    draws = draw(Three(), X, 500, generator=generator(0))
    factor = draws / X.sum(-1)
    assert factor.shape == (500, 2, 3)
    torch.testing.assert_close(factor, factor[:, :1, :1].expand_as(factor))
    assert set(factor[:, 0, 0].round().tolist()) == {1.0, 2.0, 3.0}


def test_models_of_botorch_are_drawn_from_without_the_global_generator():
    X = batch(6)
    model = SingleTaskGP(X, X.sum(-1, keepdim=True))
    before = torch.get_rng_state()
    assert draw(model, X, 2, generator=generator(0)).shape == (2, 6)
    assert torch.get_rng_state().equal(before)


def test_what_cannot_be_drawn_from_is_said():
    class Odd(Line):
        pass

    odd = Odd()
    odd.posterior = lambda X: object()
    with pytest.raises(UsageError, match="a object cannot be drawn from"):
        draw(odd, batch(2), 1, generator=generator(0))
