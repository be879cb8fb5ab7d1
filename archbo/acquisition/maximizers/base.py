"""What a maximizer is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

from archbo.acquisition.candidates import Candidates

__all__ = ["Maximizer", "Score"]

Score: TypeAlias = Callable[[Tensor], Tensor]
"""From rows ``n x d`` to a number for each, ``n``; more is better."""


class Maximizer(ABC):
    """Finds the rows that score best."""

    @abstractmethod
    def maximize(
        self, score: Score, pool: Tensor, n: int, *, candidates: Candidates, avoid: Tensor
    ) -> Tensor:
        """Up to ``n`` distinct rows, the best first, ``n x d``.

        Args:
            score: What is maximised.
            pool: ``m x d``, distinct rows to begin with, at least one.
            n: How many.
            candidates: Where the pool comes from, and what lies around its rows.
            avoid: ``a x d``, rows that are not to be found.
        """
