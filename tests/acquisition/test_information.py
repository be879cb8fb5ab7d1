"""Entropy search against entropies, and against BoTorch's own where that serves."""

import pytest
import torch
from botorch.acquisition.joint_entropy_search import qJointEntropySearch
from botorch.acquisition.max_value_entropy_search import qLowerBoundMaxValueEntropy
from botorch.models import SingleTaskGP
from scipy.stats import norm, truncnorm

from archbo.acquisition import Context, FixedCandidates, Maximize, gibbon, jes, mes
from archbo.acquisition.information import JointEntropy, MaxValueEntropy, MaxValueLowerBound
from archbo.goals import Goal
from archbo.predictors import GP, RandomForest, marginals
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

pytestmark = pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")

SPACE = CategoricalSpace("s", {"a": range(4), "b": range(4), "c": range(3)})
X = SPACE.enumerate()[torch.randperm(48, generator=torch.Generator().manual_seed(0))]
Y = (X @ torch.tensor([[1.0], [-0.5], [0.7]], dtype=torch.double)).sin()
MAX_VALUES = torch.tensor([1.1, 1.3, 2.0, 1.2], dtype=torch.double)
ROWS = X[10:].unsqueeze(-2)


def context(predictor, seed=0, pending=None, choices=None):
    log = log_of(SPACE, Goal(), X[:10], Y[:10], pending)
    return Context(log, (predictor,), seed, choices=choices)


def plain_gp():
    model = SingleTaskGP(X[:8], Y[:8], outcome_transform=None)
    model.likelihood.noise = 0.05
    return model.eval()


def test_max_value_entropy_is_what_truncation_takes():
    """The entropy of a Gaussian, less that of the same cut off at the maximum; by scipy."""
    model = plain_gp()
    mean, std = marginals(model, X)
    wanted = [
        sum(
            norm.entropy(m, s) - truncnorm.entropy(-30, (top - m) / s, m, s)
            for top in MAX_VALUES.tolist()
        )
        / len(MAX_VALUES)
        for m, s in zip(mean.tolist(), std.tolist(), strict=True)
    ]
    found = MaxValueEntropy(model, MAX_VALUES)(X.unsqueeze(-2))
    assert found.tolist() == pytest.approx(wanted, rel=1e-4, abs=1e-8)
    assert (found > 0).all()


@pytest.mark.parametrize("n_pending", [0, 2])
def test_lower_bound_is_that_of_botorch(n_pending):
    model, pending = plain_gp(), X[8 : 8 + n_pending]
    theirs = qLowerBoundMaxValueEntropy(model, X, X_pending=pending if n_pending else None)
    theirs.posterior_max_values = MAX_VALUES.unsqueeze(-1)
    ours = MaxValueLowerBound(model, MAX_VALUES, pending)(ROWS)
    with torch.no_grad():
        torch.testing.assert_close(ours, theirs(ROWS), rtol=1e-4, atol=1e-5)


def test_lower_bound_is_below_what_is_told_without_noise():
    model = plain_gp()
    noisy = MaxValueLowerBound(model, MAX_VALUES, X[:0])(ROWS)
    assert (noisy <= MaxValueEntropy(model, MAX_VALUES)(ROWS) + 1e-9).all()


def test_joint_entropy_is_that_of_botorch():
    model, optima = plain_gp(), X[[20, 30, 20, 40]]
    theirs = qJointEntropySearch(model, optima, MAX_VALUES.unsqueeze(-1))
    ours = JointEntropy(model, optima, MAX_VALUES)(ROWS)
    with torch.no_grad():
        torch.testing.assert_close(ours, theirs(ROWS), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("factory", [mes, gibbon, jes])
@pytest.mark.parametrize("make", [GP, lambda space: RandomForest(space, n_trees=50)])
def test_rows_that_tell_most_are_uncertain_or_good(factory, make):
    """Pending rows tell less than before, and rows that cannot be the best little."""
    predictor = make(SPACE).fit(X[:10], Y[:10], seed=0)
    seen = context(predictor, choices=X[10:])
    value = factory(seen)(ROWS)
    assert value.isfinite().all()
    best = value.argmax()
    mean, std = marginals(predictor.latent, X[10:])
    assert (mean + 2 * std).argsort(descending=True).tolist().index(int(best)) < 12
    assert factory(seen.with_picked(X[10:][best].unsqueeze(0)))(ROWS)[best] < 0.8 * value[best]
    assert value.equal(factory(seen)(ROWS))


@pytest.mark.parametrize("factory", [mes, gibbon, jes])
def test_optima_are_drawn_by_the_seed_alone(factory):
    predictor, values = GP(SPACE).fit(X[:10], Y[:10], seed=0), []
    for seed in (0, 0, 1):
        torch.manual_seed(len(values))
        seen = context(predictor, seed, choices=X[10:])
        values.append(factory(seen)(ROWS))
    assert values[0].equal(values[1])
    assert not values[0].equal(values[2])


@pytest.mark.parametrize("factory", [mes, gibbon, jes])
def test_the_best_of_all_choices_is_taken(factory):
    predictor = GP(SPACE).fit(X[:10], Y[:10], seed=0)
    seen = context(predictor, pending=X[10:12])
    made = []

    def watched(here):
        made.append((factory(here), here.choices))
        return made[-1][0]

    candidates = FixedCandidates(SPACE, X)
    picked = Maximize(watched).select(seen, candidates, 1, generator=torch.Generator())
    ((function, choices),) = made
    assert sorted(choices.tolist()) == sorted(X[12:].tolist())
    assert picked.equal(choices[function(choices.unsqueeze(-2)).argmax()].unsqueeze(0))
