"""Covariance functions on encodings."""

import math
from collections.abc import Sequence

import torch
from gpytorch.kernels import Kernel
from gpytorch.priors import NormalPrior
from torch import Tensor

__all__ = ["GroupedMaternKernel"]


class GroupedMaternKernel(Kernel):  # type: ignore[misc]
    """Matern-5/2 over a weighted distance with one learned weight per group of features.

    ``k(x, y) = m(r)``, ``r^2 = sum_g w_g |x_g - y_g|^2``, ``m(r) = (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)``.
    Relevance is thus learned for a decision or a path length and not for each of their many indicators:
    few enough parameters for a fit to 20 architectures.

    Args:
        groups: ``D`` integers from 0 to G-1, the group of each feature.
        weight_scale: The standard deviation of the normal prior of ``log w_g``; its mean is
            ``-log(G)``, so that ``r`` is of order one for any number of groups.
    """

    has_lengthscale = False

    def __init__(self, groups: Sequence[int], *, weight_scale: float = 1.0) -> None:
        super().__init__()
        n_groups = max(groups) + 1
        self.register_buffer("groups", torch.tensor(groups))
        mean = -math.log(n_groups)
        self.register_parameter(
            "log_weight", torch.nn.Parameter(torch.full((n_groups,), mean, dtype=torch.double))
        )
        self.register_prior(
            "weight_prior", NormalPrior(mean, weight_scale), lambda kernel: kernel.log_weight
        )

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Covariances ``... x n x m`` of features ``x1`` (``... x n x D``) and ``x2`` (``... x m x D``)."""
        scale = (5 * self.log_weight.exp()).sqrt()[self.groups].to(x1)
        square = self.covar_dist(x1 * scale, x2 * scale, square_dist=True, diag=diag)
        r = square.clamp_min(1e-20).sqrt()
        covariance: Tensor = (1 + r + square / 3) * (-r).exp()
        return covariance
