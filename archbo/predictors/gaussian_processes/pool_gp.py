"""A Gaussian process that scores large pools quickly."""

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models import SingleTaskGP
from botorch.models.kernels import CategoricalKernel
from botorch.posteriors import GPyTorchPosterior, TransformedPosterior
from gpytorch.distributions import MultivariateNormal
from gpytorch.likelihoods import GaussianLikelihood
from linear_operator import to_linear_operator
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

from archbo.encodings import CategoricalEncoding
from archbo.predictors.gaussian_model import Covariance, check_request, cholesky, with_noise
from archbo.predictors.ordinary import ordinary, ordinary_tensor
from archbo.spaces import SearchSpace

__all__ = ["PoolGP", "PoolModel", "fixed_gp"]

OWN_VARIANCE = {torch.float32: 1e-5, torch.float64: 1e-7}
"""What keeps a Cholesky factor from failing for rounding errors."""


class PoolModel(SingleTaskGP, ABC):
    """A ``SingleTaskGP`` whose posterior at many batches of rows is closed-form.

    For ``b x q x d`` rows GPyTorch factorises ``b`` joint covariances over training and test rows; here
    one factor over the training rows serves all. Joint posteriors can be drawn from even where the kernel
    cannot tell architectures apart: each value has a tiny variance of its own.

    A subclass implements ``noise`` and ``noise_at``.
    """

    _factors: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    @abstractmethod
    def noise(self) -> Tensor:
        """The variance of the observation noise, ``1``."""

    @abstractmethod
    def noise_at(self, features: Tensor) -> Tensor:
        """The variance of the observation noise at features ``n x D``: ``n``, or ``1`` for all."""

    def __getstate__(self) -> dict[str, Any]:
        """What a copy starts from: what can be computed again is not in it."""
        return {**self.__dict__, "_factors": None, "prediction_strategy": None}

    def train(self, mode: bool = True) -> "PoolModel":
        """Parameters may change now, so what was computed from them is dropped."""
        self._factors = None
        return super().train(mode)

    def posterior(  # type: ignore[override] # the signatures of its bases differ
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in BoTorch
    ) -> GPyTorchPosterior | TransformedPosterior:
        """As BoTorch's, for rows ``X`` (``b x q x d``).

        Raises:
            UsageError: There is no such output, or the noise has another shape.
        """
        check_request(X, output_indices, observation_noise)
        with ordinary():
            posterior = self._posterior(ordinary_tensor(X), observation_noise, **kwargs)
        return posterior_transform(posterior) if posterior_transform else posterior

    def _posterior(
        self,
        X: Tensor,
        observation_noise: bool | Tensor,
        **kwargs: Any,  # noqa: ANN401
    ) -> GPyTorchPosterior:
        if self.train_targets.ndim != 1:  # after fantasies
            joint: Any = super().posterior(X, observation_noise=observation_noise is True, **kwargs)
            distribution = joint.distribution.add_jitter(OWN_VARIANCE[joint.dtype])
            if isinstance(observation_noise, Tensor):
                # BoTorch hands it to the likelihood, and not all of them take it.
                noise = observation_noise.squeeze(-1).to(X).expand(X.shape[:-1])
                covariance = distribution.lazy_covariance_matrix.add_diagonal(noise)
                distribution = MultivariateNormal(distribution.mean, covariance)
            return GPyTorchPosterior(distribution)
        self.eval()
        with torch.set_grad_enabled(X.requires_grad and torch.is_grad_enabled()):
            features = self.transform_inputs(X)
            mean, covariance = self._moments(features)
            if isinstance(observation_noise, Tensor):
                noise = observation_noise.squeeze(-1).to(X).expand(mean.shape)
                covariance = with_noise(covariance, noise)
            elif observation_noise:
                noise = self.noise_at(features.flatten(0, -2)).expand(mean.numel())
                covariance = with_noise(covariance, noise.reshape(mean.shape))
        return GPyTorchPosterior(MultivariateNormal(mean, to_linear_operator(covariance)))

    def condition_on_observations(
        self,
        X: Tensor,
        Y: Tensor,
        noise: Tensor | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in BoTorch
    ) -> Any:  # noqa: ANN401
        """As BoTorch's, for rows ``X`` (``b x n x d``)."""
        if self.prediction_strategy is None:
            super().posterior(X)  # GPyTorch goes on from what it keeps of a prediction
        return super().condition_on_observations(X, Y, noise=noise, **kwargs)

    def mean_at(self, features: Tensor) -> Tensor:
        """The posterior mean (``b``) at features ``b x D``, differentiable in them."""
        _, weights = self.solved()
        cross = self.covar_module(features, self.train_inputs[0]).to_dense()
        mean: Tensor = self.mean_module(features) + cross @ weights
        return mean

    def solved(self) -> tuple[Tensor, Tensor]:
        """The Cholesky factor of the training covariance (``n x n``), and ``K^-1 (z - mean)`` (``n``)."""
        inputs = self.train_inputs[0]
        if self._factors is None or self._factors[0] is not inputs:
            with ordinary(), torch.no_grad():
                covariance = self.covar_module(inputs).to_dense()
                noise = self.noise_at(inputs) * torch.eye(len(inputs)).to(covariance)
                L = cholesky(covariance + noise)
                residual = self.train_targets - self.mean_module(inputs)
                weights = torch.cholesky_solve(residual.unsqueeze(-1), L).squeeze(-1)
            self._factors = (inputs, L, weights)
        return self._factors[1:]

    def _moments(self, features: Tensor) -> tuple[Tensor, Covariance]:
        """Mean ``b x q`` and covariance ``b x q x q`` at features ``b x q x D``; one factor serves all batches."""
        shape, flat = features.shape[:-1], features.flatten(0, -2)
        if shape[-1] == 1:
            mean, variance = self._marginals(flat)
            return mean.reshape(shape), DiagLinearOperator(variance.reshape(shape))
        L, weights = self.solved()
        cross = self.covar_module(flat, self.train_inputs[0]).to_dense()
        mean = self.mean_module(flat) + cross @ weights
        half = torch.linalg.solve_triangular(L, cross.mT, upper=False).mT.reshape(*shape, len(L))
        covariance = self.covar_module(features).to_dense() - half @ half.mT
        own = OWN_VARIANCE[features.dtype] * torch.eye(shape[-1]).to(features)
        return mean.reshape(shape), covariance + own

    def _marginals(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (``b`` each) at features ``b x D``; Rasmussen and Williams, algorithm 2.1."""
        L, weights = self.solved()
        cross = self.covar_module(features, self.train_inputs[0]).to_dense()
        mean = self.mean_module(features) + cross @ weights
        explained = torch.linalg.solve_triangular(L, cross.T, upper=False).square().sum(0)
        prior = self.covar_module(features, diag=True)
        return mean, (prior - explained).clamp_min(1e-12)


@final
class PoolGP(PoolModel):
    """A Gaussian process whose noise is the same everywhere."""

    @property
    def noise(self) -> Tensor:
        noise: Tensor = self.likelihood.noise
        return noise

    def noise_at(self, features: Tensor) -> Tensor:
        return self.noise


def fixed_gp(space: SearchSpace, X: Tensor, Z: Tensor) -> PoolGP:
    """The Gaussian process that needs no fit: likeness is the share of equal decisions.

    Its covariance is ``exp(-2 h)``, ``h`` the share of decisions that differ, with noise variance 0.1 and the
    mean of the values ``Z`` (``n x 1``) of rows ``X`` (``n x d``): positive definite whatever the rows.
    """
    kernel = CategoricalKernel()
    kernel.lengthscale = 0.5
    likelihood = GaussianLikelihood()
    likelihood.noise = 0.1
    model = PoolGP(
        X,
        Z,
        likelihood=likelihood,
        covar_module=kernel,
        input_transform=CategoricalEncoding(space),
        outcome_transform=None,
    )
    model.mean_module.initialize(constant=Z.mean())
    model.eval()
    return model
