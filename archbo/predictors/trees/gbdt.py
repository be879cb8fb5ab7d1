"""Gradient-boosted trees on encodings."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archbo.encodings import ChoiceEncoding, Encoding, PathEncoding, has_paths
from archbo.encodings.graph_features import GraphFeatureEncoding
from archbo.errors import UsageError
from archbo.predictors.base import Predictor
from archbo.predictors.calibration import calibrate, fit_of, folds, moments, value_slope
from archbo.predictors.gaussian_model import GaussianEnsemble
from archbo.predictors.options import one_of
from archbo.predictors.warps import Targets, warp_for
from archbo.spaces import ArchLike, SearchSpace

if TYPE_CHECKING:
    from xgboost import Booster, DMatrix

__all__ = ["GBDT", "Attributions", "tree_encoding"]

FOLDS = 5
"""The number of folds; members of an ensemble do not see one of them, which calibrates it."""
FOLD_MEMBERS = 2
"""The number of members that do not see a fold."""

ELSEWHERE = {
    "seed": "fit takes it",
    "random_state": "fit takes a seed",
    "n_estimators": "it is n_rounds",
    "num_boost_round": "it is n_rounds",
}
"""Parameters of XGBoost that would not take effect, and what to give instead."""

DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 0.15,
    "max_depth": 5,
    "subsample": 0.8,
    "colsample_bytree": 0.2,
}
"""XGBoost's parameters where they are not its own defaults."""

PAIRWISE: Mapping[str, Any] = {
    "objective": "rank:pairwise",
    "lambdarank_pair_method": "mean",
    "lambdarank_num_pair_per_sample": 16,
}
"""XGBoost's parameters for an order of pairs, each value against 16 others."""


class Attributions(NamedTuple):
    """How much each feature adds to predictions, on the scale of the warped values.

    Attributes:
        values: ``n x D`` SHAP values; with ``bias`` they sum to the prediction.
        bias: What the trees predict on average.
        feature_names: The names of the ``D`` features.
    """

    values: Tensor
    bias: Tensor
    feature_names: Sequence[str]


