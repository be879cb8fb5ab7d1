"""Boosted trees against XGBoost itself and the definitions of SHAP values and virtual ensembles."""

import numpy as np
import pytest
import torch
import xgboost
from on_every_space import CELLS

from archbo.encodings import ChoiceEncoding, OneHotEncoding
from archbo.errors import NumericalWarning, UsageError
from archbo.predictors.base import marginals
from archbo.predictors.calibration import folds, moments
from archbo.predictors.trees.gbdt import GBDT, tree_encoding
from archbo.spaces import CategoricalSpace, EdgeCellSpace

NB201 = EdgeCellSpace.nas_bench_201()
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
KINDS = pytest.mark.parametrize(
    "options",
    [
        {},
        {"ensemble": "single"},
        {"ensemble": "virtual"},
        {"objective": "rank"},
        {"objective": "rank", "ensemble": "virtual"},
    ],
    ids=lambda options: "-".join(options.values()) or "default",
)


def data(space, n=40, seed=0, noise=0.3):
    generator = torch.Generator().manual_seed(seed)
    X = space.sample(n, generator=generator)
    weights = torch.linspace(-5, 5, OneHotEncoding(space).n_features, dtype=torch.double)
    error = noise * torch.randn(n, generator=generator, dtype=torch.double)
    return X, (90 + OneHotEncoding(space)(X) @ weights + error).unsqueeze(-1)


def fitted(space=NB201, n=40, **options):
    return GBDT(space, **options).fit(*data(space, n), seed=0)


def saved_boosters(gbdt):
    """The boosters as XGBoost reads them from the state."""
    state, boosters = gbdt.state_dict(), []
    for part in state["model.boosters"].split(state["model.sizes"].tolist()):
        boosters.append(xgboost.Booster(model_file=bytearray(part.numpy())))
    return boosters


def features(gbdt, X):
    return xgboost.DMatrix(gbdt.encoding(X).float().numpy())


def test_members_are_the_saved_boosters():
    gbdt, X = fitted(n_members=4), NB201.sample(15, generator=torch.Generator().manual_seed(1))
    said = np.stack([booster.predict(features(gbdt, X)) for booster in saved_boosters(gbdt)])
    centre = gbdt.to_latent(gbdt.train_Y).mean().item()
    assert len(said) == 4
    np.testing.assert_allclose(gbdt.model.members(X), centre + said, rtol=1e-6, atol=1e-6)
    mean, _ = marginals(gbdt.latent, X)
    np.testing.assert_allclose(mean, centre + said.mean(0), rtol=1e-6, atol=1e-6)


def test_virtual_members_are_truncations_around_the_whole():
    gbdt = fitted(ensemble="virtual", n_members=3, n_rounds=60)
    X = NB201.sample(15, generator=torch.Generator().manual_seed(1))
    (booster,) = saved_boosters(gbdt)
    cuts = [booster.predict(features(gbdt, X), iteration_range=(0, k)) for k in (30, 40, 50, 60)]
    centre = gbdt.to_latent(gbdt.train_Y).mean().item()
    wanted = centre + cuts[3] + np.stack(cuts[:3]) - np.mean(cuts[:3], 0)
    np.testing.assert_allclose(gbdt.model.members(X), wanted, rtol=1e-5, atol=1e-5)


def test_plain_predicts_what_xgboost_does():
    X, Y = data(NB201)
    fresh = NB201.sample(50, generator=torch.Generator().manual_seed(1))
    encode = tree_encoding(NB201)
    Z = ((Y - Y.mean()) / Y.std()).flatten().numpy()
    regressor = xgboost.XGBRegressor(n_jobs=1).fit(encode(X).numpy(), Z)
    wanted = Y.mean().item() + Y.std().item() * regressor.predict(encode(fresh).numpy())
    mean, std = GBDT.plain(NB201).fit(X, Y, seed=3).predict(fresh)
    np.testing.assert_allclose(mean, wanted, atol=1e-4)
    assert (std > 0).all()


@KINDS
def test_attributions_and_bias_sum_to_the_prediction(options):
    gbdt, X = fitted(**options), NB201.sample(15, generator=torch.Generator().manual_seed(1))
    values, bias, names = gbdt.attributions(X)
    mean, _ = marginals(gbdt.latent, X)
    assert values.shape == (15, len(names)) == (15, gbdt.encoding.n_features)
    assert values.abs().sum() > 0
    torch.testing.assert_close(values.sum(-1) + bias, mean, rtol=1e-4, atol=1e-4)
    assert (bias - bias[0]).abs().max() < 1e-5


def test_attributions_of_single_splits_are_effects_of_their_own_feature():
    """Trees of depth one add up: a SHAP value is the effect of its feature, less its mean over the data."""
    params = {"max_depth": 1, "learning_rate": 0.3}
    gbdt = fitted(TOY, n=60, encoding=OneHotEncoding(TOY), ensemble="single", params=params)
    values = gbdt.attributions(gbdt.train_X).values
    torch.testing.assert_close(values.mean(0), torch.zeros_like(values[0]), rtol=0, atol=1e-5)
    everything = TOY.enumerate()
    values, mean = gbdt.attributions(everything).values, marginals(gbdt.latent, everything)[0]
    encoded = gbdt.encoding(everything)
    for column in range(values.shape[1]):
        for side in (0, 1):
            same = values[encoded[:, column] == side, column]
            assert same.max() - same.min() < 1e-6
    # Switching width between two choices changes what these two are attributed, and nothing else.
    pair = torch.tensor([[0.0, 1, 0], [2.0, 1, 0]], dtype=torch.double)
    index = [int((everything == row).all(-1).nonzero()) for row in pair]
    gap = values[index[1]] - values[index[0]]
    assert gap[[1, *range(3, 9)]].abs().max() < 1e-6
    assert gap[[0, 2]].sum().item() == pytest.approx(
        (mean[index[1]] - mean[index[0]]).item(), abs=1e-5
    )


