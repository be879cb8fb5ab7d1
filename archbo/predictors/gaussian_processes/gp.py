"""Gaussian processes on encodings."""

import math
import warnings
from abc import ABC
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any, ClassVar, TypeAlias, final

import torch
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import Kernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.means import ConstantMean
from gpytorch.priors import NormalPrior
from torch import Tensor

from archbo.encodings import Encoding, default_encoding
from archbo.errors import NumericalWarning, UsageError
from archbo.predictors.base import Predictor, Rows
from archbo.predictors.gaussian_processes.forest import (
    LEAST_GAIN,
    TREES,
    BesideForest,
    ForestEncoding,
    gain,
)
from archbo.predictors.gaussian_processes.kernels import rows_apart
from archbo.predictors.gaussian_processes.map_fit import BAD_FACTOR, fit_posterior_mode
from archbo.predictors.gaussian_processes.pool_gp import PoolGP, PoolModel
from archbo.predictors.ordinary import ordinary
from archbo.predictors.warps import Targets, targets_for, warp_for
from archbo.spaces import SearchSpace

__all__ = [
    "GP",
    "GaussianProcess",
    "KernelFactory",
    "fit_or_keep",
    "log_constraint",
    "relative",
]

MIN_NOISE = 1e-5
"""The least noise variance, on the scale of normal scores, so that covariances have Cholesky factors."""

KernelFactory: TypeAlias = Callable[[Encoding], Kernel]
"""Makes a kernel for an encoding."""


