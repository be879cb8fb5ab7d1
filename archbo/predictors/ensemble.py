"""Surrogates made of several members whose disagreement is the uncertainty."""

import math
from abc import ABC, abstractmethod
from typing import Any, final

import numpy as np
import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.ensemble import EnsembleModel
from botorch.posteriors import GPyTorchPosterior, TransformedPosterior
from gpytorch.distributions import MultivariateNormal
from linear_operator import to_linear_operator
from linear_operator.operators import DiagLinearOperator
from scipy.optimize import minimize
from torch import Tensor

__all__ = ["GaussianEnsemble", "calibrate"]

FLOOR = 1e-4
"""The least variance of an architecture's value, on the scale of warped values."""
JITTER = 1e-6


class GaussianEnsemble(EnsembleModel, ABC):
    """An ensemble whose posterior is the Gaussian with the mean and covariance of its members.

    BoTorch's own ``EnsembleModel`` draws members, which leaves no value beyond the members' and no
    closed-form acquisition function its Gaussian. Here members' deviations from their mean are scaled by
    ``spread``, each architecture has a small variance of its own, so that no posterior is degenerate, and
    evaluations have ``noise``. A subclass implements ``members``.

    Attributes:
        spread: The factor on members' deviations from their mean.
        noise: The variance of the observation noise.
    """

    _num_outputs = 1
    spread: Tensor
    noise: Tensor

    def __init__(self, *, spread: float = 1.0, noise: float = 1e-4) -> None:
        super().__init__()
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.double))
        self.register_buffer("noise", torch.tensor(noise, dtype=torch.double))

    @abstractmethod
    def members(self, X: Tensor) -> Tensor:
        """What each member predicts, ``s x n`` with ``s`` at least 2, at distinct rows ``X`` (``n x d``)."""

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape of the model: none."""
        return torch.Size([])

    def forward(self, X: Tensor) -> Tensor:
        """What each member predicts, ``b x s x q x 1``, at rows ``X`` (``b x q x d``)."""
        flat = X.reshape(-1, X.shape[-1])
        # A joint posterior over many batches repeats the rows that it conditions on in each.
        rows, index = (
            torch.unique(flat, dim=0, return_inverse=True) if X.shape[-2] > 1 else (flat, None)
        )
        values = self.members(rows)
        values = values if index is None else values[:, index]
        return values.reshape(len(values), *X.shape[:-1]).movedim(0, -2).unsqueeze(-1)

    @final
    def posterior(  # type: ignore[override] # a Gaussian instead of a draw among members
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in BoTorch
    ) -> GPyTorchPosterior | TransformedPosterior:
        """The joint posterior at rows ``X`` (``b x q x d``), ``b x q x 1``."""
        values = self.forward(X).squeeze(-1)
        mean = values.mean(-2)
        deviation = (values - mean.unsqueeze(-2)) * (
            self.spread / math.sqrt(values.shape[-2] - 1)
        ).to(X)
        noise = self.noise.to(X) if observation_noise is not False else X.new_zeros(())
        covariance: Any
        if X.shape[-2] == 1:
            covariance = DiagLinearOperator(deviation.square().sum(-2) + FLOOR + noise)
        else:
            same = (X.unsqueeze(-2) == X.unsqueeze(-3)).all(-1)
            # Rows may be equal, and a factor is wanted all the same.
            own = FLOOR * same + (noise + JITTER) * torch.eye(X.shape[-2]).to(X)
            covariance = to_linear_operator(deviation.mT @ deviation + own)
        posterior = GPyTorchPosterior(MultivariateNormal(mean, covariance))
        return posterior_transform(posterior) if posterior_transform else posterior


def calibrate(mean: Tensor, variance: Tensor, Z: Tensor) -> tuple[float, float]:
    """The ``spread`` and ``noise`` under which held-out values are most probable.

    ``Z ~ N(mean, spread^2 variance + noise)``, a posteriori with log-normal priors around a spread of 1 and a
    noise of 0.02, so that a handful of values cannot say too much.

    Args:
        mean: ``n``, predictions of members that were not fitted to the value.
        variance: ``n``, the variance of these members.
        Z: ``n``, the values, on the same scale.

    Example:
        >>> error = torch.randn(500, generator=torch.Generator().manual_seed(0))
        >>> spread, noise = calibrate(torch.zeros(500), torch.full((500,), 0.25), 1.5 * error)
        >>> round((0.25 * spread**2 + noise) ** 0.5, 1)
        1.5
    """
    square = (Z - mean).square().double().numpy()
    members = variance.double().numpy()
    centre, scale = np.array([0.0, math.log(0.02)]), np.array([0.5, 1.0])

    def negative_log_posterior(parameters: np.ndarray[Any, Any]) -> float:
        total = math.exp(2 * parameters[0]) * members + math.exp(parameters[1]) + FLOOR
        prior = np.square((parameters - centre) / scale).sum()
        return float(0.5 * (square / total + np.log(total)).sum() + 0.5 * prior)

    bounds = [(-2.5, 2.5), (math.log(1e-5), math.log(10.0))]
    found = minimize(negative_log_posterior, centre, method="L-BFGS-B", bounds=bounds)
    return math.exp(found.x[0]), math.exp(found.x[1])
