"""Models with Gaussian posteriors: one way to ask them, and one way to draw from them."""

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any, TypeAlias, final

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.ensemble import EnsembleModel
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior, Posterior, TransformedPosterior
from botorch.posteriors.ensemble import EnsemblePosterior
from gpytorch.distributions import MultivariateNormal
from linear_operator import LinearOperator, to_linear_operator
from linear_operator.operators import DiagLinearOperator
from linear_operator.utils.cholesky import psd_safe_cholesky
from linear_operator.utils.warnings import NumericalWarning
from torch import Generator, Tensor

from archbo.errors import UsageError
from archbo.predictors.ordinary import ordinary, ordinary_tensor

__all__ = [
    "Covariance",
    "GaussianEnsemble",
    "GaussianModel",
    "check_request",
    "cholesky",
    "draw",
    "with_noise",
]

FLOOR = 1e-4
"""The least variance of an architecture's value, on the scale of warped values: no two trainings agree by more."""

JITTER = 1e-6
"""What is added to the variances of an ensemble's joint posterior, so that a covariance of few members has a factor."""

Covariance: TypeAlias = Tensor | LinearOperator
"""Of the values of ``q`` rows, ``b x q x q``."""


class GaussianModel(Model, ABC):
    """A model of one output whose joint posteriors are Gaussian.

    A subclass implements ``_moments`` and ``_noise``; what BoTorch asks a posterior for is handled here.

    Example:
        >>> class Line(GaussianModel):
        ...     def _moments(self, X):
        ...         return X.sum(-1), torch.eye(X.shape[-2]).expand(*X.shape[:-1], -1)
        ...     def _noise(self, X):
        ...         return torch.tensor(0.5)
        >>> Line().posterior(torch.ones(4, 2, 3), observation_noise=True).variance.shape
        torch.Size([4, 2, 1])
    """

    @abstractmethod
    def _moments(self, X: Tensor) -> tuple[Tensor, Covariance]:
        """Mean ``b x q`` and covariance ``b x q x q`` of the noiseless values of rows ``X`` (``b x q x d``)."""

    @abstractmethod
    def _noise(self, X: Tensor) -> Tensor:
        """The variance of the observation noise at rows ``X`` (``b x q x d``): ``b x q``, or one for all."""

    @property
    def num_outputs(self) -> int:
        """The number of outputs ``m``: one."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape of the model: none."""
        return torch.Size([])

    @final
    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> GPyTorchPosterior | TransformedPosterior:
        """The joint posterior at rows ``X`` (``b x q x d``), ``b x q x 1``.

        Args:
            X: ``b x q x d``.
            output_indices: ``[0]``, for there is one output.
            observation_noise: Whether that of the values which evaluations would give is asked for; or the
                variances of their noise, ``b x q x 1``.
            posterior_transform: Applied to the posterior.

        Raises:
            UsageError: There is no such output, or the noise has another shape.
        """
        check_request(X, output_indices, observation_noise)
        with ordinary():
            X = ordinary_tensor(X)
            mean, covariance = self._moments(X)
            covariance = covariance.to(X.dtype)
            if isinstance(observation_noise, Tensor):
                noise = ordinary_tensor(observation_noise).squeeze(-1)
                covariance = with_noise(covariance, noise.to(X).expand(X.shape[:-1]))
            elif observation_noise:
                covariance = with_noise(covariance, self._noise(X).to(X).expand(X.shape[:-1]))
            distribution = MultivariateNormal(mean.to(X), to_linear_operator(covariance))
            posterior = GPyTorchPosterior(distribution)
        return posterior_transform(posterior) if posterior_transform else posterior


class GaussianEnsemble(GaussianModel, EnsembleModel, ABC):  # type: ignore[misc] # a Gaussian instead of a draw among members
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
    def _moments(self, X: Tensor) -> tuple[Tensor, Covariance]:
        values = self.forward(X).squeeze(-1)
        mean = values.mean(-2)
        deviation = (values - mean.unsqueeze(-2)) * (
            self.spread / math.sqrt(values.shape[-2] - 1)
        ).to(X)
        if X.shape[-2] == 1:
            return mean, DiagLinearOperator(deviation.square().sum(-2) + FLOOR)
        same = (X.unsqueeze(-2) == X.unsqueeze(-3)).all(-1)
        # Rows may be equal, and a factor is wanted all the same.
        own = FLOOR * same + JITTER * torch.eye(X.shape[-2]).to(X)
        return mean, deviation.mT @ deviation + own

    @final
    def _noise(self, X: Tensor) -> Tensor:
        return self.noise


