"""Value per cost."""

from functools import partial

import pytest
import torch

from archbo.acquisition import (
    Context,
    FixedCandidates,
    KnownCost,
    LearnedCost,
    LocalCandidates,
    Maximize,
    kg,
    log_ei,
    qlog_ei,
    qlog_nehvi,
    ucb,
)
from archbo.encodings import OneHotEncoding
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.predictors import GP
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

SPACE = CategoricalSpace("s", {"a": range(4), "b": range(4), "c": range(3)})
X = SPACE.enumerate()[torch.randperm(48, generator=torch.Generator().manual_seed(0))]
Y = (X @ torch.tensor([[1.0], [-0.5], [0.7]], dtype=torch.double)).sin()
COSTS = torch.rand(48, generator=torch.Generator().manual_seed(1), dtype=torch.double) + 0.05


def context():
    log = log_of(SPACE, Goal(), X[:10], Y[:10])
    predictor = GP(SPACE, OneHotEncoding(SPACE)).fit(X[:10], Y[:10], seed=0)
    return Context(log, (predictor,), choices=X[10:])


def pick(factory, cost=None, candidates=None, q=1):
    candidates = candidates or FixedCandidates(SPACE, X)
    generator = torch.Generator().manual_seed(0)
    return Maximize(factory, cost=cost).select(context(), candidates, q, generator=generator)


def best_ratio(factory):
    function = factory(context())
    values = function(X[10:].unsqueeze(-2))
    values = values.exp() if factory is not kg else values
    return X[10:][(values / COSTS[10:]).argmax()].unsqueeze(0)


@pytest.mark.parametrize("factory", [log_ei, qlog_ei, kg])
def test_the_best_ratio_is_taken(factory):
    cost = KnownCost(SPACE, X, COSTS)
    assert pick(factory, cost).equal(best_ratio(factory))
    assert not pick(factory, cost).equal(pick(factory))


@pytest.mark.parametrize("factory", [log_ei, kg, ucb])
def test_equal_costs_change_nothing(factory):
    assert pick(factory, lambda X: torch.full((len(X),), 3.0), q=3).equal(pick(factory, q=3))


def test_of_negative_values_the_dear_are_the_worse():
    below = partial(ucb, beta=0.0)
    function = below(context())
    with torch.no_grad():
        values = function(X[10:].unsqueeze(-2))
    negative = X[10:][values < 0]
    candidates = FixedCandidates(SPACE, negative)
    cost = KnownCost(SPACE, X, COSTS)
    picked = pick(below, cost, candidates)
    wanted = (values * COSTS[10:])[values < 0].argmax()
    assert picked.equal(negative[wanted].unsqueeze(0))


def test_monte_carlo_functions_see_the_cheap():
    """The shortlist is by value per cost too."""
    cheap = X[40:41]
    cost = KnownCost(SPACE, X, torch.ones(48).index_fill(0, torch.tensor([40]), 1e-9))
    rule = Maximize(qlog_ei, shortlist=2, cost=cost)
    generator = torch.Generator().manual_seed(0)
    picked = rule.select(context(), FixedCandidates(SPACE, X), 1, generator=generator)
    assert picked.equal(cheap)


def test_local_search_climbs_by_value_per_cost():
    cost = KnownCost(SPACE, X, COSTS)
    assert pick(log_ei, cost, LocalCandidates(SPACE, size=8)).equal(best_ratio(log_ei))


def test_costs_are_positive_and_known():
    with pytest.raises(UsageError, match="48 architectures but 47 costs"):
        KnownCost(SPACE, X, COSTS[1:])
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        costs = COSTS.clone()
        costs[5] = bad
        for make in (KnownCost, lambda s, *args: LearnedCost(GP(s)).fit(*args, seed=0)):
            with pytest.raises(UsageError, match=r"cost of .* is .*positive") as caught:
                make(SPACE, X, costs)
            assert SPACE.format(X[5]) in str(caught.value)
    with pytest.raises(UsageError, match=r"cost of a=.* is not known"):
        KnownCost(SPACE, X[:5], COSTS[:5])(X)
    assert KnownCost(SPACE, X, COSTS)(X.flip(0)).equal(COSTS.flip(0))


def test_costs_can_be_learned():
    true = (X @ torch.tensor([0.5, 0.2, 1.0], dtype=torch.double)).exp()
    learned = LearnedCost(GP(SPACE, targets="standardize")).fit(X[:30], true[:30], seed=0)
    torch.testing.assert_close(learned(X[30:]), true[30:], rtol=0.2, atol=0)
    assert pick(log_ei, learned).shape == (1, 3)


def test_several_outcomes_are_had_per_cost():
    """The shortlist is by expected gain per cost, and so is the choice from it."""
    goal = Goal.parse("a,b")
    values = torch.cat([Y, -Y + 0.1 * X[:, :1]], -1)
    predictors = [GP(SPACE).fit(X[:10], column, seed=0) for column in values[:10].T]
    here = Context(log_of(SPACE, goal, X[:10], values[:10]), tuple(predictors))
    cheap = X[40:41]
    cost = KnownCost(SPACE, X, torch.ones(48).index_fill(0, torch.tensor([40]), 1e-12))
    for size in (2, 128):
        rule = Maximize(qlog_nehvi, shortlist=size, cost=cost)
        picked = rule.select(
            here, FixedCandidates(SPACE, X), 1, generator=torch.Generator().manual_seed(0)
        )
        assert picked.equal(cheap)
