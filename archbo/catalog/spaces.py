"""Spaces and benchmarks by name."""

from functools import partial

from archbo.benchmarks import (
    NAS_BENCH_GRAPH_DATASETS,
    Benchmark,
    analog_nas_bench,
    nas_bench_graph,
)
from archbo.catalog.entry import Entry, Registry
from archbo.spaces import (
    DartsSpace,
    EdgeCellSpace,
    GnnMacroSpace,
    NodeCellSpace,
    SearchSpace,
    TransNASMacroSpace,
)
from archbo.spaces.published import accel_nas_bench, nats_bench_size

__all__ = ["BENCHMARKS", "SPACES"]

GRAPH = "NAS-Bench-Graph, arXiv 2206.09166"
"""Where several spaces and benchmarks come from."""

SPACES: Registry[SearchSpace] = Registry(
    "space",
    "archbo.spaces",
    [
        Entry("nb201", EdgeCellSpace.nas_bench_201, paper="arXiv 2001.00326"),
        Entry("tnb101-micro", EdgeCellSpace.trans_nas_micro, paper="arXiv 2105.11871"),
        Entry("tnb101-macro", TransNASMacroSpace, paper="arXiv 2105.11871"),
        Entry("nb101", NodeCellSpace.nas_bench_101, paper="arXiv 1902.09635"),
        Entry("darts", DartsSpace, paper="DARTS, arXiv 1806.09055"),
        Entry("darts-any-sources", DartsSpace.with_any_sources),
        Entry("nas-bench-301", DartsSpace.nas_bench_301),
        Entry("nas-bench-graph", GnnMacroSpace.nas_bench_graph, paper=GRAPH),
        Entry("nas-bench-graph-proteins", GnnMacroSpace.nas_bench_graph_proteins, paper=GRAPH),
        Entry("nats-size", nats_bench_size),
        Entry("accel-nasbench", accel_nas_bench),
    ],
    remedy="give one of these, or a .toml file",
)

BENCHMARKS: Registry[Benchmark] = Registry(
    "benchmark",
    "archbo.benchmarks",
    [
        Entry("nb201", analog_nas_bench, paper="AnalogNAS-Bench, arXiv 2506.18495"),
        *(
            Entry(
                f"nas-bench-graph/{dataset}",
                partial(nas_bench_graph, dataset),
                f"Graph neural networks on {dataset}",
                GRAPH,
            )
            for dataset in NAS_BENCH_GRAPH_DATASETS
        ),
    ],
    remedy="give one of these, or a table and its space",
)
