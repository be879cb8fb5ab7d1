"""A neural network linearised at its most probable weights."""

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from torch import Tensor

from archbo.encodings import Encoding
from archbo.errors import FitError, UsageError
from archbo.predictors.bayesian_networks.base import NetworkPredictor
from archbo.predictors.bayesian_networks.hmc import descend
from archbo.predictors.bayesian_networks.mlp import (
    BatchedMLP,
    FloatArray,
    StandardFeatures,
    WhiteNetwork,
)
from archbo.predictors.bayesian_networks.relevance import gp_relevance
from archbo.predictors.gaussian_model import GaussianEnsemble
from archbo.spaces import SearchSpace

__all__ = ["LinearisedEnsemble", "LinearisedLaplace"]

DIRECTIONS = 128
"""Deviations of the weights that are kept, of all modes together."""


@final
class LinearisedLaplace(NetworkPredictor):
    """The Laplace approximation of a perceptron, linear in its weights (arXiv 2008.08400), around several modes.

    The prior's scales and the noise are those that a Gaussian process finds, the weights at their maximum a
    posteriori. Around it their posterior is that of the linear model ``f(x) + J(x) d``, with the full generalised
    Gauss-Newton matrix. Several starts make a mixture of such posteriors (arXiv 2111.03577).

    Args:
        space: The space that the rows belong to.
        encoding: What the network sees; ``default_encoding`` unless given.
        hidden: The number of units of each hidden layer.
        modes: The number of starts.
        n_steps: The number of Adam's steps from each.
        learning_rate: That of the first step; it falls to zero along a cosine.

    Raises:
        UsageError: There are no modes, or more than 128.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> laplace = LinearisedLaplace(space, n_steps=200)
        >>> laplace = laplace.fit(["width=8,depth=1", "width=16,depth=1", "width=32,depth=3"], [70, 80, 90], seed=0)
        >>> mean, std = laplace.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
    """

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        hidden: Sequence[int] = (32,),
        modes: int = 4,
        n_steps: int = 500,
        learning_rate: float = 0.03,
    ) -> None:
        super().__init__(space, encoding, hidden=hidden)
        if not 1 <= modes <= DIRECTIONS:
            raise UsageError(f"modes is a number from 1 to {DIRECTIONS}; got {modes}")
        self.modes = modes
        self.n_steps, self.learning_rate = n_steps, learning_rate

    def _train(
        self, features: StandardFeatures, inputs: FloatArray, targets: FloatArray, *, seed: int
    ) -> "LinearisedEnsemble":
        X, y = inputs, targets
        network = WhiteNetwork(features.groups, self.hidden)
        relevance, noise = gp_relevance(self.encoding, self.train_X, y)
        rng = np.random.default_rng(seed)
        start = rng.standard_normal((self.modes, network.n_parameters), np.float32)
        start[:, network.scales] = 0
        start[:, network.scales][:, : len(relevance)] = relevance

        def potential(position: FloatArray) -> tuple[FloatArray, FloatArray]:
            values, pullback = network.value_and_pullback(position, X)
            residual = values - y
            energy = 0.5 * (residual**2).sum(-1) / noise + 0.5 * (position**2).sum(-1)
            return energy, pullback(residual / np.float32(noise)) + position

        mode = descend(
            potential, start, n_steps=self.n_steps, fixed=network.scales, rate=self.learning_rate
        )
        if not np.isfinite(mode).all():
            raise FitError("its descent left for infinity")
        model = LinearisedEnsemble(features, self.hidden, *network.weights(mode), noise=noise)
        scale = network.standard_deviations(mode)[:, np.newaxis]
        jacobian = model.jacobian(X) * scale
        draws = linear_posterior_draws(jacobian, noise, DIRECTIONS // self.modes, generator=rng)
        model.direction = torch.from_numpy((draws * scale).astype(np.float32))
        return model

    def _empty(self, features: StandardFeatures) -> "LinearisedEnsemble":
        none = np.empty(0, np.float32)
        return LinearisedEnsemble(features, self.hidden, none, none)


def linear_posterior_draws(
    jacobian: FloatArray, noise: float, n_draws: int, *, generator: np.random.Generator
) -> FloatArray:
    """Draws ``c x r x p`` of the posterior of ``d`` around its mean, where ``y = J d + error`` and ``d`` is standard normal.

    By Matheron's rule, from a draw of the prior and one of the errors: the matrix to solve with has a row for
    each observation and not for each weight.

    Args:
        jacobian: ``c x n x p``, the ``J``.
        noise: The variance of the errors.
        n_draws: The number of draws ``r``.
        generator: Where randomness comes from.
    """
    c, n, p = jacobian.shape
    J = jacobian.astype(np.float64)
    gram = J @ J.transpose(0, 2, 1)
    gram.reshape(c, -1)[:, :: n + 1] += noise
    prior = generator.standard_normal((c, p, n_draws))
    errors = np.sqrt(noise) * generator.standard_normal((c, n, n_draws))
    seen = np.linalg.solve(gram, J @ prior + errors)
    return (prior - J.transpose(0, 2, 1) @ seen).transpose(0, 2, 1)


@final
class LinearisedEnsemble(GaussianEnsemble):
    """Networks with straight lines through them in weight space; both ends of a line are members.

    Args:
        features: The networks' inputs.
        hidden: The number of units of each layer.
        weights: ``c x P``, those of the hidden layers.
        output: ``c x M``, the output weights.
        noise: The variance of observation noise.

    Attributes:
        direction: ``c x r x (P + M)``, the deviations of all weights.
    """

    weights: Tensor
    output: Tensor
    direction: Tensor

    def __init__(
        self,
        features: StandardFeatures,
        hidden: Sequence[int],
        weights: FloatArray,
        output: FloatArray,
        *,
        noise: float = 1e-4,
    ) -> None:
        super().__init__(noise=noise)
        self._features = features
        self._net = BatchedMLP(len(features.groups), hidden)
        self.register_buffer("weights", torch.from_numpy(weights))
        self.register_buffer("output", torch.from_numpy(output))
        self.register_buffer("direction", torch.empty(0))

    def members(self, X: Tensor) -> Tensor:
        features = self._features(X)
        top = self._net.forward(self._net.layers(self.weights.to(X).numpy()), features)[-1]
        centre = self.output.to(X).numpy()[:, np.newaxis] @ top
        deviation = (
            self.jacobian(features) @ self.direction.to(X).numpy().transpose(0, 2, 1)
        ).transpose(0, 2, 1)
        ends = np.stack([centre + deviation, centre - deviation], 1)
        return torch.from_numpy(ends.reshape(-1, len(X)))

    def jacobian(self, X: FloatArray) -> FloatArray:
        """Derivatives ``c x n x (P + M)`` of the outputs at inputs ``X`` (``n x D``) in all weights."""
        weights, output = (buffer.numpy().astype(X.dtype) for buffer in (self.weights, self.output))
        layers = self._net.layers(weights)
        passed = self._net.forward(layers, X)
        c, _, n = passed[-1].shape
        parts = [passed[-1].transpose(0, 2, 1)]
        by_units = np.repeat(output[:, :-1, np.newaxis], n, -1)
        for index in reversed(range(len(layers))):
            by_units = by_units * (1 - passed[index][:, :-1] ** 2)
            below = passed[index - 1] if index else np.broadcast_to(X.T, (c, *X.T.shape))
            parts.append(np.einsum("cun,cin->cnui", by_units, below).reshape(c, n, -1))
            by_units = layers[index][:, :, :-1].transpose(0, 2, 1) @ by_units
        return np.concatenate(parts[::-1], -1)
