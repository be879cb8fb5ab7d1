"""The trust region against its definition."""

from itertools import product

import pytest
import torch

from archbo.acquisition import FixedCandidates, TrustRegionCandidates
from archbo.errors import UsageError
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {name: range(3) for name in "abcdef"})
X = SPACE.enumerate()[torch.randperm(729, generator=torch.Generator().manual_seed(0))]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def column(values):
    return torch.tensor(values, dtype=torch.double).unsqueeze(-1)


@pytest.mark.parametrize(
    ("values", "centre", "radius"),
    [
        ([5], 0, 3),  # the first is neither success nor failure
        ([5, 6], 1, 3),
        ([5, 6, 7], 2, 5),  # two improvements in a row: 3 * 1.5, rounded up
        ([5, 6, 7, 8, 9], 4, 6),  # no more than all decisions
        ([5, 6, 1, 7], 3, 3),  # not in a row
        ([5, 1, 1], 0, 3),
        ([5, 1, 5, 1], 0, 2),  # three without improvement; as good is not better
        ([5, 1, 1, 6, 1, 1], 3, 3),
        ([5, *[1] * 6], 0, 1),
        ([5, *[1] * 6, 6, 7], 8, 2),
        ([5, *[1] * 9], None, 3),  # below one decision: a restart
        ([5, *[1] * 9, 2], 10, 3),  # and a new region, around something worse
        ([5, *[1] * 9, 2, 3], 11, 3),
    ],
)
def test_region_follows_successes_and_failures(values, centre, radius):
    rule = TrustRegionCandidates(SPACE, radius=3, successes=2, failures=3)
    region = rule.region(X[: len(values)], column(values))
    assert region.radius == radius
    if centre is None:
        assert region.centre is None
    else:
        assert region.centre.equal(X[centre])


@pytest.mark.parametrize("radius", [1, 2, 4])
def test_candidates_are_the_rows_of_the_table_within_the_radius(radius):
    table = FixedCandidates(SPACE, X[100:600])
    rule = TrustRegionCandidates(SPACE, table, radius=radius)
    seen, Y = X[:3], column([1, 5, 2])
    rows = rule.propose(seen, Y, avoid=seen, generator=seeded())
    centre = X[1].tolist()
    wanted = [
        row
        for row in X[100:600].tolist()
        if sum(a != b for a, b in zip(row, centre, strict=True)) <= radius
    ]
    if len(wanted) >= 10:
        assert sorted(rows.tolist()) == sorted(wanted)
    else:
        assert {*map(tuple, wanted)} <= {*map(tuple, rows.tolist())}


@pytest.mark.parametrize("radius", [1, 3])
def test_candidates_of_a_space_lie_within_the_radius_and_reach_it(radius):
    rule = TrustRegionCandidates(SPACE, radius=radius)
    seen, Y = X[:3], column([1, 5, 2])
    rows = rule.propose(seen, Y, avoid=seen, generator=seeded())
    away = (rows != X[1]).sum(-1)
    assert away.unique().tolist() == list(range(1, radius + 1))
    near = [r for r in product(range(3), repeat=6) if sum(map(int.__ne__, r, map(int, X[1]))) == 1]
    assert (away == 1).sum() == len(near) - sum((seen != X[1]).sum(-1) == 1)


def test_after_a_restart_candidates_come_from_everywhere():
    rule = TrustRegionCandidates(SPACE, radius=1, failures=1)
    seen, Y = X[:2], column([5, 1])
    assert rule.region(seen, Y).centre is None
    rows = rule.propose(seen, Y, avoid=seen, generator=seeded())
    assert len(rows) > 500


def test_defaults_are_those_of_turbo():
    rule = TrustRegionCandidates(SPACE)
    assert (rule.radius, rule.successes, rule.failures) == (5, 3, 6)


@pytest.mark.parametrize("wrong", [{"radius": 0}, {"successes": 0}, {"failures": -1}])
def test_numbers_are_positive(wrong):
    with pytest.raises(UsageError, match="must be at least 1; got"):
        TrustRegionCandidates(SPACE, **wrong)
