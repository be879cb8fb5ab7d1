"""Pictures of searches for several objectives."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from archbo.benchmarks import Objectives, Outcomes
from archbo.comparison.pareto_trials import ParetoTrial
from archbo.comparison.plots import COLOURS
from archbo.errors import UsageError

__all__ = ["plot_pareto"]

MOST_DOTS = 5000


def plot_pareto(
    trials: Mapping[str, Sequence[ParetoTrial]], objectives: Objectives, *, title: str = ""
) -> Figure:
    """The true front with those that the methods found, and the hypervolume by the number of queries.

    There is a panel for each pair of objectives; each method's front is that of its middle repeat by final
    hypervolume. On the right the line is the median share of the table's hypervolume, the band the quartiles.

    Args:
        trials: For each method its repeats.
        objectives: What was searched for.
        title: The heading.

    Raises:
        UsageError: A method has no repeats.
    """
    for method, runs in trials.items():
        if not runs:
            raise UsageError(f"method {method!r} has no runs to draw")
    pairs = list(combinations(range(objectives.outcomes.n_objectives), 2))
    panels = len(pairs) + 1
    figure = Figure(figsize=(1 + 5 * panels, 4.2), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for pair, panel in zip(pairs, axes, strict=False):
        _draw_fronts(panel, pair, trials, objectives)
    _draw_volumes(axes[-1], trials, objectives)
    axes[0].legend(frameon=False)
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    return figure


def _draw_fronts(
    axes: Axes,
    pair: tuple[int, int],
    trials: Mapping[str, Sequence[ParetoTrial]],
    objectives: Objectives,
) -> None:
    x, y = pair
    table = objectives.own_units(objectives.Y)
    dots = table[objectives.outcomes.feasible(objectives.Y)]
    dots = dots[torch.linspace(0, len(dots) - 1, min(len(dots), MOST_DOTS)).long()]
    axes.plot(*dots[:, [x, y]].T, ".", color="#d9dce0", markersize=2, zorder=0, rasterized=True)
    best = table[objectives.front]
    axes.plot(*_staircase(best, pair, objectives), color="black", linewidth=1, label="true front")
    for colour, (method, runs) in zip(COLOURS * len(trials), trials.items(), strict=False):
        middle = sorted(runs, key=lambda trial: trial.queries[-1].hypervolume)[len(runs) // 2]
        values = [middle.queries[n].values for n in middle.front]
        if values:
            found = torch.tensor(values)[:, [x, y]]
            axes.plot(*found.T, "o", color=colour, markersize=4, alpha=0.8, label=method)
    axes.set_xlabel(objectives.columns[x])
    axes.set_ylabel(objectives.columns[y])


def _staircase(values: Tensor, pair: tuple[int, int], objectives: Objectives) -> Tensor:
    """The corners of what points (``n x m``, own units) dominate in a plane, ``2 x k``; points where ``m > 2``."""
    signs = objectives.signs[list(pair)]
    plane = values[:, list(pair)] * signs
    plane = plane[Outcomes(2).front(plane)].unique(dim=0)
    corners = torch.stack([plane[:-1, 0], plane[1:, 1]], dim=-1)
    steps = torch.stack([plane[:-1], corners], dim=1).reshape(-1, 2)
    return (torch.cat([steps, plane[-1:]]) * signs).T


def _draw_volumes(
    axes: Axes, trials: Mapping[str, Sequence[ParetoTrial]], objectives: Objectives
) -> None:
    for colour, (method, runs) in zip(COLOURS * len(trials), trials.items(), strict=False):
        length = min(len(trial.queries) for trial in runs)
        volumes = [[query.hypervolume for query in trial.queries[:length]] for trial in runs]
        shares = 100 * np.array(volumes) / objectives.best_hypervolume
        lower, median, upper = np.quantile(shares, [0.25, 0.5, 0.75], axis=0)
        label = f"{method} (n={len(runs)})"
        queries = np.arange(1, length + 1)
        axes.plot(queries, median, color=colour, label=label, drawstyle="steps-post")
        axes.fill_between(queries, lower, upper, color=colour, alpha=0.2, step="post", linewidth=0)
    axes.axhline(100, color="black", linewidth=1)
    axes.set_xlabel("architectures evaluated")
    axes.set_ylabel("share of the true hypervolume (%)")
    axes.legend(frameon=False)
