"""How much each decision matters."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archbo.comparison.plots.style import styled

__all__ = ["plot_importance"]


@styled()
def plot_importance(shares: Mapping[str, float], title: str = "") -> Figure:
    """Bars of the share of the variance that each decision accounts for, the largest at the top.

    Args:
        shares: For each decision a number from 0 to 1.
        title: The heading.

    Example:
        >>> figure = plot_importance({"width": 0.7, "depth": 0.4}, "accuracy")
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['depth', 'width']
    """
    ranked = sorted(shares.items(), key=lambda item: item[1])
    names, values = [name for name, _ in ranked], [value for _, value in ranked]
    figure = Figure(figsize=(4.8, 0.9 + 0.3 * len(names)))
    axes: Axes = figure.add_subplot()
    axes.barh(range(len(names)), values, height=0.7, color="C0")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, max(1.0, *values) if values else 1.0)
    axes.set_xlabel("share of the variance")
    axes.set_title(title)
    return figure
