"""Ask, tell, fail and drop."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

from archbo.acquisition import Maximize, log_ei
from archbo.bo_loop import Bayesian, LocalSearch, Optimizer, RandomSearch
from archbo.errors import InvalidArchitectureError, NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.predictors import GP
from archbo.spaces import CategoricalSpace, EdgeCellSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
NB201 = EdgeCellSpace.nas_bench_201()
SEVERAL = Goal.parse("accuracy,-latency", subject_to=["energy<=5"])
FIDELITIES = Goal.parse("accuracy", fidelities={"short": 12, "full": 200})
ARCH = "width=8,depth=1,skip=no"


def random_search(goal=None):
    return Optimizer(RandomSearch(TOY, goal, seed=0))


def texts(archs):
    return [str(arch) for arch in archs]


# Telling.


@pytest.mark.parametrize(
    ("archs", "values"),
    [
        ([(0, 0, 0), (0, 0, 1)], [1, 2.5]),
        ([ARCH, "width=8,depth=1,skip=yes"], (1.0, 2.5)),
        (torch.tensor([[0.0, 0, 0], [0, 0, 1]]), torch.tensor([1.0, 2.5])),
        (torch.tensor([[0, 0, 0], [0, 0, 1]]), torch.tensor([[1.0], [2.5]])),
        (TOY.archs(TOY.enumerate()[:2]), np.array([1, 2.5], dtype=np.float32)),
        (TOY.archs(TOY.enumerate()[:2]), pd.Series([1.0, 2.5])),
        (TOY.archs(TOY.enumerate()[:2]), [{"value": 1, "loss": 7}, {"value": torch.tensor(2.5)}]),
        (TOY.archs(TOY.enumerate()[:2]), [np.float64(1), torch.tensor(2.5)]),
    ],
)
def test_all_forms_of_architectures_and_values_can_be_told(archs, values):
    optimizer = random_search()
    optimizer.tell(archs, values)
    rows, gains = optimizer.log.observed()
    assert rows.equal(TOY.enumerate()[:2])
    assert gains.flatten().tolist() == [1.0, 2.5]


def test_a_single_architecture_can_be_told():
    optimizer = random_search()
    (arch,) = optimizer.ask()
    optimizer.tell(arch, 0.5)
    optimizer.tell(str(arch), 0.7)
    (trial,) = optimizer.ask_trials()
    optimizer.tell(trial, 0.9)
    several = random_search(SEVERAL)
    several.tell(ARCH, [90.0, 3.0, 2.0])
    several.tell(ARCH, {"energy": 2.0, "latency": 5.0, "accuracy": 90.0})
    assert optimizer.log.observed()[1].flatten().tolist() == [0.5, 0.7, 0.9]
    assert several.log.means()[1].tolist() == [[90.0, -4.0, 3.0]]


def test_values_may_be_told_in_any_order():
    optimizer = random_search()
    first, second, third = optimizer.ask(3)
    optimizer.tell([third, first], [1.0, 2.0])
    assert optimizer.log.pending().equal(TOY.rows([second]))
    optimizer.tell([second], [3.0])
    assert [trial.values for trial in optimizer.log.trials] == [(2.0,), (3.0,), (1.0,)]


def test_telling_again_is_another_evaluation():
    optimizer = random_search()
    (arch,) = optimizer.ask()
    optimizer.tell([arch], [1.0])
    optimizer.tell([arch, arch], [2.0, 6.0], cost=4.0)
    assert [trial.replicate for trial in optimizer.log.trials] == [0, 1, 2]
    assert optimizer.log.best == (arch, 3.0)
    assert optimizer.log.spent == 9.0


def test_architectures_never_asked_for_may_be_told():
    for space in (TOY, NB201):
        optimizer = Optimizer(Bayesian(space, n_initial=4, seed=0))
        X = space.distinct(space.sample(20, generator=torch.Generator().manual_seed(5)))[:7]
        optimizer.tell(X, list(range(7)))
        assert optimizer.log.observed()[0].equal(X)
        asked = optimizer.ask(3)
        assert not set(space.ids(space.rows(asked))) & set(space.ids(X))


@pytest.mark.parametrize(
    ("archs", "values", "error", "message"),
    [
        ([ARCH], [1.0, 2.0], UsageError, "1 architectures but 2 values; tell one for each"),
        ([ARCH], [], UsageError, "1 architectures but 0 values"),
        ([ARCH], [None], UsageError, f"value of {ARCH} is None; tell a finite number, or use fail"),
        ([ARCH], None, UsageError, "tell a list of values, one for each architecture; got None"),
        ([ARCH], ["0.9"], UsageError, "value of .* is '0.9'"),
        ([ARCH], "0.9", UsageError, "tell a list of values"),
        ([ARCH], [True], UsageError, "is True"),
        ([ARCH], [float("nan")], UsageError, "value of .* is nan"),
        ([ARCH], [float("inf")], UsageError, "is inf"),
        ([ARCH], torch.tensor([torch.nan]), UsageError, "is nan"),
        ([ARCH], [{"accuracy": 1.0}], UsageError, "was told no 'value'; tell value"),
        ([ARCH], [[1.0, 2.0]], UsageError, "was told 2 values; tell 1: value"),
        ([ARCH], {"value": 1.0}, UsageError, "tell a list of values"),
        ({ARCH: 1.0}, [1.0], UsageError, "tell a list of architectures"),
        (None, [1.0], UsageError, "tell a list of architectures; got None"),
        ([(0, 0, 0), (0, 0, 2)], [1.0, 2.0], InvalidArchitectureError, "no architecture of toy"),
        (["width=8"], [1.0], InvalidArchitectureError, "malformed architecture 'width=8'"),
        ([NB201.arch([0] * 6)], [1.0], InvalidArchitectureError, "nb201"),
    ],
)
def test_a_refused_tell_records_nothing(archs, values, error, message):
    optimizer = random_search()
    optimizer.tell(optimizer.ask(2), [1.0, 2.0])
    optimizer.ask(2)
    before = optimizer.log
    with pytest.raises(error, match=message):
        optimizer.tell(archs, values)
    assert optimizer.log is before


def test_architectures_of_a_space_that_only_shares_the_name_are_refused():
    other = CategoricalSpace("toy", {"width": [64, 8, 16], "depth": [1, 2, 3, 4], "skip": [0, 1]})
    optimizer = random_search()
    with pytest.raises(InvalidArchitectureError, match="toy"):
        optimizer.tell([other.arch((0, 0, 0))], [1.0])
    with pytest.raises(UsageError, match="a log of its own space and goal"):
        Optimizer(RandomSearch(TOY), log=Log(other, Goal()))


@pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), "1"])
def test_a_cost_is_a_number_that_is_not_negative(cost):
    with pytest.raises(UsageError, match="a cost is a number that is not negative"):
        random_search().tell(ARCH, 1.0, cost=cost)


# Failing and dropping.


def test_what_failed_is_recorded_and_never_asked_for_again():
    optimizer = random_search()
    failed = optimizer.ask(2)
    optimizer.fail(failed, "out of memory")
    optimizer.fail("width=32,depth=4,skip=yes")
    assert [trial.reason for trial in optimizer.log.trials] == ["out of memory"] * 2 + [""]
    rest = optimizer.ask(24)
    assert not {*failed, TOY.arch("width=32,depth=4,skip=yes")} & set(rest)
    with pytest.raises(NothingLeftError):
        optimizer.ask()
    with pytest.raises(UsageError, match="nothing has been told yet"):
        optimizer.recommend()


def test_what_was_dropped_may_be_asked_for_again():
    optimizer = random_search()
    archs = optimizer.ask(24)
    optimizer.drop(archs[:3])
    assert optimizer.log.spent == 0
    assert set(optimizer.ask(24)) == set(archs[:3])
    for arch in (archs[4], archs[0]):
        optimizer.tell(arch, 1.0)
        with pytest.raises(UsageError, match=f"{arch} does not wait for values"):
            optimizer.drop(arch)


def test_trials_at_other_fidelities():
    optimizer = Optimizer(RandomSearch(TOY, FIDELITIES, seed=0))
    (trial,) = optimizer.ask_trials()
    assert (trial.fidelity, trial.cost) == ("full", 200)
    optimizer.tell(trial.arch, 2.0, fidelity="short")
    assert optimizer.log.trials[0].state == State.ASKED
    optimizer.tell([trial], [1.0])
    optimizer.fail(trial.arch, fidelity="short")
    assert [t.state for t in optimizer.log.trials] == ["told", "told", "failed"]
    assert optimizer.log.spent == 224
    with pytest.raises(UsageError, match="the goal has fidelities; use ask_trials"):
        optimizer.ask()
    for call in (optimizer.tell, optimizer.fail):
        with pytest.raises(
            UsageError, match="there is no fidelity 'long'; the goal has short, full"
        ):
            call(*([ARCH, 1.0] if call == optimizer.tell else [ARCH]), fidelity="long")
    optimizer.tell(ARCH, 5.0, fidelity="short")
    optimizer.tell("width=8,depth=2,skip=no", 7.0, fidelity="short")
    assert str(optimizer.promote()) == "width=8,depth=2,skip=no at full"


def test_a_trial_at_a_cheaper_fidelity_may_be_dropped():
    log = Log(TOY, FIDELITIES).asked(TOY.enumerate()[:1], ["short"])
    optimizer = Optimizer(TOY, FIDELITIES, log=log, seed=0)
    optimizer.drop(optimizer.log.trials)
    assert optimizer.log.trials[0].state == State.DROPPED


# Asking.


@pytest.mark.parametrize("q", [0, -1, 1.5, "2", None, True])
def test_asking_for_nothing_is_refused(q):
    with pytest.raises(UsageError, match=f"at least 1; got {q!r}"):
        random_search().ask(q)


@pytest.mark.parametrize("q", [5, 24, 100])
def test_as_many_as_are_left_come_while_one_of_initial_waits(q):
    initial = ["width=8,depth=1,skip=no", "width=16,depth=2,skip=no", "width=8,depth=1,skip=no"]
    optimizer = Optimizer(TOY, initial=initial, n_initial=4, seed=0)
    asked = optimizer.ask(q)
    assert len(set(asked)) == len(asked) == min(q, 24)
    assert texts(asked[:2]) == initial[:2]


def test_four_threads_ask_for_distinct_architectures():
    optimizer = Optimizer(TOY, n_initial=3, seed=0)

    def work(_):
        asked = []
        for _ in range(4):
            (arch,) = optimizer.ask()
            optimizer.tell([arch], [float(sum(arch.row))])
            asked.append(arch)
        return asked

    with ThreadPoolExecutor(4) as pool:
        asked = [arch for archs in pool.map(work, range(4)) for arch in archs]
    assert len(set(asked)) == len(asked) == 16
    assert [trial.number for trial in optimizer.log.trials] == list(range(16))
    assert optimizer.log.n_told == 16


def test_an_optimizer_can_be_pickled_and_goes_on():
    optimizer = Optimizer(TOY, n_initial=3, seed=0)
    for _ in range(5):
        (arch,) = optimizer.ask()
        optimizer.tell([arch], [float(sum(arch.row))])
    copy = pickle.loads(pickle.dumps(optimizer))  # noqa: S301 - its own bytes
    assert copy.log == optimizer.log
    (arch,) = optimizer.ask()
    assert copy.ask() == [arch]
    copy.tell([arch], [1.0])
    assert optimizer.log.pending().equal(TOY.rows([arch]))


# What is refused.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Optimizer("nb201"), "Optimizer takes a strategy; got 'nb201'"),
        (lambda: Optimizer(TOY, predictor="gp"), "a predictor is a Predictor"),
        (lambda: Optimizer(TOY, predictor=[None]), "a predictor is a Predictor"),
        (lambda: Optimizer(TOY, acquisition="log_ei"), "an acquisition is a rule .* got 'log_ei'"),
        (lambda: Optimizer(TOY, acquisition=log_ei), "an acquisition is a rule"),
        (lambda: Optimizer(TOY, goal="accuracy"), "goal is a Goal; got 'accuracy'"),
        (lambda: Optimizer(RandomSearch(TOY), Goal()), "the strategy has its own goal"),
        (lambda: Optimizer(RandomSearch(TOY), seed=1), "the strategy has its own seed"),
        (lambda: Optimizer(TOY, log=Log(TOY, SEVERAL)), "a log of its own space and goal"),
        (lambda: Optimizer(TOY, seed=None), "a seed is an integer"),
        (lambda: Optimizer(TOY, seed=1.5), "a seed is an integer"),
        (lambda: Optimizer(TOY, seed=-1), "a seed is an integer"),
        (lambda: Optimizer(TOY, seed=2**70), "a seed is an integer"),
        (lambda: Optimizer(TOY, n_initial=0), "n_initial must be at least 1; got 0"),
        (lambda: Optimizer(TOY, refit_every=2.5), "refit_every must be at least 1; got 2.5"),
        (lambda: Optimizer(TOY, predictor=GP(NB201)), "a predictor is of 'nb201'"),
        (lambda: Optimizer(TOY, SEVERAL, acquisition=Maximize(log_ei)), "log_ei does not serve"),
        (lambda: RandomSearch("toy"), "space is a SearchSpace; got 'toy'"),
        (
            lambda: LocalSearch(TOY, candidates=Bayesian(NB201).candidates),
            "the candidates are of 'nb201', the search is in 'toy'",
        ),
    ],
)
def test_wrong_arguments_are_refused_at_once(make, message):
    with pytest.raises(UsageError, match=message):
        make()
