"""The trainable networks of a space's architectures."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from archbo.errors import UsageError
from archbo.networks.base import Skeleton, SpaceNetwork
from archbo.networks.darts import DartsSkeleton
from archbo.networks.edge_cell import EdgeCellSkeleton, TransNASSkeleton
from archbo.networks.gnn_macro import GnnSkeleton
from archbo.networks.node_cell import NodeCellSkeleton
from archbo.networks.trans_nas_macro import TransNASMacroSkeleton
from archbo.randomness import global_seed
from archbo.spaces import (
    ArchLike,
    DagSpace,
    DartsSpace,
    EdgeCellSpace,
    GnnMacroSpace,
    NodeCellSpace,
    SearchSpace,
    TransNASMacroSpace,
)

__all__ = [
    "DartsSkeleton",
    "EdgeCellSkeleton",
    "GnnSkeleton",
    "NodeCellSkeleton",
    "Skeleton",
    "SpaceNetwork",
    "TransNASMacroSkeleton",
    "TransNASSkeleton",
    "default_skeleton",
    "has_networks",
    "network",
]


def _edge_cell(space: EdgeCellSpace) -> Skeleton:
    # The notation of TransNAS-Bench-101 names its skeleton: 64 channels, modules 41414.
    return TransNASSkeleton() if space.notation == "tnb101" else EdgeCellSkeleton()


def _gnn(space: GnnMacroSpace) -> Skeleton:
    proteins = space.name == "nas-bench-graph-proteins"
    return GnnSkeleton(features=256, classes=112) if proteins else GnnSkeleton()


DEFAULTS: Mapping[type[SearchSpace], Callable[[Any], Skeleton]] = {
    EdgeCellSpace: _edge_cell,
    NodeCellSpace: lambda _: NodeCellSkeleton(),
    DagSpace: lambda _: NodeCellSkeleton(),
    DartsSpace: lambda _: DartsSkeleton(),
    GnnMacroSpace: _gnn,
    TransNASMacroSpace: lambda _: TransNASMacroSkeleton(),
}
"""The skeleton of each kind of space, from the paper that published its networks."""


def default_skeleton(space: SearchSpace) -> Skeleton:
    """The skeleton of the paper that a space comes from, in its published size.

    The network of NAS-Bench-Graph for ogbn-proteins is taken without its first linear layer, which is the same for all
    architectures; its input has 256 features per node.

    Raises:
        UsageError: There is no skeleton for this kind of space.
    """
    for kind, skeleton in DEFAULTS.items():
        if isinstance(space, kind):
            return skeleton(space)
    raise UsageError(
        f"{space.name} has no networks; give a Skeleton that builds them, or score torch modules of your own "
        "with archbo.proxies.compute"
    )


def has_networks(space: SearchSpace) -> bool:
    """Whether archbo has a skeleton for this kind of space."""
    return isinstance(space, tuple(DEFAULTS))


def network(
    space: SearchSpace, arch: ArchLike, skeleton: Skeleton | None = None, *, seed: int = 0
) -> SpaceNetwork:
    """The trainable network of an architecture, on the CPU.

    The architecture is built as it is given, not as its canonical twin: operations that no path uses are there, as in
    the published networks. The weights follow from the seed alone; PyTorch's generators are left as they were.

    Args:
        space: The space of the architecture.
        arch: An architecture in any form.
        skeleton: The rest of the network; by default that of the space's paper.
        seed: Of the weights.

    Raises:
        InvalidArchitectureError: It is not an architecture of this space.
        UsageError: The skeleton is for other spaces, or there is none for this space.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> small = EdgeCellSkeleton(channels=4, cells=1)
        >>> net = network(space, "(2, 1, 1, 0, 1, 4)", small)
        >>> sum(weights.numel() for weights in net.parameters())
        7974
    """
    skeleton = skeleton or default_skeleton(space)
    if not isinstance(space, skeleton.space_type):
        raise UsageError(
            f"{type(skeleton).__name__} is for a {skeleton.space_type.__name__}; "
            f"{space.name} is a {type(space).__name__}"
        )
    # On another default device a seed would draw other weights; those made in inference mode cannot be trained.
    with torch.device("cpu"), torch.inference_mode(False), global_seed(seed):
        return skeleton.build(space, space.arch(arch).row)
