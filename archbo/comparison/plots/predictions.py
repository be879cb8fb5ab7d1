"""Predictions against values."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archbo.comparison.plots.style import GREY, styled

__all__ = ["plot_predictions"]


@styled()
def plot_predictions(
    mean: Sequence[float],
    std: Sequence[float],
    truth: Sequence[float],
    *,
    unit: str,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Predicted against true values, with error bars of one standard deviation.

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
    axes: Axes = figure.add_subplot()
    low, high = limits if limits is not None else (min(*truth, *mean), max(*truth, *mean))
    axes.plot([low, high], [low, high], color=GREY, linewidth=1)
    axes.errorbar(truth, mean, yerr=std, fmt="o", markersize=3, linewidth=0.6, alpha=0.6)
    if limits is not None:
        axes.set_xlim(limits)
        axes.set_ylim(limits)
    axes.set_xlabel(f"true {unit}")
    axes.set_ylabel(f"predicted {unit}")
    return figure
