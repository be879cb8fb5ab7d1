"""Benchmarks: tables of architectures with measured values, and the objectives in them."""

from archbo.benchmarks.embedded import (
    NAS_BENCH_GRAPH_DATASETS,
    analog_nas_bench,
    nas_bench_graph,
)
from archbo.benchmarks.objectives import Constraint, Objectives
from archbo.benchmarks.outcomes import Outcomes
from archbo.benchmarks.table import Benchmark, Objective, read_table

__all__ = [
    "NAS_BENCH_GRAPH_DATASETS",
    "Benchmark",
    "Constraint",
    "Objective",
    "Objectives",
    "Outcomes",
    "analog_nas_bench",
    "nas_bench_graph",
    "read_table",
]
