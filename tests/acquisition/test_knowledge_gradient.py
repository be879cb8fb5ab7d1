"""The knowledge gradient against closed forms, quadrature and simulation."""

import math

import pytest
import torch
from botorch.models import SingleTaskGP
from torch.distributions import Normal

from archbo.acquisition import Context, kg
from archbo.acquisition.knowledge_gradient import KnowledgeGradient, expected_rise
from archbo.goals import Goal
from archbo.predictors import RandomForest
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

SPACE = CategoricalSpace("s", {"a": range(4), "b": range(4), "c": range(3)})
STANDARD = Normal(torch.zeros((), dtype=torch.double), torch.ones((), dtype=torch.double))
GRID = torch.linspace(-9, 9, 200_001, dtype=torch.double)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def by_quadrature(a, b):
    top = (a.unsqueeze(-1) + b.unsqueeze(-1) * GRID).amax(-2)
    density = STANDARD.log_prob(GRID).exp()
    return torch.trapezoid(top * density, GRID) - a.amax(-1)


def test_two_lines_have_a_closed_form():
    """``|b1 - b0| f(-|a1 - a0| / |b1 - b0|)``, Frazier, Powell and Dayanik."""
    a, b = torch.randn(2, 50, 2, generator=seeded(), dtype=torch.double)
    slope, gap = (b[:, 1] - b[:, 0]).abs(), (a[:, 1] - a[:, 0]).abs()
    z = -gap / slope
    wanted = slope * (STANDARD.log_prob(z).exp() + z * STANDARD.cdf(z))
    torch.testing.assert_close(expected_rise(a, b), wanted, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("m", [3, 8])
def test_many_lines_are_as_by_quadrature(m):
    a, b = torch.randn(2, 30, m, generator=seeded(m), dtype=torch.double)
    torch.testing.assert_close(expected_rise(a, b), by_quadrature(a, b), rtol=1e-6, atol=1e-7)


def test_lines_may_be_equal_parallel_or_meet_in_one_point():
    lines = [
        [(0, 0), (0, 0), (0, 0)],
        [(1, 2), (1, 2), (0, 1)],
        [(1, 2), (3, 2), (2, 2)],
        [(0, -1), (0, 0), (0, 1)],
        [(0, 1), (0, 1), (0, -1)],
        [(5, 0), (0, 0), (5, 1e-3)],
    ]
    a, b = torch.tensor(lines, dtype=torch.double).unbind(-1)
    rise = expected_rise(a, b)
    torch.testing.assert_close(rise, by_quadrature(a, b), rtol=1e-6, atol=1e-7)
    assert rise[0] == rise[2] == 0
    turned = torch.tensor([2, 0, 1])
    torch.testing.assert_close(expected_rise(a[:, turned], b[:, turned]), rise)


def test_tiny_rises_are_told_apart():
    """Far from the top the rise is ``phi(z) / z^2``, and a difference of large numbers would lose it."""
    z = torch.tensor([10.0, 20.0, 30.0], dtype=torch.double)
    a = torch.stack([1e3 + z, torch.full_like(z, 1e3)], -1)
    b = torch.tensor([0.0, 1.0], dtype=torch.double).expand(3, 2)
    tail = STANDARD.log_prob(z).exp() / z**2 * (1 - 3 / z**2 + 15 / z**4)
    torch.testing.assert_close(expected_rise(a, b), tail, rtol=1e-3, atol=0)


@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
def test_value_is_that_of_simulated_evaluations():
    """Draw a noisy value, condition the model on it, look for the highest posterior mean: on average it rises so."""
    X = SPACE.enumerate()[torch.randperm(48, generator=seeded())]
    Y = torch.randn(8, 1, generator=seeded(), dtype=torch.double)
    model = SingleTaskGP(X[:8], Y, outcome_transform=None)
    model.likelihood.noise = 0.2
    model.eval()
    alternatives, candidates = X[4:12], X[10:15]
    value = KnowledgeGradient(model, alternatives)(candidates.unsqueeze(-2))
    z = STANDARD.icdf((torch.arange(400, dtype=torch.double) + 0.5) / 400).reshape(-1, 1, 1)
    with torch.no_grad():
        for x, found in zip(candidates, value, strict=True):
            posterior = model.posterior(x.unsqueeze(0), observation_noise=True)
            draws = posterior.mean + posterior.variance.sqrt() * z
            told = model.condition_on_observations(x.expand(400, 1, -1), draws)
            rows = torch.cat([alternatives, x.unsqueeze(0)])
            after = told.posterior(rows.expand(400, -1, -1)).mean.squeeze(-1).amax(-1)
            before = model.posterior(rows).mean.max()
            assert found.item() == pytest.approx((after.mean() - before).item(), rel=0.02)


def test_alternatives_are_the_most_promising_and_pending_rows_are_worth_little():
    X = SPACE.enumerate()[torch.randperm(48, generator=seeded())]
    Y = X.sum(-1, keepdim=True) + torch.randn(48, 1, generator=seeded())
    predictor = RandomForest(SPACE, n_trees=50).fit(X[:15], Y[:15], seed=0)
    seen = Context(log_of(SPACE, Goal(), X[:15], Y[:15]), (predictor,), choices=X[15:])
    rows = X[15:].unsqueeze(-2)
    value = kg(seen)(rows)
    assert (value >= 0).all()
    assert kg(seen).alternatives.shape == (32, 3)
    best = value.argmax()
    pending = seen.with_picked(rows[best])
    assert kg(pending)(rows)[best] < 0.7 * value[best]
    wider = kg(seen, n_alternatives=48)(rows)
    assert (value - wider).abs().max() < 0.1 * math.sqrt(value.max() * wider.max())
