"""Zero-cost proxies: what an untrained network tells about the trained one."""

from archbo.proxies.base import Proxies
from archbo.proxies.computed import ComputedProxies
from archbo.proxies.images import random_images
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
from archbo.proxies.nodewise import NODEWISE, compute_nodes
from archbo.proxies.scores import nodes_of, score
from archbo.proxies.table import ProxyTable, read_suite_zero

__all__ = [
    "LAYERWISE",
    "MEASURES",
    "NAS_BENCH_SUITE_ZERO",
    "NODEWISE",
    "ComputedProxies",
    "DartsSkeleton",
    "EdgeCellSkeleton",
    "GnnSkeleton",
    "Measure",
    "NodeCellSkeleton",
    "Proxies",
    "ProxyTable",
    "Skeleton",
    "SpaceNetwork",
    "TransNASSkeleton",
    "compute",
    "compute_layers",
    "compute_nodes",
    "network",
    "nodes_of",
    "random_images",
    "ranks",
    "read_suite_zero",
    "score",
]
