"""Zero-cost proxies: what an untrained network tells about the trained one."""

from archbo.proxies.measures import (
    LAYERWISE,
    MEASURES,
    NAS_BENCH_SUITE_ZERO,
    Measure,
    compute,
    compute_layers,
    ranks,
)
from archbo.proxies.networks import (
    DartsSkeleton,
    EdgeCellSkeleton,
    GnnSkeleton,
    NodeCellSkeleton,
    Skeleton,
    SpaceNetwork,
    TransNASSkeleton,
    network,
)

__all__ = [
    "LAYERWISE",
    "MEASURES",
    "NAS_BENCH_SUITE_ZERO",
    "DartsSkeleton",
    "EdgeCellSkeleton",
    "GnnSkeleton",
    "Measure",
    "NodeCellSkeleton",
    "Skeleton",
    "SpaceNetwork",
    "TransNASSkeleton",
    "compute",
    "compute_layers",
    "network",
    "ranks",
]
