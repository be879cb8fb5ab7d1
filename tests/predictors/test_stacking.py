"""Combinations against the moments of mixtures and brute-force weights."""

from functools import partial

import numpy as np
import pytest
import torch

from archbo import GP
from archbo.encodings import OneHotEncoding
from archbo.errors import FitError, NumericalWarning
from archbo.predictors.base import marginals
from archbo.predictors.stacking import Stack, simplex_weights
from archbo.predictors.trees.gbdt import GBDT
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
SMALL = partial(GBDT, n_members=3, n_rounds=20)
COMBINE = pytest.mark.parametrize("combine", ["stack", "rank"])


def data(n=24, seed=0, noise=0.2):
    generator = torch.Generator().manual_seed(seed)
    X = TOY.sample(n, generator=generator)
    error = noise * torch.randn(n, generator=generator, dtype=torch.double)
    return X, (90 + X @ torch.tensor([1.0, -1, 2], dtype=torch.double) + error).unsqueeze(-1)


def fitted(combine="stack", parts=(GP, SMALL), **options):
    return Stack(TOY, parts=parts, combine=combine).fit(*data(**options), seed=0)


def Blind(space, encoding=None):  # noqa: N802 - stands for a class
    """A Gaussian process that sees nothing of the row."""
    gp = GP(space, encoding if encoding is not None else OneHotEncoding(space))
    gp.encoding._encode = lambda X: torch.zeros(len(X), 9).to(X)
    return gp


def test_posterior_has_the_moments_of_the_mixture():
    stack, X = fitted(), TOY.enumerate()[::3]
    weights = stack.model.weights
    parts = [part.latent.posterior(X) for part in stack.model.parts]
    generator = torch.Generator().manual_seed(0)
    n = 200_000
    draws = []
    for posterior, weight in zip(parts, weights, strict=True):
        normal = torch.randn(int(n * weight), len(X), generator=generator, dtype=torch.double)
        L = torch.linalg.cholesky(posterior.distribution.covariance_matrix)
        draws.append(posterior.mean.flatten() + normal @ L.T)
    draws = torch.cat(draws).detach()
    joint = stack.latent.posterior(X)
    torch.testing.assert_close(joint.mean.flatten(), draws.mean(0), rtol=0, atol=0.01)
    wanted = stack.model.spread**2 * draws.T.cov()
    torch.testing.assert_close(
        joint.distribution.covariance_matrix, wanted, rtol=0.05, atol=0.01 * wanted.max().item()
    )


@COMBINE
def test_marginals_are_those_of_the_joint_posterior(combine):
    stack, X = fitted(combine), TOY.enumerate()
    mean, std = marginals(stack.latent, X, observation_noise=True)
    joint = stack.latent.posterior(X, observation_noise=True)
    torch.testing.assert_close(mean, joint.mean.flatten(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(std, joint.variance.flatten().sqrt(), rtol=1e-4, atol=1e-5)


def test_weights_are_the_best_of_a_grid():
    generator = torch.Generator().manual_seed(0)
    Z = torch.randn(400, generator=generator, dtype=torch.double)
    scales = torch.tensor([[0.5], [0.7], [2.0]], dtype=torch.double)
    predictions = Z + scales * torch.randn(3, 400, generator=generator, dtype=torch.double)
    weights = simplex_weights(predictions, Z)
    ticks = np.arange(0, 1.001, 0.01)
    grid = torch.tensor([(a, b, 1 - a - b) for a in ticks for b in ticks if a + b <= 1])
    errors = (grid @ predictions - Z).square().mean(-1)
    assert weights.sum().item() == pytest.approx(1)
    assert (weights >= 0).all()
    assert (weights @ predictions - Z).square().mean() < 1.02 * errors.min()
    torch.testing.assert_close(weights, grid[errors.argmin()], rtol=0, atol=0.04)


def test_equal_or_few_predictions_get_equal_weights():
    Z = torch.tensor([0.0, 1.0], dtype=torch.double)
    assert simplex_weights(Z.repeat(3, 1), Z).allclose(torch.full((3,), 1 / 3).double())
    one_off = simplex_weights(torch.stack([Z, Z + 1]), Z)
    assert 0.5 < one_off[0] < 0.7


def test_a_part_that_learns_nothing_gets_little_weight():
    stack = fitted(parts=(GP, Blind), n=48)
    assert stack.model.weights[0] > 0.75
    mean, _ = stack.predict(TOY.enumerate())
    truth = TOY.enumerate() @ torch.tensor([1.0, -1, 2], dtype=torch.double)
    assert torch.corrcoef(torch.stack([mean, truth]))[0, 1] > 0.9


def test_rank_average_is_the_mean_of_normal_scores():
    """Its order is that of the scores, each from a part's rank among what it predicts out of fold."""
    stack, X = fitted("rank", n=60), TOY.enumerate()
    scores = []
    for part, known in zip(stack.model.parts, stack.model.reference, strict=True):
        mean, _ = marginals(part.latent, X)
        ranks = np.searchsorted(np.sort(known.numpy()), mean.numpy()) / len(known)
        scores.append(torch.special.ndtri(torch.from_numpy(ranks).clip(0.02, 0.98)))
    wanted, (mean, _) = torch.stack(scores).mean(0), marginals(stack.latent, X)
    assert stack.model.weights.tolist() == [0.5, 0.5]
    assert torch.corrcoef(torch.stack([wanted, mean]))[0, 1] > 0.97


@COMBINE
def test_intervals_cover_what_was_not_seen(combine):
    space = CategoricalSpace("large", {name: range(4) for name in "abcdef"})
    X = space.sample(460, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(460, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    Y = X.square().sum(-1) + X[:, 0] * X[:, 1] + 2 * noise
    stack = Stack(space, parts=(GP, SMALL), combine=combine).fit(X[:60], Y[:60], seed=0)
    mean, std = stack.predict(X[60:])
    assert 0.8 < ((Y[60:] - mean).abs() < 1.645 * std).double().mean() < 0.98


def test_a_part_that_fell_back_is_saved_as_such():
    class Failing(GP):
        def _fit(self, *, seed):
            raise FitError("it is told to")

    with pytest.warns(NumericalWarning, match="it is told to"):
        stack = fitted(parts=(GP, Failing))
    other = Stack(TOY, parts=(GP, Failing))
    other.load_state_dict(stack.state_dict())
    X = TOY.enumerate()
    assert other.model.parts[1].fell_back
    assert torch.stack(other.predict(X)).equal(torch.stack(stack.predict(X)))


def test_parts_see_the_encoding_given():
    stack = Stack(TOY, OneHotEncoding(TOY), parts=(GP, SMALL)).fit(*data(), seed=0)
    assert all(part.encoding is stack.encoding for part in stack.model.parts)
