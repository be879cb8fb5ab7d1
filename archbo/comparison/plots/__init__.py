"""Pictures, one module for each kind."""

from archbo.comparison.plots.architecture import draw_arch
from archbo.comparison.plots.files import check_format, save_figure
from archbo.comparison.plots.fronts import plot_fronts, plot_search
from archbo.comparison.plots.leaderboard import plot_comparison
from archbo.comparison.plots.predictions import plot_predictions
from archbo.comparison.plots.progress import plot_progress
from archbo.comparison.plots.proxies import plot_correlations

__all__ = [
    "check_format",
    "draw_arch",
    "plot_comparison",
    "plot_correlations",
    "plot_fronts",
    "plot_predictions",
    "plot_progress",
    "plot_search",
    "save_figure",
]
