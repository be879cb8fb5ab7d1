"""Measures that are sums over layers: the part of one layer.

``w`` are a layer's weights, its parameters of two dimensions or more, and ``g`` the gradient of the loss with respect to
them.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from archbo.proxies.measures.evidence import Layer

__all__ = ["fisher", "grad_norm", "grasp", "l2_norm", "plain", "snip", "synflow", "zico"]


def grad_norm(layer: Layer) -> Tensor:
    """The norm of the gradient, ``||g||`` (arXiv 2101.08134, section 3.1)."""
    return _add(g.norm() for g in layer.gradients)


def snip(layer: Layer) -> Tensor:
    """Connection sensitivity, ``sum |w g|`` (SNIP, arXiv 1810.02340, added up as in arXiv 2101.08134)."""
    return _add((w * g).abs().sum() for w, g in _pairs(layer))


def plain(layer: Layer) -> Tensor:
    """Connection sensitivity with its sign, ``sum w g`` (arXiv 2210.03230)."""
    return _add((w * g).sum() for w, g in _pairs(layer))


def l2_norm(layer: Layer) -> Tensor:
    """The norm of the weights, ``||w||`` (arXiv 2210.03230)."""
    return _add(w.norm() for w in layer.weights)


def fisher(layer: Layer) -> Tensor:
    """Fisher pruning's cost of removing a channel (arXiv 1801.05787), added up over the layer's weights.

    With ``a`` the output of a channel the cost is ``1/2 mean_n (sum_positions a dL/da)^2``. Each channel counts as
    often as it has weights, as in the code of arXiv 2101.08134 and in the published scores.
    """
    n_weights = sum(w.numel() for w in layer.weights)
    return _add((s**2).mean(0).sum() / 2 * (n_weights / s.shape[1]) for s in layer.saliencies)


def grasp(layer: Layer) -> Tensor:
    """Gradient signal preservation, ``-sum w (H g)`` with the loss's Hessian ``H`` (arXiv 2002.07376).

    The layer holds ``H g`` as its gradients. Logits have no temperature, as in arXiv 2101.08134.
    """
    return -plain(layer)


def synflow(layer: Layer) -> Tensor:
    """Synaptic flow, ``sum |w dR/dw|`` (arXiv 2006.05467).

    ``R`` is the summed output, for an input of ones, of the network with all its parameters made positive and
    its batch normalisations taken out; the layer holds its gradients. The score of a network is the logarithm of the sum
    over layers, as published: the sum itself exceeds single precision. Where nothing flows it is minus infinity.
    """
    return snip(layer)


def zico(gradients: Tensor) -> Tensor:
    """ZiCo's inverse coefficient of variation, ``log sum E|g| / std g`` (arXiv 2301.11300).

    The mean and the standard deviation are over batches, here the two halves of the given one. Weights whose gradient does not
    vary are left out; the part of a layer that has no others is 0.

    Args:
        gradients: ``2 x P``, with respect to the layer's ``P`` weights, for each half.
    """
    gradients = gradients.double()
    deviation = gradients.std(0, correction=0)
    varies = deviation != 0
    signal = (gradients.abs().mean(0)[varies] / deviation[varies]).sum()
    return signal.log() if bool(signal != 0) else signal


def _pairs(layer: Layer) -> Iterable[tuple[Tensor, Tensor]]:
    return zip(layer.weights, layer.gradients, strict=True)


def _add(numbers: Iterable[Tensor]) -> Tensor:
    return torch.stack([*numbers] or [torch.zeros((), device="cpu")]).double().sum()
