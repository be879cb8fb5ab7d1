"""Zero-cost measures: scores of a network that has not been trained.

``compute`` scores any torch module. In the formulas ``w`` are a layer's weights, its parameters of two
dimensions or more, ``g`` the gradient of the loss by them, and ``N`` is the size of the batch.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd

from archbo.errors import UsageError
from archbo.proxies.evidence import Evidence, Inputs, Layer, Loss, batch_norms, weights_of

__all__ = [
    "LAYERWISE",
    "MEASURES",
    "NAS_BENCH_SUITE_ZERO",
    "Measure",
    "compute",
    "compute_layers",
    "gather",
    "ranks",
]


@dataclass(frozen=True)
class Measure:
    """A score of a network.

    Args:
        score: From what passes over the network show to the score.
        layers: For a measure that adds up layers, the layers' parts by name.
        curvature: Whether it takes second derivatives.
        higher_is_better: As its authors mean it.
    """

    score: Callable[[Evidence], float]
    layers: Callable[[Evidence], dict[str, float]] | None = None
    curvature: bool = False
    higher_is_better: bool = True


# Sums over layers.


def grad_norm(layer: Layer) -> Tensor:
    """The norm of the gradient, ``||g||`` (arXiv 2101.08134, section 3.1)."""
    return _add(g.norm() for g in layer.gradients)


def snip(layer: Layer) -> Tensor:
    """SNIP's connection sensitivity, ``sum |w g|`` (arXiv 1810.02340; arXiv 2101.08134, equation 1)."""
    return _add((w * g).abs().sum() for w, g in _pairs(layer))


def plain(layer: Layer) -> Tensor:
    """SNIP with its sign, ``sum w g`` (arXiv 2101.08134, published code)."""
    return _add((w * g).sum() for w, g in _pairs(layer))


def l2_norm(layer: Layer) -> Tensor:
    """The norm of the weights, ``||w||`` (arXiv 2210.03230)."""
    return _add(w.norm() for w in layer.weights)


def fisher(layer: Layer) -> Tensor:
    """Fisher pruning's cost of removing a channel (arXiv 1801.05787), summed over the layer's weights.

    With ``a`` the output of a channel it is ``1/2 mean_n (sum_positions a dL/da)^2``; each channel counts as
    often as it has weights, as in the code of arXiv 2101.08134 and the published scores.
    """
    n_weights = sum(w.numel() for w in layer.weights)
    return _add((s**2).mean(0).sum() / 2 * (n_weights / s.shape[1]) for s in layer.saliencies)


def grasp(layer: Layer) -> Tensor:
    """Gradient signal preservation, ``-sum w (H g)`` with the loss's Hessian ``H`` (arXiv 2002.07376, equation 8).

    Without the temperature of the logits, as in arXiv 2101.08134.
    """
    return -plain(layer)


def synflow(layer: Layer) -> Tensor:
    """Synaptic flow, ``sum |w dR/dw|`` (arXiv 2006.05467, equations 1 and 2).

    ``R`` is the summed output, for an input of ones, of the network with all its parameters made positive and
    its batch normalisations taken out. The score of a network is the logarithm of the sum over layers, as
    published: the sum itself exceeds single precision. Where nothing flows it is minus infinity.
    """
    return snip(layer)


def zico(name_and_gradients: tuple[str, Tensor]) -> Tensor:
    """ZiCo: ``log sum E|g| / std g`` over a layer's weights (arXiv 2301.11300, its definition in section 4).

    Mean and deviation are over batches, here the two halves of the one given. Weights whose gradient does not
    vary are left out, and so is a layer without others.
    """
    gradients = name_and_gradients[1].double()
    deviation = gradients.std(0, correction=0)
    varies = deviation != 0
    ratio = gradients.abs().mean(0)[varies] / deviation[varies]
    signal = ratio.sum()
    return signal.log() if bool(signal != 0) else signal


# Scores of a whole network.


def jacov(evidence: Evidence) -> float:
    """Jacobian covariance, ``-sum log(v + k) + 1 / (v + k)``, ``k = 1e-5`` (arXiv 2006.04647v1, equation 4).

    ``v`` are the eigenvalues of the correlations between samples of the gradient of the summed outputs by the
    input.
    """
    correlations = torch.corrcoef(evidence.jacobian)
    if not bool(correlations.isfinite().all()):
        return math.nan
    v = torch.linalg.eigvalsh(correlations) + 1e-5
    return -float((v.log() + 1 / v).sum())