class GaussianProcess(Predictor, ABC):
    """A Gaussian process on an encoding's features, its hyperparameters at their maximum a posteriori.

    A subclass implements ``_fit`` and ``_prepare``.

    Args:
        space: The space that the rows belong to.
        encoding: What the kernel sees; the default encoding unless given.
        kernel: A GPyTorch kernel on ``features``, or what makes one for the encoding; each fit starts from a copy of it.
        targets: What it is fitted to, see ``archbo.predictors.warps``; ``targets_for`` the space unless given.
        beside: What the kernel sees behind the features of the encoding; nothing unless given.

    Attributes:
        features: What the kernel sees.

    Raises:
        UsageError: ``targets`` is none of them.
    """

    log_noise: ClassVar[float] = -4.0
    """The prior mode of the logarithm of the noise variance."""

    encoding: Encoding

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        kernel: Kernel | KernelFactory,
        targets: Targets | None = None,
        beside: Encoding | None = None,
    ) -> None:
        super().__init__(space, encoding, warp=warp_for(targets or targets_for(space)))
        self.features = self.encoding if beside is None else self.encoding + beside
        with ordinary():
            prototype = kernel if isinstance(kernel, Kernel) else kernel(self.encoding)
        self._new_kernel = partial(deepcopy, prototype)

    def _untrained(self, every: int = 1) -> PoolGP:
        """A Gaussian process with its hyperparameters at their prior modes, on each ``every``-th observation."""
        likelihood = GaussianLikelihood(
            noise_constraint=log_constraint(math.exp(self.log_noise)),
        )
        likelihood.noise_covar.register_prior(
            "noise_prior", NormalPrior(self.log_noise, 1.0), _raw_noise
        )
        return PoolGP(
            self.train_X[::every],
            self.warp.forward(self.train_Y)[::every],
            likelihood=likelihood,
            mean_module=self._new_mean(),
            covar_module=self._new_covariance(),
            input_transform=self._new_features(),
            outcome_transform=None,
        )

    def _prepare(self) -> None:
        self.model = self._untrained()

    def _new_features(self) -> Encoding:
        """What a model sees; its own where it depends on the observations."""
        return self.features

    def _new_covariance(self) -> Kernel:
        """The kernel on what a model sees, a copy of its own."""
        return self._new_kernel()

    def _new_mean(self) -> ConstantMean:
        """The prior mean; its constant is set by the fit."""
        return ConstantMean()

    def effects(self, X: Rows | None = None) -> dict[str, float]:
        """How the latent mean changes with each feature: its derivative, where the feature is not zero.

        For the counts of a ``WLEncoding`` these are the motifs that pay and those that hurt (NAS-BOWL, arXiv
        2006.07556, section 3.2).

        Args:
            X: ``n x d`` rows, or architectures in any form, to average over; those fitted last unless given.

        Returns:
            For each feature's name the mean over the architectures that have it; no entry if none has.

        Raises:
            UsageError: Nothing is fitted, or a fixed Gaussian process stands in that does not see the encoding.
        """
        features, slope = self._slope(self.train_X if X is None else self._rows(X))
        present = features != 0
        mean = slope.where(present, 0.0).sum(0) / present.sum(0).clamp_min(1)
        found = present.any(0).tolist()
        names = zip(self.features.feature_names, mean.tolist(), found, strict=True)
        return {name: value for name, value, there in names if there}

    def _slope(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """The features of rows ``X`` (``n x d``), and the derivatives of the latent mean by them, ``n x D`` each."""
        self._require_fit()
        if self.fell_back:
            raise UsageError(
                "the fit fell back to a fixed Gaussian process; give more observations"
            )
        model: Any = self.model
        seen = model.transform_inputs(X.to(self.train_X)).requires_grad_()
        (slope,) = torch.autograd.grad(model.mean_at(seen).sum(), seen)
        # Behind the features may be what depends on the observations.
        n = self.features.n_features
        return seen.detach()[:, :n], slope[:, :n]


@final
class GP(GaussianProcess):
    """An exact Gaussian process, its hyperparameters at their maximum a posteriori.

    The default kernel is a Matern-5/2 with a weight per decision of the row, per kind of graph feature and per
    length of the semantic paths: from a handful of architectures it learns which operations pay, from more
    where in the graph, and the row tells near twins apart. Other kernels are in ``archbo.predictors.kernels``.

    Some tables are smooth, and a Gaussian process ranks them better than trees; on others few features and thresholds
    matter, or values are noisy, and trees are better. So a random forest is grown beside it. Where the evidence grows
    enough (``LEAST_GAIN``), what the forest predicts is one more feature, whose slope is standard normal a priori
    (``ForestEncoding``).

    Args:
        space: The space that the rows belong to.
        encoding: What the kernel sees; ``default_encoding`` unless given.
        kernel: A GPyTorch kernel on the encoding's features, or what makes one for an encoding, such as those in
            ``archbo.predictors.kernels``; each fit starts from a copy of it.
        targets: ``"rank"`` fits to normal scores of the ranks, ``"half-rank"`` to such of values below the median only,
            ``"standardize"`` to standardised values. It is ``"half-rank"`` with reals and else ``"rank"`` unless given.

    Raises:
        UsageError: ``targets`` is none of them.

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
        kernel: Kernel | KernelFactory = rows_apart,
        targets: Targets | None = None,
        trees: int | None = None,
    ) -> None:
        super().__init__(space, encoding, kernel=kernel, targets=targets)
        smooth = self.encoding.differentiable
        self.trees = trees if trees is not None else 0 if smooth else TREES
        if self.trees < 0 or (self.trees and smooth):
            allowed = "0 on an encoding that is differentiable" if smooth else "0 or more"
            raise UsageError(f"trees must be {allowed}; got {trees}")

    def _fit(self, *, seed: int) -> None:
        self.model = model = self._untrained()
        fit_or_keep(model)
        if not self.trees:
            return
        beside = self._untrained()
        forest: Any = beside.input_transform
        forest.grow(self.train_X, self.train_Y.flatten(), seed=seed)
        if gain(model, forest(self.train_X)[:, -1]) > LEAST_GAIN:
            self.model = beside
            fit_or_keep(beside)

    def _new_features(self) -> Encoding:
        return ForestEncoding(self.features, self.trees) if self.trees else self.features

    def _new_covariance(self) -> Kernel:
        kernel = self._new_kernel()
        return BesideForest(kernel) if self.trees else kernel


def log_constraint(initial: float) -> GreaterThan:
    """Noise variances above ``MIN_NOISE`` whose raw parameter is their logarithm."""
    return GreaterThan(
        MIN_NOISE, transform=torch.exp, inv_transform=torch.log, initial_value=initial
    )


def _raw_noise(module: Any) -> Tensor:  # noqa: ANN401
    raw: Tensor = module.raw_noise
    return raw


def relative(
    kernel: KernelFactory, encoding: Callable[[SearchSpace], Encoding] = default_encoding
) -> Callable[[SearchSpace, Encoding | None], GP]:
    """A Gaussian process with another kernel and no forest, and with the encoding that suits it unless one is given."""

    def make(space: SearchSpace, given: Encoding | None = None) -> GP:
        with ordinary():
            seen = given if given is not None else encoding(space)
        return GP(space, seen, kernel=kernel, trees=0)

    return make


def fit_or_keep(model: PoolModel, observations: slice = slice(None)) -> None:
    """Fit the hyperparameters to some of the observations.

    Where no step of that succeeds they stay as they are, with a ``NumericalWarning``.
    """
    try:
        fit_posterior_mode(model, observations)
    except BAD_FACTOR as error:
        warnings.warn(
            f"the GP's hyperparameters could not be fitted ({error}); it keeps their prior modes",
            NumericalWarning,
            stacklevel=3,
        )
