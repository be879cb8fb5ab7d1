"""Pareto fronts, and whole searches in one picture."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from archbo.benchmarks import Tabular
from archbo.comparison.plots.progress import draw_progress, plot_progress
from archbo.comparison.plots.style import DOTS, GREY, looks, styled
from archbo.comparison.runs import Run, check_runs, middle_run
from archbo.errors import UsageError
from archbo.goals import pareto
from archbo.log import Log

__all__ = ["plot_fronts", "plot_search", "plot_trade_off"]

MOST_DOTS = 5000
"""The most architectures of a table that are drawn behind the fronts; a cloud of more looks the same."""


@styled()
def plot_fronts(runs: Mapping[str, Sequence[Run]], title: str = "") -> Figure:
    """The table's Pareto front with those that the methods found, a panel for each pair of objectives.

    Each method's front is that of its middle repeat by final hypervolume. Dots are what keeps all bounds.

    Args:
        runs: For each method its repeats, all of one goal.
        title: The heading.

    Raises:
        UsageError: A method has no repeats, or the goal has one objective.

    Example:
        >>> from archbo.bo_loop import RandomSearch
        >>> from archbo.catalog import benchmark
        >>> from archbo.comparison import run_search
        >>> cora = benchmark("nas-bench-graph/cora").evaluator("valid_perf,-para")
        >>> search = RandomSearch(cora.benchmark.space, cora.goal, seed=0)
        >>> figure = plot_fronts({"random": [run_search("random", search, cora, 20)]})
        >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
        ('valid_perf', 'para')
    """
    tabular = check_runs(runs)
    if tabular.goal.n_objectives == 1:
        raise UsageError("one objective has no front to draw; draw the progress")
    pairs = _pairs(tabular)
    figure = Figure(figsize=(1 + 5 * len(pairs), 4.2))
    _draw_fronts(list(figure.subplots(1, len(pairs), squeeze=False)[0]), runs, tabular)
    figure.suptitle(title)
    return figure


@styled()
def plot_search(runs: Mapping[str, Sequence[Run]], title: str = "") -> Figure:
    """Searches in one picture: fronts and progress side by side, or for one objective the progress alone.

    Args:
        runs: For each method its repeats, all of one goal.
        title: The heading.

    Raises:
        UsageError: A method has no repeats.
    """
    tabular = check_runs(runs)
    if tabular.goal.n_objectives == 1:
        return plot_progress(runs, title)
    panels = len(_pairs(tabular)) + 1
    figure = Figure(figsize=(1 + 5 * panels, 4.2))
    *fronts, progress = figure.subplots(1, panels, squeeze=False)[0]
    _draw_fronts(fronts, runs, tabular)
    draw_progress(progress, runs)
    figure.suptitle(title)
    return figure


def _pairs(tabular: Tabular) -> list[tuple[int, int]]:
    return list(combinations(range(tabular.goal.n_objectives), 2))


def _draw_fronts(
    panels: Sequence[Axes], runs: Mapping[str, Sequence[Run]], tabular: Tabular
) -> None:
    goal = tabular.goal
    values = goal.own_units(tabular.gains)
    feasible = values[tabular.feasible]
    dots = feasible[torch.linspace(0, len(feasible) - 1, min(len(feasible), MOST_DOTS)).long()]
    drawn_as = looks(list(runs))
    for pair, axes in zip(_pairs(tabular), panels, strict=True):
        columns = list(pair)
        axes.plot(*dots[:, columns].T, ".", color=DOTS, markersize=2, zorder=0, rasterized=True)
        stairs = _staircase(values[tabular.front][:, columns], goal.signs[columns])
        axes.plot(*stairs, color="black", linewidth=1, label="the table's front")
        near = [_better_half(feasible, goal.signs)[:, columns], values[tabular.front][:, columns]]
        for method, repeats in runs.items():
            found = [values for _, values in middle_run(repeats).log.winners]
            if found:
                near.append(torch.tensor(found)[:, columns].to(values))
                look = drawn_as[method]
                style: dict[str, Any] = {"color": look.color, "marker": look.marker, "ms": 5}
                axes.plot(*near[-1].T, linestyle="none", alpha=0.8, label=method, **style)
        x, y = (goal.objectives[column].metric for column in pair)
        axes.set(xlabel=x, ylabel=y)
        # Whatever else is bad would leave the front a corner of the picture.
        points = torch.cat(near)
        for places, axis in zip(points.T, "xy", strict=True):
            low, high = (float(end) for end in places.aminmax())
            if high > low:
                room = 0.05 * (high - low)
                axes.set(**{f"{axis}lim": (low - room, high + room)})
    panels[0].legend()


def _better_half(values: Tensor, signs: Tensor) -> Tensor:
    """What is at least as good as the median in each objective (``n x m``)."""
    gains = values * signs
    return values[(gains >= gains.quantile(0.5, 0)).all(-1)]


def _staircase(values: Tensor, signs: Tensor) -> Tensor:
    """The outline of what points dominate in a plane, ``2 x k``.

    Args:
        values: ``n x 2``, in their own units.
        signs: ``2``, 1 where more is better and -1 where less is.
    """
    plane = values * signs
    # Of three objectives some points of the front are dominated in the plane of two.
    plane = plane[pareto.non_dominated(plane)].unique(dim=0)
    corners = torch.stack([plane[:-1, 0], plane[1:, 1]], dim=-1)
    steps = torch.stack([plane[:-1], corners], dim=1).reshape(-1, 2)
    return (torch.cat([steps, plane[-1:]]) * signs).T


@styled()
def plot_trade_off(log: Log, x: int, y: int, fidelity: str | None = None) -> Figure:
    """Two outcomes of all architectures told, those that break a bound and those that are best marked.

    Args:
        log: What was told.
        x: The outcome on the horizontal axis: an objective, or a bound, whose limit is drawn.
        y: That on the vertical one.
        fidelity: What was told at this fidelity; at any, unless given.

    Example:
        >>> from archbo.goals import Goal
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> log = Log(space, Goal.parse("acc", subject_to=["latency<=5"])).asked(space.rows(["width=8"]))
        >>> figure = plot_trade_off(log.told(log.trials[0], [0.9, 4.0]), 1, 0)
        >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
        ('latency', 'acc')
    """
    goal = log.goal
    _, gains = log.means(fidelity)
    kept, front = goal.feasible(gains), goal.front(gains)[: None if goal.n_objectives > 1 else 1]
    xs, ys = (goal.metric_of(output, gains[:, output]) for output in (x, y))
    figure = Figure(figsize=(4.8, 3.6))
    axes: Axes = figure.add_subplot()
    if not bool(kept.all()):
        axes.plot(xs[~kept], ys[~kept], "x", color=GREY, markersize=5, label="breaks a bound")
    style: dict[str, Any] = {"color": "C0", "markersize": 5, "markerfacecolor": "none"}
    axes.plot(xs[kept], ys[kept], "o", **style, label="keeps all bounds" if goal.bounds else "told")
    if x < goal.n_objectives and len(front) > 1:
        plane = torch.stack([xs[front], ys[front]], dim=-1)
        axes.plot(*_staircase(plane, goal.signs[[x, y]]), color="C1", linewidth=1)
    best = "on the front" if goal.n_objectives > 1 else "the best"
    axes.plot(xs[front], ys[front], "D", color="C1", markersize=5, label=best)
    for output, line in ((x, axes.axvline), (y, axes.axhline)):
        if output >= goal.n_objectives:
            limit = goal.bounds[output - goal.n_objectives].limit
            line(limit, color="black", linewidth=1, linestyle=":", label=str(goal.outcomes[output]))
    axes.set_xlabel(goal.outcomes[x].metric)
    axes.set_ylabel(goal.outcomes[y].metric)
    axes.legend()
    return figure
