"""Rows per second of the path encoding, beside a plain Python loop over architectures."""

import os
from collections import Counter
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from archbo.encodings import PathEncoding
from archbo.spaces import EdgeCellSpace, NodeCellSpace, SearchSpace
from perf.timing import medians

LOOP_ROWS = 2_000


def main() -> None:
    """Encode all of NAS-Bench-201 (26 times over) and all of NAS-Bench-101."""
    table = Table("rows", "encoding", "dtype", "rows/s (median of 5)", "times a Python loop")
    for space, copies in ((EdgeCellSpace.nas_bench_201(), 26), (NodeCellSpace.nas_bench_101(), 1)):
        X = space.enumerate().repeat(copies, 1)
        few = X[torch.randperm(len(X), generator=torch.Generator().manual_seed(0))[:LOOP_ROWS]]
        for options in ({}, {"counts": True, "semantic": True}):
            encoding = PathEncoding(space, **options)
            for dtype in (torch.float32, torch.float64):
                seconds = medians(
                    {
                        "batch": partial(encoding, X.to(dtype)),
                        "loop": partial(python_loop, space, few),
                    }
                )
                rate = len(X) / seconds["batch"]
                table.add_row(
                    f"{space.name}, {len(X):,}",
                    f"path{' counts, semantic' if options else ' set'}, {encoding.n_features}",
                    str(dtype).removeprefix("torch."),
                    f"{rate:,.0f}",
                    f"{rate * seconds['loop'] / len(few):,.0f}",
                )
    console = Console()
    console.print(f"{os.cpu_count()} processors, torch threads: {torch.get_num_threads()}")
    console.print(table)


def python_loop(space: SearchSpace, X: Tensor) -> list[Counter[tuple[str, ...]]]:
    """Paths of each architecture by itself, from the same adjacency and operations."""
    graphs = space.graphs(X)
    names = space.template.op_names
    result = []
    rows = zip(graphs.adjacency.tolist(), graphs.ops.tolist(), strict=True)
    for adjacency, ops in rows:
        paths: Counter[tuple[str, ...]] = Counter()
        stack: list[tuple[int, tuple[str, ...]]] = [(node, ()) for node in space.template.inputs]
        while stack:
            node, path = stack.pop()
            for successor, edge in enumerate(adjacency[node]):
                if edge and successor in space.template.outputs:
                    paths[path] += 1
                elif edge:
                    stack.append((successor, (*path, names[ops[successor]])))
        result.append(paths)
    return result
