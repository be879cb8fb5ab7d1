"""How far searches come for what they spend."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archbo.comparison.plots.style import GREY, looks, styled
from archbo.comparison.runs import Run, check_runs, costs_of, progress_curves
from archbo.comparison.statistics import Band, quartiles

__all__ = ["draw_progress", "plot_best_so_far", "plot_progress"]


@styled()
def plot_progress(
    runs: Mapping[str, Sequence[Run]], title: str = "", *, band: Band = quartiles
) -> Figure:
    """The progress of several methods by the number of architectures evaluated, or with fidelities by their cost.

    For one objective it is the regret, how far the best value so far is from the table's. Its axis is logarithmic;
    where a search comes to zero it is linear below the smallest regret above it, so that zero can be seen. For several objectives it is
    the share of the table's hypervolume, or the hypervolume where the table has none above the reference. The line is
    the median over a method's repeats, the band its quartiles unless another is given; a method's line begins where each
    of its repeats has evaluated something that counts.

    Args:
        runs: For each method its repeats, all of one goal.
        title: The heading.
        band: Of the repeats of a method: ``quartiles``, how much searches differ, or ``bootstrap_band``, how sure the
            median is.

    Raises:
        UsageError: A method has no repeats.

    Example:
        >>> from archbo.bo_loop import RandomSearch
        >>> from archbo.catalog import benchmark
        >>> from archbo.comparison import run_search
        >>> cora = benchmark("nas-bench-graph/cora").evaluator()
        >>> search = RandomSearch(cora.benchmark.space, cora.goal, seed=0)
        >>> figure = plot_progress({"random": [run_search("random", search, cora, 20)]})
        >>> figure.axes[0].get_xlabel()
        'architectures evaluated'
    """
    figure = Figure(figsize=(7, 4.2))
    draw_progress(figure.add_subplot(), runs, band)
    figure.axes[0].set_title(title)
    return figure


def draw_progress(axes: Axes, runs: Mapping[str, Sequence[Run]], band: Band = quartiles) -> None:
    """Draw what ``plot_progress`` shows."""
    tabular = check_runs(runs)
    drawn_as = looks(list(runs))
    drawn: list[float] = []
    for method, repeats in runs.items():
        costs = costs_of(repeats)
        curves = progress_curves(repeats, costs)
        drawn.extend(curves[np.isfinite(curves)].tolist())
        lower, middle, upper = band(curves)
        look, label = drawn_as[method], f"{method} (n={len(repeats)})"
        style: dict[str, Any] = {"color": look.color, "linestyle": look.linestyle}
        axes.plot(costs, middle, label=label, drawstyle="steps-post", **style)
        axes.fill_between(
            costs, lower, upper, color=look.color, alpha=0.15, step="post", linewidth=0
        )
    goal = tabular.goal
    axes.set_xlabel("cost" if goal.fidelities else "architectures evaluated")
    if goal.n_objectives == 1:
        if drawn and min(drawn) > 0:
            axes.set_yscale("log")
        else:
            # The scale is the smallest regret's: what lies below is as good as zero.
            axes.set_yscale("symlog", linthresh=min((y for y in drawn if y > 0), default=1.0))
            axes.set_ylim(bottom=0)
        axes.set_ylabel(f"regret in {goal.objectives[0].metric}")
    elif tabular.best_hypervolume > 0:
        axes.axhline(100, color="black", linewidth=1)
        axes.set_ylabel("share of the table's hypervolume (%)")
    else:
        axes.set_ylabel("hypervolume")
    axes.legend()


@styled()
def plot_best_so_far(
    found: tuple[Sequence[float], Sequence[float]],
    random: tuple[Sequence[float], Sequence[Sequence[float]]] | None = None,
    *,
    x: str,
    y: str,
) -> Figure:
    """What one search has found after each trial, beside what random search would have.

    The first tenth of the axis has no say in what range is shown.

    Args:
        found: ``n`` places on the axis of trials or of cost, and what had been found there; NaN before there was
            something.
        random: ``m`` places, and for each the lower end of a band, its middle and its upper end, ``3 x m``.
        x: The axis of trials or of cost.
        y: What is found, and its unit.

    Example:
        >>> figure = plot_best_so_far(([1, 2], [0.5, 0.7]), x="trials", y="accuracy")
        >>> figure.axes[0].get_ylabel()
        'accuracy'
    """
    figure = Figure(figsize=(4.8, 3.4))
    axes: Axes = figure.add_subplot()
    if random is not None:
        places, (lower, middle, upper) = random
        axes.fill_between(places, lower, upper, color=GREY, alpha=0.25, step="post", linewidth=0)
        axes.plot(
            places, middle, "--", color=GREY, drawstyle="steps-post", label="random, estimated"
        )
    axes.plot(*found, drawstyle="steps-post", label="this search", linewidth=2)
    axes.plot(found[0][-1:], found[1][-1:], "o", color="C0", markersize=4)
    # The first trials, of any quality, would leave the later ones one line.
    late = [y for x, y in zip(*found, strict=True) if x >= 0.1 * found[0][-1] and math.isfinite(y)]
    if random is not None:
        ends = zip(random[0], *random[1], strict=True)
        late += [y for x, *ys in ends if x >= 0.1 * found[0][-1] for y in ys if math.isfinite(y)]
    if late and max(late) > min(late):
        room = 0.05 * (max(late) - min(late))
        axes.set_ylim(min(late) - room, max(late) + room)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend()
    return figure
