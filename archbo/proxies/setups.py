"""The network and the batch that architectures of a space are measured with."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from archbo.proxies.evidence import Inputs
from archbo.proxies.graphs import random_graph
from archbo.proxies.images import random_images
from archbo.proxies.networks import (
    DartsSkeleton,
    EdgeCellSkeleton,
    GnnSkeleton,
    NodeCellSkeleton,
    Skeleton,
    TransNASSkeleton,
    default_skeleton,
)
from archbo.spaces import SearchSpace

__all__ = ["Setup", "setup"]

REDUCED: Mapping[type[Skeleton], Skeleton] = {
    EdgeCellSkeleton: EdgeCellSkeleton(channels=8, cells=3),
    TransNASSkeleton: TransNASSkeleton(channels=8),
    NodeCellSkeleton: NodeCellSkeleton(channels=16, cells=2),
    DartsSkeleton: DartsSkeleton(channels=8, cells=3),
    GnnSkeleton: GnnSkeleton(features=128, hidden=64),
}
"""Of each published skeleton a small one, whose thirteen measures take about 0.3 s or less on one core."""


@dataclass(frozen=True)
class Setup:
    """What architectures are measured with.

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
        full: The network of the space's paper, with 64 random images of the published size, or a random graph with as
            many nodes as Cora. Otherwise a few narrow cells with 32 small images (8 x 8; 32 x 32 for
            TransNAS-Bench-101, whose stem takes a quarter of each side), or a graph of 64 nodes.
        seed: Of the batch.

    Raises:
        UsageError: Nothing is known of how this space's architectures become networks.

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
        nodes = 2708 if full else 64
        graph, classes = random_graph(
            nodes, features=skeleton.features, classes=skeleton.classes, seed=seed
        )
        return Setup(skeleton, graph, classes)
    small, large = (32, 256) if isinstance(skeleton, TransNASSkeleton) else (8, 32)
    images, labels = random_images(
        64 if full else 32,
        resolution=large if full else small,
        classes=skeleton.classes,
        seed=seed,
    )
    return Setup(skeleton, images, labels)
