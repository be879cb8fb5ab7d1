"""How good predictions are: order, error bars, and what a search would take from them."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["calibration", "coverage", "gaussian_nll", "kendall_tau", "precision_at", "spearman"]

Values = NDArray[np.float64]


def kendall_tau(mean: Values, truth: Values) -> float:
    """Kendall's tau-b between predictions and values (``n`` each); 0 where one of them is constant.

    Example:
        >>> round(kendall_tau(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0])), 3)
        0.333
    """
    return _defined(mean, truth, stats.kendalltau)


def spearman(mean: Values, truth: Values) -> float:
    """Spearman's rank correlation between predictions and values (``n`` each); 0 where one is constant."""
    return _defined(mean, truth, stats.spearmanr)


def _defined(mean: Values, truth: Values, correlation: object) -> float:
    if np.ptp(mean) == 0 or np.ptp(truth) == 0:
        return 0.0
    return float(correlation(mean, truth).statistic)  # type: ignore[operator]


def precision_at(k: int, mean: Values, truth: Values) -> float:
    """The share of the ``k`` architectures predicted best that are among the ``k`` best (of ``n``).

    All that tie with the ``k``-th best count as the best.

    Example:
        >>> precision_at(2, np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        1.0
    """
    k = min(k, len(truth))
    picked = np.argsort(-mean, kind="stable")[:k]
    return float(np.mean(truth[picked] >= np.sort(truth)[-k]))


def gaussian_nll(mean: Values, std: Values, truth: Values) -> float:
    """The mean negative log-likelihood of values (``n``) under Gaussians, in nats."""
    return -float(np.mean(stats.norm.logpdf(truth, mean, std)))


def coverage(cdf: Values, *, level: float = 0.9) -> float:
    """The share of values within their central intervals of probability ``level``.

    Args:
        cdf: ``n``, the probability of at most the value that each prediction gave (``Predictor.cdf``).
        level: The nominal coverage.

    Example:
        >>> coverage(np.array([0.01, 0.3, 0.8, 0.94]))
        0.75
    """
    return float(np.mean(np.abs(2 * cdf - 1) <= level))


def calibration(cdf: Values, levels: Values) -> Values:
    """The coverage at each nominal level (``m``): the same numbers, if the intervals are right."""
    return np.array([coverage(cdf, level=float(level)) for level in levels])
