"""What predictions at held-out observations tell: the scale of an order, and how sure an ensemble may be."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from archbo.errors import FitError
from archbo.predictors.gaussian_model import FLOOR

__all__ = ["calibrate", "fit_of", "folds", "moments", "value_slope"]

PRIOR_MEMBERS = 4.0
"""The number of members by which the variance of few is drawn to the average."""

SPREAD_SCALE = 0.5
"""The standard deviation of the logarithm of the spread a priori: seldom above 2.7 or below 0.4."""

NOISE_MEDIAN, NOISE_SCALE = 0.02, 1.0
"""The noise a priori, on the scale of normal scores: a standard deviation of 0.14, up to a factor of 2.7."""


@contextmanager
def fit_of(library: str) -> Iterator[None]:
    """Around a call of a library that fits: what it cannot fit is a ``FitError``, as anywhere else here.

    Example:
        >>> try:
        ...     with fit_of("NumPy"):
        ...         raise ValueError("array must not contain infs")
        ... except FitError as error:
        ...     print(error)
        NumPy: array must not contain infs
    """
    try:
        yield
    except ValueError as error:
        raise FitError(f"{library}: {str(error).strip().splitlines()[-1]}") from error


def folds(n: int, n_folds: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of ``n`` observations each fold holds out, ``k x n``: each one once, in folds of like size.

    There are at most ``n`` folds. Scikit-learn's ``KFold`` deals them out in another order, so that every fit would
    be another one.
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


def value_slope(
    order: NDArray[Any],
    values: NDArray[Any],
    *,
    prior: float = 1.0,
    bounds: tuple[float, float] = (0.1, math.inf),
) -> float:
    """The slope of the line through the origin that takes what is known up to its unit to values.

    Least squares, drawn to a slope of 1 as by ``prior`` observations at a distance of 1: a few held-out values shall
    not turn an order round, nor level it.

    Args:
        order: ``n``, predictions around their mean.
        values: ``n``, those to predict, around theirs.
        prior: How many observations speak for a slope of 1.
        bounds: The least and the largest slope.

    Example:
        >>> value_slope(np.array([-1.0, 1.0]), np.array([-3.0, 3.0]), prior=0.0)
        3.0
    """
    slope = (order @ values + prior) / max(order @ order + prior, 1e-12)
    return float(np.clip(slope, *bounds))


def calibrate(mean: Tensor, variance: Tensor, Z: Tensor) -> tuple[float, float]:
    """The ``spread`` and ``noise`` under which held-out values are most probable.

    ``Z ~ N(mean, spread^2 variance + noise)``, a posteriori with log-normal priors around a spread of 1 and a
    noise of 0.02, so that a handful of values cannot say too much.

    Args:
        mean: ``n``, predictions of members that were not fitted to the value.
        variance: ``n``, the variance of these members.
        Z: ``n``, the values, on the same scale.

    Raises:
        FitError: One of them is not finite.

    Example:
        >>> import torch
        >>> error = torch.randn(500, generator=torch.Generator().manual_seed(0))
        >>> spread, noise = calibrate(torch.zeros(500), torch.full((500,), 0.25), 1.5 * error)
        >>> round((0.25 * spread**2 + noise) ** 0.5, 1)
        1.5
    """
    square = (Z - mean).square().double().numpy()
    members = variance.double().numpy()
    if not (np.isfinite(square).all() and np.isfinite(members).all()):
        raise FitError("its predictions at held-out observations are not finite")
    centre = np.array([0.0, math.log(NOISE_MEDIAN)])
    scale = np.array([SPREAD_SCALE, NOISE_SCALE])

    def negative_log_posterior(parameters: NDArray[Any]) -> float:
        total = math.exp(2 * parameters[0]) * members + math.exp(parameters[1]) + FLOOR
        prior = np.square((parameters - centre) / scale).sum()
        return float(0.5 * (square / total + np.log(total)).sum() + 0.5 * prior)

    bounds = [(-2.5, 2.5), (math.log(1e-5), math.log(10.0))]
    found = minimize(negative_log_posterior, centre, method="L-BFGS-B", bounds=bounds)
    return math.exp(found.x[0]), math.exp(found.x[1])
