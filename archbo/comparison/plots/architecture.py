"""Drawings of architectures."""

from itertools import count
from typing import Any

import networkx as nx
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archbo.comparison.plots.style import GREY, styled
from archbo.spaces import Arch

__all__ = ["draw_arch"]


@styled()
def draw_arch(arch: Arch) -> Figure:
    """The graph of an architecture from left to right; what is on no way to the output is left out.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> figure = draw_arch(space.arch("(2, 1, 0, 1, 1, 4)"))
        >>> sorted(text.get_text() for text in figure.axes[0].texts if text.get_text())
        ['input', 'output', 'skip_connect']
    """
    graph = arch.to_networkx()
    ops = nx.get_node_attributes(graph, "op")
    ends = [n for n in graph if n in arch.space.template.outputs]
    starts = [n for n in graph if n in arch.space.template.inputs]
    reached = set(starts).union(*(nx.descendants(graph, node) for node in starts))
    useful = set(ends).union(*(nx.ancestors(graph, node) for node in ends))
    graph = graph.subgraph(reached & useful | set(starts) | set(ends)).copy()
    layers = {
        node: layer
        for layer, nodes in enumerate(nx.topological_generations(graph))
        for node in nodes
    }
    last = max(layers.values())
    layers.update(dict.fromkeys(ends, last))
    # A lane for each operation, so that an edge that skips layers runs behind no other node.
    lanes = dict(zip((n for n in graph if n not in {*starts, *ends}), count(0.0), strict=False))
    for node in (*starts, *ends):
        around = [lanes[n] for n in nx.all_neighbors(graph, node) if n in lanes]
        lanes[node] = sum(around) / len(around) if around else 0.0
    names = sorted(set(ops.values()))
    figure = Figure(figsize=(1.5 * (last + 2), 0.5 * len(graph) + 0.5))
    axes: Axes = figure.add_subplot()
    boxes = {}
    for node in graph:
        colour = colormaps["Pastel1"](names.index(ops[node]) % 9)
        style = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "none"}
        text = axes.text(
            layers[node],
            lanes[node],
            ops[node],
            size=8,
            color="black",
            ha="center",
            va="center",
            bbox=style,
        )
        boxes[node] = text.get_bbox_patch()
    for source, target in graph.edges:
        arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": GREY}
        arrow |= {"patchA": boxes[source], "patchB": boxes[target], "shrinkA": 0, "shrinkB": 0}
        ends_at = (layers[target], lanes[target])
        axes.annotate("", ends_at, (layers[source], lanes[source]), arrowprops=arrow)
    axes.set_xlim(-0.5, last + 0.5)
    axes.set_ylim(max(lanes.values()) + 0.5, -0.5)
    axes.set_axis_off()
    return figure
