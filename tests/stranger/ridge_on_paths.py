"""A package that knows nothing of archbo's inside: ridge regression on paths, found by its entry point."""

from typing import Any

import torch
from torch import Tensor

from archbo.encodings import Encoding, PathEncoding
from archbo.predictors import GaussianModel, Predictor
from archbo.spaces import SearchSpace

WEIGHT, NOISE = 0.1, 0.1
"""The prior variance of each weight, and that of the noise of values of unit variance."""


class BayesianRidge(GaussianModel):
    """Linear in the features, with a Gaussian prior on the weights (Bishop 2006, section 3.3)."""

    def __init__(self, encoding: Encoding, X: Tensor, Z: Tensor) -> None:
        super().__init__()
        self.encoding = encoding
        features = encoding(X)
        precision = features.mT @ features / NOISE + torch.eye(features.shape[-1]).to(X) / WEIGHT
        self.covariance = torch.linalg.inv(precision)
        self.weights = self.covariance @ features.mT @ (Z - Z.mean()) / NOISE
        self.offset = Z.mean()

    def _moments(self, X: Tensor) -> tuple[Tensor, Any]:
        features = self.encoding(X)
        own = 1e-6 * torch.eye(X.shape[-2]).to(X)
        mean = (features @ self.weights).squeeze(-1) + self.offset
        return mean, features @ self.covariance @ features.mT + own

    def _noise(self, X: Tensor) -> Tensor:
        return X.new_tensor(NOISE)


class RidgeOnPaths(Predictor):
    """Bayesian ridge regression on which paths there are."""

    def _default_encoding(self, space: SearchSpace) -> Encoding:
        return PathEncoding(space)

    def _fit(self, *, seed: int) -> None:
        self._prepare()

    def _prepare(self) -> None:
        self.model = BayesianRidge(self.encoding, self.train_X, self.warp.forward(self.train_Y))
