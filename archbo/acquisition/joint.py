"""Joint posteriors of many candidates with a few rows, for any model whose posterior is Gaussian."""

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from botorch.acquisition.analytic import AnalyticAcquisitionFunction
from botorch.models.model import Model
from botorch.utils.transforms import t_batch_mode_transform
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from archbo.predictors import GaussianModel
from archbo.predictors.gaussian_model import Covariance, cholesky

__all__ = ["Believer", "RowFunction", "cross_moments", "noise_variance"]

LEAST = 1e-12
"""The smallest variance that is left where pending rows explain everything; far above rounding errors' square."""


class RowFunction(AnalyticAcquisitionFunction, ABC):
    """A closed form in the posterior of one row at a time."""

    @t_batch_mode_transform(expected_q=1)  # type: ignore[arg-type] # it wants any AcquisitionFunction
    def forward(self, X: Tensor) -> Tensor:
        """The value (``b``) of evaluating rows ``X`` (``b x 1 x d``)."""
        return self._at(X.reshape(-1, X.shape[-1])).reshape(X.shape[:-2])

    @abstractmethod
    def _at(self, X: Tensor) -> Tensor:
        """The value (``n``) of evaluating each row of ``X`` (``n x d``)."""


def cross_moments(
    model: Model, X: Tensor, Z: Tensor, *, batch_size: int = 256
) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (``n``) and variance (``n``) at rows ``X`` (``n x d``), and the covariance (``n x k``) with rows ``Z`` (``k x d``).

    Rows of ``X`` share joint posteriors with all of ``Z``; one for each row would take as many factorisations.
    """
    means, variances, covariances = [], [], []
    with torch.no_grad():
        for part in X.split(batch_size):
            posterior: Any = model.posterior(torch.cat([part, Z]))
            covariance = posterior.distribution.covariance_matrix[: len(part)]
            means.append(posterior.mean[: len(part), 0])
            variances.append(covariance.diagonal().clamp_min(LEAST))
            covariances.append(covariance[:, len(part) :])
    return torch.cat(means), torch.cat(variances), torch.cat(covariances)


def noise_variance(model: Model, X: Tensor) -> Tensor:
    """What observation noise adds to the variance (``n``) at rows ``X`` (``n x d``)."""
    with torch.no_grad():
        both: list[Any] = [
            model.posterior(X.unsqueeze(-2), observation_noise=noise) for noise in (True, False)
        ]
    noisy, clean = (posterior.variance.flatten() for posterior in both)
    noise: Tensor = (noisy - clean).clamp_min(0)
    return noise


@final
class Believer(GaussianModel):
    """A model conditioned on its own means at pending rows, which are believed to be their values.

    Means stay as they are. Variances shrink to what they will be whatever the values, since the variances of a
    Gaussian do not depend on them. This is the kriging believer (Ginsbourger, Le Riche and Carraro 2010) without a refit, and the
    hallucinated observations of GP-BUCB (Desautels, Krause and Burdick, arXiv 1206.6402), for any model whose
    joint posteriors are Gaussian.

    Args:
        model: The model.
        X_pending: ``p x d``, rows whose values are on their way, with observation noise.

    Example:
        >>> from archbo.predictors import GP, marginals
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> model = GP(space).fit(X[:4], [1.0, 3.0, 2.0, 4.0], seed=0).latent
        >>> mean, std = marginals(model, X)
        >>> new_mean, new_std = marginals(Believer(model, X[8:]), X)
        >>> bool((new_mean - mean).abs().max() < 1e-4), bool(new_std[8] < 0.5 * std[8])
        (True, True)
    """

    def __init__(self, model: Model, X_pending: Tensor) -> None:
        super().__init__()
        self.model, self.X_pending = model, X_pending
        with torch.no_grad():
            posterior: Any = model.posterior(X_pending, observation_noise=True)
            self._root = cholesky(posterior.distribution.covariance_matrix)

    def _moments(self, X: Tensor) -> tuple[Tensor, Covariance]:
        q = X.shape[-2]
        if q == 1:
            mean, variance, cross = cross_moments(self.model, X.flatten(0, -2), self.X_pending)
            variance = variance - self._explained(cross.mT).square().sum(-2)
            mean, variance = (values.reshape(X.shape[:-1]) for values in (mean, variance))
            return mean, DiagLinearOperator(variance.clamp_min(LEAST))
        with torch.no_grad():
            pending = self.X_pending.expand(*X.shape[:-2], *self.X_pending.shape)
            joint: Any = self.model.posterior(torch.cat([X, pending], -2))
            total = joint.distribution.covariance_matrix
            half = self._explained(total[..., q:, :q])
            own = LEAST * torch.eye(q).to(X)
            return joint.mean[..., :q, 0], total[..., :q, :q] - half.mT @ half + own

    def _noise(self, X: Tensor) -> Tensor:
        return noise_variance(self.model, X.reshape(-1, X.shape[-1])).reshape(X.shape[:-1])

    def _explained(self, cross: Tensor) -> Tensor:
        half: Tensor = torch.linalg.solve_triangular(self._root, cross, upper=False)
        return half
