"""A Gaussian process that believes in zero-cost proxies until observations speak against them."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, final

import torch
from botorch.models.model import Model
from gpytorch.kernels import AdditiveKernel, Kernel
from gpytorch.means import ConstantMean
from torch import Tensor

from archbo.encodings import Encoding, ZeroCostEncoding
from archbo.errors import UsageError
from archbo.predictors.gaussian_model import Covariance, GaussianModel
from archbo.predictors.gaussian_processes.gp import GaussianProcess, fit_or_keep
from archbo.predictors.gaussian_processes.kernels import GroupedMaternKernel, LinearKernel, scaled
from archbo.predictors.ordinary import ordinary
from archbo.proxies import Consensus, Proxies
from archbo.spaces import SearchSpace

__all__ = ["ProxyGP"]


@final
class ProxyGP(GaussianProcess):
    """A Gaussian process whose prior mean is the consensus of zero-cost proxies, and which learns their weights.

    The values are, on the scale of their normal scores, ``slope consensus(x) + w . ranks(x) + g(x)``: proxies are
    for the better until observations say otherwise; ``w``, a priori zero, is how the best combination of proxies
    departs from their plain sum, and ``g`` is a Matern-5/2 process on the structure of the architecture. All
    observations thus teach the combination, where RoBoT (arXiv 2403.07591) learns from the winner of each
    combination alone.

    A signal such as the accuracy after a few epochs is not what one wants in the end. With ``trust`` the model
    that acquisition functions see is of ``value + trust consensus(x)``: what the signal does not show yet may
    go the proxies' way, however much of it is observed.

    Args:
        space: The space that the rows belong to.
        encoding: What tells of the structure; the default encoding unless given.
        proxies: The scores, those that come with archbo unless given.
        signs: For some proxies by name, -1 if less of it is better, 1 if more is; as its authors mean it otherwise.
        slope: What one standard deviation of the consensus is a priori worth.
        combination: The variance of ``w . ranks(x)``, a priori.
        structure: The variance of ``g(x)``, a priori.
        trust: What one standard deviation of the consensus is worth beyond the values.
        learn_after: The most observations for which the hyperparameters stay at their prior modes, which serves them better
            than a fit.

    Raises:
        UsageError: There are no proxies of the space, or a sign or a variance is no such thing.

    Example:
        >>> from archbo.proxies import ProxyTable
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": range(9)})
        >>> X = space.enumerate()
        >>> gp = ProxyGP(space, proxies=ProxyTable(space, X, X, ["params"]))
        >>> mean, _ = gp.fit(X[:2], [70.0, 71.0], seed=0).predict(X)
        >>> int(mean.argmax())  # larger looked better, and the proxy says so
        8
    """

    log_noise: ClassVar[float] = math.log(0.1)

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        proxies: Proxies | None = None,
        signs: Mapping[str, int] | None = None,
        slope: float = 0.6,
        combination: float = 2.0,
        structure: float = 1.0,
        trust: float = 0.0,
        learn_after: int = 20,
    ) -> None:
        if min(combination, structure) < 0 or combination + structure <= 0:
            raise UsageError(
                "the variances combination and structure must not be negative, and one positive; got "
                f"{combination} and {structure}"
            )
        if learn_after < 0:
            raise UsageError(f"learn_after is a number of observations; got {learn_after}")
        with ordinary():
            shown = ZeroCostEncoding(space, proxies)
        kernel = partial(_kernel, shown=shown, combination=combination, structure=structure)
        super().__init__(space, encoding, kernel=kernel, beside=shown)
        with ordinary():
            self.consensus = Consensus(shown.proxies, signs)
        self.slope, self.trust, self.learn_after = slope, trust, learn_after

    @property
    def latent(self) -> Model:
        """The model that acquisition functions see; with ``trust`` in the proxies beyond the values."""
        model = super().latent
        return _Shifted(model, self.consensus, self.trust) if self.trust else model

    def weights(self) -> dict[str, float]:
        """The combination that has been learned: what a rank of each proxy is worth, on the scale of the normal scores.

        It is the posterior mean of the weight, of which the consensus is the prior mean: ``slope`` times the proxy's
        sign, by the consensus's scale. A rank goes from -1 to 1. ``trust`` is not in it, and neither is the structure.

        Raises:
            UsageError: Nothing is fitted, or a fixed Gaussian process stands in that does not see the proxies.
        """
        self._require_fit()
        # The mean is linear in the ranks, so it is the same everywhere.
        _, slope = self._slope(self.train_X[:1])
        names = self.consensus.proxies.names
        return dict(zip(names, slope[0, -len(names) :].tolist(), strict=True))

    def _obstacle(self) -> str | None:
        return super()._obstacle() if self._learns else None

    @property
    def _learns(self) -> bool:
        return len(self.train_X) > self.learn_after

    def _fit(self, *, seed: int) -> None:
        self.model = model = self._untrained()
        if self._learns:
            fit_or_keep(model)
            return
        with torch.no_grad():
            inputs = model.transform_inputs(model.train_inputs[0])
            model.mean_module.initialize(constant=torch.zeros(()).to(inputs))
            covariance = model.covar_module(inputs).to_dense()
            noisy = covariance + model.noise * torch.eye(len(inputs)).to(inputs)
            residual = model.train_targets - model.mean_module(inputs)
            both = torch.stack([torch.ones_like(residual), residual], -1)
            ones, solved = torch.linalg.solve(noisy, both).sum(0)
            # The constant is a priori standard normal.
            model.mean_module.initialize(constant=solved / (1 + ones))

    def _new_mean(self) -> ConstantMean:
        return _ConsensusMean(self.consensus, self.slope)


@final
class _ConsensusMean(ConstantMean):  # type: ignore[misc]
    """A constant and a multiple of the consensus, whose ranks are the last features."""

    def __init__(self, consensus: Consensus, slope: float) -> None:
        super().__init__()
        self.consensus, self.slope = consensus, slope

    def forward(self, input: Tensor) -> Tensor:
        """The mean ``...`` at features ``... x D``."""
        ranks = input[..., -len(self.consensus.signs) :]
        mean: Tensor = super().forward(input) + self.slope * self.consensus.of_ranks(ranks)
        return mean


@final
class _Shifted(GaussianModel):
    """A model of what another one models and a multiple of the consensus together."""

    def __init__(self, model: Model, consensus: Consensus, trust: float) -> None:
        super().__init__()
        self.model, self.consensus, self.trust = model, consensus, trust

    def _moments(self, X: Tensor) -> tuple[Tensor, Covariance]:
        gaussian: Any = self.model.posterior(X)
        mean = gaussian.distribution.mean + self.trust * self.consensus(X)
        return mean, gaussian.distribution.lazy_covariance_matrix

    def _noise(self, X: Tensor) -> Tensor:
        noise: Tensor = self.model.likelihood.noise  # type: ignore[union-attr, assignment] # it is a PoolGP
        return noise


def _kernel(
    seen: Encoding, *, shown: ZeroCostEncoding, combination: float, structure: float
) -> Kernel:
    kernels: list[Kernel] = []
    if structure:
        matern: Kernel = GroupedMaternKernel.for_encoding(seen)
        matern.active_dims = torch.arange(seen.n_features)
        kernels.append(scaled(matern, structure))
    if combination:
        # Known without scores of further architectures, which may take long to compute.
        size = shown.proxies.reference_ranks.square().mean(0)
        linear: Kernel = LinearKernel(shown.groups, torch.where(size > 0, size, 1.0))
        linear.active_dims = torch.arange(seen.n_features, seen.n_features + shown.n_features)
        kernels.append(scaled(linear, combination))
    return AdditiveKernel(*kernels)
