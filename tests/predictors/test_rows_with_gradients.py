"""Encodings may be differentiable where a predictor is not: rows that require gradients are predicted all the same."""

from functools import partial

import pytest
import torch

from archbo import BNNHMC, GBDT, GP, SGHMC, DeepEnsemble, LinearisedLaplace, RandomForest
from archbo.encodings import CategoricalEncoding
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("s", {f"c{i}": range(5) for i in range(5)})
MAKERS = {
    "gp": GP,
    "gbdt": GBDT,
    "random-forest": RandomForest,
    "bnn-hmc": partial(BNNHMC, warmup=10, samples=10),
    "sghmc": partial(SGHMC, burn_in=50, steps=50),
    "deep-ensemble": partial(DeepEnsemble, n_steps=20),
    "laplace": partial(LinearisedLaplace, n_steps=20),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MAKERS)
def test_rows_that_require_gradients_are_predicted(name):
    X = SPACE.sample(30, generator=generator(0))
    predictor = MAKERS[name](SPACE, CategoricalEncoding(SPACE)).fit(X, X.sum(-1), seed=0)
    mean = predictor.posterior(X[:3].clone().requires_grad_()).mean
    assert torch.equal(mean.detach(), predictor.posterior(X[:3]).mean.detach())
    assert mean.requires_grad == (name == "gp")