def epe_nas(evidence: Evidence) -> float:
    """EPE-NAS: the same correlations within each class, ``sum_c |sum log(|corr_c| + 1e-5)|`` (arXiv 2102.08099).

    For more than 100 classes the mean, over classes seen, of ``sum_d |s_c / n_c - s_d / n_d|``, where ``s_c``
    is a class's sum of logarithms and ``n_c`` its samples.
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
    """NASWOT: ``log |det K|``, ``K`` the ReLU inputs on which samples agree in sign (arXiv 2006.04647v3, section 3).

    Only activations that are modules are seen; without any it is minus infinity.
    """
    return float(torch.linalg.slogdet(evidence.forward.agreement).logabsdet)


def zen(evidence: Evidence) -> float:
    """Zen score, ``log E||f(x) - f(x + 0.01 e)||_1 + sum log sqrt(mean var)`` (arXiv 2102.01063, algorithm 1).

    ``f`` are the features before global pooling, with weights, ``x`` and ``e`` drawn from N(0, 1) in the shape of
    the inputs; ``var`` are the running variances of each batch normalisation after the two passes.

    The features are what enters the last adaptive average pooling; without one the last feature map that a
    module gives, or what enters the last layer.
    """
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
    """Condition number of the neural tangent kernel, its largest by its smallest eigenvalue (arXiv 2102.11535, section 3.1.1).

    Lower is better.
    """
    kernel = evidence.tangent_kernel
    if not bool(kernel.isfinite().all()):
        return math.nan
    v = torch.linalg.eigvalsh(kernel)
    return float(v[-1] / v[0])


def lga(evidence: Evidence) -> float:
    """Label-gradient alignment: the correlation of the tangent kernel's entries with those of the labels' (arXiv 2203.14577).

    The kernel of labels is 1 for two samples of a class, and -1 for others.
    """
    labels = _labels(evidence, "lga")
    same = 2.0 * (labels == labels.unsqueeze(-1)) - 1
    entries = torch.stack([evidence.tangent_kernel.flatten(), same.double().flatten()])
    return float(torch.corrcoef(entries)[0, 1])


FLATNESS_STEPS = (0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05)


def flatness(evidence: Evidence) -> float:
    """GeNAS's flatness of the loss, ``1 / sum_i |(L(s_i+1) - L(s_i)) / (s_i+1 - s_i)|`` (arXiv 2305.08611, section 3).

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
        for step in FLATNESS_STEPS:
            for parameter, direction in zip(network.parameters(), noise, strict=True):
                parameter.add_((step - last) * direction)
            losses.append(float(evidence.loss(network(*evidence.inputs), evidence.targets)))
            last = step
    slopes = torch.tensor(losses).diff() / torch.tensor(FLATNESS_STEPS).diff()
    return float(1 / slopes.abs().sum())


def _features(network: nn.Module, *inputs: Tensor) -> Tensor:
    """What is pooled over all positions in a pass, or what stands for it."""
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
            f"{measure} compares classes; its targets are integers of shape (N,), "
            f"got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    return labels


def _pairs(layer: Layer) -> Iterable[tuple[Tensor, Tensor]]:
    return zip(layer.weights, layer.gradients, strict=True)


def _add(numbers: Iterable[Tensor]) -> Tensor:
    return torch.stack([*numbers] or [torch.zeros(())]).double().sum()


# The registry.


def _summed(
    part: Callable[[Layer], Tensor],
    look: Callable[[Evidence], Sequence[Layer]] = lambda evidence: evidence.layers,
    *,
    curvature: bool = False,
    log: bool = False,
) -> Measure:
    """A sum over layers, or its logarithm."""

    def layers(evidence: Evidence) -> dict[str, float]:
        return {layer.name: float(part(layer)) for layer in look(evidence)}

    def score(evidence: Evidence) -> float:
        value = torch.tensor([*layers(evidence).values()], dtype=torch.double).sum()
        return float(value.log() if log else value)

    return Measure(score, layers, curvature=curvature)


def _zico_layers(evidence: Evidence) -> dict[str, float]:
    return {name: float(zico((name, found))) for name, found in evidence.batch_gradients}


MEASURES: Mapping[str, Measure] = {
    "grad_norm": _summed(grad_norm),
    "snip": _summed(snip),
    "grasp": _summed(grasp, lambda evidence: evidence.curvatures, curvature=True),
    "fisher": _summed(fisher),
    "synflow": _summed(synflow, lambda evidence: evidence.flow, log=True),
    "jacov": Measure(jacov),
    "nwot": Measure(nwot),
    "epe_nas": Measure(epe_nas),
    "zen": Measure(zen),
    "plain": _summed(plain),
    "l2_norm": _summed(l2_norm),
    "params": Measure(params),
    "flops": Measure(flops),
    "zico": Measure(lambda evidence: sum(_zico_layers(evidence).values()), _zico_layers),
    "ntk": Measure(ntk, higher_is_better=False),
    "lga": Measure(lga),
    "flatness": Measure(flatness),
}
"""All measures by name."""

