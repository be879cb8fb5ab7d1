"""Zero-cost proxies: what an untrained network tells about the trained one."""

from archbo.proxies.base import Proxies
from archbo.proxies.computed import ComputedProxies
from archbo.proxies.graphs import random_graph
from archbo.proxies.images import random_images
from archbo.proxies.measures import (
    DEFAULT_MEASURES,
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
from archbo.proxies.setups import Setup, setup
from archbo.proxies.shipped import SHIPPED, proxies_for, shipped
from archbo.proxies.table import ProxyTable, read_suite_zero

__all__ = [
    "DEFAULT_MEASURES",
    "LAYERWISE",
    "MEASURES",
    "NAS_BENCH_SUITE_ZERO",
    "NODEWISE",
    "SHIPPED",
    "ComputedProxies",
    "DartsSkeleton",
    "EdgeCellSkeleton",
    "GnnSkeleton",
    "Measure",
    "NodeCellSkeleton",
    "Proxies",
    "ProxyTable",
    "Setup",
    "Skeleton",
    "SpaceNetwork",
    "TransNASSkeleton",
    "compute",
    "compute_layers",
    "compute_nodes",
    "network",
    "nodes_of",
    "proxies_for",
    "random_graph",
    "random_images",
    "ranks",
    "read_suite_zero",
    "score",
    "setup",
    "shipped",
]
