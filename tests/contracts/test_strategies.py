"""Every strategy of the catalog keeps to the contract."""

from functools import partial

import pytest
from on_every_space import MIXED

from archbo import bo_loop, catalog
from archbo.acquisition import (
    FixedCandidates,
    ThompsonSampling,
)
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.proxies import Proxies
from archbo.randomness import generator
from archbo.spaces import EdgeCellSpace, NodeCellSpace
from archbo.testing.strategies import StrategyContract

ONE, LESS = Goal(), Goal.parse("-latency")
SEVERAL = Goal.parse("accuracy,-latency", subject_to=["energy<=2.2"])
BOUND = Goal.parse("accuracy", subject_to=["energy<=2.2"])
FIDELITIES = {"short": 12, "full": 200}


class RowProxies(Proxies):
    """The decisions themselves as proxies, of any space."""

    names, node_names = ("first", "second", "third"), ()

    def __init__(self, space):
        self.space = space

    def scores(self, X):
        return X[:, :3]

    def nodes(self, X):
        return X.new_zeros(*X.shape, 0)

    def _same_scores(self, other):
        return True

    @property
    def reference(self):
        X = self.space.sample(50, generator=generator(0))
        return self.scores(X), self.nodes(X)


SMALL = {
    "bayesian": {"n_initial": 4},
    "evolution": {"population": 4, "tournament": 2},
    "nsga2": {"population": 4},
    "guided-evolution": {"n_initial": 4, "batch": 3, "population": 8, "generations": 3},
    "robot": {"n_initial": 3},
    "robot-published": {"n_iterations": 8},
    **{name: {"n_initial": 4} for name in ("bananas", "gbdt-nas", "nas-bowl", "weaknas")},
}
"""Options with which a strategy is beyond its start after a few trials."""


def of_catalog(name):
    """What makes the strategy of that name, small, and on proxies where it takes some."""
    entry = catalog.STRATEGIES[name]

    def make(space, goal, **options):
        proxies = {"proxies": RowProxies(space)} if "proxies" in entry.needs else {}
        return entry(space, goal, **SMALL.get(name, {}), **proxies, **options)

    return make


def bayesian(rule=None, **options):
    return partial(bo_loop.Bayesian, acquisition=rule, n_initial=4, **options)


MODEL_FREE = ("random", "evolution", "local-search", "nsga2")
FIDELITY = partial(bo_loop.FidelityBayesian, n_initial=3, n_cheap=5)
CASES = {
    **{name: (of_catalog(name), LESS) for name in catalog.STRATEGIES},
    **{f"{name}-several": (of_catalog(name), SEVERAL) for name in MODEL_FREE},
    "guided-several": (of_catalog("guided-evolution"), SEVERAL),
    "bayesian-rounds": (bayesian(refit_every=4), ONE),
    "bayesian-bound": (bayesian(), BOUND),
    "bayesian-several": (bayesian(), SEVERAL),
    "thompson": (bayesian(ThompsonSampling()), ONE),
    "fidelities": (FIDELITY, Goal.parse("accuracy", fidelities=FIDELITIES)),
    "fidelities-several": (
        FIDELITY,
        Goal.parse(
            "accuracy,-latency",
            subject_to=["energy<=2.2"],
            fidelities=FIDELITIES,
            independent=["latency", "energy"],
        ),
    ),
    "random-fidelities": (
        bo_loop.RandomSearch,
        Goal.parse("accuracy", fidelities=FIDELITIES),
    ),
}


class TestStrategies(StrategyContract):
    @pytest.fixture(autouse=True, params=CASES)
    def _case(self, request):
        self.make, self.goal = CASES[request.param]


class TestCells(StrategyContract):
    """Those that take no time, on a space of cells."""

    space = EdgeCellSpace.nas_bench_201()

    @pytest.fixture(autouse=True, params=[*MODEL_FREE, "nsga2-several"])
    def _case(self, request):
        self.make, self.goal = CASES[request.param]


class TestIsomorphs(StrategyContract):
    """Architectures that have several rows each; a few of very many may be asked for."""

    space = NodeCellSpace.nas_bench_101()

    @pytest.fixture(autouse=True, params=["random", "local-search", "guided-several"])
    def _case(self, request):
        make, self.goal = CASES[request.param]
        X = self.space.distinct(self.space.sample(40, generator=generator(1)))[:20]
        self.make = partial(make, candidates=FixedCandidates(self.space, X))


class TestMixed(StrategyContract):
    """Reals, and decisions that do not always count; a few of infinitely many may be asked for."""

    space = MIXED

    @pytest.fixture(autouse=True, params=["random", "evolution", "local-search"])
    def _case(self, request):
        make, self.goal = CASES[request.param]
        X = self.space.sample(20, generator=generator(1))
        self.make = partial(make, candidates=FixedCandidates(self.space, X))


QUICK_ON_MIXED = (*MODEL_FREE, "nsga2-several", "bayesian", "thompson")
SLOW_ON_MIXED = [n for n in CASES if not n.startswith("robot") and n not in QUICK_ON_MIXED]


@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
@pytest.mark.parametrize("name", QUICK_ON_MIXED)
def test_reals_are_searched_without_a_list(name):
    _search_mixed(name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
@pytest.mark.parametrize("name", SLOW_ON_MIXED)
def test_reals_are_searched_without_a_list_by_the_rest(name):
    _search_mixed(name)


def _search_mixed(name):
    """What is proposed is new and says nothing of what does not count."""
    make, goal = CASES[name]
    strategy, log = make(MIXED, goal, seed=0), Log(MIXED, goal)
    for _ in range(9):
        log = strategy.propose(log, 1)
        for trial in [trial for trial in log.trials if trial.state == State.ASKED]:
            log = log.told(trial, [sum(trial.arch.row) + k for k in range(len(goal.metrics))])
    X = log.rows()
    assert MIXED.is_valid(X).all()
    assert MIXED.settled(X).equal(X)
    assert len(MIXED.distinct(log.rows(fidelity=goal.target))) == len(
        log.rows(fidelity=goal.target)
    )


def test_robot_wants_proxies_of_a_mixed_space():
    with pytest.raises(UsageError, match="mixed"):
        bo_loop.RoBoT(MIXED)
