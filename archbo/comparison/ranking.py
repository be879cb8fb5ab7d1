"""What past trainings say of architectures that were not trained, and how far to trust it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd
import torch
from torch import Tensor

from archbo.comparison.held_out import Predicted, cross_validate, in_words
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import Predictor
from archbo.spaces import Arch

__all__ = ["Ranking", "rank_archs"]


@dataclass(frozen=True, eq=False)
class Ranking:
    """Architectures with their predictions, best first; with several objectives front by front.

    Attributes:
        goal: What was predicted.
        archs: ``n`` architectures.
        mean: ``n x m``, the predicted objectives in their own units.
        std: ``n x m``, their standard deviations, observation noise included.
        held_out: For each objective what fits predicted that had not seen the architecture.
    """

    goal: Goal
    archs: Sequence[Arch]
    mean: Tensor = field(repr=False)
    std: Tensor = field(repr=False)
    held_out: tuple[Predicted, ...]

    @property
    def verdicts(self) -> list[str]:
        """For each objective how far to trust its order and error bars, in words."""
        return [
            in_words(part, objective.metric)
            for part, objective in zip(self.held_out, self.goal.objectives, strict=True)
        ]

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
        callback: Called after each fit.

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
        >>> str(ranking.archs[0]), len(ranking.archs), len(ranking.verdicts)
        ('width=32,depth=4', 6, 1)
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
    for number, predictor in enumerate(predictors):
        Y = gains[:, number : number + 1]
        held_out.append(cross_validate(predictor, known, Y, seed=seed, callback=callback))
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
            f"{space.name} has {space.extent}, too many to list; say which architectures to rank"
        )
    everything, seen = space.enumerate(), set(space.ids(log.seen(log.goal.target)))
    new = torch.tensor([key not in seen for key in space.ids(everything)])
    return everything[new]
