"""The regret of the best architecture told, by posterior draws."""

import pytest
import torch

from archbo.acquisition import FixedCandidates, regret, regret_draws
from archbo.bo_loop import Bayesian, run
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.predictors import draw
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"width": [1, 2, 4, 8, 16, 32], "depth": [1, 2, 3, 4, 5]})


def value(arch):
    return float(arch.row[0] * 3 - (arch.row[1] - 2) ** 2)


def searched(goal=None, evaluate=value, n=10):
    strategy = Bayesian(SPACE, goal, seed=0)
    return strategy, run(strategy, evaluate, n)


def test_draws_are_those_of_all_rows_by_brute_force():
    strategy, log = searched(n=6)
    context = strategy.context(log)
    draws = regret_draws(context, strategy.candidates, n_draws=4000, generator=generator(0))
    X = SPACE.enumerate()
    best = next(n for n, row in enumerate(X.tolist()) if tuple(row) == log.best[0].row)
    predictor = context.predictor
    values = predictor.warp.inverse(draw(predictor.latent, X, 4000, generator=generator(1)))
    expected = values.amax(-1) - values[:, best]
    assert draws.shape == (4000,)
    assert draws.min() >= 0
    assert float(draws.mean()) == pytest.approx(float(expected.mean()), rel=0.1)
    assert float(draws.quantile(0.95)) == pytest.approx(float(expected.quantile(0.95)), rel=0.1)


def test_it_is_in_the_unit_of_the_objective():
    once = searched(n=8)
    hundred = searched(Goal.parse("-loss"), lambda arch: -100 * value(arch), n=8)
    means = []
    for strategy, log in (once, hundred):
        context = strategy.context(log)
        draws = regret_draws(context, strategy.candidates, generator=generator(0))
        means.append(float(draws.mean()))
    assert means[1] == pytest.approx(100 * means[0], rel=1e-3)


def test_a_few_rows_of_many_are_enough(monkeypatch):
    strategy, log = searched(n=8)
    context = strategy.context(log)
    whole = regret_draws(context, strategy.candidates, n_draws=2000, generator=generator(0))
    monkeypatch.setattr(regret, "N_ROWS", 12)
    few = regret_draws(context, strategy.candidates, n_draws=2000, generator=generator(0))
    assert float(few.mean()) == pytest.approx(float(whole.mean()), rel=0.1)


def test_what_breaks_a_bound_is_no_loss():
    """Wider is better, but all that is wider than the best found is too dear."""
    goal = Goal.parse("value", subject_to=["cost<=2"])
    bounded = Bayesian(SPACE, goal, seed=0)
    X = torch.stack([row for row in SPACE.enumerate() if row[1] == 2 or row[0] < 3])
    told = Log(SPACE, goal)
    for arch in SPACE.archs(X):
        told = told.asked(SPACE.rows([arch]))
        told = told.told(told.trials[-1], [value(arch), float(arch.row[0])])
    draws = regret_draws(bounded.context(told), bounded.candidates, generator=generator(0))
    assert told.best[1] == 6.0
    assert float(draws.quantile(0.9)) < 1


def test_nothing_but_what_failed_is_left():
    candidates = FixedCandidates(SPACE, SPACE.enumerate()[:6])
    strategy = Bayesian(SPACE, candidates=candidates, n_initial=6, seed=0)
    log = strategy.propose(Log(SPACE, Goal()), 6)
    best = max(log.trials, key=lambda trial: value(trial.arch))
    for trial in log.trials:
        log = log.failed(trial) if trial == best else log.told(trial, [value(trial.arch)])
    assert len(log.select(State.TOLD)) == 5
    draws = regret_draws(strategy.context(log), candidates, generator=generator(0))
    assert float(draws.max()) < 2


def test_several_objectives_have_none():
    goal = Goal.parse("a,b")
    strategy = Bayesian(SPACE, goal, seed=0)
    log = run(strategy, lambda arch: [arch.row[0], arch.row[1]], 10)
    with pytest.raises(UsageError, match="a regret does not serve a, b"):
        regret_draws(strategy.context(log), strategy.candidates, generator=generator(0))
