"""Published rules."""

import pytest

from archbo.acquisition import FixedCandidates
from archbo.bo_loop import Bayesian, bananas, gbdt_nas, nas_bowl, run, weaknas
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.spaces import CategoricalSpace, EdgeCellSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
NB201 = EdgeCellSpace.nas_bench_201()
PRESETS = (bananas, gbdt_nas, nas_bowl, weaknas)
every_preset = pytest.mark.parametrize("make", PRESETS)


def value(arch):
    return sum((i + 1) * choice for i, choice in enumerate(arch.row)) ** 0.5


@every_preset
def test_published_rules_come_in_rounds(make):
    """Ten at random, then ten by one fit; NAS-BOWL fits after each."""
    strategy = make(TOY, seed=0)
    assert isinstance(strategy, Bayesian)
    log = run(strategy, value, 21)
    rounds = [trial.number for trial in log.trials if "round" in trial.notes]
    assert rounds == ([] if make is nas_bowl else [10, 20])
    assert strategy.n_initial == 10


@every_preset
def test_less_may_be_better(make):
    log = run(make(TOY, Goal.parse("-loss"), n_initial=6, seed=0), value, 18)
    # The architecture of the least loss, or one next to it.
    assert log.best[1] <= value(TOY.arch((1, 0, 0)))


@every_preset
def test_rows_of_a_table_only_are_asked_for(make):
    """Of three in a hundred cells, so that most moves lead out of the table."""
    candidates = FixedCandidates(NB201, NB201.enumerate()[::33])
    log = run(make(NB201, candidates=candidates, n_initial=8, seed=0), value, 20)
    assert len(set(NB201.ids(log.rows()))) == 20
    assert candidates.contains(log.rows()).all()


@every_preset
def test_one_objective_is_served(make):
    with pytest.raises(UsageError, match=r"does not serve|takes one objective"):
        make(TOY, Goal.parse("accuracy,-latency"))


@every_preset
@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
def test_a_space_of_one_architecture_is_left_after_one(make):
    alone = CategoricalSpace("alone", {"width": [8], "depth": [1]})
    for n_initial in (1, 10):
        strategy = make(alone, n_initial=n_initial)
        log = strategy.propose(Log(alone, Goal()), 5)
        assert len(log) == 1
        with pytest.raises(NothingLeftError):
            strategy.propose(log.told(log.trials[0], [1.0]))
