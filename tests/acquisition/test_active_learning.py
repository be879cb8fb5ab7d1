"""Integrated variance reduction against conditioning on each row."""

import pytest
import torch

from archbo.acquisition import Context, FixedCandidates, Maximize, ivr
from archbo.acquisition.active_learning import VarianceReduction
from archbo.acquisition.joint import Believer
from archbo.goals import Goal
from archbo.predictors import GP, marginals
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

SPACE = CategoricalSpace("s", {"a": range(4), "b": range(4), "c": range(3)})
X = SPACE.enumerate()[torch.randperm(48, generator=torch.Generator().manual_seed(0))]
Y = X.sum(-1, keepdim=True) + X[:, :1] * X[:, 1:2]


def fitted(n=8):
    return GP(SPACE).fit(X[:n], Y[:n], seed=0)


def test_it_is_the_fall_of_the_mean_variance():
    model = fitted().latent
    before = marginals(model, X)[1].square().mean()
    after = [marginals(Believer(model, row), X)[1].square().mean() for row in X[10:20].split(1)]
    value = VarianceReduction(model, X)(X[10:20].unsqueeze(-2))
    torch.testing.assert_close(value, before - torch.stack(after), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("q", [1, 4])
def test_picks_teach_more_than_random_ones(q):
    gp, candidates = fitted(), FixedCandidates(SPACE, X)
    context = Context(log_of(SPACE, Goal(), X[:8], Y[:8]), (gp,))
    picked = Maximize(ivr).select(
        context, candidates, q, generator=torch.Generator().manual_seed(0)
    )
    assert len(SPACE.distinct(torch.cat([picked, X[:8]]))) == 8 + q

    def left(rows):
        return float(marginals(Believer(gp.latent, rows), X)[1].square().mean())

    at_random = [left(X[8:][torch.randperm(40)[:q]]) for _ in range(20)]
    assert left(picked) < min(at_random) + 1e-6
