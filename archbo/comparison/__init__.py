"""Comparison: searches and predictors side by side, in numbers and pictures."""

from archbo.comparison.evaluation import (
    Evaluation,
    check_train_sizes,
    evaluate,
    training_sample,
)
from archbo.comparison.held_out import Predicted, cross_validate
from archbo.comparison.leaderboard import Leaderboard, compare
from archbo.comparison.metrics import (
    best_rank_at,
    calibration,
    coverage,
    gaussian_crps,
    gaussian_nll,
    kendall_tau,
    precision_at,
    relative_improvement,
    sample_crps,
    spearman,
    weighted_tau,
)
from archbo.comparison.plots.architecture import draw_arch
from archbo.comparison.plots.files import check_format, save_figure
from archbo.comparison.plots.fronts import plot_fronts, plot_search, plot_trade_off
from archbo.comparison.plots.importance import plot_importance
from archbo.comparison.plots.leaderboard import plot_comparison
from archbo.comparison.plots.predictions import plot_predictions
from archbo.comparison.plots.progress import plot_best_so_far, plot_progress
from archbo.comparison.plots.proxies import plot_correlations
from archbo.comparison.proxy_scores import ProxySummary, summarize_proxies
from archbo.comparison.ranking import Ranking, rank_archs
from archbo.comparison.reports.report import write_report
from archbo.comparison.runs import (
    Query,
    Run,
    SearchInterrupted,
    check_budget,
    check_runs,
    costs_of,
    median_regret,
    median_share,
    middle_run,
    progress_curves,
    run_search,
)
from archbo.comparison.sparkline import sparkline
from archbo.comparison.statistics import (
    area_under,
    bootstrap_band,
    holm,
    least_p_value,
    paired_tests,
    quartiles,
)

__all__ = [
    "Evaluation",
    "Leaderboard",
    "Predicted",
    "ProxySummary",
    "Query",
    "Ranking",
    "Run",
    "SearchInterrupted",
    "area_under",
    "best_rank_at",
    "bootstrap_band",
    "calibration",
    "check_budget",
    "check_format",
    "check_runs",
    "check_train_sizes",
    "compare",
    "costs_of",
    "coverage",
    "cross_validate",
    "draw_arch",
    "evaluate",
    "gaussian_crps",
    "gaussian_nll",
    "holm",
    "kendall_tau",
    "least_p_value",
    "median_regret",
    "median_share",
    "middle_run",
    "paired_tests",
    "plot_best_so_far",
    "plot_comparison",
    "plot_correlations",
    "plot_fronts",
    "plot_importance",
    "plot_predictions",
    "plot_progress",
    "plot_search",
    "plot_trade_off",
    "precision_at",
    "progress_curves",
    "quartiles",
    "rank_archs",
    "relative_improvement",
    "run_search",
    "sample_crps",
    "save_figure",
    "sparkline",
    "spearman",
    "summarize_proxies",
    "training_sample",
    "weighted_tau",
    "write_report",
]
