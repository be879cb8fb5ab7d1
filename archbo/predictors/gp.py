"""Gaussian processes on encodings."""

import math
import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Literal

import torch
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import Kernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.priors import NormalPrior
from linear_operator.utils.cholesky import psd_safe_cholesky
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor

from archbo.encodings import Encoding, default_encoding
from archbo.errors import NumericalWarning
from archbo.predictors.base import Predictor
from archbo.predictors.kernels import GroupedMaternKernel
from archbo.predictors.pool_gp import PoolGP
from archbo.predictors.targets import RankWarp, Standardize
from archbo.spaces import SearchSpace

__all__ = ["GP"]

MAX_ITERATIONS = 50
MIN_NOISE = 1e-5


class GP(Predictor):
    """An exact Gaussian process, its hyperparameters at their maximum a posteriori.

    The default kernel is a Matern-5/2 with a weight per operation, per length of the semantic paths and per
    decision of the row: from a handful of architectures it learns which operations pay, from more which
    paths do, and the row tells near twins apart.

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
        super().__init__(space, warp=RankWarp() if targets == "rank" else Standardize())
        self.encoding = encoding if encoding is not None else default_encoding(space)
        prototype = kernel if kernel is not None else default_kernel(self.encoding)
        self._new_kernel: Callable[[], Kernel] = partial(deepcopy, prototype)

    def _fit(self, *, seed: int) -> None:
        self.model = model = self._untrained()
        _maximise_posterior(model)

    def _prepare(self) -> None:
        self.model = self._untrained()

    def _untrained(self) -> PoolGP:
        likelihood = GaussianLikelihood(
            noise_constraint=GreaterThan(
                MIN_NOISE, transform=torch.exp, inv_transform=torch.log, initial_value=math.exp(-4)
            )
        )
        likelihood.noise_covar.register_prior(
            "noise_prior", NormalPrior(-4.0, 1.0), lambda module: module.raw_noise
        )
        return PoolGP(
            self.train_X,
            self.warp.forward(self.train_Y),
            likelihood=likelihood,
            covar_module=self._new_kernel(),
            input_transform=self.encoding,
            outcome_transform=None,
        )


def default_kernel(encoding: Encoding) -> Kernel:
    """A scaled Matern-5/2 kernel with a weight per group of features."""
    kernel = ScaleKernel(GroupedMaternKernel.for_encoding(encoding))
    kernel.outputscale = 1.0
    kernel.register_prior(
        "outputscale_prior", NormalPrior(0.0, 1.0), lambda module: module.outputscale.log()
    )
    return kernel


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
