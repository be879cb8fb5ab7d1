"""What past trainings say of architectures that were not trained, and how far to trust it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from archbo.comparison.metrics import coverage, kendall_tau
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import Predictor
from archbo.predictors.calibration import folds
from archbo.spaces import Arch

__all__ = ["HeldOut", "Ranking", "cross_validate", "rank_archs"]

N_FOLDS = 5
"""The number of parts that past trainings are split into, the usual one of cross-validation."""
FEWEST = 10
"""The fewest architectures of which a verdict is given: with fewer, a tau of 0.5 may well be luck (p > 0.05)."""
FAIR, GOOD = 0.4, 0.7
"""Kendall's tau from which an order is called fair, and good: 70 % and 85 % of all pairs are in their order."""
LEVEL = 0.9
"""The nominal coverage of intervals."""


@dataclass(frozen=True)
class HeldOut:
    """How past trainings are predicted by fits that have not seen their architectures.

    Attributes:
        metric: What was predicted.
        n: The number of architectures.
        kendall: Kendall's tau between their mean predictions and mean values.
        coverage: The share of values within their central intervals of 90 %.
    """

    metric: str
    n: int
    kendall: float
    coverage: float

    @property
    def verdict(self) -> str:
        """How far to trust predictions, in words.

        Example:
            >>> HeldOut("acc", 50, 0.75, 0.9).verdict
            'a good order; the error bars hold'
            >>> HeldOut("acc", 50, 0.1, 0.6).verdict
            'no better than chance, do not trust the order; the error bars are too narrow'
        """
        if self.n < FEWEST:
            return f"{self.n} architectures are too few to tell how far to trust the order"
        # Two standard deviations of tau where there is nothing to predict (Kendall 1938).
        n = self.n
        luck = 2 * math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))
        order = "no better than chance, do not trust the order"
        if self.kendall > luck:
            order = "a weak order, no more than a hint"
            if self.kendall >= FAIR:
                order = "a fair order, to choose candidates by"
            if self.kendall >= GOOD:
                order = "a good order"
        slack = 2 * math.sqrt(LEVEL * (1 - LEVEL) / n)
        bars = "hold" if self.coverage >= LEVEL - slack else "are too narrow"
        return f"{order}; the error bars {bars}"


@dataclass(frozen=True, eq=False)
class Ranking:
    """Architectures with their predictions, best first; with several objectives front by front.

    Attributes:
        goal: What was predicted.
        archs: ``n`` architectures.
        mean: ``n x m``, the predicted objectives in their own units.
        std: ``n x m``, their standard deviations, observation noise included.
        held_out: For each objective how far to trust it.
    """

    goal: Goal
    archs: Sequence[Arch]
    mean: Tensor = field(repr=False)
    std: Tensor = field(repr=False)
    held_out: tuple[HeldOut, ...]

    def frame(self) -> pd.DataFrame:
        """A row for each architecture: ``arch``, and ``METRIC_mean`` and ``METRIC_std`` of each objective."""
        columns: dict[str, object] = {"arch": list(map(str, self.archs))}
        for number, objective in enumerate(self.goal.objectives):
            columns[f"{objective.metric}_mean"] = self.mean[:, number].tolist()
            columns[f"{objective.metric}_std"] = self.std[:, number].tolist()
        return pd.DataFrame(columns)


