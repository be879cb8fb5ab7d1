"""Local search against the definition, on landscapes whose optima are known."""

from itertools import product

import pytest
import torch

from archbo.acquisition import FixedCandidates
from archbo.bo_loop import LocalSearch
from archbo.spaces import CategoricalSpace, NodeCellSpace

SPACE = CategoricalSpace("hills", {name: range(4) for name in "abc"})
EVERYTHING = list(product(range(4), repeat=3))


def landscape(seed):
    values = torch.rand(len(EVERYTHING), generator=torch.Generator().manual_seed(seed))
    return dict(zip(EVERYTHING, values.tolist(), strict=True))


def around(row, allowed):
    """By the definition: one decision differs."""
    return {other for other in allowed if sum(a != b for a, b in zip(row, other, strict=True)) == 1}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_walks_from_best_neighbour_to_best_neighbour_until_a_local_optimum(seed, share):
    value = landscape(seed)
    allowed = EVERYTHING[: round(share * len(EVERYTHING))]
    candidates = FixedCandidates(SPACE, SPACE.rows(allowed))
    searcher = LocalSearch(SPACE, candidates=candidates, seed=seed)

    def ask():
        (arch,) = searcher.ask()
        searcher.tell([arch], [value[arch.row]])
        return arch.row

    seen, optima = set(), 0
    while len(seen) < len(allowed):
        here = ask()  # at random
        assert here in set(allowed) - seen
        seen.add(here)
        while len(seen) < len(allowed):
            # All neighbours that have not been evaluated, in any order.
            fresh = around(here, allowed) - seen
            asked = {ask() for _ in fresh}
            assert asked == fresh
            seen |= asked
            best = max(around(here, allowed), key=value.get, default=here)
            if value[best] <= value[here]:
                optima += 1
                break
            here = best
    assert optima > 1 or len(seen) == len(allowed)


def test_a_walk_begins_with_what_was_told_and_starts_are_drawn():
    value, start = landscape(0), (3, 3, 3)
    firsts = set()
    for seed in range(4):
        searcher = LocalSearch(SPACE, seed=seed)
        firsts.add(searcher.ask()[0].row)
        other = LocalSearch(SPACE, seed=seed)
        other.tell([start], [value[start]])
        rows = {arch.row for arch in other.ask(9)}
        assert rows == around(start, EVERYTHING)
    assert len(firsts) > 1


def test_more_than_the_neighbours_are_filled_up_at_random():
    searcher = LocalSearch(SPACE, seed=0)
    searcher.tell([(0, 0, 0)], [1.0])
    rows = [arch.row for arch in searcher.ask(20)]
    assert len(set(rows)) == 20
    assert set(rows[:9]) == around((0, 0, 0), EVERYTHING)
    # All neighbours are pending: what comes then is random too.
    assert searcher.ask()[0].row not in rows


def test_isomorphic_neighbours_are_evaluated_once():
    space = NodeCellSpace.nas_bench_101()
    searcher = LocalSearch(space, seed=0)
    for _ in range(60):
        (arch,) = searcher.ask()
        searcher.tell([arch], [float(sum(arch.row))])
    assert len(set(space.ids(searcher.X))) == 60
