"""Maximizers: how the best rows by a score are found among candidates."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

import torch
from torch import Tensor

from archbo.acquisition.candidates.base import Candidates

__all__ = ["Climb", "Maximizer", "Score", "WholePool"]

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


@final
@dataclass(frozen=True)
class WholePool(Maximizer):
    """Looks at every row of the pool and at nothing else."""

    def maximize(
        self, score: Score, pool: Tensor, n: int, *, candidates: Candidates, avoid: Tensor
    ) -> Tensor:
        return pool[score(pool).topk(min(n, len(pool))).indices]


@final
@dataclass(frozen=True)
class Climb(Maximizer):
    """Scores the whole pool, then searches on from its best rows: to the best neighbour as long as that is better.

    Where candidates have no neighbours, as in a list, the best rows of the pool are found.

    Args:
        starts: The number of rows to search on from.
    """

    starts: int = 5

    def maximize(
        self, score: Score, pool: Tensor, n: int, *, candidates: Candidates, avoid: Tensor
    ) -> Tensor:
        values = score(pool)
        order = values.topk(min(max(n, self.starts), len(pool)))
        ranked, heights = pool[order.indices], order.values
        ends = [
            self._climbed(score, row, height, candidates, avoid)
            for row, height in zip(ranked[: self.starts], heights.tolist(), strict=False)
        ]
        rows = torch.cat([torch.stack([row for row, _ in ends]), ranked])
        reached = torch.cat([heights.new_tensor([height for _, height in ends]), heights])
        best_first = rows[reached.argsort(descending=True, stable=True)]
        return candidates.without(best_first, avoid)[:n]

    def _climbed(
        self, score: Score, row: Tensor, height: float, candidates: Candidates, avoid: Tensor
    ) -> tuple[Tensor, float]:
        """The row (``d``) at the top of the hill, and its score."""
        while True:
            around = candidates.without(candidates.neighbours(row), avoid)
            if len(around) == 0:
                return row, height
            values = score(around)
            if float(values.max()) <= height:
                return row, height
            row, height = around[values.argmax()], float(values.max())
