"""NSGA-II."""

import pytest
import torch

from archbo.acquisition import FixedCandidates
from archbo.bo_loop import NSGA2, RandomSearch, run
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
GOAL = Goal.parse("accuracy,-latency")


def value(arch):
    """Two metrics that pull apart."""
    row = [float(choice) for choice in arch.row]
    return sum((i + 1) * choice for i, choice in enumerate(row)) ** 0.5, row[0] + 0.5 * row[1]


def test_nsga2_moves_towards_the_front(capsys):
    volumes = {NSGA2: 0.0, RandomSearch: 0.0}
    reference = torch.tensor([0.0, -9.0]).double()
    for make in volumes:
        for seed in range(4):
            options = {"population": 4} if make == NSGA2 else {}
            log = run(make(NB201, GOAL, seed=seed, **options), value, 40)
            volumes[make] += GOAL.hypervolume(log.observed()[1], reference)
    assert volumes[NSGA2] > volumes[RandomSearch]
    assert "study" not in "".join(capsys.readouterr())


def test_nsga2_stays_among_its_candidates():
    candidates = FixedCandidates(TOY, TOY.enumerate()[::2])
    log = run(NSGA2(TOY, GOAL, candidates=candidates, population=4, seed=0), value, 20)
    assert len(log) == 12
    assert candidates.contains(log.rows()).all()


def test_a_study_is_made_again_where_what_was_told_has_changed():
    """A value that comes in late stands before others, and a repeated one moves a mean."""
    strategy = NSGA2(NB201, GOAL, population=4, seed=0)
    log = strategy.propose(Log(NB201, GOAL), 12)
    for trial in log.trials[1:]:
        log = log.told(trial, value(trial.arch))
    strategy.propose(log)
    late = log.told(log.trials[0], value(log.trials[0].arch))
    again = late.asked(late.rows()[3:4])
    again = again.told(again.trials[-1], [9.0, 9.0])
    for other in (late, again, log):
        fresh = NSGA2(NB201, GOAL, population=4, seed=0)
        assert strategy.propose(other, 3) == fresh.propose(other, 3)


def test_children_come_from_the_better_half():
    """Once a generation is full, each decision of a child is one of its parents', but for mutations."""
    strategy = NSGA2(NB201, GOAL, population=4, seed=0)
    log = Log(NB201, GOAL).asked(NB201.rows([[0] * 6, [0] * 5 + [1], [4] * 6, [4] * 5 + [3]]))
    for trial, values in zip(log.trials, [[1.0, 1.0]] * 4, strict=True):
        log = log.told(trial, values)
    X = strategy.propose(log, 8).rows()[4:]
    assert ((X == 0) | (X == 4)).double()[:, :5].mean() > 0.7  # at random two in five are


def test_one_objective_and_bounds_are_served():
    goal = Goal.parse("accuracy", subject_to=["latency<=1.5"])
    log = run(NSGA2(TOY, goal, population=4, seed=0), value, 24)
    assert log.best[1] == max(
        value(arch)[0] for arch in TOY.archs(TOY.enumerate()) if value(arch)[1] <= 1.5
    )


def test_a_space_of_one_architecture_is_left_after_one():
    alone = CategoricalSpace("alone", {"width": [8], "depth": [1]})
    strategy = NSGA2(alone, GOAL, seed=0)
    log = strategy.propose(Log(alone, GOAL), 5)
    assert len(log) == 1
    with pytest.raises(NothingLeftError):
        strategy.propose(log)


def test_a_population_has_two_at_least():
    with pytest.raises(UsageError, match="population must be at least 2; got 1"):
        NSGA2(TOY, GOAL, population=1)
