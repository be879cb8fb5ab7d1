"""Rules that move from the best observations, against their definitions."""

import pytest
import torch

from archbo.acquisition import (
    CrossoverCandidates,
    FixedCandidates,
    HillClimbingCandidates,
    LocalCandidates,
    MutationCandidates,
    TrustRegionCandidates,
    candidates_for,
    exhaustive,
)
from archbo.errors import UsageError
from archbo.spaces import CategoricalSpace, DartsSpace, EdgeCellSpace, NodeCellSpace

WIDE = CategoricalSpace("wide", {name: range(6) for name in "abcdefgh"})
NB201 = EdgeCellSpace.nas_bench_201()
NB101 = NodeCellSpace.nas_bench_101()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def observed(space, n=30):
    X = space.distinct(space.sample(3 * n, generator=seeded(4)))[:n]
    return X, torch.rand(n, 1, generator=seeded(5), dtype=torch.double)


def best(X, Y, n):
    return X[Y.flatten().topk(n).indices]


def distance(rows, X):
    """From each row to the nearest of ``X``."""
    return (rows.unsqueeze(1) != X).sum(-1).min(1).values


@pytest.mark.parametrize(("parents", "steps"), [(1, 1), (4, 1), (3, 2), (30, 3)])
def test_mutations_are_few_decisions_from_the_best(parents, steps):
    X, Y = observed(WIDE)
    rule = MutationCandidates(WIDE, parents=parents, steps=steps)
    rows = rule.propose(X, Y, avoid=X, generator=seeded())
    away = distance(rows, best(X, Y, parents))
    assert away.min() == 1
    assert away.max() == steps
    # Every parent has children.
    assert (distance(best(X, Y, parents), rows) <= steps).all()


def test_every_mutation_of_the_best_is_proposed_where_there_are_few():
    X, Y = observed(WIDE)
    rule = MutationCandidates(WIDE, parents=1, steps=1)
    rows = rule.propose(X, Y, avoid=X, generator=seeded())
    assert sorted(rows.tolist()) == sorted(WIDE.neighbours(best(X, Y, 1)[0]).tolist())


@pytest.mark.parametrize("fresh", [0.0, 0.5, 1.0])
def test_a_share_of_mutation_candidates_is_random(fresh):
    X, Y = observed(WIDE)
    rule = MutationCandidates(WIDE, size=400, parents=2, steps=1, fresh=fresh)
    rows = rule.propose(X, Y, avoid=X, generator=seeded())
    far = (distance(rows, best(X, Y, 2)) > 1).sum().item()
    assert far == pytest.approx(400 * fresh, abs=5)


@pytest.mark.parametrize("space", [WIDE, NB201, NB101], ids=["wide", "nb201", "nb101"])
def test_children_are_of_two_of_the_best_or_a_mutation_away(space):
    X, Y = observed(space)
    parents = best(X, Y, 4)
    rule = CrossoverCandidates(space, size=300, parents=4)
    rows = rule.propose(X, Y, avoid=X, generator=seeded())
    assert len(rows) > 50
    same = rows.unsqueeze(1) == parents  # m x 4 x d
    pairs = same.unsqueeze(1) | same.unsqueeze(2)  # decisions of either of two parents
    foreign = (~pairs).sum(-1).amin((1, 2))
    assert foreign.max() <= 1
    assert (foreign == 0).double().mean() > 0.2
    # They are no mere mutations of one parent.
    assert (distance(rows, parents) > 1).any()


def test_hill_climbing_proposes_the_neighbours_of_the_best():
    X, Y = observed(WIDE)
    rows = HillClimbingCandidates(WIDE, parents=3).propose(X, Y, avoid=X, generator=seeded())
    wanted = torch.cat([WIDE.neighbours(row) for row in best(X, Y, 3)])
    assert {*map(tuple, rows.tolist())} == {*map(tuple, wanted.tolist())} - {
        *map(tuple, X.tolist())
    }


MOVING = (MutationCandidates, CrossoverCandidates, HillClimbingCandidates)


@pytest.mark.parametrize("make", [*MOVING, LocalCandidates, TrustRegionCandidates])
def test_isomorphic_rows_are_proposed_as_the_table_has_them(make):
    """A mutation of a cell may be another row for a cell of the table."""
    X = NB101.distinct(NB101.sample(40, generator=seeded()))
    X = torch.cat([X, *(NB101.neighbours(row) for row in X[:5])])
    table = FixedCandidates(NB101, NB101.distinct(NB101.canonical(X)))
    rule = make(NB101, table)
    seen, Y = table.X[:10], torch.arange(10.0).double().unsqueeze(-1)
    rows = rule.propose(seen, Y, avoid=seen, generator=seeded())
    assert {*map(tuple, rows.tolist())} <= {*map(tuple, table.X.tolist())}
    assert table.restrict(X).equal(table.restrict(NB101.canonical(X)))


def test_random_rows_come_where_no_move_stays_in_the_table():
    table = FixedCandidates(WIDE, WIDE.rows([[i] * 8 for i in range(6)]))
    for make in MOVING:
        rule = make(WIDE, table)
        X = table.X[:2]
        rows = rule.propose(X, X[:, :1], avoid=X, generator=seeded())
        assert sorted(rows[:, 0].tolist()) == [2, 3, 4, 5]


def test_exhaustive_is_everything_or_what_it_is_restricted_to():
    X = NB201.enumerate()
    rows = exhaustive(NB201).propose(X[:1], X[:1, :1], avoid=X[:1], generator=seeded())
    assert rows.equal(X[1:])
    table = FixedCandidates(NB101, NB101.sample(3, generator=seeded()))
    assert exhaustive(NB101, table) is table
    with pytest.raises(UsageError, match=r"too many to list"):
        exhaustive(DartsSpace())
    assert isinstance(candidates_for(NB101), LocalCandidates)
