"""Rules: which ``q`` candidates are evaluated next."""

from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Generator, Tensor

from archbo.acquisition.candidates.base import Candidates
from archbo.acquisition.context import Context, unsuited
from archbo.goals import Goal

__all__ = ["Rule"]


class Rule(ABC):
    """Picks the next rows among candidates.

    A subclass implements ``_select``, and ``check`` if it serves several objectives or bounds. What it picks follows
    from the arguments alone.
    """

    def check(self, goal: Goal) -> None:
        """Raise unless the rule serves a goal: by default one objective without bounds.

        Raises:
            UsageError: It does not.
        """
        if not goal.is_single:
            raise unsuited(type(self).__name__, goal)

    def values(self, context: Context, X: Tensor) -> Tensor | None:
        """What the rule makes of each of the rows ``X`` (``n x d``) by itself, ``n``; None where it draws and does not score."""
        return None

    @final
    def select(
        self, context: Context, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        """The next rows, ``q x d``, none of them in ``context.avoid``; fewer where fewer candidates are left.

        Args:
            context: What is known; something has been told at its fidelity.
            candidates: Where the rows come from.
            q: The number of rows.
            generator: The source of randomness; its state is moved on.

        Raises:
            NothingLeftError: No candidate is left.
            UsageError: The rule does not serve the goal, or the predictors' posteriors.
        """
        return self._select(context, context.likely(candidates), q, generator=generator)

    @abstractmethod
    def _select(
        self, context: Context, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        """As ``select``, among candidates that are likely to give a value."""


def shuffled_choices(context: Context, candidates: Candidates, generator: Generator) -> Tensor:
    """What the candidates propose, in random order, so that ties are not broken by the order of a table."""
    X, merit = context.merit
    choices = candidates.propose(X, merit, avoid=context.avoid, generator=generator)
    return choices[torch.randperm(len(choices), generator=generator)]
