"""A Gaussian process beside a random forest, against its definition."""

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from archbo.encodings import CategoricalEncoding, GraphFeatureEncoding, OneHotEncoding
from archbo.errors import UsageError
from archbo.predictors import GP
from archbo.predictors.gaussian_processes.forest import (
    LEAST_GAIN,
    BesideForest,
    ForestEncoding,
    gain,
)
from archbo.predictors.gaussian_processes.kernels import GroupedMaternKernel
from archbo.spaces import CategoricalSpace, EdgeCellSpace
from archbo.testing.encodings import EncodingContract

NB201 = EdgeCellSpace.nas_bench_201()
WIDE = CategoricalSpace("wide", {f"x{column}": list(range(12)) for column in range(10)})


def rows(space, n, seed=0):
    X = space.sample(2 * n, generator=torch.Generator().manual_seed(seed))
    return space.distinct(X)[:n]


def grown(n_trees=8, seed=3):
    X = rows(NB201, 12)
    Y = (X == 2).sum(-1) + 0.1 * X[:, 0]
    encoding = ForestEncoding(OneHotEncoding(NB201), n_trees)
    encoding.grow(X, Y, seed=seed)
    return encoding, X, Y


class TestForestEncoding(EncodingContract):
    def make(self):
        return grown()[0]

    def others(self):
        return grown(n_trees=9)[0], grown(seed=4)[0], ForestEncoding(OneHotEncoding(NB201), 8)


def test_what_was_observed_is_predicted_by_the_trees_that_have_not_drawn_it():
    encoding, X, Y = grown()
    forest, _ = encoding._forest()
    features = OneHotEncoding(NB201)(X).float().numpy()
    Z = encoding.targets.numpy()
    np.testing.assert_allclose(Z, (Y - Y.mean()) / Y.std(), atol=1e-4)
    for i, found in enumerate(encoding(X)[:, -1].tolist()):
        wanted = [
            tree.predict(features[i : i + 1])[0] - Z[drawn].mean()
            for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True)
            if i not in drawn
        ]
        assert found == pytest.approx(np.mean(wanted), abs=1e-9)


def test_what_was_not_observed_is_predicted_by_all_trees():
    encoding, X, _ = grown()
    forest, _ = encoding._forest()
    new = rows(NB201, 30, seed=1)
    new = new[~(new.unsqueeze(1) == X).all(-1).any(-1)]
    features = OneHotEncoding(NB201)(new)
    roots = np.mean([tree.tree_.value[0, 0, 0] for tree in forest.estimators_])
    np.testing.assert_allclose(
        encoding(new)[:, -1], forest.predict(features.float().numpy()) - roots, atol=1e-9
    )
    assert encoding(new)[:, :-1].equal(features)


def test_repeated_observations_are_one_with_their_mean():
    """A tree that has drawn one of them would know the others."""
    X = rows(NB201, 6)
    repeated, once = (ForestEncoding(OneHotEncoding(NB201), 8) for _ in range(2))
    Y = torch.arange(12.0, dtype=torch.double)
    repeated.grow(X.repeat(2, 1), Y, seed=0)
    assert repeated.rows.equal(X)
    spread = Y.std()
    assert repeated.targets.allclose((Y.reshape(2, 6).mean(0) - Y.mean()) / spread, atol=1e-4)
    once.grow(X, Y[:6], seed=0)
    assert repeated(X)[:, -1].allclose(once(X)[:, -1] * Y[:6].std() / spread, atol=1e-3)


def test_a_forest_that_is_not_grown_says_nothing():
    assert not ForestEncoding(OneHotEncoding(NB201))(rows(NB201, 5))[:, -1].any()


def test_kernel_is_the_other_and_a_product_of_predictions():
    base = GroupedMaternKernel([0, 0, 1], torch.ones(2))
    x, y = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    kernel = BesideForest(base)
    with torch.no_grad():
        wanted = base(x[:, :3], y[:, :3]).to_dense() + x[:, 3:] * y[:, 3]
        assert kernel(x, y).to_dense().allclose(wanted)
        assert kernel(x, y, diag=True).allclose(wanted.diagonal())


def test_trees_find_a_threshold_in_one_of_many_numbers():
    X, new = rows(WIDE, 60), rows(WIDE, 300, seed=1)

    def value(X):
        return (X[:, 0] > 5).double() + 0.5 * (X[:, 1] > 8)

    beside, alone = (
        kendalltau(gp.fit(X, value(X), seed=0).predict(new)[0], value(new))[0]
        for gp in (GP(WIDE), GP(WIDE, trees=0))
    )
    assert beside > alone + 0.03


def test_gain_is_that_of_the_evidence():
    X = rows(NB201, 25)
    gp = GP(NB201, trees=0).fit(X, X[:, 0] + X[:, 3], seed=0)
    model = gp.model
    told = torch.linspace(-1, 1, len(X), dtype=torch.double)
    with torch.no_grad():
        features = model.train_inputs[0]
        covariance = model.covar_module(features).to_dense() + model.noise * torch.eye(len(X))
        mean = model.mean_module(features)
        alone, beside = (
            torch.distributions.MultivariateNormal(mean, K).log_prob(model.train_targets)
            for K in (covariance, covariance + told.outer(told))
        )
    assert gain(model, told) == pytest.approx(float(beside - alone), abs=1e-6)


def test_a_forest_is_left_out_where_it_explains_nothing():
    X, new = rows(NB201, 40), rows(NB201, 30, seed=1)
    Y = torch.randn(len(X), generator=torch.Generator().manual_seed(0), dtype=torch.double)
    without = GP(NB201, trees=0).fit(X, Y, seed=0)
    assert gain(without.model, grown()[0](X)[:, -1]) < LEAST_GAIN
    assert GP(NB201).fit(X, Y, seed=0).predict(new)[0].allclose(without.predict(new)[0])


def test_a_later_fit_leaves_an_earlier_model_as_it_was():
    X, new = rows(NB201, 30), rows(NB201, 10, seed=1)
    gp = GP(NB201, GraphFeatureEncoding(NB201)).fit(X, X[:, 0], seed=0)
    model = gp.latent
    before = model.posterior(new).mean
    gp.fit(X[:20], X[:20, 1], seed=0)
    assert model.posterior(new).mean.equal(before)


def test_a_forest_does_not_go_with_gradients():
    smooth = CategoricalEncoding(NB201)
    assert GP(NB201, smooth).trees == 0
    with pytest.raises(UsageError, match="trees must be 0 on an encoding that is differentiable"):
        GP(NB201, smooth, trees=10)
    with pytest.raises(UsageError, match="trees must be 0 or more; got -1"):
        GP(NB201, trees=-1)
