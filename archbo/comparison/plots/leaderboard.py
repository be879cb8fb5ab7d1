"""One picture of a comparison: rank correlation, calibration, time, and predictions against values."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from archbo.comparison.evaluation import LEVELS, Evaluation
from archbo.comparison.plots.predictions import draw_predictions
from archbo.comparison.plots.style import GREY, Look, looks, styled

__all__ = ["plot_comparison"]

Looks: TypeAlias = Mapping[Any, Look]
"""How each label is drawn."""


@styled()
def plot_comparison(evaluations: Sequence[Evaluation], *, unit: str, title: str = "") -> Figure:
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
    frame = pd.DataFrame([vars(each) | {"label": each.method} for each in evaluations])
    labels = list(frame["label"].unique())
    drawn_as = looks(labels)
    final = frame[frame["train_size"] == frame["train_size"].max()]
    rows = 1 + -(-len(labels) // 3)
    figure = Figure(figsize=(11, 3.4 * rows))
    figure.suptitle(title)
    panels = [figure.add_subplot(rows, 3, i + 1) for i in range(3 + len(labels))]
    _draw_correlation(panels[0], frame, drawn_as)
    _draw_calibration(panels[1], final, drawn_as)
    _draw_time(panels[2], final, drawn_as)
    firsts = final.drop_duplicates("label")
    for axes, (_, first) in zip(panels[3:], firsts.iterrows(), strict=True):
        _draw_predictions(axes, first, unit, drawn_as[first["label"]].color)
    return figure


def _draw_correlation(axes: Axes, frame: pd.DataFrame, drawn_as: Looks) -> None:
    for label, group in frame.groupby("label", sort=False):
        tau = group.groupby("train_size")["kendall"].agg(["mean", "min", "max"])
        axes.plot(tau["mean"], ms=4, label=label, **vars(drawn_as[label]))
        color = drawn_as[label].color
        axes.fill_between(tau.index, tau["min"], tau["max"], color=color, alpha=0.12, linewidth=0)
    sizes = sorted(frame["train_size"].unique())
    axes.set_xscale("log")
    axes.set_xticks(sizes, map(str, sizes))
    axes.minorticks_off()
    axes.set(xlabel="architectures to learn from", ylabel="Kendall tau")
    axes.legend(fontsize=7)


def _draw_calibration(axes: Axes, final: pd.DataFrame, drawn_as: Looks) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
    for label, group in final.groupby("label", sort=False):
        look, observed = drawn_as[label], np.mean(list(group["observed"]), axis=0)
        axes.plot(LEVELS, observed, color=look.color, linestyle=look.linestyle, label=label)
    axes.set(xlabel="nominal coverage", ylabel="observed coverage")


def _draw_time(axes: Axes, final: pd.DataFrame, drawn_as: Looks) -> None:
    medians = final.groupby("label", sort=False)[["fit_seconds", "predict_seconds"]].median()
    for column, marker in (("fit_seconds", "o"), ("predict_seconds", "d")):
        seconds = medians[column]
        axes.scatter(
            seconds,
            range(len(medians)),
            marker=marker,
            c=[drawn_as[label].color for label in medians.index],
        )
        axes.plot([], [], marker, color=GREY, label=column.removesuffix("_seconds"))
    axes.set_xscale("log")
    # Matplotlib names more ticks than there is room for, one over the other.
    least, most = medians.to_numpy().min(), medians.to_numpy().max()
    decades = np.log10(most / least)
    subs = (1, 2, 5) if decades < 1 else (1, 3) if decades < 2 else (1,)
    axes.set_xlim(least / 2, most * 2)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=6))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize=8)
    axes.set_yticks(range(len(medians)), medians.index, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("seconds, fit and prediction of all others")
    axes.legend(fontsize=7)


def _draw_predictions(axes: Axes, one: pd.Series, unit: str, color: str) -> None:
    mean, std, truth = one["mean"], one["std"], one["truth"]
    # A few failed trainings would take most of the space.
    low, high = np.quantile(truth, 0.05), max(truth.max(), mean.max())
    style = {"ms": 3, "alpha": 0.7, "color": color, "markeredgewidth": 0}
    draw_predictions(axes, mean, 1.645 * std, truth, unit, (low, high), style)
    margin = 0.05 * (high - low)
    axes.set(xlim=(low - margin, high + margin), ylim=(low - 4 * margin, high + 4 * margin))
    axes.set_title(f"{one['label']}, {one['train_size']} architectures", fontsize=8)
