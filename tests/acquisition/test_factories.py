"""Improvement-based functions against their definitions, and who is served."""

import pytest
import torch
from botorch.models.ensemble import EnsembleModel
from scipy.stats import norm

from archbo import catalog
from archbo.acquisition import (
    FixedCandidates,
    HillClimbingCandidates,
    Maximize,
    Observations,
    greedy,
    log_ei,
    pi,
    qlog_ei,
)
from archbo.errors import UsageError
from archbo.predictors import GP, Predictor, marginals
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"a": range(4), "b": range(4), "c": range(3)})
X = SPACE.enumerate()[torch.randperm(48, generator=torch.Generator().manual_seed(0))]
Y = (X @ torch.tensor([[1.0], [-0.5], [0.7]], dtype=torch.double)).sin()
ROWS = X[10:].unsqueeze(-2)


class Members(EnsembleModel):
    """Straight lines through nothing, drawn at random: no Gaussian."""

    _num_outputs = 1
    batch_shape = torch.Size([])

    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, X):
        return torch.einsum("sd,...qd->...sq", self.weights, X).unsqueeze(-1)


class Lines(Predictor):
    """A predictor whose posterior is that of members."""

    gaussian = False

    def _fit(self, *, seed):
        generator = torch.Generator().manual_seed(seed)
        self.model = Members(torch.randn(20, 3, generator=generator, dtype=torch.double))

    def _prepare(self):
        self.model = Members(torch.empty(20, 3, dtype=torch.double))


def observations(make=GP, n_pending=0):
    predictor = make(SPACE).fit(X[:10], Y[:10], seed=0)
    return Observations(predictor, X[:10], Y[:10], X[10 : 10 + n_pending], 0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_probability_of_improvement_is_that_of_a_gaussian():
    seen = observations()
    mean, std = marginals(seen.model, X[10:])
    wanted = norm.logsf(seen.best_f.item(), mean, std)
    assert pi(seen)(ROWS).tolist() == pytest.approx(wanted.tolist(), rel=1e-6)


def test_pending_rows_are_believed_and_may_be_the_incumbent():
    seen = observations()
    value = pi(seen)(ROWS)
    best = value.argmax()
    after = pi(seen.with_pending(X[10:][best].unsqueeze(0)))
    mean, _ = marginals(seen.model, X[10:])
    assert after.best_f == pytest.approx(max(seen.best_f.item(), mean[best].item()), rel=1e-4)
    assert (after(ROWS) <= value + 1e-4).all()
    assert after(ROWS)[best] < value[best] - 1e-3


def test_monte_carlo_improvement_is_near_the_closed_form():
    seen = observations()
    close, simulated = log_ei(seen)(ROWS), qlog_ei(seen)(ROWS)
    likely = close > -4
    assert likely.sum() > 5
    torch.testing.assert_close(simulated[likely], close[likely], rtol=0, atol=0.15)


def test_greedy_takes_the_highest_means():
    seen = observations(n_pending=2)
    picked = Maximize(greedy).select(seen, FixedCandidates(SPACE, X), 5, generator=seeded())
    mean, _ = marginals(seen.model, X[12:])
    wanted = X[12:][mean.topk(5).indices]
    assert picked.equal(wanted)


@pytest.mark.parametrize("rows", [FixedCandidates, HillClimbingCandidates])
def test_rivals_are_the_highest_of_one_ranking(rows):
    """Told of each other, the picks of a batch are not."""
    seen = observations()
    candidates = FixedCandidates(SPACE, X) if rows is FixedCandidates else rows(SPACE)
    log_improvement = log_ei(seen)(ROWS)
    picked = Maximize(log_ei, sequential=False).select(seen, candidates, 4, generator=seeded())
    assert len(SPACE.distinct(picked)) == 4
    assert picked[0].equal(X[10:][log_improvement.argmax()])
    if rows is FixedCandidates:
        assert picked.equal(X[10:][log_improvement.topk(4).indices])
        batch = Maximize(log_ei).select(seen, candidates, 4, generator=seeded())
        assert batch[:1].equal(picked[:1])
        assert not batch.equal(picked)


def test_independent_draws_win_as_often_as_gaussians_do():
    seen = observations()
    two = X[20:22]
    mean, std = marginals(seen.model, two)
    wanted = norm.cdf((mean[0] - mean[1]).item() / std.square().sum().sqrt().item())
    rule, generator = catalog.acquisition("independent_thompson"), seeded()
    candidates = FixedCandidates(SPACE, two)
    wins = sum(
        rule.select(seen, candidates, 1, generator=generator).equal(two[:1]) for _ in range(600)
    )
    assert wins / 600 == pytest.approx(wanted, abs=0.06)


def test_promising_rows_are_of_high_mean_or_high_bound():
    seen = observations()
    assert len(seen.promising(100)) == 10
    seen = Observations(seen.predictor, seen.X, seen.Y, seen.X_pending, 0, choices=X[10:])
    rows = seen.promising(10)
    assert len(set(SPACE.ids(rows))) == 10
    mean, std = marginals(seen.model, X)
    assert rows[:5].equal(X[mean.topk(5).indices])
    rest = torch.tensor([key not in SPACE.ids(rows) for key in SPACE.ids(X)])
    chosen, _ = marginals(seen.model, rows[5:])
    bound = mean + 2 * std
    _, chosen_std = marginals(seen.model, rows[5:])
    assert (chosen + 2 * chosen_std).min() >= bound[rest].max()


SERVED = ("qlog_ei", "qlog_nei", "thompson", "independent_thompson", "greedy")


@pytest.mark.parametrize("name", catalog.ACQUISITIONS)
@pytest.mark.parametrize("n_pending", [0, 2])
def test_a_surrogate_without_a_gaussian_posterior_is_served_or_told_so(name, n_pending):
    seen, candidates = observations(Lines, n_pending), FixedCandidates(SPACE, X)
    rule = catalog.acquisition(name)
    if name in SERVED:
        assert rule.select(seen, candidates, 2, generator=seeded()).shape == (2, 3)
        return
    with pytest.raises(UsageError, match="Lines has no Gaussian posterior") as caught:
        rule.select(seen, candidates, 2, generator=seeded())
    assert all(other in str(caught.value) for other in SERVED)
