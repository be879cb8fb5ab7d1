"""A sparse Gaussian process for thousands of observations."""

import math
from functools import partial
from typing import Any, final

import torch
from gpytorch.kernels import Kernel
from gpytorch.likelihoods import GaussianLikelihood
from linear_operator.operators import DiagLinearOperator
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from archbo.encodings import Encoding
from archbo.predictors.base import Predictor, Rows
from archbo.predictors.gaussian_model import Covariance, GaussianModel, cholesky
from archbo.predictors.gaussian_processes.gp import (
    GP,
    GaussianProcess,
    KernelFactory,
    fit_or_keep,
)
from archbo.predictors.gaussian_processes.kernels import rows_apart
from archbo.predictors.gaussian_processes.map_fit import (
    BAD_FACTOR,
    PART,
    climb,
    gradient_of,
    log_priors,
)
from archbo.predictors.ordinary import ordinary
from archbo.predictors.warps import Targets, warp_for
from archbo.spaces import SearchSpace

__all__ = ["AutoGP", "SparseGP", "SparseModel"]

EXACT = 3000
"""The most observations that ``AutoGP`` fits exactly, which ranks a little better; beyond, a fit takes minutes."""

JITTER = 1e-6
"""The share of their variance that inducing points have for themselves, so that there is a factor."""

MAX_ITERATIONS = 8
"""Of L-BFGS on the bound, from where a part of the observations has led."""


