"""Rows per second of the path encoding, beside a plain Python loop over architectures."""

from collections import Counter
from functools import partial

import torch
from torch import Tensor

from archbo.encodings import PathEncoding
from archbo.randomness import generator
from archbo.spaces import EdgeCellSpace, NodeCellSpace, SearchSpace
from perf.processes import say
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.timing import medians

__all__ = ["MEASUREMENT"]

LOOP_ROWS = 2_000
"""The number of rows that the Python loop is timed on."""


def measure(settings: Settings) -> Section:
    """Encode all of NAS-Bench-201 (26 times over) and all of NAS-Bench-101."""
    rows = []
    for space, copies in ((EdgeCellSpace.nas_bench_201(), 26), (NodeCellSpace.nas_bench_101(), 1)):
        X = space.enumerate().repeat(copies, 1)
        few = X[torch.randperm(len(X), generator=generator(0))[:LOOP_ROWS]]
        for options in ({}, {"counts": True, "semantic": True}):
            encoding = PathEncoding(space, **options)
            for dtype in (torch.float32, torch.float64):
                say(f"{space.name}, {options or 'path set'}, {dtype}")
                runs = {
                    "batch": partial(encoding, X.to(dtype)),
                    "loop": partial(python_loop, space, few),
                }
                seconds = medians(runs, repeats=settings.repeats)
                rows.append(
                    [
                        f"{space.name}, {len(X):,} rows",
                        f"{'semantic path counts' if options else 'path set'}, {encoding.n_features} features",
                        str(dtype).removeprefix("torch."),
                        f"{len(X) / seconds['batch']:,.0f}",
                        f"{len(few) / seconds['loop']:,.0f}",
                    ]
                )
    header = ["", "encoding", "dtype", "rows per s", "rows per s of a Python loop"]
    return Section(
        "Path encoding",
        [Grid(header, rows)],
        ["Medians of timings in turn."],
    )


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


MEASUREMENT = Measurement(measure, repeats=5, has_rows=False, has_workers=False)
