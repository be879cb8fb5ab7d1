"""Knowledge gradient: what an evaluation is expected to add to the best posterior mean."""

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.models.model import Model
from botorch.utils.probability.utils import ndtr, phi
from torch import Tensor

from archbo.acquisition.context import Context
from archbo.acquisition.joint import RowFunction, cross_moments, noise_variance
from archbo.predictors import marginals

__all__ = ["KnowledgeGradient", "expected_rise", "kg"]

CHUNK = 128
"""The number of rows whose pairs of lines are held at a time; measured, few enough for a processor's cache."""


class KnowledgeGradient(RowFunction):
    """The exact knowledge gradient over finitely many alternatives (Frazier, Powell and Dayanik 2009).

    One noisy evaluation of a row moves the posterior means of the alternatives, and its own, along lines in
    one standard normal variable. The value is how much their maximum is expected to rise.

    Args:
        model: Its joint posteriors are Gaussian.
        alternatives: ``m x d``, the rows that might be chosen in the end, besides the one that is evaluated.

    Example:
        >>> from archbo.predictors import GP
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> model = GP(space).fit(X[:4], [1.0, 3.0, 2.0, 4.0], seed=0).latent
        >>> bool((KnowledgeGradient(model, X)(X.unsqueeze(-2)) > 0).all())
        True
    """

    def __init__(self, model: Model, alternatives: Tensor) -> None:
        super().__init__(model)
        self.alternatives = alternatives
        self._means, _ = marginals(model, alternatives)
        self._noise = noise_variance(model, alternatives[:1])

    def _at(self, X: Tensor) -> Tensor:
        mean, variance, covariance = cross_moments(self.model, X, self.alternatives)
        a = torch.cat([self._means.expand_as(covariance), mean.unsqueeze(-1)], -1)
        b = torch.cat([covariance, variance.unsqueeze(-1)], -1)
        b = b / (variance + self._noise).sqrt().unsqueeze(-1)
        rises = map(expected_rise, a.split(CHUNK), b.split(CHUNK))
        return torch.cat(list(rises))


def expected_rise(a: Tensor, b: Tensor) -> Tensor:
    """``E[max_i(a_i + b_i Z)] - max_i a_i`` for standard normal ``Z``, exactly.

    Frazier, Powell and Dayanik (2009) sort the lines and walk along their upper envelope. Here the interval on
    which each is on top comes from all pairs at once: line ``i`` adds ``b_i (f(-|l_i|) - f(-|u_i|))`` with
    ``f(z) = phi(z) + z Phi(z)``, so that small values do not drown in the difference of large ones.

    Args:
        a: ``n x m``, values at zero.
        b: ``n x m``, slopes.

    Returns:
        ``n``, none negative.

    Example:
        One sure line and one that may be better, ``E[max(0, Z)]``:

        >>> import math
        >>> rise = expected_rise(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]))
        >>> round(rise.item() * math.sqrt(2 * math.pi), 4)
        1.0
    """
    above, steeper = (v.unsqueeze(-2) - v.unsqueeze(-1) for v in (a, b))  # of j over i, n x i x j
    crossing = -above / steeper
    low = crossing.where(steeper < 0, -torch.inf).amax(-1)
    high = crossing.where(steeper > 0, torch.inf).amin(-1)
    earlier = torch.ones_like(above[0], dtype=torch.bool).tril(-1)
    beaten = ((steeper == 0) & ((above > 0) | ((above == 0) & earlier))).any(-1)
    on_top = (low < high) & ~beaten
    parts = b * (gain(-low.abs()) - gain(-high.abs()))
    return parts.where(on_top, 0.0).sum(-1).clamp_min(0)


def gain(z: Tensor) -> Tensor:
    """``phi(z) + z Phi(z)``, zero at minus infinity."""
    # torch.special.ndtr is zero already at minus ten.
    gain: Tensor = phi(z) + z.clamp_min(-1e3) * ndtr(z)
    return gain


def kg(context: Context, *, n_alternatives: int = 32) -> AcquisitionFunction:
    """Knowledge gradient: the expected rise of the highest posterior mean (Frazier, Powell and Dayanik 2009).

    The alternatives are evaluated rows and candidates, half of them of the highest means and half of the highest
    upper bounds. Pending rows are believed to give what is expected of them.
    """
    alternatives = context.promising(n_alternatives)
    return KnowledgeGradient(context.believing, alternatives)
