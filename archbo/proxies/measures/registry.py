"""The measures by name, and what is known of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor

from archbo.errors import UsageError
from archbo.proxies.measures import layer_measures, network_measures
from archbo.proxies.measures.evidence import Evidence, Layer

__all__ = [
    "DEFAULT_MEASURES",
    "LAYERWISE",
    "MEASURES",
    "NAS_BENCH_SUITE_ZERO",
    "Measure",
    "check_measures",
    "layer_parts",
    "measures_named",
    "ranks",
]


@dataclass(frozen=True)
class Measure:
    """A score of a network.

    Args:
        score: From the evidence gathered in passes over the network to the score.
        layers: For a measure that is a sum over layers, the layers' parts by name.
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
        parts = [*layers(evidence).values()]
        value = torch.tensor(parts, dtype=torch.double, device="cpu").sum()
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
"""All measures by name, the thirteen of NAS-Bench-Suite-Zero (arXiv 2210.03230) first; the paper of each stands in
its function's docstring."""

NAS_BENCH_SUITE_ZERO = tuple(MEASURES)[:13]
"""The thirteen measures of NAS-Bench-Suite-Zero (arXiv 2210.03230)."""

DEFAULT_MEASURES = (*NAS_BENCH_SUITE_ZERO, "zico", "flatness")
"""The measures in tables of proxies by default: the thirteen, and the two later ones (arXiv 2301.11300, 2305.08611)
that are as cheap."""

LAYERWISE = tuple(name for name, measure in MEASURES.items() if measure.layers)
"""The measures that are sums over layers, as their entries in ``MEASURES`` say."""


def check_measures(measures: Sequence[str]) -> None:
    """Refuse unknown names of measures.

    Raises:
        UsageError: A measure is unknown.
    """
    for name in measures:
        if name not in MEASURES:
            raise UsageError(f"unknown measure {name!r}; give some of {', '.join(MEASURES)}")


def layer_parts(name: str) -> Callable[[Evidence], dict[str, float]]:
    """The function that gives a measure's parts by layer.

    Raises:
        UsageError: The measure is unknown, or is not a sum over layers.
    """
    check_measures([name])
    parts = MEASURES[name].layers
    if parts is None:
        raise UsageError(f"{name} is not a sum over layers; give some of {', '.join(LAYERWISE)}")
    return parts


def measures_named(name: str) -> list[Measure]:
    """The measures that the name of a proxy stands for, such as that of ``synflow`` for ``c10_zc_synflow``.

    Example:
        >>> [measure.higher_is_better for measure in measures_named("c10_zc_ntk")]
        [False]
    """
    return [m for key, m in MEASURES.items() if name == key or name.endswith(f"_{key}")]


def ranks(scores: Tensor, *, higher_is_better: bool = True) -> Tensor:
    """Ranks from 1, the worst, to ``n``; equal scores share the mean of their ranks.

    NaN and infinite scores are failures and share the worst rank.

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
