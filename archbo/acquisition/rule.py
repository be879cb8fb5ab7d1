"""Rules: from what is known and candidates to the next ``q`` architectures."""

from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor

from archbo.acquisition.candidates import Candidates
from archbo.acquisition.context import Context
from archbo.errors import UsageError
from archbo.goals import Goal

__all__ = ["Rule"]


class Rule(ABC):
    """Picks rows."""

    def check(self, goal: Goal) -> None:
        """Raise unless the rule serves a goal: by default one objective without bounds.

        Raises:
            UsageError: It does not.
        """
        if not goal.is_single:
            raise UsageError(
                f"{type(self).__name__} takes one objective without bounds, not {goal}; take qlog_nehvi or "
                "qlog_nparego for several objectives, constrained_log_nei for one under bounds"
            )

    @abstractmethod
    def select(
        self, context: Context, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        """The next rows, ``q x d``; fewer where fewer candidates are left.

        Raises:
            NothingLeftError: No candidate is left.
        """


def shuffled_choices(context: Context, candidates: Candidates, generator: Generator) -> Tensor:
    """What the candidates propose, in random order: the first of equals must not be the table's first."""
    X, merit = context.merit
    choices = candidates.propose(X, merit, avoid=context.avoid, generator=generator)
    return choices[torch.randperm(len(choices), generator=generator)]
