"""Regularized evolution and random search."""

import pytest
import torch

from archbo.acquisition import FixedCandidates
from archbo.bo_loop import Optimizer, RandomSearch, RegularizedEvolution, run
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
ALONE = CategoricalSpace("alone", {"width": [8], "depth": [1]})


def value(arch):
    return sum((i + 1) * choice for i, choice in enumerate(arch.row)) ** 0.5


@pytest.mark.parametrize(("population", "tournament"), [(5, 0), (5, 6), (0, 0), (5, -1)])
def test_tournament_is_within_the_population(population, tournament):
    with pytest.raises(
        UsageError, match=f"between 1 and population={population}; got {tournament}"
    ):
        RegularizedEvolution(TOY, population=population, tournament=tournament)


@pytest.mark.parametrize("tournament", [2, 6])
@pytest.mark.parametrize("goal", [Goal(), Goal.parse("-value")], ids=str)
def test_children_are_mutations_of_the_winner_among_the_youngest(tournament, goal):
    strategy = RegularizedEvolution(NB201, goal, population=6, tournament=tournament, seed=0)
    optimizer = Optimizer(strategy)
    run(optimizer, value, 6)
    for _ in range(30):
        seen, gains = optimizer.log.observed()
        young, gains = seen[-6:], gains[-6:].flatten()
        # The best of all six wins if all are drawn, one of the five best if two are.
        winners = young[gains.sort().values[tournament - 1] <= gains]
        child = run(optimizer, value, 1).rows()[-1]
        distance = (winners != child).sum(-1).min()
        # A mutation that was seen is mutated again.
        crowded = ((winners.unsqueeze(1) != seen).sum(-1) == 1).any()
        assert distance == 1 or crowded


def test_parents_are_feasible_where_some_are():
    """Of six, two keep the bound; they win each tournament of five."""
    goal = Goal.parse("accuracy,-latency", subject_to=["energy<=1"])
    X = NB201.sample(6, generator=torch.Generator().manual_seed(3))
    log = Log(NB201, goal).asked(X)
    for trial in log.trials:
        values = [float(trial.number), 1.0, 0.5 if trial.number in (2, 3) else 2.0 + trial.number]
        log = log.told(trial, values)
    for seed in range(10):
        strategy = RegularizedEvolution(NB201, goal, population=6, tournament=5, seed=seed)
        child = strategy.propose(log).rows()[-1]
        assert (X[2:4] != child).sum(-1).min() == 1


def test_what_failed_is_no_parent():
    strategy = RegularizedEvolution(NB201, population=2, tournament=2, seed=0)
    log = strategy.propose(Log(NB201, Goal()), 2)
    log = log.failed(log.trials[0]).told(log.trials[1], [1.0])
    # The population is one short still: what comes next is random.
    log = strategy.propose(log)
    log = log.told(log.trials[2], [0.5])
    child = strategy.propose(log).rows()[-1]
    assert (child != log.rows()[1]).sum() == 1


def test_evolution_stays_within_its_candidates():
    candidates = FixedCandidates(NB201, NB201.enumerate()[::50])
    for make in (RandomSearch, RegularizedEvolution):
        log = run(make(NB201, candidates=candidates, seed=0), value, 30)
        assert candidates.contains(log.rows()).all()


@pytest.mark.parametrize("population", [1, 20])
def test_a_space_of_one_architecture_is_left_after_one(population):
    for make in (RandomSearch, RegularizedEvolution):
        options = {"population": population, "tournament": 1} if make != RandomSearch else {}
        strategy = make(ALONE, seed=0, **options)
        log = strategy.propose(Log(ALONE, Goal()), 5)
        assert len(log) == 1
        with pytest.raises(NothingLeftError, match="every architecture of alone"):
            strategy.propose(log.told(log.trials[0], [1.0]))
