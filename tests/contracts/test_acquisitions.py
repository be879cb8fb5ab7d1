"""Every acquisition rule of the catalog, with every predictor, keeps the contract."""

from functools import cache

import pytest
from on_every_space import ONE_OF_EACH, PREDICTORS, SPACES, slow_unless

from archbo import catalog
from archbo.acquisition import Maximize, TopSampling, log_ei, qlog_ei
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.testing.acquisitions import RuleContract

NB201, NB101 = SPACES["nb201"], SPACES["nb101"]
SERVED = (
    Goal(),
    Goal.parse("a,-b", subject_to=["c<=70"]),
    Goal.parse("a", subject_to=["b>=69.9"]),
)
"""The first of these that a rule serves is what it is tested with."""


def served(rule):
    for goal in SERVED:
        try:
            rule.check(goal)
        except UsageError:
            continue
        return goal
    raise AssertionError(f"{rule} serves none of the goals")


EVERY = {name: entry() for name, entry in catalog.ACQUISITIONS.items()}
RULES = {name: rule for name, rule in EVERY.items() if served(rule).is_single}
OUTCOME_RULES = {name: rule for name, rule in EVERY.items() if name not in RULES}


@cache
def fitted(name, space, X, Y):
    """One fit for all tests, of the same rows and values."""
    return PREDICTORS[name](space, None).fit(list(map(list, X)), list(Y), seed=5)


VARIANTS = {
    "top": TopSampling(),
    "rivals": Maximize(log_ei, sequential=False),
    "shortlist": Maximize(qlog_ei, shortlist=8),
    "cost": Maximize(log_ei, cost=lambda X: 1 + X.sum(-1)),
}


def with_every_predictor(rules):
    """Every rule with every predictor; by ``make test`` one rule with every one, and every rule with one of each kind."""
    return pytest.mark.parametrize(
        ("rule", "predictor"),
        [
            slow_unless(rule == "log_ei" or predictor in ONE_OF_EACH, rule, predictor)
            for rule in rules
            for predictor in PREDICTORS
        ],
    )


@pytest.mark.parametrize("rule", EVERY | VARIANTS)
class TestRules(RuleContract):
    n_pending = 1

    @pytest.fixture(autouse=True)
    def pick_rule(self, rule):
        self.rule = (EVERY | VARIANTS)[rule]
        self.goal = served(self.rule)

    def make(self):
        return self.rule


class _OnPredictors(RuleContract):
    """Rules on any predictor."""

    @pytest.fixture(autouse=True)
    def pick_both(self, rule, predictor):
        self.rule, self.predictor = EVERY[rule], predictor
        self.goal = served(self.rule)

    def make(self):
        return self.rule

    def fit(self, output, X, Y):
        # Outcomes share no predictor.
        name = self.predictor if output == 0 else "gp"
        rows = tuple(tuple(map(int, row)) for row in X.tolist())
        return fitted(name, self.space, rows, tuple(Y.tolist()))

    # One predictor is enough to tell.
    test_trials_may_fail_be_dropped_and_repeat = None
    test_what_is_likely_to_fail_is_not_picked = None
    test_threads_pick_what_they_pick_in_sequence = None


@with_every_predictor(RULES)
class TestOnToy(_OnPredictors):
    """With every predictor, without pending rows."""


@with_every_predictor(RULES)
class TestOnCells(_OnPredictors):
    """With every predictor, and pending rows."""

    space, q, n_pending = NB201, 2, 2
    test_picks_are_few_where_little_is_left = None
    test_no_global_generator_is_touched = None


# A local search takes its time: one rule with every predictor, every rule with two of them.
CLIMBING = [(rule, name) for rule in RULES for name in ("gp", "random-forest")]
CLIMBING += [("log_ei", name) for name in PREDICTORS if name not in ("gp", "random-forest")]


@pytest.mark.parametrize(("rule", "predictor"), CLIMBING)
class TestLocally(_OnPredictors):
    space, q, n_pending, local = NB101, 1, 1, True
    test_picks_are_few_where_little_is_left = None
    test_no_global_generator_is_touched = None


@with_every_predictor(OUTCOME_RULES)
class TestSeveralOutcomes(_OnPredictors):
    n_pending = 2
    test_picks_are_few_where_little_is_left = None
    test_no_global_generator_is_touched = None
