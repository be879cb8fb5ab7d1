"""Pictures of searches."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archbo.errors import UsageError

__all__ = ["plot_regret", "save_figure"]

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


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure; the ending of the path tells the format.

    Raises:
        UsageError: The format is unknown, or the file cannot be written.
    """
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write the picture {path}: {error}") from error
