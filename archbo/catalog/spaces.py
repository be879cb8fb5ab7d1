"""Spaces and benchmarks by name."""

from functools import partial

from archbo.benchmarks import (
    NAS_BENCH_GRAPH_DATASETS,
    Benchmark,
    analog_nas_bench,
    nas_bench_graph,
)
from archbo.catalog.entry import Entry, Registry
from archbo.spaces import DartsSpace, EdgeCellSpace, GnnMacroSpace, NodeCellSpace, SearchSpace

__all__ = ["BENCHMARKS", "SPACES"]

SPACES: Registry[SearchSpace] = Registry(
    "space",
    "archbo.spaces",
    [
        Entry(
            "nb201",
            EdgeCellSpace.nas_bench_201,
            "cells of four nodes, five operations on six edges",
            "NAS-Bench-201, arXiv 2001.00326",
        ),
        Entry(
            "tnb101-micro",
            EdgeCellSpace.trans_nas_micro,
            "the same cells with four operations",
            "TransNAS-Bench-101, arXiv 2105.11871",
        ),
        Entry(
            "nb101",
            NodeCellSpace.nas_bench_101,
            "cells of up to seven nodes, operations on nodes",
            "NAS-Bench-101, arXiv 1902.09635",
        ),
        Entry(
            "darts",
            DartsSpace,
            "a normal and a reduction cell, two inputs for each of four nodes",
            "DARTS, arXiv 1806.09055",
        ),
        Entry(
            "nas-bench-301",
            DartsSpace.nas_bench_301,
            "the same without the operation none",
            "NAS-Bench-301, arXiv 2008.09777",
        ),
        Entry(
            "nas-bench-graph",
            GnnMacroSpace.nas_bench_graph,
            "graph neural networks of four layers",
            "NAS-Bench-Graph, arXiv 2206.09166",
        ),
        Entry(
            "nas-bench-graph-proteins",
            GnnMacroSpace.nas_bench_graph_proteins,
            "the same with the operations of ogbn-proteins",
            "NAS-Bench-Graph, arXiv 2206.09166",
        ),
    ],
    remedy="give one of these, or a .toml file",
)

BENCHMARKS: Registry[Benchmark] = Registry(
    "benchmark",
    "archbo.benchmarks",
    [
        Entry(
            "nb201",
            analog_nas_bench,
            "all 15,625 cells of NAS-Bench-201 on CIFAR-10, digital and on analog hardware",
            "AnalogNAS-Bench, arXiv 2506.18495",
        ),
        *(
            Entry(
                f"nas-bench-graph/{dataset}",
                partial(nas_bench_graph, dataset),
                f"graph neural networks on {dataset}",
                "NAS-Bench-Graph, arXiv 2206.09166",
            )
            for dataset in NAS_BENCH_GRAPH_DATASETS
        ),
    ],
    remedy="give one of these, or a table and its space",
)
