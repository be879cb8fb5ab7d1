"""A whole search in one call."""

import pytest

from archbo.bo_loop import FidelityBayesian, Optimizer, RandomSearch, run
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import State
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
COSTS = {"short": 12, "full": 200}


def value(arch):
    return float(sum((i + 1) * choice for i, choice in enumerate(arch.row)))


def states(log):
    return [str(trial.state) for trial in log.trials]


@pytest.mark.parametrize("q", [1, 4, 20])
def test_as_many_are_evaluated_as_asked_for(q):
    evaluated, seen = [], []

    def evaluate(arch):
        evaluated.append(arch)
        return value(arch)

    optimizer = Optimizer(RandomSearch(TOY, seed=0))
    log = run(optimizer, evaluate, 10, q=q, callback=lambda log: seen.append(log.n_told))
    assert [trial.arch for trial in log.trials] == evaluated
    assert [trial.values for trial in log.trials] == [(value(arch),) for arch in evaluated]
    assert len(set(evaluated)) == 10
    assert seen == list(range(1, 11))
    # What was told before is no query.
    assert len(run(optimizer, evaluate, 5, q=q)) == 15


def test_a_strategy_is_enough_and_the_search_ends_where_nothing_is_left():
    log = run(RandomSearch(TOY, seed=0), value, 100, q=7)
    assert len(log) == log.n_told == 24
    assert log.best[1] == 11.0


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_evaluation_that_raises_loses_nothing(error):
    """The values before it are there, and what was in flight may be asked for again."""
    optimizer = Optimizer(RandomSearch(TOY, seed=0))
    count = 0

    def evaluate(arch):
        nonlocal count
        count += 1
        if count == 7:
            raise error("out of memory")
        return value(arch)

    with pytest.raises(error):
        run(optimizer, evaluate, 20, q=5)
    assert states(optimizer.log) == ["told"] * 6 + ["dropped"] * 4
    assert len(optimizer.log.pending()) == 0
    lost = {trial.arch for trial in optimizer.log.trials[6:]}
    assert lost <= set(optimizer.ask(18))


def test_errors_may_be_caught_and_are_failures_then():
    def evaluate(arch):
        if arch.row[0] == 1:
            raise ValueError("width 16 diverges")
        return value(arch)

    log = run(RandomSearch(TOY, seed=0), evaluate, 24, q=3, catch=(ValueError,))
    failed = log.select(State.FAILED)
    assert {trial.arch.row[0] for trial in failed} == {1}
    assert len(failed) == 8
    assert {trial.reason for trial in failed} == {"ValueError: width 16 diverges"}
    assert log.spent == 24
    optimizer = Optimizer(RandomSearch(TOY, seed=0))
    with pytest.raises(ValueError, match="width 16"):
        run(optimizer, evaluate, 24, catch=(OSError, RuntimeError))


@pytest.mark.parametrize(
    ("goal", "bad"),
    [
        (Goal(), float("nan")),
        (Goal(), float("inf")),
        (Goal(), [float("nan")]),
        (Goal.parse("a,-b"), (1.0, float("nan"))),
        (Goal.parse("a,-b"), {"a": float("-inf"), "b": 2.0}),
    ],
)
def test_a_value_that_is_no_finite_number_is_a_failure(goal, bad):
    good = [1.0] * len(goal.metrics)
    log = run(RandomSearch(TOY, goal, seed=0), lambda arch: bad if arch.row[2] else good, 24, q=5)
    assert all(bool(trial.arch.row[2]) == (trial.state == "failed") for trial in log.trials)
    assert "the evaluation gave" in log.select(State.FAILED)[0].reason


@pytest.mark.parametrize("wrong", [None, "0.9", [1.0, 2.0], {"loss": 1.0}])
def test_a_value_of_another_kind_is_an_error_that_names_the_architecture(wrong):
    optimizer = Optimizer(RandomSearch(TOY, seed=0))
    with pytest.raises(UsageError, match="width="):
        run(optimizer, lambda arch: wrong, 5, q=2)
    assert states(optimizer.log) == ["dropped"] * 2


@pytest.mark.parametrize("budget", [200, 211, 260, 300])
@pytest.mark.parametrize("q", [1, 4])
def test_a_small_budget_still_pays_for_one_evaluation_at_the_target(budget, q):
    def train(arch, fidelity):
        return value(arch) + (90 if fidelity == "full" else 0)

    goal = Goal.parse("accuracy", fidelities=COSTS)
    log = run(FidelityBayesian(TOY, goal, n_initial=5, seed=0), train, budget=budget, q=q)
    assert log.spent <= budget
    *cheap, last = log.trials
    assert last.fidelity == "full"
    assert {trial.fidelity for trial in cheap} <= {"short"}
    assert len(cheap) == (budget - 200) // 12
    if cheap:
        assert value(last.arch) == max(value(trial.arch) for trial in cheap)


def test_a_budget_without_fidelities_is_a_number_of_evaluations():
    optimizer = Optimizer(RandomSearch(TOY, seed=0))
    assert len(run(optimizer, value, budget=5, q=3)) == 5
    # What was spent before is no longer in the purse.
    assert run(optimizer, value, budget=2.5).n_told == 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give either n_queries or budget"),
        ({"n_queries": 1, "budget": 2.0}, "give either n_queries or budget"),
        ({"n_queries": 0}, "at least one query; got 0"),
        ({"n_queries": -3}, "at least one query; got -3"),
        ({"n_queries": 3, "q": 0}, "at least 1; got 0"),
        ({"budget": 0.5}, "the budget of 0.5 does not pay for one evaluation at the target"),
        ({"budget": float("nan")}, "the budget of nan does not pay"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        run(RandomSearch(TOY, seed=0), value, **options)
