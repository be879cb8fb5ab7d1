"""What the Bayesian networks share: their inputs, their targets, and what predicts."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self, final

import numpy as np
import torch
from torch import Tensor

from archbo.encodings import Encoding
from archbo.errors import UsageError
from archbo.predictors.base import Predictor
from archbo.predictors.bayesian_networks.mlp import BatchedMLP, FloatArray, StandardFeatures
from archbo.predictors.gaussian_model import GaussianEnsemble
from archbo.predictors.warps import on_grid
from archbo.spaces import SearchSpace

__all__ = ["NetworkEnsemble", "NetworkPredictor"]


class NetworkPredictor(Predictor, ABC):
    """A surrogate made of perceptrons on standardised features.

    A subclass implements ``_train``.

    Args:
        space: The space that the rows belong to.
        encoding: What the networks see; the default encoding unless given.
        hidden: The number of units of each hidden layer.

    Raises:
        UsageError: There is no hidden layer, or one without units.
    """

    encoding: Encoding

    def __init__(
        self, space: SearchSpace, encoding: Encoding | None = None, *, hidden: Sequence[int]
    ) -> None:
        super().__init__(space, encoding)
        self.hidden = tuple(hidden)
        if not self.hidden or min(self.hidden) < 1:
            raise UsageError(f"hidden has a positive number of units by layer; got {self.hidden}")

    @abstractmethod
    def _train(
        self, features: StandardFeatures, inputs: FloatArray, targets: FloatArray, *, seed: int
    ) -> GaussianEnsemble:
        """Networks fitted to inputs ``n x D`` and targets ``n``, of single precision; the same seed gives the same.

        Raises:
            FitError: There is no fit.
        """

    @final
    def _fit(self, *, seed: int) -> None:
        features = StandardFeatures(self.encoding)
        inputs = features(self.train_X.float())
        targets = on_grid(self.to_latent(self.train_Y).flatten()).float().numpy()
        self.model = self._train(features, inputs, targets, seed=seed)

    @final
    def _prepare(self) -> None:
        self.model = self._empty(StandardFeatures(self.encoding))

    def _empty(self, features: StandardFeatures) -> GaussianEnsemble:
        """Networks to load parameters into."""
        return NetworkEnsemble.empty(features, self.hidden)


@final
class NetworkEnsemble(GaussianEnsemble):
    """Networks with one or several vectors of output weights each; each of these is a member.

    Args:
        features: The networks' inputs.
        hidden: The number of units of each layer.
        weights: ``s x P``, those of the hidden layers.
        output: ``s x r x M``, the output weights.
        noise: The variance of observation noise.
        spread: The factor on members' deviations from their mean.
    """

    weights: Tensor
    output: Tensor

    def __init__(
        self,
        features: StandardFeatures,
        hidden: Sequence[int],
        weights: FloatArray,
        output: FloatArray,
        *,
        noise: float = 1e-4,
        spread: float = 1.0,
    ) -> None:
        super().__init__(noise=noise, spread=spread)
        self._features = features
        self._net = BatchedMLP(len(features.groups), hidden)
        self.register_buffer("weights", torch.from_numpy(weights))
        self.register_buffer("output", torch.from_numpy(output))

    @classmethod
    def empty(cls, features: StandardFeatures, hidden: Sequence[int]) -> Self:
        """One to load parameters into."""
        none = np.empty(0, np.float32)
        return cls(features, hidden, none, none)

    def members(self, X: Tensor) -> Tensor:
        layers = self._net.layers(self.weights.to(X).numpy())
        top = self._net.forward(layers, self._features(X))[-1]
        return torch.from_numpy(self.output.to(X).numpy() @ top).flatten(0, 1)
