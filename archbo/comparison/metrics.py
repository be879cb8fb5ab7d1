"""How good predictions are: order, error bars, and what a search would take from them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from archbo.errors import UsageError

__all__ = [
    "best_rank_at",
    "calibration",
    "coverage",
    "gaussian_crps",
    "gaussian_nll",
    "kendall_tau",
    "precision_at",
    "relative_improvement",
    "sample_crps",
    "spearman",
    "weighted_tau",
]

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


def weighted_tau(mean: Values, truth: Values) -> float:
    """Kendall's tau with pairs weighted towards the top (``n`` values each); 0 where one is constant.

    The weight of a pair is the sum of ``1 / rank`` of its two architectures; the mean of ranking by predictions and
    ranking by values (Vigna 2015, arXiv 1404.3325).

    Example:
        >>> truth = np.array([10.0, 20.0, 30.0])
        >>> first, last = np.array([1.0, 3.0, 2.0]), np.array([2.0, 1.0, 3.0])
        >>> kendall_tau(first, truth) == kendall_tau(last, truth), weighted_tau(first, truth) < weighted_tau(last, truth)
        (True, True)
    """
    return _defined(mean, truth, stats.weightedtau)


def _defined(mean: Values, truth: Values, correlation: object) -> float:
    if np.ptp(mean) == 0 or np.ptp(truth) == 0:
        return 0.0
    return float(correlation(mean, truth).statistic)  # type: ignore[operator]


def precision_at(k: float, mean: Values, truth: Values) -> float:
    """P@K, the share of the ``k`` architectures predicted best that are among the ``k`` best (of ``n``).

    It is that of GATES (arXiv 2004.01899); TA-GATES and FLAN give ``k`` as a share. All that tie with the ``k``-th best
    count as the best.

    Args:
        k: A whole number from 1 on, or a share of all architectures, below 1.
        mean: ``n`` predictions.
        truth: ``n`` values.

    Raises:
        UsageError: ``k`` is neither.

    Example:
        >>> precision_at(2, np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        1.0
    """
    picked = _picked(k, mean)
    return float(np.mean(truth[picked] >= np.sort(truth)[-len(picked)]))


def best_rank_at(k: float, mean: Values, truth: Values) -> int:
    """N@K, the rank of the best of the ``k`` architectures predicted best (of ``n``); 1 is the best of all.

    It is that of GATES (arXiv 2004.01899), which others call BR@K, and what a search gets that trains ``k``
    architectures. The rank is 1 + the number of those that are strictly better.

    Args:
        k: As for ``precision_at``.
        mean: ``n`` predictions.
        truth: ``n`` values.

    Raises:
        UsageError: ``k`` is neither a whole number from 1 on nor a share.

    Example:
        >>> best_rank_at(1, np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
        2
    """
    return 1 + int(np.sum(truth > truth[_picked(k, mean)].max()))


def _picked(k: float, mean: Values) -> NDArray[np.intp]:
    """The places of the ``k`` best predictions; of those that tie the first."""
    share = 0 < k < 1
    if not share and (k < 1 or k != int(k)):
        raise UsageError(f"k is a whole number from 1 on, or a share between 0 and 1; got {k}")
    return np.argsort(-mean, kind="stable")[: max(1, int(k * len(mean) if share else k))]


def gaussian_nll(mean: Values, std: Values, truth: Values) -> float:
    """The mean negative log-likelihood of values (``n``) under Gaussians, in nats."""
    return -float(np.mean(stats.norm.logpdf(truth, mean, std)))


def gaussian_crps(mean: Values, std: Values, truth: Values) -> float:
    """The mean continuous ranked probability score of values (``n``) under Gaussians, in their unit; less is better.

    The closed form of Gneiting and Raftery (2007). Where ``std`` is 0 it is the absolute error.

    Example:
        >>> round(gaussian_crps(np.zeros(1), np.ones(1), np.zeros(1)), 4)
        0.2337
    """
    error = np.abs(truth - mean)
    z = np.divide(error, std, out=np.full_like(error, np.inf), where=std > 0)
    spread = std * (2 * stats.norm.pdf(z) - 1 / math.sqrt(math.pi))
    return float(np.mean(spread + error * (2 * stats.norm.cdf(z) - 1)))


def sample_crps(samples: Values, truth: Values) -> float:
    """The mean continuous ranked probability score of values (``n``) under equally likely samples, ``s x n``.

    It is that of the samples' own distribution: E |x - y| - E |x - x'| / 2 (Gneiting and Raftery 2007).

    Example:
        >>> sample_crps(np.array([[0.0], [2.0]]), np.array([1.0]))
        0.5
    """
    ordered = np.sort(samples, axis=0)
    s = len(ordered)
    # Of s ordered samples the i-th is above i - 1 others and below s - i.
    weights = (2 * np.arange(1, s + 1) - s - 1) / s**2
    return float(np.mean(np.abs(samples - truth).mean(0) - weights @ ordered))


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


def relative_improvement(
    found: Sequence[float] | Values, random: Sequence[float] | Values
) -> float:
    """How much better what a search found is than the average random architecture, in percent.

    100 (mean(found) - mean(random)) / mean(random), of accuracies, say: Yang et al., "NAS evaluation is frustratingly
    hard" (arXiv 1912.12522). More is better of either sign of the values.

    Args:
        found: Values of what the search found, one for each training.
        random: Values of architectures drawn at random.

    Raises:
        UsageError: The mean of the random ones is 0.

    Example:
        >>> relative_improvement([94.0, 96.0], [90.0, 100.0, 85.0, 85.0])
        5.555555555555555
    """
    base = float(np.asarray(random).mean())
    if base == 0:
        raise UsageError(
            "random architectures are worth 0 on average; there is no improvement relative to it"
        )
    return 100 * (float(np.asarray(found).mean()) - base) / abs(base)
