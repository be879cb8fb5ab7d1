"""Losses that learn an order: utilities in, targets beside them, lower is better.

Each takes predictions (``... x n``) and targets (``n`` or ``... x n``) and gives one loss per leading index, so that
the members of an ensemble are trained side by side. A pair counts once, whatever its order.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["diff_kendall", "hinge", "list_mle", "logistic", "mse"]


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean squared error: no order, but the scale of the targets.

    Args:
        prediction: ``... x n``.
        target: ``n`` or ``... x n``.

    Returns:
        ``...``, the mean of ``(u_i - y_i)^2``.
    """
    return (prediction - target).square().mean(-1)


def hinge(prediction: Tensor, target: Tensor, *, margin: float = 0.1) -> Tensor:
    """ReNAS's margin loss (arXiv 1910.01523): pairs are apart by a margin, in the right order.

    Args:
        prediction: ``... x n``.
        target: ``n`` or ``... x n``.
        margin: How far apart the predictions of a pair shall be.

    Returns:
        ``...``, the mean of ``max(0, m - (u_i - u_j) sign(y_i - y_j))`` over the pairs with different targets.
    """
    order = _differences(target).sign()
    loss = (margin - _differences(prediction) * order).clamp_min(0)
    return _mean_over(loss, order != 0)


def logistic(prediction: Tensor, target: Tensor, *, temperature: float = 0.0) -> Tensor:
    """RankNet's cross entropy (Burges et al. 2005): differences of utilities are logits, as of Bradley and Terry.

    The probability that ``i`` beats ``j`` shall be ``sigmoid((y_i - y_j) / temperature)``: at temperature 0 it
    is 1 where ``y_i > y_j`` and a half where they are equal. At a positive one the loss is least where
    the utilities are the targets over the temperature, up to a constant.

    Args:
        prediction: ``... x n``.
        target: ``n`` or ``... x n``.
        temperature: The difference of targets, in their unit, that counts as one logit.

    Returns:
        ``...``, the mean cross entropy over the pairs.

    Example:
        >>> loss = logistic(torch.zeros(3, requires_grad=True), torch.tensor([1.0, 2.0, 3.0]))
        >>> round(loss.item(), 4)  # nothing is known yet: log 2
        0.6931
    """
    logits, gaps = _differences(prediction), _differences(target)
    wanted = torch.sigmoid(gaps / temperature) if temperature > 0 else (1 + gaps.sign()) / 2
    pairs = ~torch.eye(logits.shape[-1], dtype=torch.bool, device=logits.device)
    return _mean_over(softplus(logits) - wanted * logits, pairs.expand_as(logits))


def list_mle(prediction: Tensor, target: Tensor) -> Tensor:
    """ListMLE (Xia et al. 2008): how unlikely the order of the targets is if the best is drawn first, and so on.

    Each draw takes one of what is left with a probability proportional to ``exp(u)``. Equal targets are drawn
    as if each came first among them (Breslow's rule), so their order in the list does not matter.

    Args:
        prediction: ``... x n``.
        target: ``n`` or ``... x n``.

    Returns:
        ``...``, the mean of ``log sum_{j: y_j <= y_i} exp(u_j) - u_i``: over n, the negative log likelihood.
    """
    left = _differences(target) >= 0
    rivals = prediction.unsqueeze(-2).masked_fill(~left, -torch.inf)
    return (rivals.logsumexp(-1) - prediction).mean(-1)


def diff_kendall(prediction: Tensor, target: Tensor, *, alpha: float = 1.0) -> Tensor:
    """DiffKendall (arXiv 2307.15317): Kendall's correlation with ``tanh`` in place of the sign of a pair.

    Args:
        prediction: ``... x n``.
        target: ``n`` or ``... x n``.
        alpha: Sharpness. As it grows the loss becomes one minus Kendall's tau.

    Returns:
        ``...``, one minus the mean of ``tanh(alpha (u_i - u_j) (y_i - y_j))`` over the pairs with different
        targets. Sharp, and with equal targets, it is one minus Somers' D of the prediction.
    """
    gaps = _differences(target)
    agreement = torch.tanh(alpha * _differences(prediction) * gaps)
    return _mean_over(1 - agreement, gaps != 0)


def _differences(values: Tensor) -> Tensor:
    """``... x n x n``: ``v_i - v_j`` of values ``v`` (``... x n``)."""
    return values.unsqueeze(-1) - values.unsqueeze(-2)


def _mean_over(loss: Tensor, counted: Tensor) -> Tensor:
    """The mean of ``loss`` (``... x n x n``) over the pairs that count; zero where none does."""
    weight = counted.to(loss)
    return (loss * weight).sum((-1, -2)) / weight.sum((-1, -2)).clamp_min(1)