@final
class GBDT(Predictor):
    """Gradient-boosted trees (GBDT-NAS, arXiv 2007.04785) on XGBoost, with the uncertainty of an ensemble.

    Where the parameters have trees draw their columns, the groups of the encoding are drawn equally often,
    so that many features of one kind do not drown the few of another. Uncertainty is what the members of the
    ensemble disagree on, as far as ensembles that have not seen a fifth of the observations are right about it.

    Args:
        space: The space that the rows belong to.
        encoding: What the trees see; ``tree_encoding`` unless given.
        objective: ``"regression"`` fits the values, ``"rank"`` the order of pairs (XGBoost's
            ``rank:pairwise``), and takes utilities to the scale of values by observations held out.
        ensemble: ``"bagged"`` weighs the observations anew for each member (the Bayesian bootstrap, Rubin
            1981; members that rank differ in their seeds alone). ``"single"`` moves their mean to what one
            booster predicts from the observations as they are. ``"virtual"`` does with this one booster, its
            truncations being the members (arXiv 2006.10562): quicker, but hardly less sure away from the data.
        n_members: The number of members.
        n_rounds: The number of trees of a booster.
        params: XGBoost's parameters instead of the ones chosen here; ``{}`` stands for its own defaults.
        targets: ``"rank"`` fits to normal scores of the ranks, ``"standardize"`` to standardised values.

    Raises:
        UsageError: There are fewer than two members, a virtual ensemble has more than rounds to cut at, there is no such
            objective, ensemble or target, or ``params`` says what is said elsewhere.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> gbdt = GBDT(space).fit(X, X[:, 0], seed=0)
        >>> mean, std = gbdt.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
        >>> values, bias, names = gbdt.attributions(["width=8,depth=3"])
        >>> names[values[0].argmin()]
        'width'
    """

    min_observations = 3
    encoding: Encoding
    model: "Boosters"

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        objective: Literal["regression", "rank"] = "regression",
        ensemble: Literal["bagged", "single", "virtual"] = "bagged",
        n_members: int = 10,
        n_rounds: int = 60,
        params: Mapping[str, Any] | None = None,
        targets: Targets = "rank",
    ) -> None:
        super().__init__(space, encoding, warp=warp_for(targets))
        one_of("objective", objective, ["regression", "rank"])
        one_of("ensemble", ensemble, ["bagged", "single", "virtual"])
        _check(params or {}, objective)
        if n_members < 2:
            raise UsageError(f"n_members must be at least 2; got {n_members}")
        if ensemble == "virtual" and n_rounds < 2 * n_members:
            raise UsageError(
                f"{n_members} truncations in the later half of a booster take at least "
                f"{2 * n_members} rounds; got n_rounds={n_rounds}"
            )
        self.objective, self.ensemble = objective, ensemble
        self.n_members, self.n_rounds = n_members, n_rounds
        self.params = {
            "nthread": 1,
            "base_score": 0.0,
            **(DEFAULTS if params is None else params),
            **(PAIRWISE if objective == "rank" else {}),
        }

    def _default_encoding(self, space: SearchSpace) -> Encoding:
        return tree_encoding(space)

    @classmethod
    def plain(cls, space: SearchSpace, encoding: Encoding | None = None) -> Self:
        """What ``XGBRegressor()`` predicts, with bagged boosters for its uncertainty: a baseline."""
        return cls(
            space, encoding, ensemble="single", n_rounds=100, params={}, targets="standardize"
        )

    def attributions(self, X: Sequence[ArchLike] | Tensor) -> Attributions:
        """SHAP values of ``n`` architectures or rows (``n x d``) for the mean prediction.

        Raises:
            UsageError: Nothing is fitted, or a fixed Gaussian process stands in.
        """
        self._require_fit()
        if not isinstance(self.model, Boosters):
            raise UsageError(
                "a fixed Gaussian process stands in for the trees; it has no attributions"
            )
        values = self.model.attributions(self.space.rows(X).to(self.train_X))
        return Attributions(values[:, :-1], values[:, -1], tuple(self.encoding.feature_names))

    def _fit(self, *, seed: int) -> None:
        inputs = _features(self.encoding, self.train_X)
        Z = self.to_latent(self.train_Y).flatten().double().numpy()
        rng = np.random.default_rng(seed)
        out = folds(len(Z), FOLDS, rng)
        parts = [
            self._train(inputs[~held], Z[~held], FOLD_MEMBERS, rng).predict(inputs) for held in out
        ]
        unseen = np.repeat(out, [len(part) for part in parts], 0)
        mean, variance, _ = moments(np.concatenate(parts), unseen)
        self.model = model = self._train(inputs, Z, self.n_members, rng)
        if self.objective == "rank":
            # Utilities have no unit: a line, of slope 1 a priori, takes them to the scale of values.
            slope = value_slope(mean - mean.mean(), Z)
            shift = Z.mean() - slope * mean.mean()
            mean, variance = shift + slope * mean, slope**2 * variance
            model.shift, model.scale = shift + slope * model.shift, slope * model.scale
        spread, noise = calibrate(*map(torch.from_numpy, (mean, variance, Z)))
        model.spread, model.noise = model.spread * spread, model.noise.new_tensor(noise)

    def _prepare(self) -> None:
        n_stages = self.n_members + 1 if self.ensemble == "virtual" else 1
        self.model = Boosters(self.encoding, n_stages, centred=self.ensemble != "bagged")

    def _train(
        self, inputs: NDArray[Any], Z: NDArray[Any], n_members: int, rng: np.random.Generator
    ) -> "Boosters":
        """An ensemble for features ``n x D`` and ``n`` values; what ranks has mean 0 and variance 1 on them."""
        self._prepare()
        ranks = self.objective == "rank"
        weights = [
            None if ranks else rng.exponential(size=len(Z))
            for _ in range(n_members if self.ensemble != "virtual" else 0)
        ]
        if self.ensemble != "bagged":
            weights.append(None)
        centre = 0.0 if ranks else Z.mean()
        boosters = [self._boost(inputs, Z - centre, weight, rng) for weight in weights]
        shift, scale = np.full(len(boosters), centre), np.ones(len(boosters))
        if ranks:
            utilities = np.stack([_predict(booster, inputs) for booster in boosters])
            scale = 1 / np.maximum(utilities.std(1), 1e-6)
            shift = -utilities.mean(1) * scale
        self.model.set(boosters, shift, scale)
        return self.model

    def _boost(
        self,
        inputs: NDArray[Any],
        targets: NDArray[Any],
        weight: NDArray[Any] | None,
        rng: np.random.Generator,
    ) -> "Booster":
        """One booster for features ``n x D``, ``n`` targets and their weights."""
        from xgboost import train

        with fit_of("XGBoost"):
            data = _data(inputs)
            weights = _evenly(self.encoding.groups)
            data.set_info(label=targets, weight=weight, feature_weights=weights)
            if self.objective == "rank":
                data.set_info(qid=np.zeros(len(targets), dtype=np.int64))
        with fit_of("XGBoost"):
            return train({"seed": int(rng.integers(2**31)), **self.params}, data, self.n_rounds)


