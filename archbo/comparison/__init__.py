"""Comparison: searches and predictors side by side, in numbers and pictures."""

from archbo.comparison.fidelity_trials import FidelityTrial, TrainingQuery, run_fidelity_trial
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
from archbo.comparison.pareto_plots import plot_pareto
from archbo.comparison.pareto_trials import ParetoQuery, ParetoTrial, median_share, run_pareto_trial
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
from archbo.comparison.trials import Query, Trial, check_budget, median_regret, run_trial

__all__ = [
    "Evaluation",
    "FidelityTrial",
    "MeasureSummary",
    "ParetoQuery",
    "ParetoTrial",
    "ProxySummary",
    "Query",
    "TrainingQuery",
    "Trial",
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
    "plot_pareto",
    "plot_predictions",
    "plot_regret",
    "precision_at",
    "run_fidelity_trial",
    "run_pareto_trial",
    "run_trial",
    "save_figure",
    "sparkline",
    "spearman",
    "summarize_proxies",
    "training_sample",
]
