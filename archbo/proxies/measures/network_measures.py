"""Measures of a whole network."""

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd

from archbo.errors import UsageError
from archbo.proxies.measures.evidence import Evidence, batch_norms, weights_of

__all__ = ["epe_nas", "flatness", "flops", "jacov", "lga", "ntk", "nwot", "params", "zen"]

NOISE = (0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05)
"""The scales of GeNAS's perturbations, as in its code (arXiv 2305.08611)."""


def jacov(evidence: Evidence) -> float:
    """Jacobian covariance, ``-sum log(v + k) + 1 / (v + k)``, ``k = 1e-5`` (arXiv 2006.04647v1).

    ``v`` are the eigenvalues of the correlations, between samples, of the gradient of the summed outputs with respect to
    the input.
    """
    correlations = torch.corrcoef(evidence.jacobian)
    if not bool(correlations.isfinite().all()):
        return math.nan
    v = torch.linalg.eigvalsh(correlations) + 1e-5
    return -float((v.log() + 1 / v).sum())


def epe_nas(evidence: Evidence) -> float:
    """EPE-NAS: the correlations of ``jacov`` within each class, ``sum_c |sum log(|corr_c| + 1e-5)|`` (arXiv 2102.08099).

    For more than 100 classes it is the mean, over the classes in the batch, of ``sum_d |s_c / n_c - s_d / n_d|``, where ``s_c``
    is a class's sum of logarithms and ``n_c`` its number of samples.
    """
    labels, classes = _labels(evidence, "epe_nas"), evidence.forward.logits.shape[-1]
    sums = []
    for label in labels.unique():
        correlations = torch.atleast_2d(torch.corrcoef(evidence.jacobian[labels == label]))
        logs = (correlations.abs() + 1e-5).log().sum()
        sums.append(logs / len(correlations) if classes > 100 else logs)
    s = torch.stack(sums)
    if classes <= 100:
        return float(s.abs().sum())
    return float((s - s.unsqueeze(-1)).abs().sum() / len(s))


def nwot(evidence: Evidence) -> float:
    """NASWOT's ``log |det K|``, ``K`` counting the ReLU inputs on which two samples agree in sign (arXiv 2006.04647v3).

    Only activations that are modules are counted; without any the score is minus infinity.
    """
    return float(torch.linalg.slogdet(evidence.forward.agreement).logabsdet)


def zen(evidence: Evidence) -> float:
    """Zen score, ``log E||f(x) - f(x + 0.01 e)||_1 + sum log sqrt(mean var)`` (arXiv 2102.01063, algorithm 1).

    ``f`` are the features before global pooling, with weights, ``x`` and ``e`` drawn from N(0, 1) in the shape of
    the inputs; ``var`` are the running variances of each batch normalisation after the two passes.

    The features are the input of the last adaptive average pooling; without one, the last feature map that a
    module gives, or else the input of the last layer.
    """
    evidence.require_real("zen")
    network = evidence.copy()
    with evidence.seeded(), torch.no_grad():
        for name in weights_of(network):
            for parameter in network.get_submodule(name).parameters(recurse=False):
                nn.init.normal_(parameter) if parameter.ndim > 1 else nn.init.zeros_(parameter)
        for norm in batch_norms(network):
            norm.reset_parameters()
        first, *others = evidence.inputs
        x = torch.randn_like(first)
        moved = x + 0.01 * torch.randn_like(first)
        difference = _features(network, x, *others) - _features(network, moved, *others)
        score = difference.abs().flatten(1).sum(-1).mean().log()
        for norm in batch_norms(network):
            if norm.running_var is not None:
                score = score + norm.running_var.mean().log() / 2
    return float(score)


def params(evidence: Evidence) -> float:
    """The number of parameters, in millions."""
    return sum(p.numel() for p in evidence.network.parameters()) / 1e6


def flops(evidence: Evidence) -> float:
    """Operations for one sample, in millions, where a multiply-add is one (see ``count_flops``)."""
    return evidence.forward.flops / 1e6


def ntk(evidence: Evidence) -> float:
    """Condition number of the neural tangent kernel, its largest by its smallest eigenvalue (arXiv 2102.11535).

    The kernel is that of the sum of a sample's outputs, as in the code of TE-NAS. Lower is better; the score of a singular
    kernel is infinite.
    """
    kernel = evidence.tangent_kernel
    if not bool(kernel.isfinite().all()):
        return math.nan
    v = torch.linalg.eigvalsh(kernel)
    return float(v[-1] / v[0]) if float(v[0]) > 0 else math.inf


def lga(evidence: Evidence) -> float:
    """Label-gradient alignment: the correlation of the tangent kernel's entries with those of the labels' (arXiv 2203.14577).

    The kernel of labels is 1 for two samples of a class, and -1 for others.
    """
    labels = _labels(evidence, "lga")
    same = 2.0 * (labels == labels.unsqueeze(-1)) - 1
    entries = torch.stack([evidence.tangent_kernel.flatten(), same.double().flatten()])
    return float(torch.corrcoef(entries)[0, 1])


def flatness(evidence: Evidence) -> float:
    """GeNAS's flatness of the loss, ``1 / sum_i |(L(s_i+1) - L(s_i)) / (s_i+1 - s_i)|`` (arXiv 2305.08611).

    ``L(s)`` is the loss with noise from N(0, s^2) on all parameters, the same draw at each ``s`` times its scale.
    Batch normalisations keep the statistics that the batch has without noise.
    """
    network = evidence.copy()
    for norm in batch_norms(network):
        norm.reset_running_stats()
        norm.momentum = None
    with evidence.seeded(), torch.no_grad():
        network(*evidence.inputs)
        network.eval()
        noise = [torch.randn_like(p) for p in network.parameters()]
        losses, last = [], 0.0
        for step in NOISE:
            for parameter, direction in zip(network.parameters(), noise, strict=True):
                parameter.add_((step - last) * direction)
            losses.append(float(evidence.loss_of(network(*evidence.inputs), evidence.targets)))
            last = step
    slopes = torch.tensor(losses, device="cpu").diff() / torch.tensor(NOISE, device="cpu").diff()
    return float(1 / slopes.abs().sum())


def _features(network: nn.Module, *inputs: Tensor) -> Tensor:
    """The features before global pooling, as ``zen`` defines them."""
    found: dict[str, Tensor] = {}

    def look(module: nn.Module, arguments: tuple[Tensor, ...], output: object) -> None:
        if isinstance(module, _AdaptiveAvgPoolNd):
            found["pooled"] = arguments[0]
        elif isinstance(output, Tensor) and output.ndim > 3:
            found["map"] = output.clone()  # an activation in place may follow
        elif any(p.ndim > 1 for p in module.parameters(recurse=False)):
            found["layer"] = arguments[0]

    leaves = [module for module in network.modules() if next(module.children(), None) is None]
    hooks = [module.register_forward_hook(look) for module in leaves]
    output: Tensor = network(*inputs)
    for hook in hooks:
        hook.remove()
    return next((found[key] for key in ("pooled", "map", "layer") if key in found), output)


def _labels(evidence: Evidence, measure: str) -> Tensor:
    labels = evidence.targets
    if labels.ndim != 1 or labels.is_floating_point():
        raise UsageError(
            f"{measure} compares classes and needs targets that are integers of shape (N,), "
            f"got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    return labels
