"""Comparison: searches and predictors side by side, in numbers and pictures."""

from archbo.comparison.leaderboard import Evaluation, check_train_sizes, evaluate, training_sample
from archbo.comparison.leaderboard_plots import plot_comparison
from archbo.comparison.metrics import (
    calibration,
    coverage,
    gaussian_nll,
    kendall_tau,
    precision_at,
    spearman,
)
from archbo.comparison.plots import (
    check_format,
    draw_arch,
    plot_predictions,
    plot_regret,
    save_figure,
    sparkline,
)
from archbo.comparison.proxy_plots import plot_correlations
from archbo.comparison.proxy_scores import MeasureSummary, ProxySummary, summarize_proxies
from archbo.comparison.runs import (
    Query,
    Run,
    check_budget,
    median_regret,
    median_share,
    run_search,
)

__all__ = [
    "Evaluation",
    "MeasureSummary",
    "ProxySummary",
    "Query",
    "Run",
    "calibration",
    "check_budget",
    "check_format",
    "check_train_sizes",
    "coverage",
    "draw_arch",
    "evaluate",
    "gaussian_nll",
    "kendall_tau",
    "median_regret",
    "median_share",
    "plot_comparison",
    "plot_correlations",
    "plot_predictions",
    "plot_regret",
    "precision_at",
    "run_search",
    "save_figure",
    "sparkline",
    "spearman",
    "summarize_proxies",
    "training_sample",
]
