"""Several predictors in one."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, final

import numpy as np
import torch
from linear_operator.operators import DiagLinearOperator
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize
from torch import Tensor

from archbo.encodings import Encoding
from archbo.errors import NumericalWarning, UsageError
from archbo.predictors.base import Predictor, marginals
from archbo.predictors.calibration import calibrate, fit_of, folds, value_slope
from archbo.predictors.gaussian_model import Covariance, GaussianModel
from archbo.predictors.gaussian_processes.gp import GP
from archbo.predictors.options import one_of
from archbo.predictors.trees.gbdt import GBDT
from archbo.predictors.warps import RankWarp
from archbo.spaces import SearchSpace

__all__ = ["Stack", "simplex_weights"]

FOLDS = 3
"""Of observations, each predicted by parts that have not seen it."""

PRIOR_OBSERVATIONS = 10.0
"""The number of observations by which weights are drawn to equal ones: a handful says little of which predictor is best."""

Part: TypeAlias = Callable[[SearchSpace, Encoding | None], Predictor]


@final
class Stack(Predictor):
    """A weighted combination of predictors, as sure as held-out observations allow.

    The posterior has the mean and the covariance of the mixture of the parts' posteriors: what each is unsure
    of, and what they disagree on. It is scaled by what parts fitted to two thirds of the observations say
    of the rest.

    Args:
        space: The space that the rows belong to.
        encoding: What all parts see; their own encodings unless given.
        parts: What makes each part from space and encoding; a Gaussian process and boosted trees unless given.
        combine: ``"stack"`` learns weights from held-out predictions (stacked regressions, Breiman 1996);
            ``"rank"`` averages normal scores of the ranks of what the parts predict.

    Raises:
        UsageError: There are fewer than two parts, one does not take the encoding, or ``combine`` is neither.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> stack = Stack(space).fit(X, X[:, 0], seed=0)
        >>> mean, std = stack.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
    """

    min_observations = 5
    model: "Mixture"

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        parts: Sequence[Part] = (GP, GBDT),
        combine: Literal["stack", "rank"] = "stack",
    ) -> None:
        super().__init__(space, encoding)
        self.parts, self.combine = tuple(parts), one_of("combine", combine, ["stack", "rank"])
        if len(self.parts) < 2:
            raise UsageError(f"a stack has at least two parts; got {len(self.parts)}")
        # Encodings are made once, and may then remember a pool from fit to fit.
        made = [make(space, encoding) for make in self.parts]
        for part in made:
            if encoding is not None and part.encoding is not encoding:
                raise UsageError(
                    f"{type(part).__name__} does not take the encoding {encoding!r}; leave it out, or the part"
                )
        self._encodings = [part.encoding for part in made]
        self.encodings = torch.nn.ModuleList(part for part in self._encodings if part is not None)

    def _default_encoding(self, space: SearchSpace) -> None:
        """None: each part has its own."""

    def _fit(self, *, seed: int) -> None:
        X, Y = self.train_X, self.train_Y
        mean = X.new_empty(len(self.parts), len(X))
        variance, Z = torch.empty_like(mean), X.new_empty(len(X))
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", NumericalWarning
            )  # a fold may have little to learn from
            for held in map(torch.from_numpy, folds(len(X), FOLDS, np.random.default_rng(seed))):
                fold = self._mixture(X[~held], Y[~held], seed)
                means, stds = zip(
                    *[marginals(part.latent, X[held]) for part in fold.predictors], strict=True
                )
                mean[:, held], factor = fold.scores(torch.stack(means))
                variance[:, held] = (factor.unsqueeze(-1) * torch.stack(stds)).square()
                Z[held] = fold.predictors[0].to_latent(Y[held]).flatten()
        self.model = model = self._mixture(X, Y, seed)
        if self.combine == "stack":
            model.weights = simplex_weights(mean, Z)
        centre, total = model.mix(mean, variance)
        if self.combine == "rank":
            # Scores have no unit: a line, of slope 1 a priori, takes them to the scale of values.
            offset = centre.mean()
            model.slope = mean.new_tensor(value_slope((centre - offset).numpy(), Z.numpy()))
            model.shift = Z.mean() - model.slope * offset
            centre, total = model.mix(mean, variance)
        spread, noise = calibrate(centre, total, Z)
        model.spread, model.noise = mean.new_tensor(spread), mean.new_tensor(noise)

    def _mixture(self, X: Tensor, Y: Tensor, seed: int) -> "Mixture":
        """All parts, fitted on the scale of the same warp."""
        parts = self._made()
        for part in parts:
            part.fit(X, Y, seed=seed)
        reference = torch.stack([marginals(part.latent, X)[0] for part in parts])
        return Mixture(parts, reference, ranks=self.combine == "rank")

    def _made(self) -> list[Predictor]:
        parts = [
            make(self.space, encoding)
            for make, encoding in zip(self.parts, self._encodings, strict=True)
        ]
        for part in parts:
            part.warp = RankWarp()
        return parts

    def _prepare(self) -> None:
        reference = self.train_X.new_zeros(len(self.parts), len(self.train_X))
        self.model = Mixture(self._made(), reference, ranks=self.combine == "rank")

    def _prepare_for(self, state: Mapping[str, Any]) -> None:
        # Which models its parts have is known to the state alone: some may have fallen back.
        self._prepare()
        for index, part in enumerate(self.model.predictors):
            prefix = f"model.parts.{index}."
            part.load_state_dict(
                {
                    name.removeprefix(prefix): value
                    for name, value in state.items()
                    if name.startswith(prefix)
                }
            )


@final
class Mixture(GaussianModel):
    """The Gaussian with the moments of a mixture of predictors' posteriors.

    Args:
        parts: ``k`` fitted predictors, their latent models on one scale.
        reference: ``k x n``, what each predicts of the observations that it was fitted to.
        ranks: Whether predictions are taken to normal scores of their ranks among these.

    Attributes:
        weights: ``k``, of the parts; they sum to one.
        shift: What a mean on the mixture's scale is added to.
        slope: What it is multiplied by before.
        spread: The factor on standard deviations.
        noise: The variance of the observation noise.
    """

    weights: Tensor
    reference: Tensor
    shift: Tensor
    slope: Tensor
    spread: Tensor
    noise: Tensor

    def __init__(self, parts: Sequence[Predictor], reference: Tensor, *, ranks: bool) -> None:
        super().__init__()
        self.parts = torch.nn.ModuleList(parts)
        self.ranks = ranks
        self.register_buffer("reference", reference.clone())
        self.register_buffer("weights", reference.new_full((len(parts),), 1 / len(parts)))
        for name, value in {"shift": 0.0, "slope": 1.0, "spread": 1.0, "noise": 1e-4}.items():
            self.register_buffer(name, reference.new_tensor(value))

    @property
    def predictors(self) -> list[Predictor]:
        """The parts."""
        parts: Any = self.parts  # a ModuleList does not say of what
        return list(parts)

    def mix(self, means: Tensor, variances: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (``n``, before ``spread``) of a mixture of ``k x n`` scores and variances of them."""
        mean = self.weights @ means
        total = self.weights @ (variances + (means - mean).square())
        return self.shift + self.slope * mean, self.slope.square() * total

    def _moments(self, X: Tensor) -> tuple[Tensor, Covariance]:
        with torch.no_grad():
            posteriors: list[Any] = [part.latent.posterior(X) for part in self.predictors]
            means = torch.stack([posterior.mean.squeeze(-1) for posterior in posteriors])
            means, factor = self.scores(means)
            if X.shape[-2] > 1:
                covariances = [
                    scale.square() * p.distribution.covariance_matrix
                    for scale, p in zip(factor, posteriors, strict=True)
                ]
                return self._joint(means, covariances)
            variances = torch.stack([p.variance.flatten() for p in posteriors])
            variances = factor.square().unsqueeze(-1) * variances
            mean, variance = self.mix(means.flatten(1), variances)
            variance = self.spread.square() * variance
            return mean.reshape(X.shape[:-1]), DiagLinearOperator(variance.reshape(X.shape[:-1]))

    def _noise(self, X: Tensor) -> Tensor:
        return self.noise

    def _joint(self, means: Tensor, covariances: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Mean ``b x q`` and covariance ``b x q x q`` of the mixture of ``k`` of them."""
        mean = torch.einsum("k,k...->...", self.weights, means)
        total = torch.zeros_like(covariances[0])
        for weight, part, covariance in zip(self.weights, means, covariances, strict=True):
            off = (part - mean).unsqueeze(-1)
            total = total + weight * (covariance + off * off.mT)
        return self.shift + self.slope * mean, (self.slope * self.spread).square() * total

    def scores(self, means: Tensor) -> tuple[Tensor, Tensor]:
        """Means (``k x ...``) on the scale on which they are mixed, and the factors (``k``) that take deviations there."""
        if not self.ranks:
            return means, torch.ones_like(self.weights)
        factor = 1 / self.reference.std(1).clamp_min(1e-3)
        scores = []
        for known, mean, scale in zip(self.reference, means, factor, strict=True):
            inside = mean.clamp(known.min(), known.max())
            # No rank tells how far beyond all others something is.
            beyond = scale * (mean - inside)
            scores.append(
                RankWarp().fit(known).forward(inside) + beyond.sign() * beyond.abs().log1p()
            )
        return torch.stack(scores), factor


def simplex_weights(predictions: Tensor, Z: Tensor) -> Tensor:
    """The weights (``k``, none negative, of sum one) of the least squared error.

    They are drawn to equal ones as by ten observations: a handful says little of which predictor is best.

    Args:
        predictions: ``k x n``, held-out predictions.
        Z: ``n``, the values.

    Example:
        >>> Z = torch.linspace(-1, 1, 200)
        >>> simplex_weights(torch.stack([Z, torch.zeros(200)]), Z).round(decimals=1)
        tensor([1., 0.])
    """
    errors = (predictions - Z).double().numpy()
    k, n = errors.shape
    gram = errors @ errors.T
    gram = gram / max(gram.trace() / k, 1e-12) * n
    gram = gram + PRIOR_OBSERVATIONS * np.eye(k)

    def loss(w: NDArray[np.float64]) -> float:
        return float(w @ gram @ w / n)

    def gradient(w: NDArray[np.float64]) -> NDArray[np.float64]:
        slope: NDArray[np.float64] = 2 * gram @ w / n
        return slope

    with fit_of("SciPy"):
        found = minimize(
            loss,
            np.full(k, 1 / k, dtype=np.float64),
            jac=gradient,
            method="SLSQP",
            bounds=[(0.0, 1.0)] * k,
            constraints=LinearConstraint(np.ones((1, k)), 1.0, 1.0),
        )
    weights = torch.from_numpy(found.x.clip(0)).to(predictions)
    return weights / weights.sum()
