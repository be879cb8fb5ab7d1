"""The forest against scikit-learn's own predictions."""

import numpy as np
import torch
from sklearn.ensemble import RandomForestRegressor

from archbo.predictors.base import marginals
from archbo.predictors.calibration import calibrate
from archbo.predictors.trees.forest import RandomForest
from archbo.predictors.trees.gbdt import tree_encoding
from archbo.spaces import EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()


def data(n=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    X = NB201.sample(n, generator=generator)
    noise = 0.3 * torch.randn(n, generator=generator, dtype=torch.double)
    return X, (90 + (X == 3).sum(-1) - (X == 0).sum(-1) + noise).unsqueeze(-1)


def sklearn_forest(forest, X, Z, **options):
    """The same trees, grown by scikit-learn alone."""
    trees = RandomForestRegressor(forest.n_trees, random_state=int(forest.model.seed), **options)
    return trees.fit(tree_encoding(NB201)(X).float().numpy(), Z.numpy())


def test_predictions_are_those_of_scikit_learn():
    forest = RandomForest(NB201, n_trees=30).fit(*data(), seed=0)
    X, Y = data()
    fresh, _ = data(50, seed=1)
    other = sklearn_forest(forest, X, forest.model.targets)
    inputs = tree_encoding(NB201)(fresh).float().numpy()
    members = np.stack([tree.predict(inputs) for tree in other.estimators_])
    np.testing.assert_allclose(forest.model.members(fresh), members)
    wanted = Y.mean().item() + Y.std().item() * other.predict(inputs)
    np.testing.assert_allclose(forest.predict(fresh)[0], wanted)


def test_uncertainty_is_calibrated_out_of_bag():
    forest = RandomForest(NB201).fit(*data(), seed=0)
    Z = forest.model.targets
    assert Z.allclose(forest.to_latent(forest.train_Y).flatten(), atol=1e-4)
    other = sklearn_forest(forest, forest.train_X, Z, oob_score=True)
    out = ~np.array([np.isin(np.arange(40), drawn) for drawn in other.estimators_samples_])
    inputs = tree_encoding(NB201)(forest.train_X).float().numpy()
    values = np.stack([tree.predict(inputs) for tree in other.estimators_])
    own = np.array([values[out[:, i], i].var(ddof=1) for i in range(40)])
    degrees = out.sum(0) - 1
    typical = (degrees * own).sum() / degrees.sum()
    variance = torch.from_numpy((degrees * own + 4 * typical) / (degrees + 4))
    spread, noise = calibrate(torch.from_numpy(other.oob_prediction_), variance, Z)
    np.testing.assert_allclose(forest.model.spread, spread, rtol=1e-3)
    np.testing.assert_allclose(forest.model.noise, noise, rtol=1e-2)


def test_intervals_cover_what_was_not_seen():
    forest = RandomForest(NB201).fit(*data(100), seed=0)
    X, Y = data(400, seed=5)
    mean, std = forest.predict(X)
    covered = ((Y.flatten() - mean).abs() < 1.645 * std).double().mean()
    assert 0.8 < covered < 0.98


def test_growing_again_gives_the_same_trees():
    forest = RandomForest(NB201, n_trees=30).fit(*data(), seed=0)
    other = RandomForest(NB201, n_trees=30)
    other.load_state_dict(forest.state_dict())
    X, _ = data(50, seed=1)
    assert other.model.members(X).equal(forest.model.members(X))
    assert torch.stack(marginals(other.latent, X)).equal(torch.stack(marginals(forest.latent, X)))
