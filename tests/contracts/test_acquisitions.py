"""Every acquisition rule, with every predictor, keeps the contract."""

from functools import cache, partial

import pytest

from archbo.acquisition import (
    IndependentThompsonSampling,
    Maximize,
    ThompsonSampling,
    TopSampling,
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
from archbo.goals import Goal
from archbo.predictors import (
    BNNHMC,
    GBDT,
    GP,
    SGHMC,
    AutoGP,
    DeepEnsemble,
    DeepKernelGP,
    LinearisedLaplace,
    MultiTaskGP,
    ProxyGP,
    RandomForest,
    RelativisticGNN,
    SparseGP,
    Stack,
    ZeroCostMixer,
)
from archbo.proxies import SHIPPED, ComputedProxies, ProxyTable, setup, shipped
from archbo.spaces import EdgeCellSpace, NodeCellSpace
from archbo.testing.acquisitions import RuleContract
from archbo.testing.candidates import TOY

NB201, NB101 = EdgeCellSpace.nas_bench_201(), NodeCellSpace.nas_bench_101()
FUNCTIONS = (log_ei, qlog_ei, qlog_nei, pi, ucb, greedy, kg, mes, gibbon, jes)
RULES = {
    **{function.__name__: Maximize(function) for function in FUNCTIONS},
    "thompson": ThompsonSampling(),
    "independent_thompson": IndependentThompsonSampling(),
}
GOALS = {
    "qlog_nehvi": Goal.parse("a,-b", subject_to=["c<=70"]),
    "qlog_nparego": Goal.parse("a,-b", subject_to=["c<=70"]),
    "constrained_log_nei": Goal.parse("a", subject_to=["b>=69.9"]),
}
OUTCOME_RULES = {
    function.__name__: Maximize(function)
    for function in (qlog_nehvi, qlog_nparego, constrained_log_nei)
}


@cache
def proxies_of(space):
    """Those that come with archbo, for other spaces scores of very small networks, or numbers from the rows."""
    if space.name in SHIPPED:
        return shipped(space)
    if space is TOY:
        X = space.enumerate()
        return ProxyTable(
            space, X, X.cumsum(-1), space.columns, nodes=X.unsqueeze(-1), node_names=["size"]
        )
    small = setup(space)
    return ComputedProxies(
        space,
        small.inputs,
        small.targets,
        ["params", "l2_norm"],
        nodes=["l2_norm"],
        skeleton=small.skeleton,
        n_reference=20,
    )


# Smaller than their defaults, so that a fit takes a moment.
PREDICTORS = {
    "auto": AutoGP,
    "gp": GP,
    "dkl": DeepKernelGP,
    "sparse-gp": SparseGP,
    "multi-task-gp": MultiTaskGP,
    "bnn-hmc": partial(BNNHMC, warmup=30, samples=25),
    "sghmc": partial(SGHMC, burn_in=300, steps=300),
    "laplace": partial(LinearisedLaplace, n_steps=100),
    "deep-ensemble": partial(DeepEnsemble, n_steps=100),
    "proxy-gp": lambda space: ProxyGP(space, proxies=proxies_of(space), learn_after=0),
    "gbdt": GBDT,
    "gbdt-rank": partial(GBDT, objective="rank"),
    "gnn": partial(RelativisticGNN, n_members=6, n_epochs=20),
    "mixer": lambda space: ZeroCostMixer(
        space, proxies=proxies_of(space), n_members=6, n_epochs=100
    ),
    "stack": Stack,
    "rank-average": partial(Stack, combine="rank"),
    "random-forest": partial(RandomForest, n_trees=30),
    "xgboost": GBDT.plain,
}


@cache
def fitted(name, space, X, Y):
    """One fit for all tests, of the same rows and values."""
    return PREDICTORS[name](space).fit(*map(list, (X, Y)), seed=5)


VARIANTS = {
    "top": TopSampling(),
    "rivals": Maximize(log_ei, sequential=False),
    "shortlist": Maximize(qlog_ei, shortlist=8),
    "cost": Maximize(log_ei, cost=lambda X: 1 + X.sum(-1)),
}
every_predictor = pytest.mark.parametrize("predictor", PREDICTORS)


@pytest.mark.parametrize("rule", RULES | OUTCOME_RULES | VARIANTS)
class TestRules(RuleContract):
    n_pending = 1

    @pytest.fixture(autouse=True)
    def pick_rule(self, rule):
        self.rule = (RULES | OUTCOME_RULES | VARIANTS)[rule]
        self.goal = GOALS.get(rule, Goal())

    def make(self):
        return self.rule


class _OnPredictors(RuleContract):
    """Rules on any predictor."""

    @pytest.fixture(autouse=True)
    def pick_both(self, rule, predictor):
        self.rule, self.predictor = (RULES | OUTCOME_RULES)[rule], predictor
        self.goal = GOALS.get(rule, Goal())

    def make(self):
        return self.rule

    def fit(self, output, X, Y):
        # Outcomes share no predictor.
        name = self.predictor if output == 0 else "gp"
        rows = tuple(tuple(map(int, row)) for row in X.tolist())
        return fitted(name, self.space, rows, tuple(Y.tolist()))

    # One predictor is enough to tell.
    test_trials_may_fail_be_dropped_and_repeat = None
    test_threads_pick_what_they_pick_in_sequence = None


@every_predictor
@pytest.mark.parametrize("rule", RULES)
class TestOnToy(_OnPredictors):
    """With every predictor, without pending rows."""


@every_predictor
@pytest.mark.parametrize("rule", RULES)
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


@every_predictor
@pytest.mark.parametrize("rule", OUTCOME_RULES)
class TestSeveralOutcomes(_OnPredictors):
    n_pending = 2
    test_picks_are_few_where_little_is_left = None
    test_no_global_generator_is_touched = None
