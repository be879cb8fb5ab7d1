"""What an evaluation now makes of the best improvement that the next one can expect."""

import torch
from torch import Tensor

from archbo.acquisition.knowledge_gradient import gain

__all__ = ["expected_improvement", "improvement_ahead"]

LEAST = 1e-12
"""The least variance that an evaluation leaves."""


def expected_improvement(mean: Tensor, variance: Tensor, best_f: Tensor) -> Tensor:
    """``E[max(0, f - best_f)]`` of Gaussians of any shape."""
    std = variance.clamp_min(LEAST).sqrt()
    return std * gain((mean - best_f) / std)


def improvement_ahead(
    mean: Tensor, variance: Tensor, slopes: Tensor, best_f: Tensor, *, n_nodes: int = 16
) -> Tensor:
    """The highest expected improvement that is expected after one evaluation more.

    An evaluation moves each mean along a line in one standard normal variable and takes the square of its slope off
    the variance. The best improvement after it is averaged over ``n_nodes`` equally likely values of the variable. It
    is never below the best one now but for that average's error, since a maximum over what is learned is convex.

    Args:
        mean: ``n x m`` or ``m``, of the rows that may be evaluated next.
        variance: The same shape.
        slopes: ``n x m``, how far each of ``n`` evaluations moves the means, for one standard deviation of its value.
        best_f: The value to improve on.
        n_nodes: The number of values.

    Returns:
        ``n``.

    Example:
        To settle one of two helps to choose between them; what moves both alike does not:

        >>> mean, variance = torch.zeros(2), torch.ones(2)
        >>> now = expected_improvement(mean, variance, torch.tensor(0.0)).max()
        >>> slopes = torch.tensor([[1.0, 0.0], [0.6, 0.6], [0.0, 0.0]])
        >>> ahead = improvement_ahead(mean, variance, slopes, torch.tensor(0.0), n_nodes=64)
        >>> [round(float(gain), 2) for gain in ahead / now]
        [1.58, 1.0, 1.0]
    """
    middles = (torch.arange(n_nodes, dtype=mean.dtype, device=mean.device) + 0.5) / n_nodes
    nodes = torch.special.ndtri(middles)
    nodes = nodes / nodes.square().mean().sqrt()
    left = variance - slopes.square()
    moved = [mean + slopes * node for node in nodes]
    best = [expected_improvement(part, left, best_f).amax(-1) for part in moved]
    return torch.stack(best).mean(0)
