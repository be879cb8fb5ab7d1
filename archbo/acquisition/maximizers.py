"""Maximizers: how the best rows by a score are found among candidates."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from archbo.acquisition.candidates.base import Candidates
from archbo.spaces import Real

__all__ = ["Climb", "Maximizer", "Score", "WholePool"]

Score: TypeAlias = Callable[[Tensor], Tensor]
"""From rows ``n x d`` to a number for each, ``n``; more is better. Where rows require gradients, numbers may have some."""

ROUNDS = 5
"""The most turns of steps and gradients in the search from one row; by choice, two or three are the rule."""
STEPS = 100
"""The most iterations of L-BFGS-B in a turn; by choice, well above what a few reals take."""
GAIN = 1e-6
"""The least gain of a turn for which there is another; by choice, below what tells rows apart."""


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

    Ranges of reals are also climbed along the gradient, by L-BFGS-B within their bounds, in turns with the steps to
    neighbours, as far as the score has a gradient (mixed alternating optimisation, as BoTorch has it). Where candidates
    have no neighbours, as in a list, the best rows of the pool are found.

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
        ends, tops = self._searched(
            score, ranked[: self.starts], heights[: self.starts], candidates, avoid
        )
        rows, reached = torch.cat([ends, ranked]), torch.cat([tops, heights])
        best_first = rows[reached.argsort(descending=True, stable=True)]
        return candidates.without(best_first, avoid)[:n]

    def _searched(
        self, score: Score, rows: Tensor, heights: Tensor, candidates: Candidates, avoid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Where the search from each of the rows (``n x d``) ends, and the scores there (``n``)."""
        for _ in range(ROUNDS):
            before = heights
            rows, heights = ascended(score, rows, heights, candidates)
            rows, heights = self._climbed(score, rows, heights, candidates, avoid)
            if candidates.space.is_finite or not bool((heights > before + GAIN).any()):
                break
        return rows, heights

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


def ascended(
    score: Score, rows: Tensor, heights: Tensor, candidates: Candidates
) -> tuple[Tensor, Tensor]:
    """Rows (``n x d``) with ranges of reals that score better, and their scores (``n``), by L-BFGS-B from where they are.

    Reals move in the positions on their scales, all rows at once. Rows stay where nothing better is found, or where it
    is not among the candidates.
    """
    reals = [
        (column, decision)
        for column, decision in enumerate(candidates.space.decisions)
        if isinstance(decision, Real)
    ]
    if not reals:
        return rows, heights
    counts = candidates.space.active(rows)

    def placed(places: Tensor) -> Tensor:
        X = rows.clone()
        for (column, decision), place in zip(reals, places.unbind(-1), strict=True):
            X[:, column] = torch.where(counts[:, column], decision.at(place), rows[:, column])
        return X

    def loss(flat: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        places = torch.from_numpy(flat).reshape(start.shape).requires_grad_()
        total = -score(placed(places)).sum()
        gradient = None
        if total.requires_grad:  # which parameters of a model are, whatever becomes of the rows
            (gradient,) = torch.autograd.grad(total, places, allow_unused=True)
        if gradient is None:
            gradient = torch.zeros_like(places)
        return float(total.detach()), gradient.nan_to_num(0).flatten().numpy()

    start = torch.stack([decision.position(rows[:, column]) for column, decision in reals], -1)
    start = start.double().clamp(0, 1)
    if not loss(start.flatten().numpy())[1].any():
        return rows, heights
    bounds = [(0.0, 1.0)] * start.numel()
    found = minimize(
        loss,
        start.flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": STEPS},
    )
    moved = placed(torch.from_numpy(found.x).reshape(start.shape))
    values = score(moved)
    allowed = [
        len(candidates.reached(a, b.unsqueeze(0))) > 0 for a, b in zip(rows, moved, strict=True)
    ]
    better = torch.tensor(allowed) & (values > heights)
    return torch.where(better.unsqueeze(-1), moved, rows), torch.where(better, values, heights)
