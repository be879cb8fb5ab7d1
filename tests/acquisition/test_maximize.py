"""The rule that maximises: whom it serves, and that it finds the best."""

from functools import partial

import pytest
import torch
from botorch.acquisition import (
    PosteriorMean,
    qLogExpectedImprovement,
    qProbabilityOfImprovement,
    qSimpleRegret,
    qUpperConfidenceBound,
)
from botorch.acquisition.analytic import AnalyticAcquisitionFunction

from archbo.acquisition import (
    Context,
    FixedCandidates,
    HillClimbingCandidates,
    IndependentThompsonSampling,
    LocalCandidates,
    Maximize,
    MutationCandidates,
    ThompsonSampling,
    TopSampling,
    WholePool,
    constrained_log_nei,
    gibbon,
    greedy,
    jes,
    kg,
    log_ei,
    mes,
    pi,
    qlog_ei,
    qlog_nehvi,
    qlog_nei,
    qlog_nparego,
    ucb,
)
from archbo.acquisition.maximize import default_rule, promise
from archbo.encodings import OneHotEncoding
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.predictors import GBDT, GP
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

SPACE = CategoricalSpace("s", {"a": range(4), "b": range(4), "c": range(3)})
X = SPACE.enumerate()[torch.randperm(48, generator=torch.Generator().manual_seed(0))]
Y = (X @ torch.tensor([[1.0], [-0.5], [0.7]], dtype=torch.double)).sin()
ROWS = X[10:].unsqueeze(-2)
WIDE = CategoricalSpace("wide", {name: range(6) for name in "abcdefgh"})


def context(make=GP, n_pending=0):
    predictor = make(SPACE, OneHotEncoding(SPACE)).fit(X[:10], Y[:10], seed=0)
    log = log_of(SPACE, Goal(), X[:10], Y[:10], X[10 : 10 + n_pending])
    return Context(log, (predictor,))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("rows", [FixedCandidates, HillClimbingCandidates])
def test_rivals_are_the_highest_of_one_ranking(rows):
    """Told of each other, the picks of a batch are not."""
    seen = context()
    candidates = FixedCandidates(SPACE, X) if rows is FixedCandidates else rows(SPACE)
    values = log_ei(seen)(ROWS)
    picked = Maximize(log_ei, sequential=False).select(seen, candidates, 4, generator=seeded())
    assert len(SPACE.distinct(picked)) == 4
    assert picked[0].equal(X[10:][values.argmax()])
    if rows is FixedCandidates:
        assert picked.equal(X[10:][values.topk(4).indices])
        batch = Maximize(log_ei).select(seen, candidates, 4, generator=seeded())
        assert batch[:1].equal(picked[:1])
        assert not batch.equal(picked)


class Additive(AnalyticAcquisitionFunction):
    """Acquisition with one optimum, the row of the highest choices, however far from the observations."""

    def forward(self, X):
        return X.sum((-1, -2))


@pytest.mark.parametrize(
    ("rule", "reaches_it"),
    [
        (HillClimbingCandidates, True),
        (LocalCandidates, True),
        (partial(MutationCandidates, steps=1), False),
    ],
)
@pytest.mark.parametrize("sequential", [True, False])
def test_rules_with_neighbours_climb_to_the_optimum_of_the_acquisition(
    rule, reaches_it, sequential
):
    rows = WIDE.distinct(WIDE.sample(15, generator=seeded(4)))[:5]
    values = torch.rand(5, 1, generator=seeded(5), dtype=torch.double)
    seen = Context(log_of(WIDE, Goal(), rows, values), (GP(WIDE).fit(rows, values, seed=0),))
    acquisition = Maximize(lambda here: Additive(here.model), sequential=sequential)
    row = acquisition.select(seen, rule(WIDE), 1, generator=seeded())
    assert bool((row == 5).all()) == reaches_it
    pool_only = Maximize(lambda here: Additive(here.model), maximizer=WholePool())
    row = pool_only.select(seen, HillClimbingCandidates(WIDE), 1, generator=seeded())
    assert not (row == 5).all()


