"""What the sections of a report are drawn from: the log, and surrogates fitted to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from archbo.acquisition import Context
from archbo.bo_loop import AskTell, Bayesian
from archbo.bo_loop.strategies.fidelities import bayesian
from archbo.comparison.held_out import Predicted, held_out
from archbo.goals import Bound, Goal
from archbo.log import Log, State, Trial
from archbo.randomness import generator

__all__ = ["Evidence", "joined", "number", "share", "with_error"]

N_RANDOM = 1000
"""The number of random architectures that stand for the space; by choice, an error of 3 % in a share at most."""
RANDOM = 3
"""The key under which the generator of random architectures is spawned."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """A search, its log as it was when the report was begun, and what surrogates make of it.

    Args:
        search: What is reported on; it is only read.
        log: Its log.
        folder: Where trials have their folders, if anywhere.
        near: The folder of the page, from which links lead to files.
    """

    search: AskTell
    log: Log
    folder: Path | None = None
    near: Path | None = None

    @property
    def goal(self) -> Goal:
        """What is wanted."""
        return self.log.goal

    @property
    def is_bayesian(self) -> bool:
        """Whether the strategy has surrogates of its own."""
        return isinstance(self.search.strategy, Bayesian)

    @cached_property
    def bayesian(self) -> Bayesian:
        """The strategy; or, where it has no surrogates, one whose surrogates are the default ones."""
        strategy = self.search.strategy
        if isinstance(strategy, Bayesian):
            return strategy
        candidates, seed = strategy.candidates, strategy.seed
        return bayesian(strategy.space, self.goal, candidates=candidates, seed=seed)

    @property
    def surrogates(self) -> str:
        """What they are, in words."""
        predictors = self.bayesian.surrogates.predictors
        names = joined(list(dict.fromkeys(type(p).__name__ for p in predictors)))
        if self.is_bayesian:
            return f"The surrogate is the search's own ({names})."
        name = type(self.search.strategy).__name__
        return (
            f"{name} is no Bayesian optimization; a surrogate was fitted for this report ({names})."
        )

    @cached_property
    def at(self) -> str | None:
        """The target, or where nothing has been told at it the highest fidelity told."""
        told = [f for f in self.goal.fidelities if self.log.select(State.TOLD, fidelity=f)]
        return told[-1] if told else self.goal.target

    @cached_property
    def told(self) -> list[Trial]:
        """The trials told at that fidelity."""
        return self.log.select(State.TOLD, fidelity=self.at)

    @cached_property
    def ended(self) -> list[Trial]:
        """All trials that were evaluated, whatever came of it."""
        open_ = (State.ASKED, State.DROPPED)
        return [trial for trial in self.log.trials if trial.state not in open_]

    @cached_property
    def lost(self) -> list[Trial]:
        """Those of them that gave no value."""
        return [trial for trial in self.ended if trial.state != State.TOLD]

    def fit(self) -> Context:
        """Surrogates fitted to the log; something has been told."""
        return self.bayesian.context(self.log, self.at)

    @cached_property
    def X_random(self) -> Tensor:  # noqa: N802
        """``n x d``, random architectures, each once."""
        strategy = self.search.strategy
        nothing = self.log.rows()[:0]
        source = generator(strategy.seed, RANDOM)
        return strategy.candidates.random(N_RANDOM, avoid=nothing, generator=source)

    @cached_property
    def held_out(self) -> tuple[Predicted, ...]:
        """For each outcome predictions of values that surrogates were not fitted to; none where there are too few."""
        return held_out(self.bayesian, self.log, self.at)

    @property
    def predicts(self) -> bool:
        """Whether some objective is predicted better than by luck."""
        return any(part.predicts for part in self.held_out[: self.goal.n_objectives])

    # Words.

    def predicted(self, context: Context, X: Tensor) -> list[list[str]]:
        """For each of the rows ``X`` (``n x d``) mean and standard deviation of each metric, as texts."""
        texts: list[list[str]] = [[] for _ in X]
        for output in self.distinct_outcomes:
            mean, std = context.predictors[output].predict(X, observation_noise=False)
            values = self.goal.metric_of(output, mean).tolist()
            for text, value, error in zip(texts, values, std.tolist(), strict=True):
                text.append(with_error(value, error))
        return texts

    @property
    def distinct_outcomes(self) -> list[int]:
        """The first outcome of each metric."""
        named = [outcome.metric for outcome in self.goal.outcomes]
        return [named.index(metric) for metric in self.goal.metrics]

    @property
    def bounds(self) -> list[tuple[int, Bound]]:
        """The bounds and their places among the outcomes."""
        return list(enumerate(self.goal.bounds, self.goal.n_objectives))


def number(value: float, digits: int = 5) -> str:
    """A number for people."""
    return f"{value:.{digits}g}" if math.isfinite(value) else "none"


def with_error(value: float, error: float) -> str:
    r"""A number and its uncertainty, which says how many decimals there is sense in.

    Example:
        >>> with_error(83.6453, 0.961), with_error(66.5, 34.2)
        ('83.65\xa0±\xa00.96', '66\xa0±\xa034')
    """
    if not 0 < error < math.inf:
        return f"{number(value)}\xa0±\xa0{number(error, 2)}"
    decimals = min(max(1 - math.floor(math.log10(error)), 0), 9)
    return f"{value:.{decimals}f}\xa0±\xa0{error:.{decimals}f}"


def joined(parts: Sequence[str]) -> str:
    """Parts of a sentence, with commas and an "and".

    Example:
        >>> joined(["depth", "width", "op"])
        'depth, width and op'
    """
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def share(part: Tensor, of: Tensor) -> Tensor:
    """``n``, the share of the values ``of`` (``m``) below each of ``part`` (``n``)."""
    return torch.searchsorted(of.sort().values, part) / max(len(of), 1)