@final
class SparseModel(GaussianModel):
    """The optimal variational posterior of a Gaussian process given values at inducing points (Titsias 2009).

    With ``m`` inducing points the collapsed bound on the log marginal likelihood and the posterior cost
    ``O(n m^2)``. Where all observations are inducing points both are exact. Works in double precision.

    Args:
        encoding: From rows to features.
        kernel: On the features.
        likelihood: Gaussian.

    Attributes:
        inducing: ``m x D``, features of the inducing points.
        mean: The constant mean.
        root: ``m x m``, the Cholesky factor ``L`` of the inducing points' covariance.
        inner: ``m x m``, that of ``I + L^-1 K_mn K_nm L^-T / noise``.
        weights: ``m``, the residuals seen through both.
    """

    def __init__(self, encoding: Encoding, kernel: Kernel, likelihood: GaussianLikelihood) -> None:
        super().__init__()
        self.encoding = encoding
        self.kernel, self.likelihood = kernel, likelihood
        for name in ("inducing", "mean", "root", "inner", "weights"):
            self.register_buffer(name, torch.empty(0))
        self.double()

    @property
    def noise(self) -> Tensor:
        """The variance of the observation noise, ``1``."""
        noise: Tensor = self.likelihood.noise
        return noise

    def choose(self, features: Tensor, limit: int) -> None:
        """Make those of the features ``n x D`` inducing points that leave the least variance to explain.

        Greedily, by the pivots of an incomplete Cholesky factor (Burt et al. 2020, arXiv 2008.00323).
        """
        with torch.no_grad():
            left = self.kernel(features, diag=True).clone()
            tiny = JITTER * left.max()
            factor = features.new_zeros(min(limit, len(features)), len(features))
            chosen: list[int] = []
            for row in factor:
                pivot = int(left.argmax())
                if left[pivot] <= tiny:
                    break
                column = self.kernel(features[pivot : pivot + 1], features).to_dense()[0]
                done = factor[: len(chosen)]
                row.copy_((column - done[:, pivot] @ done) / left[pivot].sqrt())
                left = (left - row.square()).clamp_min(0)
                left[pivot] = 0
                chosen.append(pivot)
            self.inducing = features[chosen]

    def bound(self, features: Tensor, targets: Tensor) -> Tensor:
        """The collapsed bound on the log marginal likelihood of ``targets`` (``n``) at features ``n x D``."""
        _, inner, halves, noise, explained = self._solve(features, targets)
        *_, square = self._residual(targets, halves, noise)
        n = len(targets)
        left = (self.kernel(features, diag=True).sum() - explained).clamp_min(0)
        bound: Tensor = -0.5 * (
            n * math.log(2 * math.pi)
            + n * noise.log()
            + 2 * inner.diagonal().log().sum()
            + square
            + left / noise
        )
        return bound

    def condition(self, features: Tensor, targets: Tensor) -> None:
        """Take the posterior given ``targets`` (``n``) at features ``n x D``."""
        with torch.no_grad():
            self.root, self.inner, halves, noise, _ = self._solve(features, targets)
            self.mean, self.weights, _ = self._residual(targets, halves, noise)

    def transform_inputs(self, X: Tensor, input_transform: Any = None) -> Tensor:  # noqa: ANN401 - as in BoTorch
        """The features ``n x D`` of rows ``X`` (``n x d``)."""
        features: Tensor = self.encoding(X)
        return features

    def mean_at(self, features: Tensor) -> Tensor:
        """The posterior mean (``b``) at features ``b x D``, differentiable in them."""
        cross = self.kernel(self.inducing, features.double()).to_dense()
        half = torch.linalg.solve_triangular(self.root, cross, upper=False)
        mean: Tensor = self.mean + self.weights @ torch.linalg.solve_triangular(
            self.inner, half, upper=False
        )
        return mean

    def _solve(self, features: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """The factors, ``B^-1 A [1, z] / s`` (``m x 2``), the noise ``s^2``, and the variance explained."""
        noise = self.noise.squeeze()
        covariance = self.kernel(self.inducing).to_dense()
        jitter = JITTER * covariance.diagonal().mean().detach()
        root = cholesky(covariance + jitter * torch.eye(len(covariance)).to(covariance))
        cross = self.kernel(self.inducing, features).to_dense()
        A = torch.linalg.solve_triangular(root, cross, upper=False)
        inner = cholesky(A @ A.T / noise + torch.eye(len(A)).to(A))
        both = torch.stack([torch.ones_like(targets), targets], -1)
        halves = torch.linalg.solve_triangular(inner, A @ both / noise, upper=False)
        return root, inner, halves, noise, A.square().sum()

    def _residual(
        self, targets: Tensor, halves: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The generalised-least-squares mean, the weights (``m``), and the residuals' squared Mahalanobis norm."""
        both = torch.stack([torch.ones_like(targets), targets], -1)
        product = both.T @ both / noise - halves.T @ halves
        mean = product[0, 1] / product[0, 0]
        square = product[1, 1] - mean * product[0, 1]
        return mean, halves[:, 1] - mean * halves[:, 0], square

    def _moments(self, X: Tensor) -> tuple[Tensor, Covariance]:
        with torch.no_grad():
            features = self.encoding(X.double())
            flat = features.reshape(-1, features.shape[-1])
            cross = self.kernel(self.inducing, flat).to_dense()
            first = torch.linalg.solve_triangular(self.root, cross, upper=False)
            second = torch.linalg.solve_triangular(self.inner, first, upper=False)
            mean = (self.mean + self.weights @ second).reshape(X.shape[:-1])
            if X.shape[-2] == 1:
                prior = self.kernel(flat, diag=True)
                variance = prior - first.square().sum(0) + second.square().sum(0)
                return mean, DiagLinearOperator(variance.clamp_min(1e-12).reshape(mean.shape))
            first, second = (
                half.reshape(-1, *mean.shape).movedim(0, -2) for half in (first, second)
            )
            covariance = self.kernel(features).to_dense()
            covariance = covariance - first.mT @ first + second.mT @ second
            return mean, covariance + 1e-10 * torch.eye(X.shape[-2]).to(covariance)

    def _noise(self, X: Tensor) -> Tensor:
        return self.noise.detach()


@final
class SparseGP(GaussianProcess):
    """A Gaussian process for thousands of observations, through some hundred inducing points.

    Kernel, encoding and priors are those of ``GP``. The hyperparameters are fitted to a part of the
    observations exactly, then, with the inducing points that explain most, to the collapsed variational
    bound on all (Titsias 2009).

    Args:
        space: The space that the rows belong to.
        encoding: What the kernel sees; the default encoding unless given.
        kernel: As of a ``GP``.
        targets: As of a ``GP``.
        inducing: The largest number of inducing points; with as many as observations nothing is approximate.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> gp = SparseGP(space).fit(["width=8,depth=1", "width=32,depth=3"], [70.0, 90.0], seed=0)
        >>> mean, std = gp.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
    """

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        kernel: Kernel | KernelFactory = rows_apart,
        targets: Targets = "rank",
        inducing: int = 500,
    ) -> None:
        super().__init__(space, encoding, kernel=kernel, targets=targets)
        self.inducing = inducing

    def _fit(self, *, seed: int) -> None:
        features = self.features(self.train_X.double())
        targets = self.warp.forward(self.train_Y).flatten().double()
        every = math.ceil(len(targets) / PART)
        part = self._untrained(every).double()
        fit_or_keep(part)
        self.model = model = SparseModel(self.features, part.covar_module, part.likelihood)
        model.choose(features, self.inducing)
        if every > 1:
            self._climb(model, features, targets)
        model.condition(features, targets)

    def _climb(self, model: SparseModel, features: Tensor, targets: Tensor) -> None:
        """Fit the hyperparameters to the bound on all observations."""
        parameters = [value for value in model.parameters() if value.requires_grad]

        def loss() -> Tensor:
            priors = log_priors(model.kernel) + log_priors(model.likelihood)
            return -model.bound(features, targets) - priors

        start = parameters_to_vector(parameters).detach()
        try:
            x = climb(gradient_of(loss, parameters), start, max_iterations=MAX_ITERATIONS)
        except BAD_FACTOR:
            x = start  # where the fit to a part of the observations has left them
        vector_to_parameters(x, parameters)

    def _prepare(self) -> None:
        part = self._untrained(len(self.train_X))
        self.model = SparseModel(self.features, part.covar_module, part.likelihood)


@final
class AutoGP(Predictor):
    """A ``GP`` up to 3,000 observations, a ``SparseGP`` with the same kernel beyond.

    Args:
        space: The space that the rows belong to.
        encoding: What the kernel sees; the default encoding unless given.
        kernel: As of a ``GP``.
        targets: As of a ``GP``.
        inducing: As of a ``SparseGP``.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> gp = AutoGP(space).fit(["width=8,depth=1", "width=32,depth=3"], [70.0, 90.0], seed=0)
        >>> type(gp.model).__name__
        'PoolGP'
    """

    encoding: Encoding

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        kernel: Kernel | KernelFactory = rows_apart,
        targets: Targets = "rank",
        inducing: int = 500,
    ) -> None:
        super().__init__(space, encoding, warp=warp_for(targets))
        with ordinary():
            prototype = kernel if isinstance(kernel, Kernel) else kernel(self.encoding)
        options: dict[str, Any] = {"kernel": prototype, "targets": targets}
        self._exact = partial(GP, space, self.encoding, **options)
        self._sparse = partial(SparseGP, space, self.encoding, inducing=inducing, **options)

    def _holding(self) -> GaussianProcess:
        """The one that suits the observations; it holds them and is not fitted yet."""
        part = self._exact() if len(self.train_X) <= EXACT else self._sparse()
        part._hold(self.train_X, self.train_Y)
        return part

    def _fit(self, *, seed: int) -> None:
        part = self._holding()
        part._fit(seed=seed)
        self.model = part.model

    def _prepare(self) -> None:
        part = self._holding()
        part._prepare()
        self.model = part.model

    def effects(self, X: Rows | None = None) -> dict[str, float]:
        """As of a ``GP``.

        Raises:
            UsageError: Nothing is fitted, or a fixed Gaussian process stands in that does not see the encoding.
        """
        self._require_fit()
        part = self._holding()
        part.model, part.fell_back = self.model, self.fell_back
        return part.effects(X)
