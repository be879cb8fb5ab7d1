"""Fronts and hypervolumes, against brute force."""

import itertools

import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume

from archbo.benchmarks import Constraint, Objectives, Outcomes, read_table
from archbo.errors import DataError, UsageError
from archbo.spaces import CategoricalSpace


def values(n, m, seed, levels=6):
    """Small integers, so that there are ties."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(levels, (n, m), generator=generator).double()


def dominates(a, b):
    return bool((a >= b).all() and (a > b).any())


def brute_front(Y, outcomes):
    rows = [i for i in range(len(Y)) if bool((outcomes.slacks(Y[i]) >= 0).all())]
    good = outcomes.objectives(Y)
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
def test_the_front_is_what_no_feasible_value_dominates(m, c, seed):
    outcomes = Outcomes(m, c)
    Y = values(25, m + c, seed) - torch.cat([torch.zeros(m), torch.full((c,), 2.0)])
    assert outcomes.front(Y).tolist() == brute_front(Y, outcomes)
    assert outcomes.feasible(Y).tolist() == [bool((row[m:] >= 0).all()) for row in Y]


def test_equals_are_on_the_front_together_and_none_of_nothing():
    Y = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 1.0], [0.0, 2.0], [2.0, 0.0]])
    assert Outcomes(2).front(Y).tolist() == [0, 1, 4]
    assert Outcomes(2).front(Y[:0]).tolist() == []
    assert Outcomes(1, 1).front(Y - 3).tolist() == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("m", [1, 2, 3])
def test_hypervolume_counts_unit_cells(m, seed):
    outcomes, Y = Outcomes(m, 1), values(12, m + 1, seed)
    Y[:, -1] -= 1
    good = Y[Y[:, -1] >= 0][:, :m]
    assert outcomes.hypervolume(Y, torch.zeros(m)) == brute_volume(good)
    running = outcomes.running_hypervolume(Y, torch.zeros(m))
    for n in range(1, len(Y) + 1):
        part = Y[:n]
        assert running[n - 1] == brute_volume(part[part[:, -1] >= 0][:, :m])


@pytest.mark.parametrize("m", [2, 4])
def test_hypervolume_is_that_of_botorch(m):
    Y = torch.randn(40, m, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    reference = torch.full((m,), -0.5, dtype=torch.double)
    front = Y[brute_front(Y, Outcomes(m))]
    expected = Hypervolume(reference).compute(front)
    assert Outcomes(m).hypervolume(Y, reference) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_merit_peels_fronts_off_and_puts_the_infeasible_last(seed):
    outcomes = Outcomes(2, 1)
    Y = values(30, 3, seed) - torch.tensor([0.0, 0.0, 2.0])
    merit = outcomes.merit(Y).flatten()
    left, layer = Y.clone(), 0
    numbers = torch.arange(len(Y))
    while len(numbers):
        front = outcomes.front(left)
        if len(front) == 0:
            break
        assert (merit[numbers[front]] == -layer).all()
        keep = torch.ones(len(left), dtype=torch.bool)
        keep[front] = False
        left, numbers, layer = left[keep], numbers[keep], layer + 1
    assert len(numbers) == 0 or merit[numbers].max() < merit[outcomes.feasible(Y)].min()
    order = Y[numbers][:, 2].argsort(descending=True, stable=True)
    assert (merit[numbers[order]].diff() <= 0).all()


@pytest.mark.parametrize(("m", "c"), [(0, 0), (0, 2), (1, -1)])
def test_outcomes_without_objectives_are_refused(m, c):
    with pytest.raises(UsageError, match="at least one objective"):
        Outcomes(m, c)


# Columns of a table.

SPACE = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})


@pytest.fixture
def toy(tmp_path):
    lines = ["width,depth,accuracy,latency,broken"]
    for width, depth in itertools.product([8, 16, 32], [1, 2, 3, 4]):
        lines.append(f"{width},{depth},{width + 3 * depth},{width * depth / 8},")
    (tmp_path / "toy.csv").write_text("\n".join(lines))
    return read_table(tmp_path / "toy.csv", SPACE)


def goals(toy, *bounds):
    return Objectives((toy.objective("accuracy"), toy.objective("latency", minimize=True)), bounds)


def test_values_are_objectives_to_be_maximised_and_slacks(toy):
    both = goals(toy, Constraint(toy, "latency", 4), Constraint(toy, "accuracy", 20, at_least=True))
    accuracy, negated, room, surplus = both("width=16,depth=3")
    assert (accuracy, negated, room, surplus) == (25, -6, -2, 5)
    assert both.Y.shape == (12, 4)
    assert both.own_units(both.Y)[:, 1].equal(toy.values("latency").flatten())
    assert both.columns == ("accuracy", "latency")
    assert [str(part) for part in both.constraints] == ["latency <= 4", "accuracy >= 20"]


def test_the_true_front_and_volume_are_the_table_s(toy):
    free, bound = goals(toy), goals(toy, Constraint(toy, "latency", 4))
    assert free.front.tolist() == brute_front(free.Y, free.outcomes)
    assert free.reference.tolist() == [11, -16]
    assert free.best_hypervolume == free.outcomes.hypervolume(free.Y, free.reference)
    assert bound.best_hypervolume < free.best_hypervolume
    latency = toy.values("latency").flatten()
    assert (latency[bound.front] <= 4).all()
    assert len(bound.front_archs) == len(bound.front)


def test_objectives_that_cannot_be_served_are_refused(toy):
    accuracy = toy.objective("accuracy")
    with pytest.raises(UsageError, match="'accuracy' is there twice"):
        Objectives((accuracy, toy.objective("accuracy", minimize=True)))
    with pytest.raises(UsageError, match="at least one objective"):
        Objectives(())
    with pytest.raises(UsageError, match=r"latency <= 0.5; the column runs from 1 to 16"):
        Constraint(toy, "latency", 0.5)
    with pytest.raises(UsageError, match=r"has latency <= 1 and accuracy >= 44; loosen a bound"):
        goals(toy, Constraint(toy, "latency", 1), Constraint(toy, "accuracy", 44, at_least=True))
    with pytest.raises(DataError, match="no numeric column 'power'"):
        Constraint(toy, "power", 1)
    other = read_table(toy.source, SPACE)
    with pytest.raises(UsageError, match="of the same benchmark"):
        Objectives((accuracy, other.objective("latency")))
