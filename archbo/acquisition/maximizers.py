"""Maximizers: how the best rows by a score are found among candidates."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
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
    """Scores the whole pool, then searches on from its best rows: uphill, as long as a neighbour is better.

    A step scores all neighbours of a row, then the best one, the changes of the best two made together, those of the
    best three, and so on, and moves to the best of these. Where decisions are nearly independent that takes a few
    steps, wherever the top is. All rows climb side by side, so that a step scores everything at once.

    Where candidates have no neighbours, as in a list, the best rows of the pool are found.

    Args:
        starts: The number of rows to search on from.
    """

    starts: int = 5

    def maximize(
        self, score: Score, pool: Tensor, n: int, *, candidates: Candidates, avoid: Tensor
    ) -> Tensor:
        values = score(pool)
        best = values.topk(min(max(n, self.starts), len(pool)))
        ranked, heights = pool[best.indices], best.values
        tops, reached = self._climbed(
            score, ranked[: self.starts], heights[: self.starts], candidates, avoid
        )
        rows = torch.cat([tops, ranked])
        best_first = rows[torch.cat([reached, heights]).argsort(descending=True, stable=True)]
        return candidates.without(best_first, avoid)[:n]

    def _climbed(
        self, score: Score, rows: Tensor, heights: Tensor, candidates: Candidates, avoid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Where the climbs from rows (``n x d``) with these scores (``n``) end, and the scores there."""
        tops, reached = rows.clone(), heights.clone()
        rising = list(range(len(tops)))
        while rising:
            around = [candidates.neighbours(tops[start]) for start in rising]
            ahead = []
            for start, X, worth in zip(rising, around, _scores(score, around), strict=True):
                order = worth.argsort(descending=True)[: int((worth > reached[start]).sum())]
                better = candidates.without(X[order], avoid)
                ahead.append(_ahead(tops[start], better, candidates, avoid))
            moved = []
            for start, X, worth in zip(rising, ahead, _scores(score, ahead), strict=True):
                if bool((worth > reached[start]).any()):
                    tops[start], reached[start] = X[worth.argmax()], worth.max()
                    moved.append(start)
            rising = moved
        return tops, reached


def _scores(score: Score, parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The scores of the rows of each part, all computed at once."""
    rows = torch.cat(list(parts))
    values = score(rows) if len(rows) else rows.new_empty(0)
    split: tuple[Tensor, ...] = values.split([len(X) for X in parts])
    return split


def _ahead(row: Tensor, better: Tensor, candidates: Candidates, avoid: Tensor) -> Tensor:
    """The best neighbour of a row, the best two changes made together, the best three, and so on.

    A change of a column that a better one changes is left out, and so is what a search may not move to.

    Args:
        row: ``d``.
        better: ``m x d``, neighbours that are better, the best first; there may be none.
        candidates: They say where a search may move to.
        avoid: ``a x d``.
    """
    changed = better != row
    made, together = row, [better[:0]]
    for change in better[~(changed & (changed.cumsum(0) > 1)).any(-1)]:
        made = change.where(change != row, made)
        together.append(made.unsqueeze(0))
    X = torch.cat(together)
    X = candidates.reached(row, X[candidates.space.is_valid(X)])
    return candidates.without(torch.cat([better[:1], X]), avoid)
