"""Where in a cell a measure comes from: the parts of layers, put in the places of the decisions that chose them."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from archbo.proxies.evidence import Inputs, Loss
from archbo.proxies.measures import compute_layers
from archbo.proxies.networks import Skeleton, SpaceNetwork, network
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["NODEWISE", "Reduction", "compute_nodes", "place"]

NODEWISE = ("grad_norm", "snip", "grasp", "fisher", "synflow", "plain", "l2_norm")
"""The measures of arXiv 2402.02105 that add up layers."""

Reduction: TypeAlias = Literal["sum", "mean"]


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
    """The parts of measures that belong to each decision (ParZC's node-wise statistics, arXiv 2402.02105).

    A network repeats its cell; the parts that a decision has in all cells are added up, or averaged over cells.
    A decision that brings no weights (a skip, a pooling, an edge of NAS-Bench-101 that does not leave the
    input) has zeros. Parts of stem, classifier and whatever else is the same for all are left out.

    Args:
        space: The space of the architectures.
        archs: ``n`` architectures in any form, or rows ``n x d``.
        inputs: As for ``compute``.
        targets: As for ``compute``.
        measures: ``m`` names of measures that add up layers.
        skeleton: Of the networks; by default that of the space's paper.
        reduction: Over the cells of a network.
        seed: Of the weights, and of what is random in a measure.
        loss: As for ``compute``.

    Returns:
        ``n x d x m`` double.

    Raises:
        UsageError: A measure is unknown or is no sum over layers, or the space has no networks.

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
    for row in space.rows(archs):
        net = network(space, row, skeleton, seed=seed).to(targets.device)
        parts = compute_layers(net, inputs, targets, measures, seed=seed, loss=loss)
        result.append(place(net, parts, space.n_columns, reduction=reduction))
    return torch.stack(result) if result else torch.zeros(0, space.n_columns, len(measures))


def place(
    net: SpaceNetwork,
    parts: Mapping[str, Mapping[str, float]],
    n_columns: int,
    *,
    reduction: Reduction = "sum",
) -> Tensor:
    """Put the parts of layers in the columns that chose the layers.

    Args:
        net: The network that was measured.
        parts: For each measure the parts by layer, as ``compute_layers`` gives them.
        n_columns: ``d`` of the space.
        reduction: Over the cells of a network.

    Returns:
        ``d x m`` double.
    """
    placed = torch.zeros(n_columns, len(parts), dtype=torch.double)
    for number, layers in enumerate(parts.values()):
        for layer, value in layers.items():
            column = net.column_of(layer)
            if column is not None:
                placed[column, number] += value
    if reduction == "mean":
        cells = torch.tensor([*net.columns.values()], dtype=torch.int64).bincount(
            minlength=n_columns
        )
        placed /= cells.clamp(min=1).unsqueeze(-1)
    return placed
