"""Gaussian processes on encodings."""

import math
import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any, Literal

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models import SingleTaskGP
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior, Posterior, TransformedPosterior
from gpytorch.constraints import GreaterThan
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import Kernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.priors import NormalPrior
from linear_operator.operators import DiagLinearOperator
from linear_operator.utils.cholesky import psd_safe_cholesky
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor

from archbo.encodings import Encoding, OneHotEncoding, OpCountEncoding, PathEncoding
from archbo.errors import NumericalWarning
from archbo.predictors.base import Predictor
from archbo.predictors.kernels import GroupedMaternKernel
from archbo.predictors.targets import RankWarp, Standardize, Warp
from archbo.spaces import SearchSpace

__all__ = ["GP"]

MAX_ITERATIONS = 50
MIN_NOISE = 1e-5


class GP(Predictor):
    """An exact Gaussian process, its hyperparameters at their maximum a posteriori.

    The default kernel is a Matern-5/2 with a weight per operation, per length of the semantic paths and per
    decision of the row: from a handful of architectures it learns which operations pay, from more which
    paths do, and the row tells near twins apart.

    With a single observation, or with values that are all the same, hyperparameters keep their prior
    modes: the posterior is that value, with the prior's uncertainty elsewhere.

    Args:
        space: The space that the rows belong to.
        encoding: What the kernel sees; one-hot rows, semantic path counts and operation counts unless given.
        kernel: A GPyTorch kernel on the encoding's features; each fit starts from a copy of it.
        targets: ``"rank"`` fits to normal scores of the ranks, ``"standardize"`` to standardised values.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> gp = GP(space).fit(["width=8,depth=1", "width=32,depth=3"], [70.0, 90.0], seed=0)
        >>> mean, std = gp.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
    """

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        kernel: Kernel | None = None,
        targets: Literal["rank", "standardize"] = "rank",
    ) -> None:
        super().__init__(space)
        self.encoding = encoding if encoding is not None else default_encoding(space)
        prototype = kernel if kernel is not None else default_kernel(self.encoding)
        self._new_kernel: Callable[[], Kernel] = partial(deepcopy, prototype)
        self.warp: Warp = RankWarp() if targets == "rank" else Standardize()

    def _fit(self, *, seed: int) -> None:
        self._prepare()
        if len(self.train_Y.unique()) > 1:
            _maximise_posterior(self.model)

    def _prepare(self) -> None:
        self.warp.fit(self.train_Y.flatten())
        likelihood = GaussianLikelihood(
            noise_constraint=GreaterThan(
                MIN_NOISE, transform=torch.exp, inv_transform=torch.log, initial_value=math.exp(-4)
            )
        )
        likelihood.noise_covar.register_prior(
            "noise_prior", NormalPrior(-4.0, 1.0), lambda module: module.raw_noise
        )
        self.model = PoolGP(
            self.train_X,
            self.warp.forward(self.train_Y),
            likelihood=likelihood,
            covar_module=self._new_kernel(),
            input_transform=self.encoding,
            outcome_transform=None,
        )

    @property
    def latent(self) -> Model:
        """The Gaussian model of the warped values."""
        self._require_fit()
        return self.model

    def to_latent(self, Y: Tensor) -> Tensor:
        """Warp values (any shape) to the scale of ``latent``."""
        return self.warp.forward(Y)

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The posterior at rows ``X`` (``b x q x d``), ``b x q x 1`` in the unit of ``Y``.

        Draws are those of the Gaussian, warped back; so are mean and variance, in closed form.
        """
        self._require_fit()
        posterior: Posterior = TransformedPosterior(
            self.model.posterior(X, observation_noise=observation_noise),
            sample_transform=self.warp.inverse,
            mean_transform=lambda mean, variance: self.warp.moments(mean, variance)[0],
            variance_transform=lambda mean, variance: self.warp.moments(mean, variance)[1],
        )
        return posterior_transform(posterior) if posterior_transform else posterior


def default_encoding(space: SearchSpace) -> Encoding:
    """One-hot rows, and beside them the counts of semantic paths and of operations, where there are paths.

    Paths are truncated where there would be more than 400: that makes a kernel slow, and hardly better.
    """
    one_hot = OneHotEncoding(space)
    if all(len(path) == 3 for path in space.template.paths()):
        return one_hot  # each path is one decision
    paths = PathEncoding.at_most(space, 400, counts=True, semantic=True)
    return one_hot + paths + OpCountEncoding(space)


def default_kernel(encoding: Encoding) -> Kernel:
    """A scaled Matern-5/2 kernel with a weight per group of features."""
    kernel = ScaleKernel(GroupedMaternKernel.for_encoding(encoding))
    kernel.outputscale = 1.0
    kernel.register_prior(
        "outputscale_prior", NormalPrior(0.0, 1.0), lambda module: module.outputscale.log()
    )
    return kernel


class PoolGP(SingleTaskGP):
    """A ``SingleTaskGP`` whose marginal posterior at a large pool of rows is closed-form.

    For ``b x 1 x d`` rows GPyTorch factorises ``b`` joint covariances over training and test rows; here
    one factor over the training rows serves all.
    """

    _factors: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def noise(self) -> Tensor:
        """The variance of the observation noise, ``1``."""
        noise: Tensor = self.likelihood.noise
        return noise

    def train(self, mode: bool = True) -> "PoolGP":
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
        """As BoTorch's, for rows ``X`` (``b x q x d``)."""
        plain = observation_noise is False and posterior_transform is None
        if X.ndim != 3 or X.shape[-2] != 1 or self.train_targets.ndim != 1 or not plain:
            return super().posterior(
                X, output_indices, observation_noise, posterior_transform, **kwargs
            )
        self.eval()
        with torch.no_grad():
            mean, variance = self._marginals(self.transform_inputs(X).squeeze(-2))
        return GPyTorchPosterior(
            MultivariateNormal(mean.unsqueeze(-1), DiagLinearOperator(variance.unsqueeze(-1)))
        )

    def _marginals(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (``b`` each) at features ``b x D``; Rasmussen and Williams, algorithm 2.1."""
        inputs = self.train_inputs[0]
        if self._factors is None or self._factors[0] is not inputs:
            covariance = self.covar_module(inputs).to_dense()
            L = psd_safe_cholesky(covariance + self.noise * torch.eye(len(inputs)).to(covariance))
            residual = self.train_targets - self.mean_module(inputs)
            weights = torch.cholesky_solve(residual.unsqueeze(-1), L).squeeze(-1)
            self._factors = (inputs, L, weights)
        _, L, weights = self._factors
        cross = self.covar_module(features, inputs).to_dense()
        mean = self.mean_module(features) + cross @ weights
        explained = torch.linalg.solve_triangular(L, cross.T, upper=False).square().sum(0)
        prior = self.covar_module(features, diag=True)
        return mean, (prior - explained).clamp_min(1e-12)


def _maximise_posterior(model: PoolGP) -> None:
    """Set the hyperparameters to their maximum a posteriori, the constant mean to its closed form.

    Small dense matrices straight through autograd and L-BFGS; GPyTorch's general machinery takes some ten
    times as long at a hundred observations.
    """
    model.train()
    parameters = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not name.startswith("mean_module")
    ]
    with torch.no_grad():
        features = model.transform_inputs(model.train_inputs[0])
    targets = model.train_targets
    identity = torch.eye(len(targets)).to(targets)
    ones_and_targets = torch.stack([torch.ones_like(targets), targets], -1)

    def solve() -> tuple[Tensor, Tensor]:
        """The negative log posterior and the generalised-least-squares mean."""
        L = psd_safe_cholesky(model.covar_module(features).to_dense() + model.noise * identity)
        half = torch.linalg.solve_triangular(L, ones_and_targets, upper=False)
        mean = (half[:, 0] @ half[:, 1]) / half[:, 0].square().sum()
        residual = half[:, 1] - mean * half[:, 0]
        value = 0.5 * residual.square().sum() + L.diagonal().log().sum()
        for _, module, prior, value_of, _ in model.named_priors():  # type: ignore[operator]
            value = value - prior.log_prob(value_of(module)).sum()
        return value, mean

    def closure() -> Tensor:
        optimizer.zero_grad()
        value, _ = solve()
        value.backward()
        return value.detach()

    optimizer = torch.optim.LBFGS(
        parameters,
        max_iter=MAX_ITERATIONS,
        tolerance_grad=1e-3,
        tolerance_change=1e-5,
        line_search_fn="strong_wolfe",
    )
    start = [parameter.detach().clone() for parameter in parameters]
    try:
        optimizer.step(closure)
    except (NanError, NotPSDError) as error:
        warnings.warn(
            f"the GP's hyperparameters could not be fitted ({error}); it keeps their prior modes",
            NumericalWarning,
            stacklevel=2,
        )
        for parameter, value in zip(parameters, start, strict=True):
            parameter.data.copy_(value)
    with torch.no_grad():
        model.mean_module.initialize(constant=solve()[1])
