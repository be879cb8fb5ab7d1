"""A fully Bayesian neural network, sampled by Hamiltonian Monte Carlo."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal, final

import numpy as np

from archbo.encodings import Encoding
from archbo.errors import FitError, UsageError
from archbo.predictors.bayesian_networks.base import NetworkEnsemble, NetworkPredictor
from archbo.predictors.bayesian_networks.hmc import (
    Diagnostics,
    descend,
    sample_batched,
    sample_pyro,
)
from archbo.predictors.bayesian_networks.mlp import (
    OUTPUT_LOG_STD,
    BatchedMLP,
    FloatArray,
    StandardFeatures,
    WeightPrior,
)
from archbo.predictors.bayesian_networks.relevance import gp_relevance
from archbo.predictors.options import one_of
from archbo.spaces import SearchSpace

__all__ = ["BNNHMC", "MarginalPotential"]

NETWORKS = 128
"""How many are kept for prediction; more of them predict no better."""

DESCENT = 200
"""Adam's steps before the chains start."""

CHECKED = 64
"""The number of observations at which chains are compared."""

MAX_STEPS = 48
"""The most leapfrog steps of a trajectory unless given."""

LEAST_SAMPLES = 4
"""The fewest of a chain for which Pyro's split r-hat is defined."""

NOISE_LOG_MEAN = -4.0
"""The mean of the logarithm of the noise variance a priori, as of a ``GP``."""

R_HAT = 1.5
"""The largest that is not warned of: short chains of a network never come to the 1.01 of textbooks."""

STUCK = 0.01
"""An acceptance below which chains have not moved."""

DIVERGENT = 0.05
"""The largest share of divergent trajectories that is not warned of."""


@final
class BNNHMC(NetworkPredictor):
    """A multilayer perceptron with a posterior over all that is unknown: weights, scales of the prior and noise.

    As in the study of such surrogates for Bayesian optimization (arXiv 2305.20028), but a prior scale is
    learned for each group of features, as the Gaussian process here learns its weights; and the last layer,
    given which everything is Gaussian, is integrated out, which leaves a posterior that is easier to sample.
    ``MarginalPotential`` has the model.

    Args:
        space: The space that the rows belong to.
        encoding: What the network sees; ``default_encoding`` unless given.
        hidden: The number of units of each hidden layer.
        sampler: ``"batched"`` moves all chains at once; ``"nuts"`` and ``"hmc"`` are Pyro's samplers on the same
            potential, one chain after the other, much slower and there to compare with.
        chains: The number of chains.
        warmup: The number of trajectories by chain that adapt the sampler and are dropped.
        samples: The number of trajectories by chain whose ends are kept.
        max_steps: The most leapfrog steps of a trajectory, 48 unless given; ``"hmc"`` does not know them.
        target_acceptance: What the step size aims at; closer to 1 means smaller steps.

    Raises:
        UsageError: There is no such sampler, there are fewer than 4 samples, or ``max_steps`` is given to ``"hmc"``.

    Attributes:
        diagnostics: The last fit's; none before a fit, or after loading one.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> bnn = BNNHMC(space, chains=2, warmup=50, samples=50)
        >>> bnn = bnn.fit(["width=8,depth=1", "width=16,depth=1", "width=32,depth=3"], [70, 80, 90], seed=0)
        >>> mean, std = bnn.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
        >>> bnn.diagnostics.divergences
        0
    """

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        hidden: Sequence[int] = (32, 16),
        sampler: Literal["batched", "nuts", "hmc"] = "batched",
        chains: int = 4,
        warmup: int = 60,
        samples: int = 60,
        max_steps: int | None = None,
        target_acceptance: float = 0.75,
    ) -> None:
        super().__init__(space, encoding, hidden=hidden)
        self.sampler = one_of("sampler", sampler, ["batched", "nuts", "hmc"])
        if sampler == "hmc" and max_steps is not None:
            raise UsageError(
                "Pyro's hmc goes a fixed time along its trajectories; leave max_steps out, or take 'batched' or 'nuts'"
            )
        if samples < LEAST_SAMPLES:
            raise UsageError(
                f"the halves of a chain are compared, so samples is at least {LEAST_SAMPLES}; got {samples}"
            )
        self.chains, self.warmup, self.samples = chains, warmup, samples
        self.max_steps = max_steps if max_steps is not None else MAX_STEPS
        self.target_acceptance = target_acceptance
        self.diagnostics: Diagnostics | None = None

    def _train(
        self, features: StandardFeatures, inputs: FloatArray, targets: FloatArray, *, seed: int
    ) -> NetworkEnsemble:
        self.diagnostics = None
        potential = MarginalPotential(inputs, targets, features.groups, self.hidden)
        generator = np.random.default_rng(seed)
        start = 0.5 * generator.standard_normal((self.chains, potential.n_parameters), np.float32)
        relevance, gp_noise = gp_relevance(self.encoding, self.train_X, targets)
        start[:, potential.scales][:, : len(relevance)] += relevance
        start[:, -1] += math.log(gp_noise) - NOISE_LOG_MEAN
        # From the prior trajectories would be short and futile.
        start = descend(potential, start, n_steps=DESCENT, fixed=potential.scales)
        sample = (
            sample_batched
            if self.sampler == "batched"
            else partial(sample_pyro, nuts=self.sampler == "nuts")
        )
        draws = sample(
            potential,
            start,
            warmup=self.warmup,
            samples=self.samples,
            generator=generator,
            max_steps=self.max_steps,
            target_acceptance=self.target_acceptance,
        )
        flat = draws.positions.reshape(-1, potential.n_parameters)
        if not np.isfinite(flat).all() or draws.acceptance < STUCK:
            raise FitError(f"chains are stuck, acceptance is {draws.acceptance:.3f}")
        noise = potential.noise(flat)
        weights, mean, deviation = potential.networks(flat, generator=generator)
        values = potential.outputs(weights, mean + deviation, inputs[:CHECKED])
        quantities = {
            "function values": values,
            "noise": np.log(noise),
            "scales": flat[:, potential.scales],
        }
        self.diagnostics = Diagnostics.of(draws, quantities)
        self.diagnostics.warn(r_hat=R_HAT, divergent=DIVERGENT, names=("function values",))
        keep = np.linspace(0, len(flat) - 1, min(NETWORKS, len(flat))).round().astype(int)
        return NetworkEnsemble(
            features,
            self.hidden,
            weights[keep],
            np.stack([mean + deviation, mean - deviation], 1)[keep],
            noise=float(noise.mean()),
        )


