"""Maximizers against looking at everything."""

import pytest
import torch

from archbo.acquisition import (
    Climb,
    FixedCandidates,
    HillClimbingCandidates,
    LocalCandidates,
    WholePool,
)
from archbo.spaces import CategoricalSpace, NodeCellSpace

SPACE = CategoricalSpace("s", {name: range(4) for name in "abcd"})
ROWS = SPACE.enumerate()[torch.randperm(256, generator=torch.Generator().manual_seed(0))]
NOTHING = ROWS[:0]
LISTED, MOVING = FixedCandidates(SPACE, ROWS), HillClimbingCandidates(SPACE)


def additive(X):
    """One hill, at the row of the highest choices."""
    return (X * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum(-1)


def rugged(X):
    """As many hills as chance makes."""
    heights = torch.rand(256, generator=torch.Generator().manual_seed(5)).double()
    return heights[SPACE.keys(X)]


@pytest.mark.parametrize("maximizer", [WholePool(), Climb(), Climb(starts=1), Climb(starts=40)])
@pytest.mark.parametrize("score", [additive, rugged])
@pytest.mark.parametrize("n", [1, 3, 30])
def test_of_a_list_the_best_are_found(maximizer, score, n):
    pool = ROWS[:100]
    found = maximizer.maximize(score, pool, n, candidates=LISTED, avoid=ROWS[100:110])
    assert found.shape == (n, 4)
    values = score(pool).sort(descending=True).values
    torch.testing.assert_close(score(found), values[:n])
    assert len(SPACE.distinct(found)) == n


@pytest.mark.parametrize("maximizer", [WholePool(), Climb()])
def test_a_small_pool_is_all_there_is(maximizer):
    found = maximizer.maximize(additive, ROWS[:4], 9, candidates=LISTED, avoid=NOTHING)
    assert sorted(found.tolist()) == sorted(ROWS[:4].tolist())


def test_a_climb_ends_on_top():
    found = Climb().maximize(additive, ROWS[:3], 2, candidates=MOVING, avoid=NOTHING)
    assert found[0].tolist() == [3, 3, 3, 3]
    assert (
        WholePool()
        .maximize(additive, ROWS[:3], 1, candidates=MOVING, avoid=NOTHING)
        .equal(ROWS[additive(ROWS[:3]).argmax()].unsqueeze(0))
    )


def test_a_climb_ends_where_no_neighbour_is_better_and_avoids_what_it_shall():
    avoid = ROWS[additive(ROWS).topk(12).indices]
    pool = LISTED.without(ROWS[:20], avoid)
    for score in (additive, rugged):
        found = Climb(starts=3).maximize(score, pool, 5, candidates=MOVING, avoid=avoid)
        assert not set(SPACE.ids(found)) & set(SPACE.ids(avoid))
        assert len(SPACE.distinct(found)) == 5
        assert score(found).diff().max() <= 0
        around = MOVING.without(MOVING.neighbours(found[0]), avoid)
        assert score(found)[0] >= score(around).max()
        assert score(found)[0] >= score(pool).max()


def test_more_starts_find_no_less():
    pool = ROWS[rugged(ROWS).argsort()[:60]]
    found = [
        float(rugged(Climb(n).maximize(rugged, pool, 1, candidates=MOVING, avoid=NOTHING)))
        for n in (1, 5, 60)
    ]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_starts_without_neighbours_do_not_keep_the_others_from_climbing():
    """In a table the best of the pool may be alone."""
    lonely = SPACE.rows([[3, 3, 3, 0]])
    path = SPACE.rows([[0, 0, 0, 0], [0, 0, 0, 3], [0, 0, 3, 3], [0, 3, 3, 3]])
    table = FixedCandidates(SPACE, torch.cat([lonely, path]))
    candidates = LocalCandidates(SPACE, table)
    assert len(candidates.neighbours(lonely[0])) == 0
    pool = torch.cat([lonely, path[:1]])
    found = Climb().maximize(additive, pool, 1, candidates=candidates, avoid=NOTHING)
    assert found.equal(path[-1:])


def test_a_climb_takes_few_scores_where_decisions_are_independent():
    """Forty decisions are changed in one step; one at a time they would take forty times as many scores."""
    space = CategoricalSpace("wide", {f"c{i}": range(10) for i in range(40)})
    scored = []

    def score(X):
        scored.append(len(X))
        return X.sum(-1)

    candidates = LocalCandidates(space)
    bottom = torch.zeros(1, 40, dtype=torch.double)
    top = Climb().maximize(score, bottom, 1, candidates=candidates, avoid=bottom)
    assert top.tolist() == [[9.0] * 40]
    assert sum(scored) <= 1 + 2 * 360 + 40


@pytest.mark.parametrize("seed", range(5))
def test_a_climb_stays_among_valid_rows_and_ends_on_a_hill(seed):
    """Changes that are good by themselves may be no architecture together."""
    space = NodeCellSpace.nas_bench_101()
    weights = torch.randn(space.n_columns, generator=torch.Generator().manual_seed(seed)).double()

    def score(X):
        assert space.is_valid(X).all()
        return X @ weights

    candidates = LocalCandidates(space)
    pool = space.sample(5, generator=torch.Generator().manual_seed(seed))
    found = Climb().maximize(score, pool, 1, candidates=candidates, avoid=pool)
    around = candidates.without(candidates.neighbours(found[0]), pool)
    assert score(found) >= score(around).max()
    assert score(found) > score(pool).max()