@final
class Boosters(GaussianEnsemble):
    """The boosters of an ensemble, kept as bytes.

    Args:
        encoding: What the trees see.
        n_stages: How many truncations of each booster count, 1 for the whole of it alone.
        centred: Whether the last one gives the mean, and the others the deviations from it.
    """

    boosters: Tensor
    sizes: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, encoding: Encoding, n_stages: int, *, centred: bool) -> None:
        super().__init__()
        self.encoding, self.n_stages, self.centred = encoding, n_stages, centred
        self.register_buffer("boosters", torch.empty(0, dtype=torch.uint8))
        self.register_buffer("sizes", torch.empty(0, dtype=torch.int64))
        self.register_buffer("shift", torch.empty(0, dtype=torch.double))
        self.register_buffer("scale", torch.empty(0, dtype=torch.double))
        self._decoded: list[Booster] = []

    def __getstate__(self) -> dict[str, Any]:
        """What a copy starts from: the boosters as bytes."""
        return {**self.__dict__, "_decoded": []}

    def set(self, boosters: Sequence["Booster"], shift: NDArray[Any], scale: NDArray[Any]) -> None:
        """Keep ``m`` boosters; values are ``shift + scale`` (``m`` each) times what they say."""
        raw = [booster.save_raw("ubj") for booster in boosters]
        self.boosters = torch.frombuffer(bytearray().join(raw), dtype=torch.uint8)
        self.sizes = torch.tensor([len(part) for part in raw])
        self.shift, self.scale = torch.from_numpy(shift), torch.from_numpy(scale)
        self._decoded = list(boosters)

    def members(self, X: Tensor) -> Tensor:
        return torch.from_numpy(self.predict(_features(self.encoding, X))).to(X)

    def predict(self, inputs: NDArray[Any]) -> NDArray[Any]:
        """What each member predicts, ``s x n``, for features ``n x D``."""
        said = np.stack([self._staged(booster, inputs) for booster in self._loaded()])
        shift, scale = (part.numpy()[:, None, None] for part in (self.shift, self.scale))
        values: NDArray[Any] = (shift + scale * said).reshape(-1, len(inputs))
        if self.centred:
            values = values[:-1] - values[:-1].mean(0) + values[-1]
        return values

    def attributions(self, X: Tensor) -> Tensor:
        """SHAP values of rows ``X`` (``n x d``), the bias in the last column: ``n x (D + 1)``."""
        data = _data(_features(self.encoding, X))
        start = -1 if self.centred else 0
        parts = [
            scale * torch.from_numpy(booster.predict(data, pred_contribs=True)).double()
            for booster, scale in zip(self._loaded()[start:], self.scale[start:], strict=True)
        ]
        values = torch.stack(parts).mean(0)
        values[:, -1] += self.shift[start:].mean()
        return values.to(X)

    def _staged(self, booster: "Booster", inputs: NDArray[Any]) -> NDArray[Any]:
        """What truncations of a booster say, ``n_stages x n``, from half of it (if several) to all of it."""
        rounds = booster.num_boosted_rounds()
        ends = np.linspace(rounds, rounds // 2, self.n_stages).astype(int)[::-1]
        parts = [_predict(booster, inputs, part) for part in pairwise([0, *ends.tolist()])]
        return np.cumsum(np.stack(parts), 0, dtype=np.float64)

    def _loaded(self) -> list["Booster"]:
        if not self._decoded:
            from xgboost import Booster

            for part in self.boosters.split(self.sizes.tolist()):
                booster = Booster({"nthread": 1})
                booster.load_model(bytearray(part.numpy()))
                self._decoded.append(booster)
        return self._decoded


def tree_encoding(space: SearchSpace) -> Encoding:
    """Counts of semantic paths, at most 400, beside features of the graph; what choices share where there are none."""
    if not has_paths(space):
        return ChoiceEncoding(space)
    paths = PathEncoding.at_most(space, 400, counts=True, semantic=True)
    return paths + GraphFeatureEncoding(space)


def _check(params: Mapping[str, Any], objective: str) -> None:
    """Whether all parameters would take effect."""
    known = {
        **ELSEWHERE,
        **dict.fromkeys(PAIRWISE if objective == "rank" else (), "objective='rank' sets it"),
    }
    for name in params:
        if name in known:
            raise UsageError(f"params has {name!r}, which would not take effect; {known[name]}")


def _features(encoding: Encoding, X: Tensor) -> NDArray[Any]:
    """Features ``n x D`` of rows ``X`` (``n x d``), in XGBoost's own precision."""
    inputs: NDArray[Any] = encoding(X).to(torch.float32).detach().numpy()
    return inputs


def _data(inputs: NDArray[Any]) -> "DMatrix":
    from xgboost import DMatrix

    return DMatrix(inputs, nthread=1)


def _predict(
    booster: "Booster", inputs: NDArray[Any], rounds: tuple[int, int] = (0, 0)
) -> NDArray[Any]:
    """What a booster, or its trees of some rounds, says of features ``n x D``, ``n``."""
    values: NDArray[Any] = booster.inplace_predict(
        inputs, iteration_range=rounds, predict_type="margin"
    )
    return values


def _evenly(groups: Sequence[int]) -> NDArray[Any]:
    """Weights of features (``D``) that give each group the same."""
    weights: NDArray[Any] = 1 / np.bincount(groups)[np.asarray(groups)]
    return weights
