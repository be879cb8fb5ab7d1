"""Pictures of searches."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from archbo.errors import UsageError
from archbo.spaces import Arch

__all__ = [
    "check_format",
    "draw_arch",
    "plot_predictions",
    "plot_regret",
    "save_figure",
    "sparkline",
]

COLOURS = ("#1b6ca8", "#8a8f98", "#d1495b", "#66a182", "#edae49")


def plot_regret(
    regrets: Mapping[str, Sequence[Sequence[float]]], *, unit: str, title: str = ""
) -> Figure:
    """The regret of several methods by the number of architectures evaluated.

    The line is the median over a method's repeats, the band the quartiles. The regret axis is logarithmic
    down to the smallest regret above zero, and linear below it, so that zero can be seen.

    Args:
        regrets: For each method its repeats, for each repeat the regret after each evaluation.
        unit: What the regret is measured in.
        title: The heading.

    Raises:
        UsageError: A method has no repeats.

    Example:
        >>> figure = plot_regret({"random": [[3.0, 2.0], [2.0, 2.0]]}, unit="accuracy (%)")
        >>> figure.axes[0].get_xlabel()
        'architectures evaluated'
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes: Axes = figure.add_subplot()
    positive = [1.0]
    for colour, (method, runs) in zip(COLOURS * len(regrets), regrets.items(), strict=False):
        if not runs:
            raise UsageError(f"method {method!r} has no runs to draw")
        length = min(map(len, runs))
        values = np.array([list(run)[:length] for run in runs])
        x = np.arange(1, length + 1)
        lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        positive.extend(values[values > 0].tolist())
        axes.plot(
            x, median, color=colour, label=f"{method} (n={len(runs)})", drawstyle="steps-post"
        )
        axes.fill_between(x, lower, upper, color=colour, alpha=0.2, step="post", linewidth=0)
    axes.set_yscale("symlog", linthresh=min(positive))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("architectures evaluated")
    axes.set_ylabel(f"regret in {unit}")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def sparkline(values: Sequence[float], *, ceiling: float, width: int = 50) -> str:
    """Values as a line of block characters, for a terminal.

    Heights are logarithmic over three decades below the ceiling; zero is blank.

    Args:
        values: ``n`` numbers, at least 0.
        ceiling: The value of a full block.
        width: The most characters; more values are thinned out.

    Example:
        >>> sparkline([10.0, 1.0, 0.1, 0.0], ceiling=10.0)
        '█▆▃ '
    """
    if len(values) > width:
        values = [values[round(i)] for i in np.linspace(0, len(values) - 1, width)]
    levels = []
    for value in values:
        decades = np.log10(max(value, 1e-300) / max(ceiling, 1e-300))
        levels.append(0 if value <= 0 else round(1 + 7 * min(1.0, max(0.0, 1 + decades / 3))))
    return "".join(" ▁▂▃▄▅▆▇█"[level] for level in levels)


def plot_predictions(
    mean: Sequence[float], std: Sequence[float], truth: Sequence[float], *, unit: str
) -> Figure:
    """Predicted against true values, with error bars of one standard deviation.

    Args:
        mean: ``n`` predicted means.
        std: ``n`` predicted standard deviations.
        truth: ``n`` true values.
        unit: What they are measured in.

    Example:
        >>> figure = plot_predictions([1.0, 2.0], [0.1, 0.2], [1.1, 1.8], unit="accuracy (%)")
        >>> figure.axes[0].get_ylabel()
        'predicted accuracy (%)'
    """
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes: Axes = figure.add_subplot()
    low, high = min(*truth, *mean), max(*truth, *mean)
    axes.plot([low, high], [low, high], color=COLOURS[1], linewidth=1)
    axes.errorbar(
        truth, mean, yerr=std, fmt="o", markersize=3, linewidth=0.6, alpha=0.6, color=COLOURS[0]
    )
    axes.set_xlabel(f"true {unit}")
    axes.set_ylabel(f"predicted {unit}")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


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
    figure = Figure(figsize=(1.5 * (last + 2), 0.5 * len(graph) + 0.5), layout="constrained")
    axes: Axes = figure.add_subplot()
    boxes = {}
    for node in graph:
        colour = colormaps["Pastel1"](names.index(ops[node]) % 9)
        style = {"boxstyle": "round,pad=0.4", "facecolor": colour, "edgecolor": "none"}
        text = axes.text(
            layers[node], lanes[node], ops[node], size=8, ha="center", va="center", bbox=style
        )
        boxes[node] = text.get_bbox_patch()
    for source, target in graph.edges:
        arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": COLOURS[1]}
        arrow |= {"patchA": boxes[source], "patchB": boxes[target], "shrinkA": 0, "shrinkB": 0}
        ends_at = (layers[target], lanes[target])
        axes.annotate("", ends_at, (layers[source], lanes[source]), arrowprops=arrow)
    axes.set_xlim(-0.5, last + 0.5)
    axes.set_ylim(max(lanes.values()) + 0.5, -0.5)
    axes.set_axis_off()
    return figure


def check_format(path: str | Path) -> None:
    """Raise unless a figure can be written in the format that the ending of the path names.

    Raises:
        UsageError: It cannot.
    """
    formats = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.removeprefix(".").lower() not in formats:
        raise UsageError(
            f"cannot tell the format of the picture {path}; end it in one of {', '.join(formats)}"
        )


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure; the ending of the path tells the format.

    Raises:
        UsageError: The format is unknown, or the file cannot be written.
    """
    check_format(path)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise UsageError(f"cannot write the picture {path}: {error}") from error
