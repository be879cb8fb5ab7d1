"""Deep ensembles: perceptrons from many starts, trained in one batch."""

from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archbo.encodings import Encoding
from archbo.errors import FitError, UsageError
from archbo.predictors.bayesian_networks.base import NetworkEnsemble, NetworkPredictor
from archbo.predictors.bayesian_networks.mlp import FloatArray, StandardFeatures, WhiteNetwork
from archbo.predictors.bayesian_networks.relevance import gp_relevance
from archbo.predictors.calibration import calibrate, folds, moments, value_slope
from archbo.predictors.ranking.losses import mse
from archbo.spaces import SearchSpace

__all__ = ["DeepEnsemble"]

BATCH = 64
"""Observations that a step is of."""

SHRINK = (0.2, 1.5)
"""By how much the scale of held-out predictions may be wrong."""


@final
class DeepEnsemble(NetworkPredictor):
    """Perceptrons from different starts, each trained on all but one fold of the observations.

    Deep ensembles (arXiv 1612.01474), in the study of arXiv 2305.20028 the surrogate that trusts itself too much.
    Here each network starts at a draw from a prior, with the scales that a Gaussian process finds, and is held
    to it (anchored ensembling, arXiv 1810.05546). Predictions for the fold that a network has not seen
    calibrate spread and noise, and take what a ranking loss has learned to the scale of the values.

    Args:
        space: The space that the rows belong to.
        encoding: What the networks see; ``default_encoding`` unless given.
        hidden: The number of units of each hidden layer.
        loss: From predictions and targets (``s x b`` each) to one loss per network.
        n_networks: The number of networks.
        n_folds: The number of folds.
        n_steps: The number of Adam's steps.
        learning_rate: That of the first step; it falls to zero along a cosine.
        decay: How strongly the networks are held to where they started; divided by the number of observations.

    Raises:
        UsageError: There are fewer than two folds, or than two networks for each.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = ["width=8,depth=1", "width=16,depth=1", "width=32,depth=3", "width=32,depth=1"]
        >>> ensemble = DeepEnsemble(space, n_steps=200).fit(X, [70, 80, 90, 85], seed=0)
        >>> mean, std = ensemble.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
    """

    min_observations = 4

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        hidden: Sequence[int] = (16, 16),
        loss: Callable[[Tensor, Tensor], Tensor] = mse,
        n_networks: int = 40,
        n_folds: int = 10,
        n_steps: int = 600,
        learning_rate: float = 0.03,
        decay: float = 0.05,
    ) -> None:
        super().__init__(space, encoding, hidden=hidden)
        if not 2 <= n_folds <= n_networks / 2:
            raise UsageError(
                f"each of at least 2 folds is held out by at least 2 networks; got {n_folds} folds, {n_networks} networks"
            )
        self.loss = loss
        self.n_networks, self.n_folds, self.n_steps = n_networks, n_folds, n_steps
        self.learning_rate, self.decay = learning_rate, decay

    def _train(
        self, features: StandardFeatures, inputs: FloatArray, targets: FloatArray, *, seed: int
    ) -> NetworkEnsemble:
        Z = self.to_latent(self.train_Y).flatten()
        network = WhiteNetwork(features.groups, self.hidden)
        rng = np.random.default_rng(seed)
        held = folds(len(Z), self.n_folds, rng)
        held = held[np.arange(self.n_networks) % len(held)]
        start = rng.standard_normal((len(held), network.n_parameters), np.float32)
        start[:, network.scales] = 0
        relevance, _ = gp_relevance(self.encoding, self.train_X, targets)
        start[:, network.scales][:, : len(relevance)] = relevance
        position = self._descend(network, start, inputs, targets, held, rng)
        values, _ = network.value_and_pullback(position, inputs)
        weights, output = network.weights(position)
        slope, shift, spread, noise = _to_scale(values, held, Z.double().numpy())
        output *= slope
        output[:, -1:] += shift
        return NetworkEnsemble(
            features, self.hidden, weights, output[:, np.newaxis], noise=noise, spread=spread
        )

    def _descend(
        self,
        network: WhiteNetwork,
        start: FloatArray,
        X: FloatArray,
        Z: FloatArray,
        held: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> FloatArray:
        """Positions of the networks (``s x p``) after Adam's steps on batches of what each may see."""
        position, first, second = start.copy(), np.zeros_like(start), np.zeros_like(start)
        seen = [np.flatnonzero(~row) for row in held]
        size, n = min(BATCH, *map(len, seen)), len(Z)
        for step in range(1, self.n_steps + 1):
            index = np.stack([rng.permutation(rows)[:size] for rows in seen])
            values, pullback = network.value_and_pullback(position, X[index])
            prediction = torch.from_numpy(values).requires_grad_()
            with torch.enable_grad():
                total = self.loss(prediction, torch.from_numpy(Z[index])).sum()
            (by_value,) = torch.autograd.grad(total, prediction)
            gradient = pullback(by_value.numpy()) + self.decay / n * (position - start)
            gradient[:, network.scales] = 0  # they stay
            first += 0.1 * (gradient - first)
            second += 0.01 * (gradient * gradient - second)
            rate = self.learning_rate * 0.5 * (1 + np.cos(np.pi * step / self.n_steps))
            scale = np.sqrt(second / (1 - 0.99**step)) + 1e-8
            position -= np.float32(rate / (1 - 0.9**step)) * first / scale
        if not np.isfinite(position).all():
            raise FitError("its loss is not finite")
        return position


def _to_scale(
    values: FloatArray, held: NDArray[np.bool_], Z: FloatArray
) -> tuple[FloatArray, FloatArray, float, float]:
    """Slopes and shifts (``s x 1``) that take the networks' values to the scale of ``Z``, then spread and noise.

    Each network gets the mean and variance of ``Z``, for a ranking loss gives it neither; then all of them shrink
    as held-out values want it.
    """
    deviation = values.std(1, keepdims=True)
    slope = np.divide(Z.std(), deviation, out=np.zeros_like(deviation), where=deviation > 1e-6)
    common = slope * (values - values.mean(1, keepdims=True))
    mean, variance, kept = moments(common, held)
    target = (Z - Z.mean())[kept]
    shrink = value_slope(mean, target, prior=0.0, bounds=SHRINK)
    spread, noise = calibrate(
        torch.from_numpy(shrink * mean),
        torch.from_numpy(shrink**2 * variance),
        torch.from_numpy(target),
    )
    slope = shrink * slope
    return slope, Z.mean() - slope * values.mean(1, keepdims=True), spread, noise
