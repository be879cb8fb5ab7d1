"""Scores of a single network that has not been trained.

``compute`` scores any torch module. Each measure is defined by its function in ``layer_measures`` and
``network_measures``.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from archbo.errors import ArchboError, NumericalWarning
from archbo.proxies.measures.evidence import (
    COMPUTATION_ERRORS,
    Evidence,
    Inputs,
    Loss,
    first_line,
    weights_of,
)
from archbo.proxies.measures.registry import (
    LAYERWISE,
    MEASURES,
    NAS_BENCH_SUITE_ZERO,
    check_measures,
    layer_parts,
)

__all__ = ["compute", "compute_layers", "gather", "parts_of", "score_of"]

T = TypeVar("T")


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

    The network is left as it was: passes are made on copies. Scores may be NaN or infinite. A measure whose
    computation fails, as where an operation has no second derivative, is NaN with a ``NumericalWarning``; the
    other measures are not affected. Attention is computed without fused kernels where a measure takes second
    derivatives.

    Args:
        network: Any module whose output is one tensor, ``N x classes`` with the default loss, on the device of
            the inputs.
        inputs: ``N x ...``, a batch; a tuple for a network of several arguments, such as node features and edges.
        targets: ``N`` int64, the classes of the samples, or whatever else the loss takes.
        measures: Names from ``MEASURES``.
        seed: Of what is random in a measure.
        loss: From output and targets to a number; for regression give one, such as
            ``torch.nn.functional.mse_loss``.

    Returns:
        The scores by name, in the order asked for.

    Raises:
        UsageError: A measure is unknown, or needs other inputs or targets; the network has no weights where a
            measure needs some, or fails on the inputs; a label is not a class; the loss fails.

    Example:
        >>> import torch
        >>> from torch.nn import AdaptiveAvgPool2d, Conv2d, Flatten, Linear, ReLU, Sequential
        >>> net = Sequential(Conv2d(3, 8, 3), ReLU(), AdaptiveAvgPool2d(1), Flatten(), Linear(8, 10))
        >>> scores = compute(net, torch.rand(16, 3, 8, 8), torch.arange(16) % 10)
        >>> len(scores), scores["params"]
        (13, 0.000314)
    """
    evidence = gather(network, inputs, targets, measures, seed=seed, loss=loss)
    return {name: score_of(name, evidence) for name in measures}


def compute_layers(
    network: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    measures: Sequence[str] = LAYERWISE,
    *,
    seed: int = 0,
    loss: Loss = cross_entropy,
) -> dict[str, dict[str, float]]:
    """The part of each layer in measures that are sums over layers; arguments and errors are those of ``compute``.

    The parts of ``synflow`` are those of the sum whose logarithm is the score. The parts of a measure whose
    computation fails are NaN, with a ``NumericalWarning``.

    Returns:
        For each measure the parts by the layer's name, as in ``named_modules``.

    Raises:
        UsageError: As for ``compute``, or a measure is not a sum over layers.
    """
    evidence = gather(network, inputs, targets, measures, seed=seed, loss=loss)
    return {name: parts_of(name, evidence) for name in measures}


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


def score_of(name: str, evidence: Evidence) -> float:
    """The score by a measure; NaN, with a ``NumericalWarning``, where its computation fails.

    Raises:
        UsageError: As for ``compute``.
    """
    return _or_nan(name, MEASURES[name].score, evidence, math.nan)


def parts_of(name: str, evidence: Evidence) -> dict[str, float]:
    """The parts of a measure by layer; NaN, with a ``NumericalWarning``, where its computation fails.

    Raises:
        UsageError: As for ``compute_layers``.
    """
    failed = dict.fromkeys(weights_of(evidence.network), math.nan)
    return _or_nan(name, layer_parts(name), evidence, failed)


def _or_nan(name: str, look: Callable[[Evidence], T], evidence: Evidence, failed: T) -> T:
    try:
        # The caller may have switched gradients off, and would get zeros.
        with torch.inference_mode(False), torch.enable_grad():
            return look(evidence)
    except ArchboError:  # wrong use, which is no failure of a measure
        raise
    except COMPUTATION_ERRORS as error:
        warnings.warn(
            f"{name} cannot be computed for this {type(evidence.network).__name__} and is NaN: "
            f"{first_line(error)}",
            NumericalWarning,
            stacklevel=4,
        )
        return failed