def test_a_choice_that_matters_is_attributed():
    X = TOY.sample(60, generator=torch.Generator().manual_seed(0))
    gbdt = GBDT(TOY, OneHotEncoding(TOY)).fit(X, X[:, 1] == 2, seed=0)
    values, _, names = gbdt.attributions(X)
    assert names[int(values.abs().mean(0).argmax())] == "depth=3"


def test_pairs_are_all_that_ranking_sees():
    """A monotone change of the values changes the unit of predictions but not their order."""
    X, Y = data(TOY, noise=0.0)
    fits = [
        GBDT(TOY, objective="rank", targets="standardize").fit(X, values, seed=0)
        for values in (Y, ((Y - 90) / 3).exp())
    ]
    first, second = (marginals(gbdt.latent, TOY.enumerate())[0] for gbdt in fits)
    slope = (
        (first - first.mean()) @ (second - second.mean()) / (first - first.mean()).square().sum()
    )
    assert slope > 0
    torch.testing.assert_close(
        second - second.mean(), slope * (first - first.mean()), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("objective", ["regression", "rank"])
def test_intervals_cover_what_was_not_seen(objective):
    gbdt = fitted(n=100, objective=objective)
    X, Y = data(NB201, n=400, seed=5)
    mean, std = gbdt.predict(X)
    covered = ((Y.flatten() - mean).abs() < 1.645 * std).double().mean()
    assert 0.8 < covered < 0.98
    assert torch.corrcoef(torch.stack([mean, Y.flatten()]))[0, 1] > 0.8


def test_groups_of_columns_are_drawn_equally_often():
    """Trees of one split each, one column each: what they split on is drawn group by group."""
    encoding = OneHotEncoding(TOY)
    encoding.groups = (0,) * 8 + (1,)
    X = TOY.enumerate().repeat(4, 1)
    Y = encoding(X) @ torch.linspace(1, 2, 9, dtype=torch.double)
    params = {"max_depth": 1, "colsample_bytree": 0.1, "learning_rate": 0.01}
    gbdt = GBDT(TOY, encoding, ensemble="virtual", n_rounds=400, params=params).fit(X, Y, seed=0)
    (booster,) = saved_boosters(gbdt)
    uses = booster.get_score(importance_type="weight")
    assert 0.35 < uses["f8"] / sum(uses.values()) < 0.65


def test_a_saved_ensemble_attributes_as_before():
    gbdt, X = fitted(), data(NB201)[0]
    other = GBDT(NB201)
    other.load_state_dict(gbdt.state_dict())
    assert gbdt.state_dict()["model.boosters"].dtype == torch.uint8
    assert other.attributions(X).values.equal(gbdt.attributions(X).values)


def test_options_that_make_no_ensemble_are_refused():
    with pytest.raises(UsageError, match="n_members must be at least 2"):
        GBDT(TOY, n_members=1)
    with pytest.raises(UsageError, match="at least 40 rounds; got n_rounds=30"):
        GBDT(TOY, ensemble="virtual", n_members=20, n_rounds=30)


def test_there_are_no_attributions_without_trees():
    X = TOY.enumerate()
    with pytest.raises(UsageError, match="not fitted"):
        GBDT(TOY).attributions(X)
    with pytest.warns(NumericalWarning, match="all 24 values"):
        gbdt = GBDT(TOY).fit(X, torch.ones(24), seed=0)
    with pytest.raises(UsageError, match="stands in for the trees"):
        gbdt.attributions(X)


@pytest.mark.parametrize("space", CELLS.values(), ids=CELLS)
def test_tree_encoding_is_of_bounded_width(space):
    paths, graph = tree_encoding(space).parts
    assert paths.n_features <= 400
    assert graph.space is space
    assert tree_encoding(TOY).equals(ChoiceEncoding(TOY))


def test_each_observation_is_held_out_once():
    held = folds(23, 5, np.random.default_rng(0))
    assert held.shape == (5, 23)
    assert (held.sum(0) == 1).all()
    assert set(held.sum(1)) == {4, 5}
    assert folds(3, 5, np.random.default_rng(0)).sum(1).tolist() == [1, 1, 1]


def test_held_out_moments_are_those_of_numpy():
    rng = np.random.default_rng(0)
    values, out = rng.normal(size=(30, 8)), rng.random((30, 8)) < 0.4
    out[:, 3] = False
    out[5, 3] = True
    mean, variance, known = moments(values, out)
    assert known.tolist() == [True] * 3 + [False] + [True] * 4
    parts = [values[out[:, i], i] for i in range(8) if i != 3]
    np.testing.assert_allclose(mean, [part.mean() for part in parts])
    degrees = np.array([len(part) - 1 for part in parts])
    own = np.array([part.var(ddof=1) for part in parts])
    typical = (degrees * own).sum() / degrees.sum()
    np.testing.assert_allclose(variance, (degrees * own + 4 * typical) / (degrees + 4))
