"""How likely an evaluation is to give values at all."""

from typing import Self, final

from torch import Tensor

from archbo.predictors.base import marginals
from archbo.predictors.gaussian_processes.gp import GP
from archbo.predictors.gaussian_processes.kernels import matern
from archbo.predictors.gaussian_processes.pool_gp import PoolGP, fixed_gp
from archbo.spaces import SearchSpace

__all__ = ["Success"]

CHUNK = 4096
"""The number of rows whose marginal posterior is computed at a time; by choice, to bound memory."""


@final
class Success:
    """The probability that an evaluation gives values, learned from those that did and those that failed.

    A Gaussian process is fitted to labels, 1 for success and 0 for failure; its mean, which estimates the probability
    of success, is taken between 0 and 1. This is least-squares classification (Rasmussen and Williams 2006, section
    6.5) without the sigmoid: near a border the mean is in doubt for longer. As long as everything has failed there is
    nothing to fit: then a Gaussian process with fixed hyperparameters expects success of what is unlike all that
    failed.

    Args:
        space: The space that the rows belong to.

    Example:
        >>> import torch
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32, 64], "act": ["relu", "gelu"]})
        >>> X = space.rows(["width=8,act=relu", "width=16,act=gelu", "width=64,act=relu", "width=64,act=gelu"])
        >>> success = Success(space).fit(X, torch.tensor([True, True, False, False]))
        >>> small, large = success(space.rows(["width=8,act=gelu", "width=64,act=relu"]))
        >>> bool(large < 0.5 < small)
        True
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self._gp = GP(space, kernel=matern, targets="standardize", trees=0)
        self._model: GP | PoolGP = self._gp

    def remember(self, X: Tensor) -> None:
        """Encode rows ``X`` (``n x d``) once; to be called with a pool that is scored again and again."""
        self._gp.remember(X)

    def fit(self, X: Tensor, succeeded: Tensor) -> Self:
        """Fit to distinct rows ``X`` (``n x d``), and which of them succeeded, ``n`` bool; some or all failed."""
        labels = succeeded.to(X).unsqueeze(-1)
        if bool(succeeded.any()):
            self._model = self._gp.fit(X, labels, seed=0)  # it draws nothing
        else:
            self._model = fixed_gp(self.space, X, labels)
            self._model.mean_module.initialize(constant=1.0)
        return self

    def __call__(self, X: Tensor) -> Tensor:
        """The probability (``n``) that an evaluation of each row of ``X`` (``n x d``) gives values.

        Raises:
            UsageError: Nothing is fitted.
        """
        mean, _ = marginals(self._model, X, batch_size=CHUNK)
        return mean.clamp(0, 1)
