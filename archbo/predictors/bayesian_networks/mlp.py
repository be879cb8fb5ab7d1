"""Many small multilayer perceptrons at once, on standardised features, with gradients by hand."""

import math
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archbo.encodings import Encoding
from archbo.randomness import generator

__all__ = ["BatchedMLP", "FloatArray", "StandardFeatures", "WeightPrior", "WhiteNetwork"]

FloatArray = npt.NDArray[np.floating[Any]]
"""NumPy's overhead for each of the many small operations of a gradient is half of torch's."""


@final
class StandardFeatures:
    """An encoding's features, scaled such that each group of them has unit variance in total.

    Means and variances are those of rows sampled from the space, so that they do not depend on observations,
    and a prior over weights means the same prior over functions whatever is observed. A constant feature of 1
    comes last, in a group of its own: its weights are the biases.

    Args:
        encoding: The features.
        n_samples: The number of rows to sample.

    Attributes:
        groups: ``D`` integers, the group of each feature; the constant has the last.

    Example:
        >>> from archbo.encodings import OneHotEncoding
        >>> from archbo.spaces import CategoricalSpace
        >>> features = StandardFeatures(OneHotEncoding(CategoricalSpace("s", {"a": [1, 2], "b": [1, 2, 3]})))
        >>> features.groups
        (0, 0, 1, 1, 1, 2)
        >>> features(torch.zeros(4, 2)).shape
        (4, 6)
    """

    def __init__(self, encoding: Encoding, *, n_samples: int = 512) -> None:
        self.encoding = encoding
        X = encoding.space.sample(n_samples, generator=generator(0))
        features = encoding(X)
        groups = torch.tensor(encoding.groups)
        last = int(groups.max()) + 1
        variance = features.new_zeros(last).index_add_(0, groups, features.var(0))
        self.groups = (*encoding.groups, last)
        self._mean = features.mean(0)
        self._scale = torch.where(variance > 0, variance, 1.0).rsqrt()[groups]

    def __call__(self, X: Tensor) -> FloatArray:
        """Features ``n x D`` of rows ``X`` (``n x d``), in the dtype of ``X``."""
        standard = (self.encoding(X.double()) - self._mean) * self._scale
        features: FloatArray = (
            torch.nn.functional.pad(standard, (0, 1), value=1.0).to(X).detach().numpy()
        )
        return features


