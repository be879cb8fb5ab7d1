"""How an untrained network is measured."""

from archbo.proxies.measures.computation import compute, compute_layers
from archbo.proxies.measures.evidence import Inputs, Loss
from archbo.proxies.measures.graphs import random_graph
from archbo.proxies.measures.images import random_images
from archbo.proxies.measures.nodewise import NODEWISE, compute_nodes
from archbo.proxies.measures.registry import (
    DEFAULT_MEASURES,
    LAYERWISE,
    MEASURES,
    NAS_BENCH_SUITE_ZERO,
    Measure,
    measures_named,
    ranks,
)
from archbo.proxies.measures.scores import ARCH, nodes_of, score
from archbo.proxies.measures.setups import Setup, setup

__all__ = [
    "ARCH",
    "DEFAULT_MEASURES",
    "LAYERWISE",
    "MEASURES",
    "NAS_BENCH_SUITE_ZERO",
    "NODEWISE",
    "Inputs",
    "Loss",
    "Measure",
    "Setup",
    "compute",
    "compute_layers",
    "compute_nodes",
    "measures_named",
    "nodes_of",
    "random_graph",
    "random_images",
    "ranks",
    "score",
    "setup",
]