def test_ties_are_broken_at_random():
    flat = Maximize(lambda here: PosteriorMean(Flat(here.model)))
    candidates = FixedCandidates(SPACE, X)
    picked = [flat.select(context(), candidates, 1, generator=seeded(seed)) for seed in range(12)]
    assert len(SPACE.distinct(torch.cat(picked))) > 6


class Flat(torch.nn.Module):
    """A model that finds all rows alike."""

    num_outputs = 1

    def __init__(self, model):
        super().__init__()
        self.model = model

    def posterior(self, X, **_):
        return self.model.posterior(torch.zeros_like(X))


def test_the_most_promising_are_those_of_the_highest_improvement():
    seen, candidates = context(), FixedCandidates(SPACE, X)
    found = Maximize(qlog_ei).promising(seen, candidates, 6, generator=seeded())
    assert found.equal(X[10:][log_ei(seen)(ROWS).topk(6).indices])
    assert promise(seen, X[10:]).equal(log_ei(seen)(ROWS).detach())
    everything = Maximize(qlog_ei).promising(seen, candidates, 100, generator=seeded())
    assert len(everything) == 38
    assert promise(seen, everything).diff().max() <= 0


@pytest.mark.parametrize("make", [GP, GBDT])
@pytest.mark.parametrize("n_pending", [0, 1])
@pytest.mark.parametrize(
    "factory",
    [
        lambda here: qSimpleRegret(here.model, sampler=here.sampler),
        lambda here: qUpperConfidenceBound(here.model, beta=2.0, sampler=here.sampler),
        lambda here: qProbabilityOfImprovement(
            here.model, best_f=here.best_f, sampler=here.sampler
        ),
        lambda here: qLogExpectedImprovement(
            here.model, best_f=here.best_f, sampler=here.sampler, X_pending=here.X_pending
        ),
    ],
    ids=["regret", "bound", "probability", "improvement"],
)
def test_functions_of_botorch_that_ask_for_posteriors_serve(factory, make, n_pending):
    """Those that the docstring names, the best of them found by looking at all."""
    seen = context(make, n_pending)
    picked = Maximize(factory, shortlist=48).select(
        seen, FixedCandidates(SPACE, X), 2, generator=seeded()
    )
    left = X[10 + n_pending :]
    with torch.no_grad():
        values = factory(seen)(left.unsqueeze(-2))
    first = (left == picked[0]).all(-1).nonzero().item()
    assert values[first] == values.max()
    assert len(SPACE.distinct(torch.cat([picked, seen.avoid]))) == 12 + n_pending


ONE, BOUNDED, TWO = Goal(), Goal.parse("a", subject_to=["b<=1"]), Goal.parse("a,-b")
BOTH = Goal.parse("a,-b", subject_to=["b<=1"])
FOR_ONE = (log_ei, qlog_ei, qlog_nei, pi, ucb, greedy, kg, mes, gibbon, jes)


@pytest.mark.parametrize(
    ("functions", "served"),
    [
        (FOR_ONE, [ONE]),
        ((qlog_nehvi, qlog_nparego), [TWO, BOTH]),
        ((constrained_log_nei,), [BOUNDED]),
    ],
)
def test_functions_are_checked_before_a_search(functions, served):
    for function in functions:
        for rule in (Maximize(function), Maximize(partial(function))):
            for goal in (ONE, BOUNDED, TWO, BOTH):
                if goal in served:
                    rule.check(goal)
                    continue
                with pytest.raises(UsageError, match=f"{function.__name__} does not serve"):
                    rule.check(goal)
    # What a function of the user's serves is not known.
    for goal in (ONE, BOUNDED, TWO, BOTH):
        Maximize(lambda here: PosteriorMean(here.model)).check(goal)
        default_rule(SPACE, goal).check(goal)


@pytest.mark.parametrize(
    "rule", [ThompsonSampling(), IndependentThompsonSampling(), TopSampling()], ids=str
)
def test_rules_that_draw_take_one_objective(rule):
    rule.check(ONE)
    for goal in (BOUNDED, TWO, BOTH):
        with pytest.raises(UsageError, match="does not serve a"):
            rule.check(goal)
