"""Predictions against values."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from archbo.comparison.plots.style import GREY, styled

__all__ = ["draw_predictions", "plot_predictions"]

MOST_BARS = 40
"""The most error bars that are drawn; more hide the points."""

Values: TypeAlias = Sequence[float] | NDArray[np.float64]


@styled()
def plot_predictions(
    mean: Values,
    std: Values,
    truth: Values,
    *,
    unit: str,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Predicted against true values, with error bars of one standard deviation, of 40 at most.

    Args:
        mean: ``n`` predicted means.
        std: ``n`` predicted standard deviations.
        truth: ``n`` true values.
        unit: What they are measured in.
        limits: The range of both axes; that of all values unless given.

    Example:
        >>> figure = plot_predictions([1.0, 2.0], [0.1, 0.2], [1.1, 1.8], unit="accuracy (%)")
        >>> figure.axes[0].get_ylabel()
        'predicted accuracy (%)'
    """
    figure = Figure(figsize=(4.6, 4.2))
    low, high = limits if limits is not None else (min(*truth, *mean), max(*truth, *mean))
    style = {"markersize": 3.5, "alpha": 0.8, "color": "C0", "markeredgewidth": 0}
    axes = figure.add_subplot()
    draw_predictions(axes, mean, std, truth, unit, (low, high), style)
    if limits is not None:
        axes.set(xlim=limits, ylim=limits)
    return figure


def draw_predictions(
    axes: Axes,
    mean: Values,
    bars: Values,
    truth: Values,
    unit: str,
    line: tuple[float, float],
    style: Mapping[str, Any],
) -> None:
    """Draw predicted against true values, with error ``bars``, of 40 at most, and a ``line`` on which both are the same."""
    axes.plot(line, line, color=GREY, linewidth=1)
    x, y, width = map(np.asarray, (truth, mean, bars))
    part = np.linspace(0, len(x) - 1, min(len(x), MOST_BARS)).round().astype(int)
    lines = {"ecolor": style["color"], "elinewidth": 0.8, "alpha": 0.5}
    axes.errorbar(x[part], y[part], yerr=width[part], fmt="none", **lines)
    axes.plot(x, y, "o", **style)
    axes.set(xlabel=f"true {unit}", ylabel=f"predicted {unit}")
