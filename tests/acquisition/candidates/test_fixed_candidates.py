"""Lists of rows."""

import pytest
import torch

from archbo.acquisition import FixedCandidates
from archbo.errors import InvalidArchitectureError, NothingLeftError
from archbo.spaces import CategoricalSpace, NodeCellSpace

SPACE = CategoricalSpace("s", {"a": range(4), "b": range(4), "c": range(3)})
NB101 = NodeCellSpace.nas_bench_101()
ROWS = SPACE.enumerate()[torch.randperm(48, generator=torch.Generator().manual_seed(0))]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_repeated_rows_are_there_once_where_they_came_first():
    rows = ROWS[[3, 1, 3, 2, 1, 3]]
    candidates = FixedCandidates(SPACE, rows)
    assert candidates.X.equal(ROWS[[3, 1, 2]])
    asked, avoid = [], ROWS[:0]
    for _ in range(3):
        fresh = candidates.propose(ROWS[:1], torch.zeros(1, 1), avoid=avoid, generator=seeded())
        assert len(fresh) == 3 - len(avoid)
        asked.append(fresh[0].tolist())
        avoid = torch.cat([avoid, fresh[:1]])
    assert sorted(asked) == sorted(ROWS[[3, 1, 2]].tolist())
    with pytest.raises(NothingLeftError):
        candidates.propose(ROWS[:1], torch.zeros(1, 1), avoid=avoid, generator=seeded())
    assert len(candidates.random(6, avoid=ROWS[:0], generator=seeded())) == 3


def test_isomorphic_rows_are_one_architecture():
    X = NB101.sample(300, generator=seeded())
    C = NB101.canonical(X)
    moved = (X != C).any(-1)
    both = torch.cat([X[moved][:20], C[moved][:20]])
    candidates = FixedCandidates(NB101, both)
    assert candidates.X.equal(NB101.distinct(X[moved][:20]))
    assert candidates.contains(both).all()
    assert candidates.restrict(C[moved][:1]).equal(X[moved][:1])
    left = candidates.without(candidates.X, C[moved][:1])
    assert left.equal(candidates.X[1:])


@pytest.mark.parametrize(
    "wrong", [[10, 12, 10], [0, 0, -1], [0.5, 0, 0], [float("nan"), 0, 0], [0, 0], [0, 0, 0, 0]]
)
def test_rows_outside_the_space_are_refused(wrong):
    rows = torch.tensor([[0.0] * len(wrong), wrong], dtype=torch.double)
    with pytest.raises(InvalidArchitectureError, match=r"row 1 is no|have 3 columns"):
        FixedCandidates(SPACE, rows)


def test_an_empty_list_has_nothing_left():
    candidates = FixedCandidates(SPACE, ROWS[:0])
    with pytest.raises(NothingLeftError, match="every architecture of s"):
        candidates.random(1, avoid=ROWS[:0], generator=seeded())


def test_a_list_answers_for_its_rows_only():
    candidates = FixedCandidates(SPACE, ROWS[:10])
    assert candidates.pool.equal(ROWS[:10])
    assert candidates.contains(ROWS[:20]).tolist() == [True] * 10 + [False] * 10
    assert candidates.restrict(ROWS[5:20]).equal(ROWS[5:10])
    assert len(candidates.neighbours(ROWS[0])) == 0
    assert candidates.without(candidates.X, ROWS[7:30]).equal(ROWS[:7])
    assert candidates.without(ROWS[[20, 3, 20, 4]], ROWS[3:4]).equal(ROWS[[20, 4]])
    assert candidates.given(ROWS[:1], torch.zeros(1, 1)) is candidates
