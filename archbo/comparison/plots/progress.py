"""How far searches come for what they spend."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from archbo.comparison.plots.style import palette, styled
from archbo.comparison.runs import Run, check_runs, costs_of

__all__ = ["draw_progress", "plot_progress"]


@styled()
def plot_progress(runs: Mapping[str, Sequence[Run]], title: str = "") -> Figure:
    """The progress of several methods by the number of architectures evaluated, or with fidelities by their cost.

    For one objective it is the regret, how far the best value so far is from the table's. Its axis is logarithmic
    down to the smallest regret above zero, and linear below it, so that zero can be seen. For several objectives it is
    the share of the table's hypervolume, or the hypervolume where the table has none above the reference. The line is
    the median over a method's repeats, the band the quartiles; a method's line begins where each of its repeats has
    evaluated something that counts.

    Args:
        runs: For each method its repeats, all of one goal.
        title: The heading.

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
    draw_progress(figure.add_subplot(), runs)
    figure.axes[0].set_title(title)
    return figure


def draw_progress(axes: Axes, runs: Mapping[str, Sequence[Run]]) -> None:
    """Draw what ``plot_progress`` shows."""
    tabular = check_runs(runs)
    colours = palette(list(runs))
    drawn: list[float] = []
    for method, repeats in runs.items():
        costs = costs_of(repeats)
        curves = np.array([_curve(run, costs) for run in repeats])
        drawn.extend(curves[np.isfinite(curves)].tolist())
        lower, middle, upper = np.quantile(curves, [0.25, 0.5, 0.75], axis=0)
        label = f"{method} (n={len(repeats)})"
        axes.plot(costs, middle, color=colours[method], label=label, drawstyle="steps-post")
        axes.fill_between(
            costs, lower, upper, color=colours[method], alpha=0.2, step="post", linewidth=0
        )
    goal = tabular.goal
    axes.set_xlabel("cost" if goal.fidelities else "architectures evaluated")
    if goal.n_objectives == 1:
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


def _curve(run: Run, costs: Sequence[float]) -> list[float]:
    """What is drawn of a run after each cost; NaN before there is something."""
    if run.log.goal.n_objectives == 1:
        regrets = map(run.regret, costs)
        return [y if y < math.inf else math.nan for y in regrets]
    whole = run.tabular.best_hypervolume
    scale = 100 / whole if whole > 0 else 1.0
    return [run.hypervolume(cost) * scale for cost in costs]
