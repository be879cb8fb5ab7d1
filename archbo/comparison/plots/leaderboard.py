"""One picture of a comparison: rank correlation, calibration, time, and predictions against values."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from archbo.comparison.leaderboard import Evaluation
from archbo.comparison.metrics import calibration
from archbo.comparison.plots.style import GREY, styled

__all__ = ["plot_comparison"]

LEVELS = np.linspace(0.05, 0.99, 20)
"""The nominal coverages at which a calibration curve is drawn."""
SHOWN = 200
"""The number of predictions in a scatter plot; more hide one another."""

Group: TypeAlias = Sequence[Evaluation]


@styled()
def plot_comparison(evaluations: Group, *, unit: str, title: str = "") -> Figure:
    """Draw how predictors compare.

    Above: rank correlation by training size (mean, and range over seeds), observed coverage of nominal
    intervals and time at the largest size. Below: for each predictor its predictions at the largest size
    against the values, with 90 % error bars, on part of one seed's held-out architectures; the worst
    twentieth of these is outside.

    Args:
        evaluations: At least one.
        unit: What values are measured in.
        title: The heading.

    Example:
        >>> from archbo import catalog
        >>> from archbo.comparison import evaluate
        >>> table = catalog.benchmark("nb201").evaluator()
        >>> gp = catalog.predictor("gp", table.benchmark.space)
        >>> scored = evaluate("gp", "default", gp, table, 20, seed=0)
        >>> figure = plot_comparison([scored], unit="accuracy (%)")
        >>> [axes.get_ylabel() for axes in figure.axes[:3]]
        ['Kendall tau', 'observed coverage', '']
    """
    groups: dict[str, list[Evaluation]] = {}
    plain = {e.encoding for e in evaluations} == {"default"}
    for evaluation in evaluations:
        name = evaluation.predictor
        label = name if plain else f"{name}, {evaluation.encoding}"
        groups.setdefault(label, []).append(evaluation)
    largest = max(evaluation.train_size for evaluation in evaluations)
    final = {
        label: [evaluation for evaluation in group if evaluation.train_size == largest]
        for label, group in groups.items()
    }
    palette = colormaps["tab10" if len(groups) <= 10 else "tab20"]
    colours = {label: palette(i % palette.N) for i, label in enumerate(groups)}
    rows = 1 + -(-len(groups) // 3)
    figure = Figure(figsize=(11, 3.4 * rows))
    figure.suptitle(title)
    panels = [figure.add_subplot(rows, 3, i + 1) for i in range(3 + len(groups))]
    _draw_correlation(panels[0], groups, colours)
    _draw_calibration(panels[1], final, colours)
    _draw_time(panels[2], final, colours)
    for axes, (label, group) in zip(panels[3:], final.items(), strict=True):
        _draw_predictions(axes, group[0], label, unit, colours[label])
    return figure


def _draw_correlation(
    axes: Axes, groups: Mapping[str, Group], colours: Mapping[str, object]
) -> None:
    sizes = sorted({evaluation.train_size for group in groups.values() for evaluation in group})
    for label, group in groups.items():
        taus = [[e.kendall for e in group if e.train_size == size] for size in sizes]
        there = [(size, tau) for size, tau in zip(sizes, taus, strict=True) if tau]
        x = [size for size, _ in there]
        axes.plot(
            x, [np.mean(tau) for _, tau in there], "o-", ms=3, color=colours[label], label=label
        )
        lower, upper = [min(tau) for _, tau in there], [max(tau) for _, tau in there]
        axes.fill_between(x, lower, upper, color=colours[label], alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("architectures to learn from")
    axes.set_ylabel("Kendall tau")
    axes.legend(fontsize=7)


def _draw_calibration(
    axes: Axes, final: Mapping[str, Group], colours: Mapping[str, object]
) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    for label, group in final.items():
        curves = [calibration(e.cdf, LEVELS) for e in group]
        axes.plot(LEVELS, np.mean(curves, axis=0), color=colours[label], label=label)
    axes.set_xlabel("nominal coverage")
    axes.set_ylabel("observed coverage")


def _draw_time(axes: Axes, final: Mapping[str, Group], colours: Mapping[str, object]) -> None:
    labels = list(final)
    for row, (label, group) in enumerate(final.items()):
        fit = float(np.median([e.fit_seconds for e in group]))
        predict = float(np.median([e.predict_seconds for e in group]))
        axes.plot([fit], [row], "o", color=colours[label])
        axes.plot([predict], [row], "d", color=colours[label])
    axes.plot([], [], "o", color=GREY, label="fit")
    axes.plot([], [], "d", color=GREY, label="predict")
    axes.set_xscale("log")
    # Within a decade matplotlib names every tick, one over the other.
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("seconds, fit and prediction of all others")
    axes.legend(fontsize=7)


def _draw_predictions(
    axes: Axes, evaluation: Evaluation, label: str, unit: str, colour: object
) -> None:
    part = np.linspace(0, len(evaluation.truth) - 1, SHOWN).round().astype(int)
    mean, std, truth = (v[part] for v in (evaluation.mean, evaluation.std, evaluation.truth))
    # A few failed trainings would take most of the space.
    low, high = np.quantile(truth, 0.05), max(truth.max(), mean.max())
    axes.plot([low, high], [low, high], color=GREY, linewidth=1)
    axes.errorbar(
        truth, mean, yerr=1.645 * std, fmt="o", ms=2.5, linewidth=0.5, alpha=0.5, color=colour
    )
    margin = 0.05 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(low - 4 * margin, high + 4 * margin)
    axes.set_title(f"{label}, {evaluation.train_size} architectures", fontsize=8)
    axes.set_xlabel(f"true {unit}")
    axes.set_ylabel(f"predicted {unit}")
