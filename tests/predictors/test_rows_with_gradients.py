"""Encodings may be differentiable where a predictor is not: rows that require gradients are predicted all the same."""

import pytest
import torch

from archbo import catalog
from archbo.encodings import CategoricalEncoding
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {f"c{i}": range(5) for i in range(5)})
SMALL = {
    "bnn-hmc": {"warmup": 10, "samples": 10},
    "sghmc": {"burn_in": 50, "steps": 50},
    "deep-ensemble": {"n_steps": 20},
    "laplace": {"n_steps": 20},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["gp", "gbdt", "gbdt-rank", "random-forest", "xgboost", *SMALL])
def test_rows_that_require_gradients_are_predicted(name):
    X = SPACE.sample(30, generator=generator(0))
    make = catalog.PREDICTORS[name]
    predictor = make(SPACE, CategoricalEncoding(SPACE), **SMALL.get(name, {}))
    predictor.fit(X, X.sum(-1), seed=0)
    mean = predictor.posterior(X[:3].clone().requires_grad_()).mean
    assert torch.equal(mean.detach(), predictor.posterior(X[:3]).mean.detach())
    assert mean.requires_grad == (name == "gp")
