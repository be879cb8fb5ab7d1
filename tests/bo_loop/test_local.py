"""Local search against the definition, on landscapes whose optima are known."""

from itertools import product

import pytest
import torch

from archbo.acquisition import FixedCandidates
from archbo.bo_loop import LocalSearch, Optimizer, run
from archbo.errors import NothingLeftError
from archbo.goals import Goal
from archbo.log import Log
from archbo.spaces import CategoricalSpace, NodeCellSpace

SPACE = CategoricalSpace("hills", {name: range(4) for name in "abc"})
EVERYTHING = list(product(range(4), repeat=3))


def landscape(seed):
    values = torch.rand(len(EVERYTHING), generator=torch.Generator().manual_seed(seed))
    return dict(zip(EVERYTHING, values.tolist(), strict=True))


def around(row, allowed):
    """By the definition: one decision differs."""
    return {other for other in allowed if sum(a != b for a, b in zip(row, other, strict=True)) == 1}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("sign", [1, -1])
def test_walks_from_best_neighbour_to_best_neighbour_until_a_local_optimum(seed, share, sign):
    gain = landscape(seed)
    allowed = EVERYTHING[: round(share * len(EVERYTHING))]
    candidates = FixedCandidates(SPACE, SPACE.rows(allowed))
    goal = Goal.parse("value" if sign > 0 else "-value")
    optimizer = Optimizer(LocalSearch(SPACE, goal, candidates=candidates, seed=seed))

    def ask():
        (arch,) = optimizer.ask()
        optimizer.tell([arch], [sign * gain[arch.row]])
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
            best = max(around(here, allowed), key=gain.get, default=here)
            if gain[best] <= gain[here]:
                optima += 1
                break
            here = best
    assert optima > 1 or len(seen) == len(allowed)


def test_a_walk_begins_with_what_was_told_and_starts_are_drawn():
    value, start = landscape(0), (3, 3, 3)
    firsts = set()
    for seed in range(4):
        firsts.add(Optimizer(LocalSearch(SPACE, seed=seed)).ask()[0].row)
        other = Optimizer(LocalSearch(SPACE, seed=seed))
        other.tell([start], [value[start]])
        assert {arch.row for arch in other.ask(9)} == around(start, EVERYTHING)
    assert len(firsts) > 1


def test_more_than_the_neighbours_are_filled_up_at_random():
    optimizer = Optimizer(LocalSearch(SPACE, seed=0))
    optimizer.tell([(0, 0, 0)], [1.0])
    rows = [arch.row for arch in optimizer.ask(20)]
    assert len(set(rows)) == 20
    assert set(rows[:9]) == around((0, 0, 0), EVERYTHING)
    # All neighbours are pending: what comes then is random too.
    assert optimizer.ask()[0].row not in rows


def test_a_neighbour_that_failed_does_not_hold_up_the_walk():
    optimizer = Optimizer(LocalSearch(SPACE, seed=0))
    optimizer.tell([(0, 0, 0)], [1.0])
    first, *rest = optimizer.ask(9)
    optimizer.fail([first])
    optimizer.tell(rest, [2.0, *[0.0] * 7])
    next_ones = {arch.row for arch in optimizer.ask(6)}
    assert next_ones <= around(rest[0].row, EVERYTHING) - {first.row}


def test_a_walk_moves_to_an_earlier_front():
    """From a dominated start to a neighbour that dominates it, though it is best in no objective."""
    goal = Goal.parse("a,b")
    optimizer = Optimizer(LocalSearch(SPACE, goal, seed=0))
    optimizer.tell([(0, 0, 0)], [[1.0, 1.0]])
    asked = optimizer.ask(9)
    optimizer.tell(asked, [[2.0, 2.0], *[[0.5, 0.5]] * 8])
    assert {arch.row for arch in optimizer.ask(6)} <= around(asked[0].row, EVERYTHING)


def test_isomorphic_neighbours_are_evaluated_once():
    space = NodeCellSpace.nas_bench_101()
    log = run(LocalSearch(space, seed=0), lambda arch: sum(arch.row), 60)
    assert len(set(space.ids(log.rows()))) == 60


def test_a_space_of_one_architecture_is_left_after_one():
    alone = CategoricalSpace("alone", {"width": [8], "depth": [1]})
    strategy = LocalSearch(alone, seed=0)
    log = strategy.propose(Log(alone, Goal()), 5)
    assert len(log) == 1
    with pytest.raises(NothingLeftError):
        strategy.propose(log.told(log.trials[0], [1.0]))
