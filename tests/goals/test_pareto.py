"""Fronts, merits and hypervolumes, against brute force."""

import itertools

import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume

from archbo.goals import Bound, Goal, Objective, pareto


def goal_of(m, c=0):
    return Goal(
        tuple(Objective(f"f{i}") for i in range(m)),
        tuple(Bound(f"g{i}", 0.0, at_least=True) for i in range(c)),
    )


def gains_of(n, m, seed, levels=6):
    """Small integers, so that there are ties."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(levels, (n, m), generator=generator).double()


def dominates(a, b):
    return bool((a >= b).all() and (a > b).any())


def brute_front(gains, m):
    rows = [i for i in range(len(gains)) if bool((gains[i, m:] >= 0).all())]
    good = gains[:, :m]
    return [i for i in rows if not any(dominates(good[j], good[i]) for j in rows)]


def brute_volume(points):
    """Of integer points above the origin: how many unit cells lie below one of them."""
    m = points.shape[1]
    cells = itertools.product(range(int(points.max()) if len(points) else 0), repeat=m)
    return sum(
        any(all(point[k] > cell[k] for k in range(m)) for point in points.tolist())
        for cell in cells
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("m", "c"), [(1, 0), (2, 0), (3, 0), (1, 1), (2, 2), (3, 1)])
def test_the_front_is_what_nothing_feasible_dominates(m, c, seed):
    goal = goal_of(m, c)
    gains = gains_of(25, m + c, seed) - torch.cat([torch.zeros(m), torch.full((c,), 2.0)])
    assert goal.front(gains).tolist() == brute_front(gains, m)
    assert goal.feasible(gains).tolist() == [bool((row[m:] >= 0).all()) for row in gains]


def test_equals_are_on_the_front_together_and_none_of_nothing():
    gains = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 1.0], [0.0, 2.0], [2.0, 0.0]])
    assert goal_of(2).front(gains).tolist() == [0, 1, 4]
    assert goal_of(2).front(gains[:0]).tolist() == []
    assert goal_of(1, 1).front(gains - 3).tolist() == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("m", [1, 2, 3])
def test_hypervolume_counts_unit_cells(m, seed):
    goal, gains = goal_of(m, 1), gains_of(12, m + 1, seed)
    gains[:, -1] -= 1
    good = gains[gains[:, -1] >= 0][:, :m]
    assert goal.hypervolume(gains, torch.zeros(m)) == brute_volume(good)
    running = goal.running_hypervolume(gains, torch.zeros(m))
    for n in range(1, len(gains) + 1):
        part = gains[:n]
        assert running[n - 1] == brute_volume(part[part[:, -1] >= 0][:, :m])


@pytest.mark.parametrize("m", [2, 4])
def test_hypervolume_is_that_of_botorch(m):
    gains = torch.randn(40, m, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    reference = torch.full((m,), -0.5, dtype=torch.double)
    expected = Hypervolume(reference).compute(gains[brute_front(gains, m)])
    assert goal_of(m).hypervolume(gains, reference) == pytest.approx(expected)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_nothing_above_the_reference_has_no_volume(m):
    gains, zero = -gains_of(9, m, seed=0), torch.zeros(m)
    assert goal_of(m).hypervolume(gains, zero) == 0
    assert goal_of(m).hypervolume(gains[:0], zero) == 0
    assert goal_of(m).running_hypervolume(gains, zero).tolist() == [0] * 9
    assert pareto.hypervolume(gains, zero) == 0


@pytest.mark.parametrize("seed", range(3))
def test_merit_peels_fronts_off_and_puts_the_infeasible_last(seed):
    goal = goal_of(2, 1)
    gains = gains_of(30, 3, seed) - torch.tensor([0.0, 0.0, 2.0])
    merit = goal.merit(gains)
    assert merit.shape == (30, 1)
    merit = merit.flatten()
    left, layer = gains.clone(), 0
    numbers = torch.arange(len(gains))
    while len(numbers):
        front = goal.front(left)
        if len(front) == 0:
            break
        assert (merit[numbers[front]] == -layer).all()
        keep = torch.ones(len(left), dtype=torch.bool)
        keep[front] = False
        left, numbers, layer = left[keep], numbers[keep], layer + 1
    assert len(numbers) == 0 or merit[numbers].max() < merit[goal.feasible(gains)].min()
    order = gains[numbers][:, 2].argsort(descending=True, stable=True)
    assert (merit[numbers[order]].diff() <= 0).all()


def test_the_merit_of_one_objective_is_its_gain():
    gains = gains_of(9, 1, seed=0)
    assert goal_of(1).merit(gains).equal(gains)


@pytest.mark.parametrize("seed", range(3))
def test_crowding_is_the_distance_of_neighbours(seed):
    """By definition, one row and objective at a time, of values without ties."""
    values = torch.randn(12, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    found = pareto.crowding(values)
    for row in range(12):
        wanted = 0.0
        for column in values.T:
            below, above = column[column < column[row]], column[column > column[row]]
            if len(below) == 0 or len(above) == 0:
                wanted = torch.inf
                break
            wanted += float((above.min() - below.max()) / (column.max() - column.min()))
        assert float(found[row]) == pytest.approx(wanted)
