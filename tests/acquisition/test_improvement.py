"""Improvement-based functions against their definitions, and who is served."""

import pytest
import torch
from botorch.models.ensemble import EnsembleModel
from scipy.stats import norm

from archbo.acquisition import (
    Context,
    FixedCandidates,
    IndependentThompsonSampling,
    Maximize,
    ThompsonSampling,
    TopSampling,
    gibbon,
    greedy,
    jes,
    kg,
    log_ei,
    mes,
    pi,
    qlog_ei,
    qlog_nei,
    ucb,
)
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.predictors import GP, Predictor, marginals
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

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


def context(make=GP, n_pending=0):
    predictor = make(SPACE).fit(X[:10], Y[:10], seed=0)
    log = log_of(SPACE, Goal(), X[:10], Y[:10], X[10 : 10 + n_pending])
    return Context(log, (predictor,))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_probability_of_improvement_is_that_of_a_gaussian():
    seen = context()
    mean, std = marginals(seen.model, X[10:])
    wanted = norm.logsf(seen.best_f.item(), mean, std)
    assert pi(seen)(ROWS).tolist() == pytest.approx(wanted.tolist(), rel=1e-6)


def test_pending_rows_are_believed_and_may_be_the_incumbent():
    seen = context()
    value = pi(seen)(ROWS)
    best = value.argmax()
    after = pi(seen.with_picked(X[10:][best].unsqueeze(0)))
    mean, _ = marginals(seen.model, X[10:])
    assert after.best_f == pytest.approx(max(seen.best_f.item(), mean[best].item()), rel=1e-4)
    assert (after(ROWS) <= value + 1e-4).all()
    assert after(ROWS)[best] < value[best] - 1e-3


def test_monte_carlo_improvement_is_near_the_closed_form():
    seen = context()
    close, simulated = log_ei(seen)(ROWS), qlog_ei(seen)(ROWS)
    likely = close > -4
    assert likely.sum() > 5
    torch.testing.assert_close(simulated[likely], close[likely], rtol=0, atol=0.15)


def test_greedy_takes_the_highest_means():
    seen = context(n_pending=2)
    picked = Maximize(greedy).select(seen, FixedCandidates(SPACE, X), 5, generator=seeded())
    mean, _ = marginals(seen.model, X[12:])
    wanted = X[12:][mean.topk(5).indices]
    assert picked.equal(wanted)


def test_noisy_improvement_is_on_the_best_of_each_draw():
    """Against joint draws of the rows evaluated and the candidate."""
    seen = context()
    rows, generator = ROWS[::6], torch.Generator().manual_seed(0)
    value = qlog_nei(seen)(rows).exp()
    for row, found in zip(rows, value, strict=True):
        with torch.no_grad():
            posterior = seen.model.posterior(torch.cat([seen.X, row]))
        covariance = posterior.distribution.covariance_matrix
        noise = torch.randn(40_000, 11, generator=generator, dtype=torch.double)
        draws = posterior.mean.T + noise @ torch.linalg.cholesky(covariance).mT
        wanted = (draws[:, -1] - draws[:, :-1].amax(-1)).clamp_min(0).mean()
        assert found.item() == pytest.approx(wanted.item(), rel=0.4, abs=0.03)


def test_members_are_drawn_alike_for_all_batches():
    """Monte Carlo functions see the same members for each candidate, by the seed alone."""
    seen = context(Lines)
    posterior = seen.model.posterior(ROWS)
    samples = seen.sampler(posterior)
    assert samples.shape == (128, len(ROWS), 1, 1)
    members = seen.sampler.base_samples
    assert members is None or members.shape == (128, len(ROWS))
    for one, row in enumerate(ROWS[:4]):
        assert samples[:, one].equal(seen.sampler(seen.model.posterior(row)))
    other = Context(seen.log, seen.predictors, seed=1).sampler(posterior)
    assert not samples.equal(other)
    error = (samples.mean(0) - posterior.mean) / (posterior.variance / 128 + 1e-12).sqrt()
    assert error.abs().max() < 4.5


FUNCTIONS = (log_ei, qlog_ei, qlog_nei, pi, ucb, greedy, kg, mes, gibbon, jes)
RULES = {
    **{function.__name__: Maximize(function) for function in FUNCTIONS},
    "thompson": ThompsonSampling(),
    "independent_thompson": IndependentThompsonSampling(),
    "top": TopSampling(),
}
SERVED = ("qlog_ei", "qlog_nei", "thompson", "independent_thompson", "greedy")


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("n_pending", [0, 2])
def test_a_surrogate_without_a_gaussian_posterior_is_served_or_told_so(name, n_pending):
    seen, candidates = context(Lines, n_pending), FixedCandidates(SPACE, X)
    rule = RULES[name]
    if name in (*SERVED, "top"):
        assert rule.select(seen, candidates, 2, generator=seeded()).shape == (2, 3)
        return
    with pytest.raises(UsageError, match="Lines has no Gaussian posterior") as caught:
        rule.select(seen, candidates, 2, generator=seeded())
    assert all(other in str(caught.value) for other in SERVED)
