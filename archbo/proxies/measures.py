"""Zero-cost measures: scores of a network that has not been trained.

``compute`` scores any torch module. What each measure is stands with its function in ``layer_measures`` and
``network_measures``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from archbo.errors import UsageError
from archbo.proxies import layer_measures, network_measures
from archbo.proxies.evidence import Evidence, Inputs, Layer, Loss

__all__ = [
    "DEFAULT_MEASURES",
    "LAYERWISE",
    "MEASURES",
    "NAS_BENCH_SUITE_ZERO",
    "Measure",
    "check_measures",
    "compute",
    "compute_layers",
    "gather",
    "layer_parts",
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
    return {name: float(layer_measures.zico(found)) for name, found in evidence.batch_gradients}


MEASURES: Mapping[str, Measure] = {
    "grad_norm": _summed(layer_measures.grad_norm),
    "snip": _summed(layer_measures.snip),
    "grasp": _summed(layer_measures.grasp, lambda evidence: evidence.curvatures, curvature=True),
    "fisher": _summed(layer_measures.fisher),
    "synflow": _summed(layer_measures.synflow, lambda evidence: evidence.flow, log=True),
    "jacov": Measure(network_measures.jacov),
    "nwot": Measure(network_measures.nwot),
    "epe_nas": Measure(network_measures.epe_nas),
    "zen": Measure(network_measures.zen),
    "plain": _summed(layer_measures.plain),
    "l2_norm": _summed(layer_measures.l2_norm),
    "params": Measure(network_measures.params),
    "flops": Measure(network_measures.flops),
    "zico": Measure(lambda evidence: sum(_zico_layers(evidence).values()), _zico_layers),
    "ntk": Measure(network_measures.ntk, higher_is_better=False),
    "lga": Measure(network_measures.lga),
    "flatness": Measure(network_measures.flatness),
}
"""All measures by name."""

NAS_BENCH_SUITE_ZERO = tuple(MEASURES)[:13]
"""The thirteen measures of NAS-Bench-Suite-Zero (arXiv 2210.03230)."""

DEFAULT_MEASURES = (*NAS_BENCH_SUITE_ZERO, "zico", "flatness")
"""What tables of proxies hold unless told otherwise."""

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
    check_measures(measures)
    curvature = any(MEASURES[name].curvature for name in measures)
    return Evidence(network, inputs, targets, loss=loss, seed=seed, curvature=curvature)


def check_measures(measures: Sequence[str]) -> None:
    """Refuse names of no measures.

    Raises:
        UsageError: A measure is unknown.
    """
    for name in measures:
        if name not in MEASURES:
            raise UsageError(f"unknown measure {name!r}; give some of {', '.join(MEASURES)}")


def layer_parts(name: str) -> Callable[[Evidence], dict[str, float]]:
    """The parts by layer of a measure that adds them up.

    Raises:
        UsageError: It does not.
    """
    check_measures([name])
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
