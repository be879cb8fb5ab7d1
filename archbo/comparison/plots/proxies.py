"""Pictures of zero-cost proxies."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from archbo.comparison.plots.style import styled

__all__ = ["plot_correlations"]

INCHES = 0.42
"""The side of a measure's cell: three characters of the font fit in it."""


@styled()
def plot_correlations(
    correlations: Mapping[str, NDArray[np.float64]], names: Sequence[str]
) -> Figure:
    """Draw rank correlations as one heat map per space.

    Args:
        correlations: For each title of a panel ``m x m``, between -1 and 1.
        names: Of the ``m`` measures.

    Example:
        >>> figure = plot_correlations({"nb201": np.array([[1.0, 0.7], [0.7, 1.0]])}, ["accuracy", "snip"])
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['accuracy', 'snip']
    """
    side = INCHES * max(len(names), 5)  # the title and the bar's label want room
    size = ((side + 1.2) * len(correlations) + 0.8, side + 1.2)
    figure = Figure(figsize=size)
    panels = figure.subplots(1, len(correlations), squeeze=False)[0]
    for axes, (title, matrix) in zip(panels, correlations.items(), strict=True):
        image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
        for (row, column), value in np.ndenumerate(matrix):
            text = f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1)  # -0 is 0
            colour = "white" if abs(value) > 0.6 else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
        ticks = range(len(names))
        axes.set_xticks(ticks, names, fontsize=8, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(ticks, names, fontsize=8)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(title, fontsize=10)
    bar = figure.colorbar(image, ax=panels, shrink=0.8)
    bar.set_label("Spearman's rank correlation", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return figure
