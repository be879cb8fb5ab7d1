"""The part of each decision in a measure: the parts of the layers that the decision chose."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from archbo.networks import Skeleton, SpaceNetwork, network
from archbo.proxies.measures.computation import compute_layers
from archbo.proxies.measures.evidence import Inputs, Loss
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["NODEWISE", "Reduction", "compute_nodes", "place"]

NODEWISE = ("grad_norm", "snip", "grasp", "fisher", "synflow", "plain", "l2_norm")
"""The measures of ParZC (arXiv 2402.02105) that are sums over layers."""

Reduction: TypeAlias = Literal["sum", "mean"]
"""How the parts in the cells of a network become one."""


def compute_nodes(
    space: SearchSpace,
    archs: Sequence[ArchLike] | Tensor,
    inputs: Inputs,
    targets: Tensor,
    measures: Sequence[str] = NODEWISE,
    *,
    skeleton: Skeleton | None = None,
    reduction: Reduction = "sum",
    seed: int = 0,
    loss: Loss = cross_entropy,
) -> Tensor:
    """The parts of measures by decision (ParZC's node-wise statistics, arXiv 2402.02105).

    A network repeats its cell; the parts of a decision in all cells are added up, or averaged over cells. The part of a
    decision without weights (a skip, a pooling, an edge of NAS-Bench-101 that does not leave the input) is zero. The
    parts of stem, classifier and other layers that are the same for all architectures are left out.

    Args:
        space: The space of the architectures.
        archs: ``n`` architectures in any form, or rows ``n x d``.
        inputs: As for ``compute``.
        targets: As for ``compute``.
        measures: ``m`` names of measures that are sums over layers.
        skeleton: Of the networks; by default that of the space's paper.
        reduction: Over the cells of a network.
        seed: Of the weights, and of what is random in a measure.
        loss: As for ``compute``.

    Returns:
        ``n x d x m`` double.

    Raises:
        UsageError: As for ``compute_layers``, or the space has no networks.

    Example:
        >>> from archbo.proxies import EdgeCellSkeleton, random_images
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> parts = compute_nodes(
        ...     space,
        ...     ["|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"],
        ...     *random_images(8, resolution=8),
        ...     ["snip", "l2_norm"],
        ...     skeleton=EdgeCellSkeleton(channels=4, cells=1),
        ... )
        >>> parts.shape
        torch.Size([1, 6, 2])
        >>> (parts[0] > 0).all(-1).tolist()
        [True, False, False, False, False, True]
    """
    result = []
    with torch.device("cpu"):
        rows = space.rows(archs)
    for row in rows:
        net = network(space, row, skeleton, seed=seed).to(targets.device)
        parts = compute_layers(net, inputs, targets, measures, seed=seed, loss=loss)
        result.append(place(net, parts, space.n_columns, reduction=reduction))
    shape = (0, space.n_columns, len(measures))
    return torch.stack(result) if result else torch.zeros(shape, dtype=torch.double, device="cpu")


def place(
    net: SpaceNetwork,
    parts: Mapping[str, Mapping[str, float]],
    n_columns: int,
    *,
    reduction: Reduction = "sum",
) -> Tensor:
    """Add up the parts of layers by the columns that chose the layers.

    Args:
        net: The network that was measured.
        parts: For each measure the parts by layer, as ``compute_layers`` gives them.
        n_columns: ``d`` of the space.
        reduction: Over the cells of a network.

    Returns:
        ``d x m`` double.
    """
    placed = torch.zeros(n_columns, len(parts), dtype=torch.double, device="cpu")
    for number, layers in enumerate(parts.values()):
        for layer, value in layers.items():
            column = net.column_of(layer)
            if column is not None:
                placed[column, number] += value
    if reduction == "mean":
        columns = torch.tensor([*net.columns.values()], dtype=torch.int64, device="cpu")
        cells = columns.bincount(minlength=n_columns)
        placed /= cells.clamp(min=1).unsqueeze(-1)
    return placed
