"""Deep kernel learning: a Gaussian process on features that a small network learns."""

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, final

import torch
from gpytorch.kernels import Kernel
from gpytorch.priors import NormalPrior
from torch import Generator, Tensor

from archbo.encodings import Encoding
from archbo.predictors.gaussian_processes.gp import GaussianProcess, fit_or_keep
from archbo.predictors.gaussian_processes.kernels import (
    GroupedKernel,
    ParameterOf,
    matern52,
    scaled,
)
from archbo.predictors.gaussian_processes.map_fit import BAD_FACTOR, negative_log_posterior
from archbo.randomness import generator
from archbo.spaces import SearchSpace

__all__ = ["DeepKernel", "DeepKernelGP"]

UNITS, OUTPUTS = 32, 8
"""The width of the network, and of what it hands to the kernel: little to fit to a few dozen values."""

STEPS, RATE = 30, 0.02
"""Of Adam; more of them fit the network to the noise."""


@final
class DeepKernel(GroupedKernel):
    """A Matern-5/2 kernel of features and of what a network makes of them.

    ``k(x, y) = m(r^2 + |f(x) - f(y)|^2)`` with the weighted distance ``r`` of ``GroupedMaternKernel`` and
    ``f(x) = s C tanh(A x + b)``, where the rows of ``A`` share the weights of their groups. The network's weights
    have standard normal priors. The plain distance keeps architectures apart that the network, fitted to
    few of them, maps to one point.

    Args:
        groups: ``D`` integers from 0 to G-1, the group of each feature.
        spread: ``G``, the mean of ``|x_g - y_g|^2`` over pairs of architectures.
        typical: As of ``GroupedKernel``.
        weight_scale: As of ``GroupedKernel``.
    """

    def __init__(
        self,
        groups: Sequence[int],
        spread: Tensor,
        *,
        typical: float = 1.0,
        weight_scale: float = 1.0,
    ) -> None:
        super().__init__(groups, spread, typical=typical, weight_scale=weight_scale)
        shapes = {
            "A": (len(groups), UNITS),
            "b": (UNITS,),
            "C": (UNITS, OUTPUTS),
            "log_scale": (1,),
        }
        for name, shape in shapes.items():
            zeros = torch.zeros(shape, dtype=torch.double)
            self.register_parameter(name, torch.nn.Parameter(zeros))
            self.register_prior(f"{name}_prior", NormalPrior(0.0, 1.0), ParameterOf(name))

    @property
    def network(self) -> list[torch.nn.Parameter]:
        """The weights of the network."""
        return [self.A, self.b, self.C]

    def _covariance(self, square: Tensor) -> Tensor:
        return matern52(square)

    def draw(self, generator: Generator) -> None:
        """Draw the network's weights from their priors."""
        with torch.no_grad():
            for weight in self.network:
                weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.double))

    def _transform(self, x: Tensor) -> Tensor:
        """The weighted features, and beside them what the network makes of them, ``... x (D + f)``."""
        weighted = x * (0.5 * self.log_weight).exp()[self.groups].to(x)
        hidden = torch.tanh(weighted @ self.A.to(x) + self.b.to(x))
        scale = self.log_scale.exp() / (UNITS * OUTPUTS) ** 0.5
        return torch.cat([weighted, hidden @ (scale * self.C).to(x)], -1)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Covariances ``... x n x m`` of features ``x1`` (``... x n x D``) and ``x2`` (``... x m x D``)."""
        first, second = self._transform(x1), self._transform(x2)
        return self._covariance(self.covar_dist(first, second, square_dist=True, diag=diag))


@final
class DeepKernelGP(GaussianProcess):
    """A Gaussian process on features that a small network learns (deep kernel learning, arXiv 1511.02222).

    Network and kernel are fitted together to every other observation by the marginal likelihood. A network can
    explain a few dozen values as well as it likes, and its marginal likelihood then promises more than it keeps
    (arXiv 2102.12108); so the variance, the noise and the features' weights are fitted once more to the
    observations that the network has not seen. The seed draws the network that training starts from.

    Args:
        space: The space that the rows belong to.
        encoding: What the network sees; the default encoding unless given.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> gp = DeepKernelGP(space).fit(["width=8,depth=1", "width=32,depth=3"], [70.0, 90.0], seed=0)
        >>> mean, std = gp.predict(["width=32,depth=2", "width=8,depth=2"])
        >>> bool(mean[0] > mean[1])
        True
    """

    def __init__(self, space: SearchSpace, encoding: Encoding | None = None) -> None:
        super().__init__(space, encoding, kernel=_deep)

    def _fit(self, *, seed: int) -> None:
        self.model = model = self._untrained()
        kernel: Any = model.covar_module.base_kernel
        kernel.draw(generator(seed))
        with torch.no_grad():
            features = model.transform_inputs(model.train_inputs[0])
        seen, unseen = slice(0, None, 2), slice(1, None, 2)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        best, least = deepcopy(model.state_dict()), math.inf
        for step in range(STEPS):
            optimizer.zero_grad()
            try:
                loss, _ = negative_log_posterior(model, features[seen], model.train_targets[seen])
            except BAD_FACTOR:
                if step == 0:
                    raise
                model.load_state_dict(best)
                break
            if loss.item() < least:
                best, least = deepcopy(model.state_dict()), loss.item()
            loss.backward()
            optimizer.step()
        for weight in kernel.network:
            weight.requires_grad_(False)
        fit_or_keep(model, unseen)


def _deep(encoding: Encoding) -> Kernel:
    return scaled(DeepKernel.for_encoding(encoding))
