"""Statistics over repeats: bands around curves, and whether methods differ by more than luck."""

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from archbo.errors import UsageError

__all__ = [
    "Band",
    "Curves",
    "area_under",
    "bootstrap_band",
    "holm",
    "least_p_value",
    "paired_tests",
    "quartiles",
]

Curves: TypeAlias = NDArray[np.float64]
"""Curves of ``r`` repeats at ``t`` places, ``r x t``."""
Band: TypeAlias = Callable[[Curves], Curves]
"""Lower end, middle and upper end at each place, ``3 x t``, of curves, ``r x t``."""


def quartiles(curves: Curves) -> Curves:
    """The quartiles over repeats (``r x t``), ``3 x t``: how much single searches differ.

    Example:
        >>> quartiles(np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])).flatten()
        array([2., 3., 4.])
    """
    return np.quantile(curves, [0.25, 0.5, 0.75], axis=0)


def bootstrap_band(
    curves: Curves, *, level: float = 0.95, n_draws: int = 1000, seed: int = 0
) -> Curves:
    """The median over repeats (``r x t``) with its confidence band, ``3 x t``: how sure the middle is.

    The percentile bootstrap, repeats drawn with replacement (Efron and Tibshirani 1993, chapter 13). The same seed
    gives the same band.

    Args:
        curves: A row for each repeat.
        level: The nominal coverage at each place.
        n_draws: The number of resamples.
        seed: Of the draws.

    Example:
        >>> lower, middle, upper = bootstrap_band(np.array([[1.0, 0.5], [2.0, 0.5], [4.0, 0.5]]))
        >>> middle, bool(lower[0] < middle[0] < upper[0]), bool(lower[1] == upper[1])
        (array([2. , 0.5]), True, True)
    """
    drawn = np.random.default_rng(seed).integers(len(curves), size=(n_draws, len(curves)))
    medians = np.stack([np.median(curves[repeats], axis=0) for repeats in drawn])
    lower, upper = np.quantile(medians, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return np.stack([lower, np.median(curves, axis=0), upper])


def area_under(costs: ArrayLike, curves: Curves) -> NDArray[np.float64]:
    """The mean height of curves (``r x t``) per unit of cost, ``r``: of regrets the area under the curve.

    Args:
        costs: ``t``, ascending; a curve's value at one is what was paid for since the one before. Of searches whose
            queries cost the same it is the mean regret after a query.
        curves: A row for each repeat; NaN where there is nothing yet, and then the area is NaN.

    Example:
        >>> area_under([1, 2, 4], np.array([[3.0, 1.0, 0.0]]))
        array([1.])
    """
    widths = np.diff(np.asarray(costs, dtype=np.float64), prepend=0.0)
    areas: NDArray[np.float64] = curves @ widths / widths.sum()
    return areas


def paired_tests(scores: Mapping[str, ArrayLike], against: str | None = None) -> pd.DataFrame:
    """Whether methods differ on the same seeds: Wilcoxon's signed-rank test, corrected for the number of tests by Holm.

    Args:
        scores: For each method ``n`` scores; those at the same place belong together, such as by seed.
        against: The method that the others are compared with; every pair is compared unless given.

    Returns:
        A row for each test: ``first``, ``second``, ``difference`` (the median of first minus second), the two-sided
        ``p_value``, and ``corrected``.

    Raises:
        UsageError: Methods have different numbers of scores, or ``against`` is none of them.

    Example:
        >>> a = np.array([0.80, 0.82, 0.85, 0.81, 0.84, 0.86])
        >>> paired_tests({"a": a, "b": a - [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]})["p_value"].item()
        0.03125
    """
    values = {name: np.asarray(each, dtype=np.float64) for name, each in scores.items()}
    lengths = {name: len(each) for name, each in values.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(
            f"scores come in pairs, one of each method for each seed; there are {lengths}"
        )
    if against is not None and against not in values:
        raise UsageError(f"there is no method {against!r}; there are {', '.join(values)}")
    pairs = [pair for pair in combinations(values, 2) if against is None or against in pair]
    differences = [values[first] - values[second] for first, second in pairs]
    p_values = [_signed_rank(each) for each in differences]
    return pd.DataFrame(
        {
            "first": [first for first, _ in pairs],
            "second": [second for _, second in pairs],
            "difference": [float(np.median(each)) for each in differences],
            "p_value": p_values,
            "corrected": holm(p_values),
        }
    )


def _signed_rank(differences: NDArray[np.float64]) -> float:
    """Wilcoxon's test; what is the same for both says nothing."""
    rest = differences[differences != 0]
    return float(stats.wilcoxon(rest).pvalue) if len(rest) else 1.0


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Corrected p-values of ``m`` tests: each is at most its own with probability ``alpha`` anywhere (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def least_p_value(n_pairs: int, n_tests: int = 1) -> float:
    """The least corrected p-value that so many pairs can give, all of one sign; above 0.05 nothing can be significant.

    Example:
        >>> least_p_value(5), least_p_value(8, 3)
        (0.0625, 0.0234375)
    """
    return min(1.0, n_tests * 2.0 ** (1 - n_pairs))
