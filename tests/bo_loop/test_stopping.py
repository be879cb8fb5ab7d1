"""When a search stops."""

import math

import pytest

from archbo.bo_loop import Bayesian, Optimizer, RandomSearch, Terminator, run
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {"width": list(range(10)), "depth": list(range(10))})


def value(arch):
    return float(sum(arch.row))


def test_a_search_ends_once_little_regret_is_left():
    strategy = Bayesian(SPACE, seed=0)
    stop = Terminator(strategy, 0.5)
    log = run(strategy, value, 100, stop=stop)
    assert 20 <= log.n_told < 100
    assert log.best[1] == 18.0
    assert stop(log)
    assert stop.bound(log) <= 0.5
    assert stop.text(log) == f"regret <= {stop.bound(log):.3g}"
    # The same log gives the same answer in another process, whatever was asked before.
    assert Terminator(Bayesian(SPACE, seed=0), 0.5).bound(log) == stop.bound(log)
    # A search that goes on where it was over stays over.
    assert run(Optimizer(strategy, log=log), value, 10, stop=stop) == log


def test_too_few_trials_and_none_feasible_tell_nothing():
    strategy = Bayesian(SPACE, seed=0)
    stop = Terminator(strategy, 1e6)
    short = run(strategy, value, 19)
    assert stop.bound(short) is None
    assert not stop(short)
    assert stop.text(short) == ""
    goal = Goal.parse("acc", subject_to=["cost<=-1"])
    random = RandomSearch(SPACE, goal, seed=0)
    infeasible = run(random, lambda arch: {"acc": value(arch), "cost": 0.0}, 25)
    assert Terminator(random, 1e6).bound(infeasible) is None


def test_other_strategies_are_judged_by_a_gaussian_process():
    random = RandomSearch(SPACE, seed=0)
    log = run(random, value, 100, stop=Terminator(random, 5.0))
    assert 20 <= log.n_told < 100


def test_fidelities_are_judged_at_the_target():
    goal = Goal.parse("acc", fidelities={"short": 1, "full": 4})
    optimizer = Optimizer(SPACE, goal, seed=0)
    stop = Terminator(optimizer.strategy, 1.0)
    log = run(optimizer, lambda arch, at: value(arch) - (at == "short"), budget=200, stop=stop)
    assert stop(log)
    assert log.spent < 200


@pytest.mark.parametrize("regret", [0, -1.0, math.nan, math.inf, "much"])
def test_a_regret_is_a_number_above_zero(regret):
    with pytest.raises(UsageError, match="above 0"):
        Terminator(Bayesian(SPACE, seed=0), regret)


def test_several_objectives_are_refused():
    with pytest.raises(UsageError, match="one objective"):
        Terminator(Bayesian(SPACE, Goal.parse("a,b"), seed=0), 1.0)
