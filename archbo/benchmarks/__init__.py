"""Benchmarks: tables of architectures with measured values, and the objectives in them."""

from archbo.benchmarks.embedded import (
    NAS_BENCH_GRAPH_DATASETS,
    analog_nas_bench,
    nas_bench_graph,
)
from archbo.benchmarks.files import is_table, read_frame
from archbo.benchmarks.table import Benchmark, read_table
from archbo.benchmarks.tabular import Tabular
from archbo.benchmarks.yahpo import YahpoNb301

__all__ = [
    "NAS_BENCH_GRAPH_DATASETS",
    "Benchmark",
    "Tabular",
    "YahpoNb301",
    "analog_nas_bench",
    "is_table",
    "nas_bench_graph",
    "read_frame",
    "read_table",
]
