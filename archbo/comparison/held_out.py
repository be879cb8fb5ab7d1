"""Does the surrogate predict at all? Values that it was not fitted to tell."""

from collections.abc import Callable, Sequence
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
from archbo.spaces import SearchSpace

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
        truth: ``n``, what was observed, of several evaluations their mean.
        cdf: ``k``, for each evaluation the predicted probability of at most its value.
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
    space, (X, gains) = log.space, log.observed(fidelity)
    if len(set(space.ids(X))) < LEAST:
        return ()
    trials = list(zip(space.ids(log.rows()), log.trials, strict=True))

    def fitted(out: Tensor, seed: int) -> Sequence[Predictor]:
        left_out = set(space.ids(X[out]))
        rest = Log(space, log.goal, tuple(trial for key, trial in trials if key not in left_out))
        return bayesian.surrogates.fitted(rest, fidelity=fidelity, seed=seed)

    return _predicted(space, X, gains, fitted, bayesian.seed)


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
        X: ``n x d``, rows; those that repeat are held out together.
        Y: ``n x 1``, their values, to be maximised.
        seed: Of the parts and the fits.
        callback: Called after each fit.
    """

    def fitted(out: Tensor, seed: int) -> Sequence[Predictor]:
        predictor.fit(X[~out], Y[~out], seed=seed)
        if callback is not None:
            callback()
        return (predictor,)

    return _predicted(predictor.space, X, Y, fitted, seed)[0]


def _predicted(
    space: SearchSpace,
    X: Tensor,
    gains: Tensor,
    fitted: Callable[[Tensor, int], Sequence[Predictor]],
    seed: int,
) -> tuple[Predicted, ...]:
    """Predictions of each column of ``gains`` (``k x m``) by predictors fitted without the evaluations in a ``k`` mask."""
    place: dict[object, int] = {}
    groups = torch.tensor([place.setdefault(key, len(place)) for key in space.ids(X)])
    n, sides = len(place), torch.full((4, *gains.T.shape), torch.nan, dtype=torch.double)
    sides[2] = gains.T
    parts = folds(n, n_parts(n), np.random.default_rng(seed)) if n > 1 else ()
    for number, part in enumerate(parts):
        out = torch.from_numpy(part)[groups]
        for output, predictor in enumerate(fitted(out, spawn(seed, number))):
            mean, std = predictor.predict(X[out])
            cdf = predictor.cdf(X[out], gains[out, output])
            sides[0, output, out], sides[1, output, out] = mean.double(), std.double()
            sides[3, output, out] = cdf.double()
    means = torch.zeros(3, gains.shape[-1], n, dtype=torch.double).index_add(2, groups, sides[:3])
    return tuple(map(Predicted, *(means / groups.bincount()).numpy(), sides[3].numpy()))


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
            f"The surrogate does not predict {metric} ({tau}): on this evidence its choices are no better than "
            "random ones. More trials, another predictor or another encoding may change that."
        )
    how = "weakly" if part.tau < FAIR else "well" if part.tau >= GOOD else "fairly well"
    return f"The surrogate predicts {metric} {how} ({tau}); its error bars {_bars(part)}."


def _bars(part: Predicted) -> str:
    n = len(part.cdf)
    within = round(part.coverage * n)
    what = f"{within} of {n} values are within their {LEVEL:.0%} intervals"
    if stats.binom.cdf(within, n, LEVEL) < LUCK / 2:
        return f"are too narrow, {what}"
    if stats.binom.sf(within - 1, n, LEVEL) < LUCK / 2:
        return f"are too wide, {what}"
    return f"are about right, {what}"