@final
class BatchedMLP:
    """The hidden layers of ``c`` perceptrons of one shape with tanh units.

    All networks see the same inputs, so that their first layers are one matrix product. Biases are the weights
    of a constant: the last input, and the last row of what a hidden layer passes on.

    Args:
        n_inputs: The number of inputs, the constant among them.
        hidden: The number of units of each layer.

    Attributes:
        shapes: The shape of each layer's weights, ``units x inputs``, the constant among the inputs.
        n_parameters: The number of weights ``P`` of a network, as a vector one layer after the other.

    Example:
        >>> net = BatchedMLP(3, [4, 2])
        >>> net.shapes, net.n_parameters
        (((4, 3), (2, 5)), 22)
        >>> top = net.forward(net.layers(np.zeros((7, 22), np.float32)), np.ones((10, 3), np.float32))[-1]
        >>> top.shape, top[0, :, 0].tolist()
        ((7, 3, 10), [0.0, 0.0, 1.0])
    """

    def __init__(self, n_inputs: int, hidden: Sequence[int]) -> None:
        inputs = [n_inputs, *(units + 1 for units in hidden)]
        self.shapes = tuple(zip(hidden, inputs, strict=False))
        self._ends = np.cumsum([units * width for units, width in self.shapes]).tolist()
        self.n_parameters: int = self._ends[-1]

    def layers(self, weights: FloatArray) -> list[FloatArray]:
        """The weights of each layer, ``c x units x inputs``, of all weights ``c x P``."""
        parts = np.split(weights, self._ends[:-1], -1) if len(self.shapes) > 1 else [weights]
        return [part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def forward(self, layers: Sequence[FloatArray], X: FloatArray) -> list[FloatArray]:
        """What each layer passes on, ``c x (units + 1) x n``.

        Args:
            layers: The weights of each layer.
            X: ``n x D``, the inputs of all networks, or ``c x n x D``, those of each.
        """
        passed: list[FloatArray] = []
        for layer in layers:
            c, units, inputs = layer.shape
            if passed:
                before = layer @ passed[-1]
            elif X.ndim == 3:
                before = layer @ X.transpose(0, 2, 1)
            else:
                before = (layer.reshape(-1, inputs) @ X.T).reshape(c, units, -1)
            values = np.empty((c, units + 1, before.shape[-1]), before.dtype)
            values[:, units] = 1.0
            np.tanh(before, out=values[:, :units])
            passed.append(values)
        return passed

    def backward(
        self,
        layers: Sequence[FloatArray],
        passed: Sequence[FloatArray],
        grad: FloatArray,
        X: FloatArray,
    ) -> list[FloatArray]:
        """The gradients of a function in the weights of each layer, ``c x units x inputs``.

        Args:
            layers: The weights of each layer.
            passed: What ``forward`` returned.
            grad: ``c x units x n``, the gradient in the values of the last layer's units.
            X: ``n x D`` or ``c x n x D``, the inputs.
        """
        grads: list[FloatArray] = []
        for index in reversed(range(len(layers))):
            values, layer = passed[index][:, :-1], layers[index]
            before = values * values
            np.subtract(1.0, before, out=before)
            before *= grad
            if index:
                grads.append(before @ passed[index - 1].transpose(0, 2, 1))
                grad = layer[:, :, :-1].transpose(0, 2, 1) @ before
            elif X.ndim == 3:
                grads.append(before @ X)
            else:
                grads.append((before.reshape(-1, len(X)) @ X).reshape(layer.shape))
        return grads[::-1]


OUTPUT_LOG_STD = 0.5
"""The prior standard deviation of the logarithm of the output's scale: a factor of 1.6."""


@final
class WeightPrior:
    """Normal weights whose standard deviations are unknown: one for each group of a layer's inputs.

    ``W_ij = w_ij exp(m_k + d_k t_k)``, ``w`` and ``t`` standard normal, ``k`` the group of input ``j``. The means
    ``m`` are such that the arguments of tanh have a variance near one, and the groups of features equal shares
    in it; ``d`` is 1 for groups of features, so that a fit can tell which matter, and 0.3 for all else.

    Args:
        net: The network.
        groups: ``D`` integers, the groups of its inputs, the constant in the last.

    Attributes:
        n_scales: The number of scales ``K``.
    """

    def __init__(self, net: BatchedMLP, groups: Sequence[int]) -> None:
        self._net = net
        G = max(groups)
        means = [-0.5 * math.log(G)] * G + [0.0]
        index = [np.array(groups)]
        for _, inputs in net.shapes[1:]:
            index.append(np.full(inputs, len(means)))
            index[-1][-1] += 1
            means += [-0.5 * math.log((inputs - 1) / 2), 0.0]
        self.n_scales = len(means)
        self._index = np.concatenate(index)
        self._log_mean = np.array(means, np.float32)
        self._log_std = np.full(self.n_scales, 0.3, np.float32)
        self._log_std[:G] = 1.0
        self._membership = np.eye(self.n_scales, dtype=np.float32)[self._index]
        self._ends = np.cumsum([inputs for _, inputs in net.shapes]).tolist()

    def forward(
        self, white: FloatArray, t: FloatArray
    ) -> tuple[list[FloatArray], list[FloatArray]]:
        """The weights of each layer, and the scale of each of its inputs, ``c x 1 x inputs``.

        Args:
            white: ``c x P``, the ``w``.
            t: ``c x K``.
        """
        flat = np.exp(self._log_mean + self._log_std * t).take(self._index, 1)[:, np.newaxis]
        scales = np.split(flat, self._ends[:-1], -1)
        layers = self._net.layers(white)
        return [layer * scale for layer, scale in zip(layers, scales, strict=True)], scales

    def backward(
        self,
        layers: Sequence[FloatArray],
        scales: Sequence[FloatArray],
        grads: Sequence[FloatArray],
    ) -> tuple[FloatArray, FloatArray]:
        """Gradients in ``w`` (``c x P``) and ``t`` (``c x K``) from those in the weights of each layer."""
        by_input = [
            np.einsum("cui,cui->ci", layer, grad) for layer, grad in zip(layers, grads, strict=True)
        ]
        white = [
            (grad * scale).reshape(len(grad), -1) for grad, scale in zip(grads, scales, strict=True)
        ]
        by_scale = np.concatenate(by_input, -1) @ self._membership
        return np.concatenate(white, -1), by_scale * self._log_std


@final
class WhiteNetwork:
    """A network with one output, as a function of variables that are standard normal a priori.

    Positions are ``[w, t, t_0, v]``: weights and scales of the hidden layers as in ``WeightPrior``, and an output
    ``v_0 + exp(0.5 t_0) / sqrt(H) sum_i v_i h_i`` of the last layer's units ``h``; ``v_0`` comes last in ``v``.

    Args:
        groups: ``D`` integers, the group of each input.
        hidden: The number of units of each layer.

    Attributes:
        net: The hidden layers.
        scales: Where in a position the scales ``t`` and ``t_0`` are.
        n_parameters: The length ``p`` of a position.
    """

    def __init__(self, groups: Sequence[int], hidden: Sequence[int]) -> None:
        self.net = BatchedMLP(len(groups), hidden)
        self._prior = WeightPrior(self.net, groups)
        P = self.net.n_parameters
        self.scales = slice(P, P + self._prior.n_scales + 1)
        self._output_log_mean = -0.5 * math.log(hidden[-1])
        self.n_parameters = self.scales.stop + hidden[-1] + 1

    def weights(self, position: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Hidden weights ``c x P`` and output weights ``c x M`` at positions ``c x p``."""
        scale = self.standard_deviations(position)
        P = self.scales.start
        return position[:, :P] * scale[:, :P], position[:, self.scales.stop :] * scale[:, P:]

    def standard_deviations(self, position: FloatArray) -> FloatArray:
        """Those of hidden and output weights, ``c x (P + M)``, given the scales at positions ``c x p``."""
        ones = np.ones((len(position), self.scales.start), np.float32)
        layers, _ = self._prior.forward(ones, position[:, self.scales][:, :-1])
        parts = [layer.reshape(len(layer), -1) for layer in layers]
        return np.concatenate([*parts, self._output_scale(position)], -1)

    def value_and_pullback(
        self, position: FloatArray, X: FloatArray
    ) -> tuple[FloatArray, Callable[[FloatArray], FloatArray]]:
        """Outputs ``c x n`` at positions ``c x p``, and what takes gradients in them to gradients ``c x p``.

        Args:
            position: ``c x p``.
            X: ``n x D``, the inputs of all networks, or ``c x n x D``, those of each.
        """
        white, t = position[:, : self.scales.start], position[:, self.scales][:, :-1]
        layers, scales = self._prior.forward(white, t)
        passed = self.net.forward(layers, X)
        scale = self._output_scale(position)
        output = scale * position[:, self.scales.stop :]

        def pullback(grad: FloatArray) -> FloatArray:
            by_output = (passed[-1] @ grad[:, :, np.newaxis])[:, :, 0]
            by_units = output[:, :-1, np.newaxis] * grad[:, np.newaxis]
            grads = self.net.backward(layers, passed, by_units, X)
            by_white, by_scale = self._prior.backward(layers, scales, grads)
            by_output_scale = OUTPUT_LOG_STD * (by_output * output)[:, :-1].sum(-1, keepdims=True)
            return np.concatenate([by_white, by_scale, by_output_scale, scale * by_output], -1)

        return (output[:, np.newaxis] @ passed[-1])[:, 0], pullback

    def _output_scale(self, position: FloatArray) -> FloatArray:
        t = position[:, self.scales.stop - 1, np.newaxis]
        scale = np.ones((len(t), self.net.shapes[-1][0] + 1), np.float32)
        scale[:, :-1] = np.exp(self._output_log_mean + OUTPUT_LOG_STD * t)
        return scale
