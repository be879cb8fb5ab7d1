"""Searches learn where evaluations fail."""

from functools import partial

import pytest
import torch

from archbo.acquisition import Context
from archbo.bo_loop import Bayesian, FidelityBayesian, RandomSearch, run
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace(
    "net",
    {
        "width": range(8, 56, 8),
        "depth": range(1, 7),
        **{name: ["a", "b", "c"] for name in ("op", "norm", "act")},
    },
)
"""Of 972 architectures."""
FIDELITIES = Goal.parse("accuracy", fidelities={"short": 1, "long": 10})


class Crash(Exception):  # noqa: N818 - it is no error of the tests
    """A training that runs out of memory."""


def crashes(arch):
    """A third do: the widest, which would be the best."""
    return arch["width"] > 32


def train(arch, fidelity=None):
    if crashes(arch):
        raise Crash
    width, depth, op, norm, act = arch.row
    return 2 * width + depth + (op == 1) + 0.5 * norm + 0.7 * (act == 2)


def shares(log, start):
    """The share of trials that failed, of all and of those after the random start."""
    failed = [trial.state == State.FAILED for trial in log.trials]
    return sum(failed) / len(failed), sum(failed[start:]) / len(failed[start:])


def best_of_all():
    sound = [arch for arch in SPACE.archs(SPACE.enumerate()) if not crashes(arch)]
    return max(map(train, sound))


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))]
)
def test_less_than_a_third_as_many_crash_as_at_random(seed):
    """The random start included; and what is best among the others is found."""
    log = run(Bayesian(SPACE, seed=seed), train, 60, catch=(Crash,))
    random = run(RandomSearch(SPACE, seed=seed), train, 300, catch=(Crash,))
    everything, after = shares(log, 5)
    at_random, _ = shares(random, 0)
    assert at_random == pytest.approx(1 / 3, abs=0.07)
    assert max(everything, after) < at_random / 3
    assert log.best[1] == best_of_all()


@pytest.mark.parametrize(
    ("make", "goal"),
    [
        (partial(Bayesian, n_initial=5), Goal.parse("accuracy,-depth")),
        (partial(Bayesian, n_initial=5), Goal.parse("accuracy", subject_to=["depth<=5"])),
        (partial(FidelityBayesian, n_initial=5, n_cheap=10), FIDELITIES),
    ],
)
def test_searches_of_several_outcomes_and_fidelities_move_away(make, goal):
    def evaluate(arch, fidelity=None):
        return {"accuracy": train(arch), "depth": arch["depth"]}

    options = {"budget": 60} if goal.fidelities else {"n_queries": 20}
    log = run(make(SPACE, goal, seed=0), evaluate, **options, catch=(Crash,))
    _, after = shares(log, 5)
    assert log.n_failed
    assert after < 0.2


def test_the_random_start_stays_random():
    strategy = Bayesian(SPACE, n_initial=8, seed=0)
    failing, told = (Log(SPACE, Goal()) for _ in range(2))
    for _ in range(8):
        failing, told = strategy.propose(failing), strategy.propose(told)
        failing, told = failing.failed(failing.trials[-1]), told.told(told.trials[-1], [1.0])
    assert failing.rows().equal(told.rows())


def test_where_all_of_the_start_has_failed_what_is_unlike_it_comes_next():
    space = CategoricalSpace("s", {"a": range(3), "b": range(10), "c": range(10)})
    failed = space.enumerate()
    failed = failed[failed[:, 0] == 0][::5]
    log = Log(space, Goal()).asked(failed)
    for trial in log.trials:
        log = log.failed(trial)
    for seed in range(8):
        asked = Bayesian(space, seed=seed).propose(log, 3).rows()[len(failed) :]
        assert (asked[:, 0] != 0).all()


def test_what_gave_values_or_was_dropped_is_no_failure():
    strategy = Bayesian(SPACE, n_initial=2, seed=0)
    log = run(strategy, lambda arch: arch.row[0], 4)
    log = strategy.propose(log, 2)
    log = log.dropped(log.trials[-1])
    context = strategy.context(log)
    assert context.success is None
    assert context.p_success(SPACE.enumerate()).eq(1).all()
    # Nothing is asked of the candidates but what was before.
    assert context.likely(strategy.candidates) is strategy.candidates


def test_a_failure_at_any_fidelity_counts():
    strategy = FidelityBayesian(SPACE, FIDELITIES, n_initial=4, seed=0)
    X = SPACE.enumerate()
    bad, good = (X[X[:, 0] == choice][::20] for choice in (5, 0))
    log = Log(SPACE, FIDELITIES).asked(torch.cat([bad, good]), ["short"] * (len(bad) + len(good)))
    log = log.asked(torch.cat([bad, good]), ["long"] * (len(bad) + len(good)))
    for trial in log.trials:
        failed = trial.fidelity == "long" and trial.arch.row[0] == 5
        log = log.failed(trial) if failed else log.told(trial, [float(trial.arch.row[0])])
    for fidelity in FIDELITIES.fidelities:
        p = strategy.context(log, fidelity).p_success(X)
        assert p[X[:, 0] == 5].max() < p[X[:, 0] == 0].min()


def test_what_failed_somewhere_goes_up_last():
    strategy = FidelityBayesian(SPACE, FIDELITIES, seed=0)
    log = Log(SPACE, FIDELITIES).asked(SPACE.enumerate()[[0, 5, 9]], ["short"] * 3)
    for trial, value in zip(log.trials, [1.0, 3.0, 2.0], strict=True):
        log = log.told(trial, [value])
    log = log.asked(log.rows()[[1]], ["short"])
    log = log.failed(log.trials[-1])
    places = []
    for _ in range(3):
        log = strategy.promote(log)
        places.append(log.trials[-1].arch)
    assert places == [log.trials[place].arch for place in (2, 0, 1)]


def test_probabilities_follow_from_the_log_whatever_was_asked_before():
    X = SPACE.enumerate()
    strategy = Bayesian(SPACE, seed=0)
    log = run(strategy, train, 25, catch=(Crash,))
    p = strategy.context(log).p_success(X)
    assert p.shape == (len(X),)
    assert 0 <= p.min() < 0.3 < 0.7 < p.max() <= 1
    again = Bayesian(SPACE, seed=0)
    assert again.context(log).p_success(X).equal(p)
    bare = Context(log, (), success=again.surrogates.success(log))
    assert bare.p_success(X).equal(p)
