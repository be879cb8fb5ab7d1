"""What predictions at held-out observations tell of an ensemble's uncertainty."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["folds", "moments"]

PRIOR_MEMBERS = 4.0


def folds(n: int, n_folds: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of ``n`` observations each fold holds out, ``k x n``: each one once, in folds of like size.

    There are at most ``n`` folds.
    """
    k = min(n, n_folds)
    held: NDArray[np.bool_] = np.arange(k)[:, None] == rng.permutation(n) % k
    return held


def moments(
    values: NDArray[Any], out: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Mean and variance over the members that hold an observation out.

    The variance of a few members says little of the variance that many would have, so it is drawn towards the
    average over observations, as if that were known from four members more.

    Args:
        values: ``s x n``, what each member predicts.
        out: ``s x n``, which observations it was not fitted to.

    Returns:
        Mean and variance (``m`` each) at the observations that at least two members hold out, and which of
        the ``n`` they are.
    """
    known = out.sum(0) > 1
    values, out = values[:, known], out[:, known]
    degrees = out.sum(0) - 1
    mean = np.where(out, values, 0.0).sum(0) / (degrees + 1)
    square = np.square(np.where(out, values - mean, 0.0)).sum(0)
    typical = square.sum() / max(degrees.sum(), 1)
    variance = (square + PRIOR_MEMBERS * typical) / (degrees + PRIOR_MEMBERS)
    return mean, variance, known
