"""The skeleton and the batch with which the architectures of a space are measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from archbo.networks import (
    DartsSkeleton,
    EdgeCellSkeleton,
    GnnSkeleton,
    NodeCellSkeleton,
    Skeleton,
    TransNASMacroSkeleton,
    TransNASSkeleton,
    default_skeleton,
)
from archbo.proxies.measures.evidence import Inputs
from archbo.proxies.measures.graphs import random_graph
from archbo.proxies.measures.images import random_images
from archbo.spaces import SearchSpace

__all__ = ["Setup", "setup"]

CORA = 2708
"""The number of nodes of the citation graph Cora (arXiv 1603.08861)."""

REDUCED: Mapping[type[Skeleton], Skeleton] = {
    EdgeCellSkeleton: EdgeCellSkeleton(channels=8, cells=3),
    TransNASSkeleton: TransNASSkeleton(channels=8),
    TransNASMacroSkeleton: TransNASMacroSkeleton(channels=8),
    NodeCellSkeleton: NodeCellSkeleton(channels=16, cells=2),
    DartsSkeleton: DartsSkeleton(channels=8, cells=3),
    GnnSkeleton: GnnSkeleton(features=128, hidden=64),
}
"""For each kind of skeleton a small one. Sizes were chosen so that thirteen measures take at most about 0.3 s on one
core (``python -m perf proxies``)."""


@dataclass(frozen=True, eq=False)
class Setup:
    """The skeleton and the batch with which architectures are measured.

    Args:
        skeleton: Of the networks.
        inputs: As for ``compute``.
        targets: As for ``compute``.
    """

    skeleton: Skeleton
    inputs: Inputs
    targets: Tensor


def setup(space: SearchSpace, *, full: bool = False, seed: int = 0) -> Setup:
    """A skeleton and a random batch for the architectures of a space.

    Args:
        space: The space.
        full: Whether to use the network of the space's paper, with 64 random images of the published size, or a random
            graph with as many nodes as Cora. Otherwise a few narrow cells with 32 small images (8 x 8; 32 x 32 for
            TransNAS-Bench-101, whose stem takes a quarter of each side), or a graph of 64 nodes.
        seed: Of the batch.

    Raises:
        UsageError: There is no skeleton for this kind of space.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> small = setup(EdgeCellSpace.nas_bench_201())
        >>> small.skeleton
        EdgeCellSkeleton(channels=8, cells=3, classes=10, image_channels=3)
        >>> small.inputs.shape
        torch.Size([32, 3, 8, 8])
    """
    published = default_skeleton(space)
    skeleton = published if full else REDUCED[type(published)]
    if isinstance(skeleton, GnnSkeleton):
        nodes = CORA if full else 64
        graph, classes = random_graph(
            nodes, features=skeleton.features, classes=skeleton.classes, seed=seed
        )
        return Setup(skeleton, graph, classes)
    trans_nas = (TransNASSkeleton, TransNASMacroSkeleton)
    small, large = (32, 256) if isinstance(skeleton, trans_nas) else (8, 32)
    images, labels = random_images(
        64 if full else 32,
        resolution=large if full else small,
        classes=skeleton.classes,
        seed=seed,
    )
    return Setup(skeleton, images, labels)