def rank_archs(
    log: Log,
    predictors: Sequence[Predictor],
    X: Tensor | None = None,
    *,
    seed: int = 0,
    callback: Callable[[], None] | None = None,
) -> Ranking:
    """Fit predictors to past trainings and rank what was not trained.

    Args:
        log: Past trainings; those told at the target are learned from.
        predictors: One for each objective of its goal.
        X: ``n x d``, what to rank; all of the space that the log does not have unless given.
        seed: The same seed gives the same ranking.
        callback: Called after each of ``6 m`` fits.

    Raises:
        UsageError: The goal has bounds or not as many objectives as there are predictors, nothing was told, or nothing
            is left to rank or too much to list.

    Example:
        >>> from archbo.predictors import GP
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> past = pd.DataFrame({"width": [8, 8, 16, 16, 32, 32], "depth": [1, 3, 2, 4, 1, 2]})
        >>> past["acc"] = past["width"] / 8 + past["depth"]
        >>> ranking = rank_archs(Log.from_past(past, space, Goal.parse("acc")), [GP(space)])
        >>> str(ranking.archs[0]), len(ranking.archs), ranking.held_out[0].verdict
        ('width=32,depth=4', 6, '6 architectures are too few to tell how far to trust the order')
    """
    goal, space = log.goal, log.space
    if goal.bounds or len(predictors) != goal.n_objectives:
        raise UsageError(
            f"a ranking takes objectives without bounds and a predictor for each; got {len(predictors)} for {goal}"
        )
    known, gains = log.observed(goal.target)
    if len(known) == 0:
        raise UsageError(f"no past training has values of {goal}; there is nothing to learn from")
    rows = _rest(log) if X is None else space.distinct(space.rows(X))
    if len(rows) == 0:
        raise UsageError("all architectures have been trained; there is nothing left to rank")
    held_out, means, stds = [], [], []
    for number, (objective, predictor) in enumerate(zip(goal.objectives, predictors, strict=True)):
        Y = gains[:, number : number + 1]
        held_out.append(
            cross_validate(
                predictor, known, Y, metric=objective.metric, seed=seed, callback=callback
            )
        )
        mean, std = predictor.fit(known, Y, seed=seed).predict(rows)
        means.append(mean)
        stds.append(std)
        if callback is not None:
            callback()
    predicted, spread = torch.stack(means, -1), torch.stack(stds, -1)
    order = goal.merit(predicted).flatten().argsort(descending=True, stable=True)
    own = goal.own_units(predicted[order])
    return Ranking(goal, space.archs(rows[order]), own, spread[order], tuple(held_out))


def _rest(log: Log) -> Tensor:
    """All rows of the space that a log does not have."""
    space = log.space
    if not space.is_enumerable:
        raise UsageError(
            f"{space.name} has {space.size:,} rows, too many to list; say which architectures to rank"
        )
    everything, seen = space.enumerate(), set(space.ids(log.seen(log.goal.target)))
    new = torch.tensor([key not in seen for key in space.ids(everything)])
    return everything[new]


def cross_validate(
    predictor: Predictor,
    X: Tensor,
    Y: Tensor,
    *,
    metric: str = "value",
    n_folds: int = N_FOLDS,
    seed: int = 0,
    callback: Callable[[], None] | None = None,
) -> HeldOut:
    """Predict observations by fits to the others; those of one architecture are held out together.

    Args:
        predictor: What is fitted, again and again.
        X: ``n x d``, rows, which may repeat.
        Y: ``n x 1``, their values, to be maximised.
        metric: What they are called.
        n_folds: The number of parts.
        seed: Of the parts and the fits.
        callback: Called after each fit.
    """
    place: dict[object, int] = {}
    groups = torch.tensor([place.setdefault(key, len(place)) for key in predictor.space.ids(X)])
    if len(place) < 2:
        return HeldOut(metric, len(place), math.nan, math.nan)
    mean, cdf = torch.zeros(len(X)).double(), torch.zeros(len(X)).double()
    for part in folds(len(place), n_folds, np.random.default_rng(seed)):
        out = torch.from_numpy(part)[groups]
        predictor.fit(X[~out], Y[~out], seed=seed)
        mean[out] = predictor.predict(X[out])[0].double()
        cdf[out] = predictor.cdf(X[out], Y[out]).double()
        if callback is not None:
            callback()
    sizes = groups.bincount()
    predicted, truth = (
        torch.zeros(len(place)).double().index_add(0, groups, values.flatten().double()) / sizes
        for values in (mean, Y)
    )
    tau = kendall_tau(predicted.numpy(), truth.numpy())
    return HeldOut(metric, len(place), tau, coverage(cdf.numpy(), level=LEVEL))
