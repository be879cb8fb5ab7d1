"""Proposals in spaces that nobody can list."""

import pytest
import torch

from archbo import catalog
from archbo.bo_loop import Bayesian, Optimizer
from archbo.log import Log
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace, SearchSpace

SPACES = (
    pytest.param(catalog.space("darts"), marks=pytest.mark.slow),
    CategoricalSpace("operations", {f"op{i}": [f"o{j}" for j in range(10)] for i in range(40)}),
    CategoricalSpace("numbers", {f"width{i}": range(10) for i in range(40)}),
)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("space", SPACES, ids=["darts", "operations", "numbers"])
def test_proposals_beat_the_best_of_10_000_random_ones(monkeypatch, space, seed):
    """By the acquisition function's own value, and without a list of the space."""

    def refuse(self, **_):
        raise AssertionError(f"{self.name} was listed")

    monkeypatch.setattr(SearchSpace, "enumerate", refuse)
    strategy = Bayesian(space, seed=seed)
    optimizer = Optimizer(strategy, log=Log(space, strategy.goal))
    X = space.sample(60, generator=generator(seed))
    worth = torch.randn(space.n_columns, max(space.cardinalities), generator=generator(seed, 1))
    Y = worth[torch.arange(space.n_columns), X.long()].sum(-1)
    optimizer.tell(space.archs(X), Y.tolist())
    context = strategy.context(optimizer.log)
    value = strategy.acquisition.values
    at_random = max(
        float(value(context, space.sample(2_000, generator=generator(seed, 2, chunk))).max())
        for chunk in range(5)
    )
    assert float(value(context, space.rows(optimizer.ask()))) > at_random
