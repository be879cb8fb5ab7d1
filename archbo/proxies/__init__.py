"""Zero-cost proxies: scores of untrained networks that tell something of the trained ones."""

from archbo.networks import (
    DartsSkeleton,
    EdgeCellSkeleton,
    GnnSkeleton,
    NodeCellSkeleton,
    Skeleton,
    SpaceNetwork,
    TransNASMacroSkeleton,
    TransNASSkeleton,
    network,
)
from archbo.proxies.base import Proxies
from archbo.proxies.computed import ComputedProxies
from archbo.proxies.consensus import Consensus
from archbo.proxies.measures import (
    DEFAULT_MEASURES,
    LAYERWISE,
    MEASURES,
    NAS_BENCH_SUITE_ZERO,
    NODEWISE,
    Measure,
    Setup,
    compute,
    compute_layers,
    compute_nodes,
    nodes_of,
    random_graph,
    random_images,
    ranks,
    score,
    setup,
)
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
    "Consensus",
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
    "TransNASMacroSkeleton",
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
