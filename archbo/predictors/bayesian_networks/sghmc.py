"""A Bayesian neural network sampled with gradients of minibatches."""

from collections.abc import Callable, Sequence
from typing import final

import numpy as np

from archbo.encodings import Encoding
from archbo.errors import FitError, UsageError
from archbo.predictors.bayesian_networks.base import NetworkEnsemble, NetworkPredictor
from archbo.predictors.bayesian_networks.bnn_hmc import NOISE_LOG_MEAN
from archbo.predictors.bayesian_networks.mlp import FloatArray, StandardFeatures, WhiteNetwork
from archbo.spaces import SearchSpace

__all__ = ["SGHMC", "sample_sghmc"]

BATCH = 64
"""Observations that a gradient is of."""

FORGETTING = 0.01
"""How fast the running mean of squared gradients moves."""


@final
class SGHMC(NetworkPredictor):
    """A perceptron whose weights, prior scales and noise follow stochastic-gradient Hamiltonian Monte Carlo.

    The model is that of ``BNNHMC`` with the last layer sampled too, the sampler that of Chen et al. (arXiv
    1402.4102) with the scale adaptation of Springenberg et al. (Bayesian optimization with robust Bayesian
    neural networks, NeurIPS 2016). A step costs a minibatch however many the observations; the price is a
    bias that no acceptance step removes.

    Args:
        space: The space that the rows belong to.
        encoding: What the network sees; ``default_encoding`` unless given.
        hidden: The number of units of each hidden layer.
        chains: The number of chains.
        burn_in: The number of steps that are dropped, and during which scales are adapted.
        steps: The number of steps after it.
        networks: The number of networks kept, at even distances.
        step_size: In units of the adapted scales.
        friction: The share of its momentum that a chain loses at each step.

    Raises:
        UsageError: There are fewer networks than chains, or more than steps of all of them.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = ["width=8,depth=1", "width=16,depth=1", "width=32,depth=3", "width=32,depth=1"]
        >>> sghmc = SGHMC(space, burn_in=500, steps=500).fit(X, [70, 80, 90, 85], seed=0)
        >>> mean, std = sghmc.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
    """

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        hidden: Sequence[int] = (16, 16),
        chains: int = 8,
        burn_in: int = 3000,
        steps: int = 3000,
        networks: int = 256,
        step_size: float = 0.01,
        friction: float = 0.05,
    ) -> None:
        super().__init__(space, encoding, hidden=hidden)
        if not chains <= networks <= chains * steps:
            raise UsageError(
                f"{chains} chains of {steps} steps give {chains} to {chains * steps} networks; got networks={networks}"
            )
        self.chains, self.networks = chains, networks
        self.burn_in, self.steps = burn_in, steps
        self.step_size, self.friction = step_size, friction

    def _train(
        self, features: StandardFeatures, inputs: FloatArray, targets: FloatArray, *, seed: int
    ) -> NetworkEnsemble:
        X, y = inputs, targets
        network = WhiteNetwork(features.groups, self.hidden)
        rng = np.random.default_rng(seed)
        n, batch = len(y), min(BATCH, len(y))

        def gradient(position: FloatArray) -> FloatArray:
            index = slice(None) if batch == n else rng.choice(n, batch, replace=False)
            values, pullback = network.value_and_pullback(position[:, :-1], X[index])
            precision = np.exp(-NOISE_LOG_MEAN - position[:, -1:])
            residual = values - y[index]
            by_value = n / batch * precision * residual
            by_noise = 0.5 * (n - (by_value * residual).sum(-1, keepdims=True))
            return np.concatenate([pullback(by_value), by_noise], -1) + position

        start = 0.5 * rng.standard_normal((self.chains, network.n_parameters + 1), np.float32)
        draws = sample_sghmc(
            gradient,
            start,
            burn_in=self.burn_in,
            steps=self.steps,
            thin=max(1, self.chains * self.steps // self.networks),
            step_size=self.step_size,
            friction=self.friction,
            generator=rng,
        )
        flat = draws.reshape(-1, draws.shape[-1])
        if not np.isfinite(flat).all():
            raise FitError("its chains left for infinity")
        weights, output = network.weights(flat[:, :-1])
        noise = float(np.exp(NOISE_LOG_MEAN + flat[:, -1]).mean())
        return NetworkEnsemble(features, self.hidden, weights, output[:, np.newaxis], noise=noise)


@np.errstate(over="ignore", invalid="ignore")  # the caller looks whether draws are finite
def sample_sghmc(
    gradient: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    *,
    burn_in: int,
    steps: int,
    thin: int,
    step_size: float,
    friction: float,
    generator: np.random.Generator,
) -> FloatArray:
    """Draws ``c x s x p`` by stochastic-gradient Hamiltonian Monte Carlo.

    ``u <- (1 - a) u - h^2 V^(-1/2) g + normal * sqrt(2 a h^2 V^(-1/2))`` and ``x <- x + u``, where ``g`` is the noisy
    gradient, ``h`` the step size, ``a`` the friction, and ``V`` the mean square of gradients during burn-in, after
    which it stays as it is. As ``h`` goes to zero the draws become those of the posterior.

    Args:
        gradient: From positions ``c x p`` to unbiased gradients ``c x p`` of the negative log density.
        start: ``c x p``.
        burn_in: The number of steps that adapt ``V`` and are dropped.
        steps: The number of steps after it.
        thin: One in ``thin`` positions is kept.
        step_size: ``h``.
        friction: ``a``, between 0 and 1.
        generator: Where randomness comes from.
    """
    position, momentum = start.copy(), np.zeros_like(start)
    square = np.ones_like(start)
    kept = []
    for step in range(burn_in + steps):
        slope = gradient(position)
        if step < burn_in:
            square += np.float32(FORGETTING) * (slope * slope - square)
            scale = np.float32(step_size**2) / np.sqrt(square)
            jolt = np.sqrt(2 * np.float32(friction) * scale)
        momentum *= np.float32(1 - friction)
        momentum -= scale * slope
        momentum += jolt * generator.standard_normal(start.shape, np.float32)
        position += momentum
        if step >= burn_in and (step - burn_in) % thin == thin - 1:
            kept.append(position.copy())
    return np.stack(kept, 1)
