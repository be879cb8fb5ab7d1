"""Prior scales of a network from the evidence of a Gaussian process."""

from typing import Any

import numpy as np
from torch import Tensor

from archbo.encodings import Encoding
from archbo.predictors.bayesian_networks.mlp import FloatArray
from archbo.predictors.gaussian_processes.gp import GP
from archbo.predictors.gaussian_processes.kernels import matern

__all__ = ["gp_relevance"]

MOST = 300
"""The most observations that are looked at: they say enough of so few parameters."""


def gp_relevance(encoding: Encoding, X: Tensor, y: FloatArray) -> tuple[FloatArray, float]:
    """How much each group of features matters, and the noise, by a Gaussian process's hyperparameters.

    A point estimate of a network's prior scales together with its weights goes astray: weights shrink and
    scales grow without an end. A Gaussian process integrates the function out, and its weight of a group is
    the square of the scale of a network's weights.

    Args:
        encoding: The features.
        X: ``n x d``, rows.
        y: ``n``, values in any unit.

    Returns:
        By how much the logarithm of each group's scale is above its prior mean (``G``), and the variance of the
        noise on the scale of normal scores.
    """
    every = -(-len(X) // MOST)
    rows = X[::every].double()  # single precision would find something else
    kernel: Any = matern(encoding)
    gp = GP(encoding.space, encoding, kernel=kernel, trees=0).fit(rows, y[::every].tolist(), seed=0)
    if bool(gp.fell_back):
        return np.zeros(max(encoding.groups) + 1, np.float32), 0.1
    model: Any = gp.model
    change = model.covar_module.base_kernel.log_weight - kernel.base_kernel.log_weight
    relevance: FloatArray = (0.5 * change).detach().float().numpy()
    return relevance, model.noise.item()
