"""The gain that is expected after one evaluation more."""

from functools import partial

import pytest
import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.models import SingleTaskGP

from archbo.acquisition import Context
from archbo.acquisition.look_ahead import (
    Outlook,
    expected_improvement,
    gain_ahead,
    normal_nodes,
)
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import GP, MultiTaskGP
from archbo.spaces import CategoricalSpace
from archbo.testing.acquisitions import log_of

SEED = torch.Generator().manual_seed(0)
MEAN = torch.randn(5, 7, 1, generator=SEED, dtype=torch.double)
VARIANCE = torch.rand(5, 7, 1, generator=SEED, dtype=torch.double) + 0.1
SHARES = torch.rand(5, 7, 1, generator=SEED, dtype=torch.double) * 2 - 1
BEST_F = torch.tensor(0.5, dtype=torch.double)
SLOPES = SHARES * VARIANCE.sqrt()


def gain(mean, variance):
    return expected_improvement(mean, variance, BEST_F).squeeze(-1)


ahead_of = partial(gain_ahead, gain, MEAN, VARIANCE)


def test_expected_improvement_is_botorchs():
    X = torch.rand(6, 2, generator=SEED, dtype=torch.double)
    model = SingleTaskGP(X, X.sum(-1, keepdim=True).sin())
    test_X = torch.rand(9, 2, generator=SEED, dtype=torch.double)
    posterior = model.posterior(test_X)
    ours = expected_improvement(posterior.mean[:, 0], posterior.variance[:, 0], BEST_F)
    theirs = LogExpectedImprovement(model, BEST_F)(test_X.unsqueeze(-2)).exp()
    torch.testing.assert_close(ours, theirs)


def test_gain_ahead_is_the_mean_over_what_is_learned():
    draws = torch.randn(40_000, 1, 1, 1, generator=SEED, dtype=torch.double)
    after = gain(MEAN + SLOPES * draws, VARIANCE - SLOPES.square())
    costs = torch.rand(5, 7, generator=SEED, dtype=torch.double) + 0.5
    wanted = (after / costs).amax(-1).mean(0)
    ahead = ahead_of(SLOPES, normal_nodes(256, 1), costs)
    torch.testing.assert_close(ahead, wanted, rtol=0.01, atol=0.01)


def test_to_learn_never_lowers_the_best_gain():
    one, now = torch.ones(5, 7, dtype=torch.double), gain(MEAN, VARIANCE).amax(-1)
    ahead = ahead_of(SLOPES, normal_nodes(256, 1), one)
    assert (ahead >= now * 0.999).all()
    assert (ahead > now * 1.01).any()
    torch.testing.assert_close(ahead_of(0 * SLOPES, normal_nodes(16, 1), one), now)


def test_several_outcomes_move_by_themselves():
    """Gains that add up, of outcomes with nodes of their own."""
    mean = torch.randn(3, 4, 2, generator=SEED, dtype=torch.double)
    variance = torch.rand(3, 4, 2, generator=SEED, dtype=torch.double) + 0.2
    slopes = 0.9 * variance.sqrt()
    slopes[..., 1] = 0

    def total(mean, variance):
        return expected_improvement(mean, variance, BEST_F).sum(-1)

    costs = torch.ones(3, 4, dtype=torch.double)
    found = gain_ahead(total, mean, variance, slopes, normal_nodes(512, 2), costs)
    draws = torch.randn(40_000, 1, 1, 2, generator=SEED, dtype=torch.double)
    wanted = total(mean + slopes * draws, variance - slopes.square()).amax(-1).mean(0)
    torch.testing.assert_close(found, wanted, rtol=0.03, atol=0.02)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_nodes_are_standard_normal(k):
    nodes = normal_nodes(256, k)
    assert nodes.shape == (256, k)
    assert nodes.mean(0).abs().max() < 0.03
    assert (nodes.square().mean(0) - 1).abs().max() < 0.05
    assert ((nodes.T @ nodes / 256) - torch.eye(k)).abs().max() < 0.1


SPACE = CategoricalSpace("s", {"a": range(5), "b": range(5)})
ROWS = SPACE.enumerate()[torch.randperm(25, generator=SEED)]
COSTS = {"short": 1.0, "long": 4.0}


def observed(goal):
    """Six rows at the target, sixteen at the cheaper fidelity, which is told lower."""
    columns = [ROWS[:, 0] + 0.3 * ROWS[:, 1], ROWS[:, 1] - 0.4 * ROWS[:, 0], ROWS[:, 0] * 1.0]
    values = torch.stack(columns[: len(goal.metrics)], -1)
    log = Log(SPACE, goal)
    for name, n, shift in (("short", 16, -3.0), ("long", 6, 0.0)):
        log = log.asked(ROWS[:n], [name] * n)
        for trial, told in zip(log.trials[-n:], values[:n] + shift, strict=True):
            log = log.told(trial, told.tolist())
    predictors = []
    for output in range(goal.n_outcomes):
        X, gains = log.observed("long")
        Z, below = log.observed("short")
        if goal.depends_on_fidelity(output):
            predictor = MultiTaskGP(SPACE)
            predictor.learn_from([(Z, below[:, output])])
        else:
            predictor, X, gains = GP(SPACE), *log.means()
        predictors.append(predictor.fit(X, gains[:, output], seed=0))
    return Context(log, tuple(predictors), seed=0)


@pytest.mark.parametrize(
    "goal",
    [
        Goal.parse("a", fidelities=COSTS),
        Goal.parse("a,b", fidelities=COSTS),
        Goal.parse("a,-b", fidelities=COSTS, subject_to=["c<=3"], independent=["c"]),
    ],
    ids=str,
)
def test_an_outlook_weighs_what_evaluations_teach(goal):
    context = observed(goal)
    X = ROWS[6:]
    outlook = Outlook(context, X)
    mean, variance = outlook.moments
    assert mean.shape == variance.shape == (len(X), goal.n_outcomes)
    now = outlook.now
    assert now.shape == (len(X),)
    assert (now >= 0).all()
    full, free = torch.full_like(now, 4.0), torch.zeros_like(now)
    after = outlook.after(0, free, full)
    assert after.shape == (len(X),)
    # What costs nothing cannot be worse than nothing, but for the average's error.
    assert (after >= 0.8 * (now / full).max()).all()
    assert (after.max() >= 0.99 * (now / full).max()).all()
    # The dearer, the less it brings per cost.
    dear = outlook.after(0, full, full)
    torch.testing.assert_close(dear, after / 2)


def test_evaluations_under_way_are_believed():
    goal = Goal.parse("a", fidelities=COSTS)
    context = observed(goal)
    before = Outlook(context, ROWS[6:])
    best = int(before.now.argmax())
    row = ROWS[6:][best : best + 1]
    waiting = Context(context.log.asked(row, ["long"]), context.predictors)
    after = Outlook(waiting, ROWS[6:])
    torch.testing.assert_close(after.moments[0], before.moments[0], rtol=1e-4, atol=1e-4)
    assert after.moments[1][best, 0] < before.moments[1][best, 0]
    assert after.now[best] < before.now[best]
    assert log_of(SPACE, goal, row, [[1.0]]).trials[0].fidelity == "long"
