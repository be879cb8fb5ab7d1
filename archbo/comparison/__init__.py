"""Comparison: searches side by side, in numbers and pictures."""

from archbo.comparison.plots import (
    check_format,
    draw_arch,
    plot_predictions,
    plot_regret,
    save_figure,
    sparkline,
)
from archbo.comparison.trials import Query, Trial, check_budget, median_regret, run_trial

__all__ = [
    "Query",
    "Trial",
    "check_budget",
    "check_format",
    "draw_arch",
    "median_regret",
    "plot_predictions",
    "plot_regret",
    "run_trial",
    "save_figure",
    "sparkline",
]
