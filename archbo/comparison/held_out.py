"""Does the surrogate predict at all? Values that it was not fitted to tell."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from archbo.bo_loop import Bayesian
from archbo.comparison.metrics import coverage, kendall_tau
from archbo.log import Log
from archbo.predictors import Predictor
from archbo.predictors.calibration import folds
from archbo.randomness import spawn

__all__ = ["Predicted", "cross_validate", "held_out", "in_words", "n_parts"]

LEAST = 5
"""The fewest architectures from which a verdict follows: with four, no order at all is significant at 5 %."""
ONE_BY_ONE, N_FOLDS = 20, 10
"""Up to so many architectures each is left out by itself, beyond that a tenth at a time; by choice, for time."""
LUCK = 0.05
"""The probability below which a result does not count as luck; by convention."""
FAIR, GOOD = 0.4, 0.7
"""Kendall's tau from which an order is predicted fairly well, and well: 70 % and 85 % of all pairs are in their order."""
LEVEL = 0.9
"""The nominal coverage of intervals."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of one outcome, as gains, where the surrogate had not seen the architecture.

    Attributes:
        mean: ``n``, predicted means.
        std: ``n``, predicted standard deviations of an evaluation.
        truth: ``n``, what was observed.
        cdf: ``n``, the predicted probability of at most that.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    truth: NDArray[np.float64]
    cdf: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def is_constant(self) -> bool:
        """Whether all values are the same."""
        return bool(np.ptp(self.truth) == 0)

    @property
    def tau(self) -> float:
        """Kendall's tau between what was predicted and what was observed; NaN for fewer than two architectures."""
        return kendall_tau(self.mean, self.truth)

    @property
    def tau_error(self) -> float:
        """The standard deviation of tau where nothing is predicted (Kendall 1938)."""
        n = len(self.truth)
        return float(np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1))))

    @property
    def p_value(self) -> float:
        """The probability of as high a tau where nothing is predicted."""
        if self.is_constant or np.ptp(self.mean) == 0:
            return 1.0
        return float(stats.kendalltau(self.mean, self.truth, alternative="greater").pvalue)

    @property
    def predicts(self) -> bool:
        """Whether the order is predicted better than by luck."""
        return self.p_value < LUCK

    @property
    def coverage(self) -> float:
        """The share of values within their 90 % intervals."""
        return coverage(self.cdf, level=LEVEL)


def held_out(bayesian: Bayesian, log: Log, fidelity: str | None) -> tuple[Predicted, ...]:
    """Cross-validate the surrogates of a strategy: one ``Predicted`` for each outcome, none for fewer than 5 architectures.

    Surrogates are fitted again without a tenth of the architectures at a time, or up to 20 without one at a time. What
    is left out is left out at every fidelity.
    """
    X, gains = log.means(fidelity)
    n = len(X)
    if n < LEAST:
        return ()
    ids, trials = log.space.ids(X), list(zip(log.space.ids(log.rows()), log.trials, strict=True))
    held = _parts(n, bayesian.seed)
    shape = (bayesian.goal.n_outcomes, n)
    mean, std, cdf = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for number, out in enumerate(held):
        left_out = {key for key, is_out in zip(ids, out, strict=True) if is_out}
        kept = tuple(trial for key, trial in trials if key not in left_out)
        rest = Log(log.space, log.goal, kept)
        seed = spawn(bayesian.seed, number)
        predictors = bayesian.surrogates.fitted(rest, fidelity=fidelity, seed=seed)
        rows = torch.from_numpy(out)
        for output, predictor in enumerate(predictors):
            mean[output, out], std[output, out] = map(np.asarray, predictor.predict(X[rows]))
            cdf[output, out] = predictor.cdf(X[rows], gains[rows, output])
    return tuple(map(Predicted, mean, std, gains.T.numpy(), cdf))


def cross_validate(
    predictor: Predictor,
    X: Tensor,
    Y: Tensor,
    *,
    seed: int = 0,
    callback: Callable[[], None] | None = None,
) -> Predicted:
    """Predict observations by fits to the others, without a tenth of them at a time, or up to 20 without one at a time.

    Args:
        predictor: What is fitted, again and again.
        X: ``n x d``, rows; those that repeat are held out together, and count with their mean.
        Y: ``n x 1``, their values, to be maximised.
        seed: Of the parts and the fits.
        callback: Called after each fit.
    """
    place: dict[object, int] = {}
    groups = torch.tensor([place.setdefault(key, len(place)) for key in predictor.space.ids(X)])
    sides = torch.full((4, len(X)), torch.nan, dtype=torch.double)
    sides[2] = Y.flatten()
    for part in _parts(len(place), seed) if len(place) > 1 else ():
        out = torch.from_numpy(part)[groups]
        predictor.fit(X[~out], Y[~out], seed=seed)
        sides[0, out], sides[1, out] = (side.double() for side in predictor.predict(X[out]))
        sides[3, out] = predictor.cdf(X[out], Y[out]).flatten().double()
        if callback is not None:
            callback()
    means = torch.zeros(4, len(place), dtype=torch.double).index_add(1, groups, sides)
    return Predicted(*(means / groups.bincount()).numpy())


def _parts(n: int, seed: int) -> list[NDArray[np.bool_]]:
    """Which of ``n`` architectures are left out at a time."""
    return list(folds(n, n_parts(n), np.random.default_rng(seed)))


def n_parts(n: int) -> int:
    """The number of fits that cross-validation of ``n`` architectures takes."""
    return n if n <= ONE_BY_ONE else N_FOLDS


def in_words(part: Predicted, metric: str) -> str:
    """The verdict: is the metric predicted, and how wide are the intervals?"""
    n = len(part)
    if n < LEAST:
        return f"{n} architectures are too few to tell whether {metric} is predicted."
    if part.is_constant:
        return f"All {n} values of {metric} are the same, so there is nothing to predict."
    tau = f"tau {part.tau:.2f} ± {part.tau_error:.2f}"
    if not part.predicts:
        return (
            f"The surrogate does not predict {metric} ({tau}): on this evidence a search for it is no better than "
            "random so far. More trials, another predictor or another encoding may change that."
        )
    how = "weakly" if part.tau < FAIR else "well" if part.tau >= GOOD else "fairly well"
    return f"The surrogate predicts {metric} {how} ({tau}); its error bars {_bars(part)}."


def _bars(part: Predicted) -> str:
    n = len(part.truth)
    within = round(part.coverage * n)
    what = f"{within} of {n} values are within their {LEVEL:.0%} intervals"
    if stats.binom.cdf(within, n, LEVEL) < LUCK / 2:
        return f"are too narrow, {what}"
    if stats.binom.sf(within - 1, n, LEVEL) < LUCK / 2:
        return f"are too wide, {what}"
    return f"are about right, {what}"