@final
class MarginalPotential:
    """The negative log posterior of a network's hidden layers, scales and noise, the last layer integrated out.

    With standard normal ``w``, ``v``, ``t`` and ``z``, here for one hidden layer::

        W_ij = w_ij exp(m_k + d_k t_k),  k the group of input j
        f = v_0 + exp(0.5 t_0) / sqrt(H) sum_i v_i tanh(sum_j W_ij x_j)
        y ~ N(f, exp(z - 4))

    Given all but ``v``, the values are Gaussian with covariance ``B B^T + noise``, where the columns of ``B`` are
    the scaled units and ones. Potential and gradient take two passes over the data and one factorisation
    of a matrix with a row for each unit (that in float64, all else in float32).

    Args:
        X: ``n x D``, standardised inputs, the last a constant.
        y: ``n``, the values.
        groups: ``D`` integers, the group of each input.
        hidden: The number of units of each layer.
    """

    def __init__(
        self, X: FloatArray, y: FloatArray, groups: Sequence[int], hidden: Sequence[int]
    ) -> None:
        self._X, self._y = X, y
        self._net = BatchedMLP(X.shape[1], hidden)
        self._prior = WeightPrior(self._net, groups)
        self._output_log_mean = -0.5 * math.log(hidden[-1])
        self._P, self._K = self._net.n_parameters, self._prior.n_scales

    @property
    def n_parameters(self) -> int:
        """The length ``p`` of a position: hidden weights, their scales, the output's scale, and the noise."""
        return self._P + self._K + 2

    @property
    def scales(self) -> slice:
        """Where in a position the scales ``t`` and ``t_0`` are."""
        return slice(self._P, self._P + self._K + 1)

    def noise(self, position: FloatArray) -> FloatArray:
        """The noise variance, ``c``, at positions ``c x p``."""
        return np.exp(position[:, -1].astype(np.float64) + NOISE_LOG_MEAN)

    def __call__(self, position: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Potential ``c`` and gradient ``c x p`` at positions ``c x p``."""
        n, P = len(self._y), self._P
        layers, scales = self._scaled(position)
        passed = self._net.forward(layers, self._X)
        top = passed[-1]
        noise, out, precision, inverse, mean = self._regress(position, top)
        output = (out * mean).astype(np.float32)
        residual = self._y - (output[:, np.newaxis] @ top)[:, 0]
        square = np.einsum("cn,cn->c", residual, residual) / noise
        log_det = np.linalg.slogdet(precision)[1] + n * np.log(noise)
        squares = np.einsum("cm,cm->c", mean, mean) + np.einsum("cp,cp->c", position, position)
        energy = 0.5 * (square + log_det + squares)
        # In the last layer: B (1 + B^T B / noise)^-1 / noise, less the residual times the mean.
        scaled = out / noise[:, np.newaxis]
        gain = (out[:, :-1, np.newaxis] * inverse[:, :-1] * scaled[:, np.newaxis]).astype(
            np.float32
        )
        pull = (scaled * mean)[:, :-1].astype(np.float32)
        grad = gain @ top
        grad -= pull[:, :, np.newaxis] * residual[:, np.newaxis]
        gradient = position.copy()
        grads = self._net.backward(layers, passed, grad, self._X)
        white_grad, scale_grad = self._prior.backward(layers, scales, grads)
        gradient[:, :P] += white_grad
        gradient[:, P:-2] += scale_grad
        gradient[:, -2] += OUTPUT_LOG_STD * np.einsum("cun,cun->c", grad, top[:, :-1])
        trace = inverse.trace(axis1=1, axis2=2)
        gradient[:, -1] += 0.5 * (n - top.shape[1] + trace - square)
        return energy, gradient

    def networks(
        self, position: FloatArray, *, generator: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Draws of the network at positions ``c x p``.

        Returns:
            The weights of the hidden layers, ``c x P``; of the output weights the posterior mean and a draw's
            deviation from it, ``c x M`` each.
        """
        layers, _ = self._scaled(position)
        top = self._net.forward(layers, self._X)[-1]
        _, out, precision, _, mean = self._regress(position, top)
        # With precision L L^T, L^-T times a standard normal has covariance precision^-1.
        factor = np.linalg.cholesky(precision).transpose(0, 2, 1)
        normal = generator.standard_normal((*mean.shape, 1))
        deviation = np.linalg.solve(factor, normal)[:, :, 0]
        weights = np.concatenate([layer.reshape(len(layer), -1) for layer in layers], -1)
        return weights, (out * mean).astype(np.float32), (out * deviation).astype(np.float32)

    def outputs(self, weights: FloatArray, output: FloatArray, X: FloatArray) -> FloatArray:
        """What networks say, ``c x n``, of inputs ``X`` (``n x D``)."""
        return (output[:, np.newaxis] @ self._net.forward(self._net.layers(weights), X)[-1])[:, 0]

    def _scaled(self, position: FloatArray) -> tuple[list[FloatArray], list[FloatArray]]:
        P = self._P
        return self._prior.forward(position[:, :P], position[:, P : P + self._K])

    def _output_scale(self, position: FloatArray) -> FloatArray:
        """The prior standard deviation of each output weight, ``c x M``."""
        out = np.ones((len(position), self._net.shapes[-1][0] + 1))
        out[:, :-1] = np.exp(self._output_log_mean + OUTPUT_LOG_STD * position[:, -2:-1])
        return out

    def _regress(
        self, position: FloatArray, top: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Bayesian linear regression on the last layer ``c x M x n``.

        Returns:
            The noise variance (``c``), the scale of each output weight (``c x M``), the precision
            ``1 + B^T B / noise`` of the standardised output weights, its inverse, and their mean (``c x M``).
        """
        noise = self.noise(position)
        out = self._output_scale(position)
        scaled = out / noise[:, np.newaxis]
        precision = (top @ top.transpose(0, 2, 1)) * (out[:, :, np.newaxis] * scaled[:, np.newaxis])
        precision.reshape(len(top), -1)[:, :: top.shape[1] + 1] += 1.0
        # NumPy raises for what is not finite; here a trajectory far out has an energy of NaN, and is rejected.
        precision[~np.isfinite(precision).all((1, 2))] = np.eye(top.shape[1])
        inverse = np.linalg.inv(precision)
        mean = (inverse @ (scaled * (top @ self._y))[:, :, np.newaxis])[:, :, 0]
        return noise, out, precision, inverse, mean
