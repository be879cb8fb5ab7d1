"""The probability of success, against rules."""

import pytest
import torch

from archbo.predictors import Success
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace, EdgeCellSpace

SIX = CategoricalSpace("six", {f"c{i}": [f"v{j}" for j in range(5)] for i in range(6)})


@pytest.mark.parametrize(
    ("space", "rule"),
    [
        (SIX, lambda X: X[:, 2] >= 3),
        (SIX, lambda X: (X[:, 0] == 1) | (X[:, 4] == 2)),
        (EdgeCellSpace.nas_bench_201(), lambda X: (X[:, 1] == 0) | (X[:, 3] == 4)),
    ],
)
def test_a_rule_is_learned(space, rule):
    X = space.distinct(space.sample(700, generator=generator(0)))
    seen, others = X[:80], X[80:]
    p = Success(space).fit(seen, ~rule(seen))(others)
    assert ((p < 0.5) == rule(others)).double().mean() > 0.9


def test_what_is_like_failures_is_unlikely_where_all_failed():
    failed = torch.zeros(1, 6, dtype=torch.double)
    success = Success(SIX).fit(failed, torch.tensor([False]))
    X = torch.tril(torch.ones(7, 6, dtype=torch.double), -1)  # 0 to 6 decisions away
    p = success(X)
    assert (p.diff() > 0).all()
    assert p[0] < 0.5 < p[-1]


def test_a_pool_that_is_remembered_changes_nothing():
    space = EdgeCellSpace.nas_bench_201()
    X = space.sample(60, generator=generator(0))
    success, other = Success(space), Success(space)
    success.remember(X)
    succeeded = X[:, 0] != 1
    assert success.fit(X[:30], succeeded[:30])(X).equal(other.fit(X[:30], succeeded[:30])(X))