def check_request(
    X: Tensor, output_indices: list[int] | None, observation_noise: bool | Tensor
) -> None:
    """Whether a model of one output can serve what is asked of its posterior at rows ``X`` (``b x q x d``).

    Raises:
        UsageError: It has no such output, or the noise is not ``b x q x 1``.
    """
    if output_indices is not None and list(output_indices) not in ([0], [-1]):
        raise UsageError(
            f"output_indices is {output_indices}, but the model has one output; give [0] or leave it out"
        )
    if not isinstance(observation_noise, Tensor):
        return
    wanted = (*X.shape[:-1], 1)
    if (
        observation_noise.ndim == 0
        or observation_noise.shape[-1] != 1
        or not _fits(observation_noise.shape, wanted)
    ):
        raise UsageError(
            f"observation_noise has the shape {tuple(observation_noise.shape)}; give True, or variances {wanted}"
        )


def _fits(shape: torch.Size, wanted: tuple[int, ...]) -> bool:
    """Whether a tensor of a shape expands to another one."""
    pairs = zip(reversed(shape), reversed(wanted), strict=False)
    return len(shape) <= len(wanted) and all(size in (1, full) for size, full in pairs)


def with_noise(covariance: Covariance, noise: Tensor) -> Covariance:
    """A covariance ``b x q x q`` with variances ``b x q`` more."""
    if isinstance(covariance, DiagLinearOperator):
        return DiagLinearOperator(covariance.diagonal(dim1=-2, dim2=-1) + noise)
    return to_linear_operator(covariance).to_dense() + torch.diag_embed(noise)


def cholesky(matrix: Tensor) -> Tensor:
    """The Cholesky factor of a covariance (``... x n x n``), with a little more variance where it takes that.

    Hyperparameters tried on the way of a fit may bring noise so small that rounding matters: that is not worth
    linear_operator's warning.

    Raises:
        NotPSDError: The matrix is not positive definite with jitter either.
        NanError: It holds a NaN.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A not p.d., added jitter", NumericalWarning)
        factor: Tensor = psd_safe_cholesky(matrix)
    return factor


def draw(model: Model, X: Tensor, n_draws: int, *, generator: Generator) -> Tensor:
    """Joint draws from a model's posterior, ``n_draws x b x q``, with no generator but the given one.

    BoTorch's ``rsample`` draws from the global generators.

    Args:
        model: Of one output: any predictor, any ``latent`` model, or an ``EnsembleModel`` of BoTorch, whose members are
            drawn.
        X: ``b x q x d``.
        n_draws: The number of draws.
        generator: Of the CPU.

    Raises:
        UsageError: The posterior is neither a Gaussian, nor an ensemble, nor made from one.

    Example:
        >>> from archbo import GP, CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> model = GP(space).fit(X[:4], [1.0, 3.0, 2.0, 4.0], seed=0).latent
        >>> draw(model, X, 5, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([5, 9])
    """
    with torch.no_grad():
        posterior = model.posterior(X)
        with ordinary():
            return _drawn(posterior, n_draws, generator).squeeze(-1)


def _drawn(posterior: Posterior, n_draws: int, generator: Generator) -> Tensor:
    """Draws ``n_draws x b x q x 1``."""
    if isinstance(posterior, TransformedPosterior):
        transform: Any = posterior._sample_transform
        drawn: Tensor = transform(_drawn(posterior._posterior, n_draws, generator))
        return drawn
    if isinstance(posterior, EnsemblePosterior):
        members = torch.multinomial(
            posterior.weights.cpu(), n_draws, replacement=True, generator=generator
        )
        return posterior.values.movedim(-3, 0)[members.to(posterior.values.device)]
    if not isinstance(posterior, GPyTorchPosterior):
        raise UsageError(
            f"a {type(posterior).__name__} cannot be drawn from with a generator of one's own; "
            "give a model whose posterior is a Gaussian or an ensemble"
        )
    distribution: Any = posterior.distribution
    mean: Tensor = distribution.mean
    covariance = distribution.lazy_covariance_matrix
    normal = torch.randn(n_draws, *mean.shape, generator=generator, dtype=mean.dtype).to(mean)
    step: Tensor
    if isinstance(covariance, DiagLinearOperator):
        step = covariance.diagonal(dim1=-2, dim2=-1).sqrt() * normal
    else:
        step = (cholesky(covariance.to_dense()) @ normal.unsqueeze(-1)).squeeze(-1)
    return (mean + step).unsqueeze(-1)