NAS_BENCH_SUITE_ZERO = tuple(MEASURES)[:13]
"""The thirteen measures of NAS-Bench-Suite-Zero (arXiv 2210.03230)."""

LAYERWISE = tuple(name for name, measure in MEASURES.items() if measure.layers)
"""The measures that add up layers."""


def compute(
    network: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    measures: Sequence[str] = NAS_BENCH_SUITE_ZERO,
    *,
    seed: int = 0,
    loss: Loss = cross_entropy,
) -> dict[str, float]:
    """Score a network; measures share their passes over it.

    The network is left as it was: passes are made on copies. Scores that are no number, or infinite, are
    returned as such.

    Args:
        network: Any module whose output is one tensor, ``N x classes`` with the default loss, on the device of
            the inputs.
        inputs: ``N x ...``, a batch; a tuple for a network of several arguments, such as node features and edges.
        targets: ``N`` int64, the classes of the samples, or what else the loss takes.
        measures: Names from ``MEASURES``.
        seed: Of what is random in a measure.
        loss: From output and targets to a number.

    Returns:
        The scores by name, in the order asked for.

    Raises:
        UsageError: A measure is unknown, or asks for other inputs or targets.

    Example:
        >>> from torch.nn import AdaptiveAvgPool2d, Conv2d, Flatten, Linear, ReLU, Sequential
        >>> net = Sequential(Conv2d(3, 8, 3), ReLU(), AdaptiveAvgPool2d(1), Flatten(), Linear(8, 10))
        >>> scores = compute(net, torch.rand(16, 3, 8, 8), torch.arange(16) % 10)
        >>> len(scores), scores["params"]
        (13, 0.000314)
    """
    evidence = gather(network, inputs, targets, measures, seed=seed, loss=loss)
    return {name: MEASURES[name].score(evidence) for name in measures}


def compute_layers(
    network: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    measures: Sequence[str] = LAYERWISE,
    *,
    seed: int = 0,
    loss: Loss = cross_entropy,
) -> dict[str, dict[str, float]]:
    """What each layer adds to the measures that are sums over layers; arguments as of ``compute``.

    The parts of ``synflow`` are those of the sum whose logarithm is the score.

    Returns:
        For each measure the parts by the layer's name, as in ``named_modules``.

    Raises:
        UsageError: A measure is unknown, or is no sum over layers.
    """
    evidence = gather(network, inputs, targets, measures, seed=seed, loss=loss)
    return {name: layer_parts(name)(evidence) for name in measures}


def gather(
    network: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    measures: Sequence[str],
    *,
    seed: int = 0,
    loss: Loss = cross_entropy,
) -> Evidence:
    """The evidence that measures of these names will look at; no pass is made yet.

    Raises:
        UsageError: A measure is unknown.
    """
    for name in measures:
        if name not in MEASURES:
            raise UsageError(f"unknown measure {name!r}; give some of {', '.join(MEASURES)}")
    curvature = any(MEASURES[name].curvature for name in measures)
    return Evidence(network, inputs, targets, loss=loss, seed=seed, curvature=curvature)


def layer_parts(name: str) -> Callable[[Evidence], dict[str, float]]:
    """The parts by layer of a measure that adds them up.

    Raises:
        UsageError: It does not.
    """
    parts = MEASURES[name].layers
    if parts is None:
        raise UsageError(f"{name} is no sum over layers; give some of {', '.join(LAYERWISE)}")
    return parts


def ranks(scores: Tensor, *, higher_is_better: bool = True) -> Tensor:
    """Ranks from 1, the worst, to ``n``; those of equal scores are averaged.

    A score that is no number or infinite is among the worst.

    Args:
        scores: ``n``.
        higher_is_better: Whether the highest score gets the highest rank.

    Example:
        >>> ranks(torch.tensor([0.5, torch.nan, 2.0, torch.inf])).tolist()
        [3.0, 1.5, 4.0, 1.5]
    """
    values = scores if higher_is_better else -scores
    values = torch.where(values.isfinite(), values.double(), -torch.inf)
    return torch.from_numpy(stats.rankdata(values.cpu().numpy()))
