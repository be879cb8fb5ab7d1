"""Covariance functions on encodings."""

from collections.abc import Sequence
from typing import Self

import torch
from gpytorch.kernels import Kernel
from gpytorch.priors import NormalPrior
from torch import Tensor

from archbo.encodings import Encoding

__all__ = ["GroupedMaternKernel"]

TYPICAL = 0.5


class GroupedMaternKernel(Kernel):  # type: ignore[misc]
    """Matern-5/2 over a weighted distance with one learned weight per group of features.

    ``k(x, y) = m(r)``, ``r^2 = sum_g w_g |x_g - y_g|^2``, ``m(r) = (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)``.
    Relevance is thus learned for a decision, a path length or an operation and not for each of their many
    indicators: few enough parameters for a fit to ten architectures.

    Args:
        groups: ``D`` integers from 0 to G-1, the group of each feature.
        spread: ``G``, the mean of ``|x_g - y_g|^2`` over pairs of architectures. The prior of ``log w_g`` is
            normal around ``log(typical / (G spread_g))``, so that a priori all groups matter alike and
            ``r^2`` of two architectures is ``typical`` on average.
        typical: The mean ``r^2``; the smaller, the smoother.
        weight_scale: The standard deviation of the prior of ``log w_g``.
    """

    has_lengthscale = False

    def __init__(
        self,
        groups: Sequence[int],
        spread: Tensor,
        *,
        typical: float = TYPICAL,
        weight_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_buffer("groups", torch.tensor(groups))
        mean = (typical / (len(spread) * spread)).log()
        self.register_parameter("log_weight", torch.nn.Parameter(mean.clone()))
        self.register_prior(
            "weight_prior", NormalPrior(mean, weight_scale), lambda kernel: kernel.log_weight
        )

    @classmethod
    def for_encoding(cls, encoding: Encoding, *, n_samples: int = 512) -> Self:
        """The kernel for an encoding; the spread of its groups is that of rows sampled from its space."""
        X = encoding.space.sample(n_samples, generator=torch.Generator().manual_seed(0))
        groups = torch.tensor(encoding.groups)
        spread = torch.zeros(int(groups.max()) + 1, dtype=X.dtype)
        # The mean squared distance of two independent draws is twice the variance.
        spread.index_add_(0, groups, 2 * encoding(X).var(0))
        return cls(encoding.groups, torch.where(spread > 0, spread, 1.0))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Covariances ``... x n x m`` of features ``x1`` (``... x n x D``) and ``x2`` (``... x m x D``)."""
        scale = (5 * self.log_weight.exp()).sqrt()[self.groups].to(x1)
        square = self.covar_dist(x1 * scale, x2 * scale, square_dist=True, diag=diag)
        r = square.clamp_min(1e-20).sqrt()
        covariance: Tensor = (1 + r + square / 3) * (-r).exp()
        return covariance
