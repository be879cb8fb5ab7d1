"""A trust region around the best architecture."""

import math
from typing import NamedTuple, final

import torch
from torch import Generator, Tensor

from archbo.acquisition.candidates.base import Candidates
from archbo.acquisition.candidates.moving import SIZE, MovingCandidates, mutations
from archbo.errors import UsageError
from archbo.spaces import SearchSpace

__all__ = ["TrustRegion", "TrustRegionCandidates"]

FACTOR = 1.5
"""What a radius is multiplied with after successes, and divided by after failures, as in CASMOPOLITAN's code."""


class TrustRegion(NamedTuple):
    """Where a search stands.

    Attributes:
        centre: ``d``, the best row since the last restart; none just after one.
        radius: The number of decisions in which candidates may differ from it.
    """

    centre: Tensor | None
    radius: int


@final
class TrustRegionCandidates(MovingCandidates):
    """Rows that differ from the best architecture in few decisions: more after successes, fewer after failures.

    This is TuRBO's trust region (arXiv 1910.01739) in Hamming distance, as in CASMOPOLITAN (arXiv 2102.07188).
    The radius grows by half after ``successes`` improvements in a row, and shrinks by a third after ``failures``
    observations in a row without one. When it falls below one decision, the search restarts: the next candidates are
    random rows of the whole space, and the first of them that is observed is the centre of a new region. The surrogate
    keeps all observations.

    Centre and radius follow from the observations in their order, so there is no state to save.

    Args:
        space: The space to move in.
        within: What rows are restricted to; every valid row unless given. All rows of a list that lie in the region
            are proposed.
        size: The number of rows made where there is no list.
        radius: The first radius; four fifths of the decisions unless given.
        successes: The number of improvements in a row after which the radius grows.
        failures: The number of other observations in a row after which it shrinks; the number of decisions, but at
            least four, unless given.

    Raises:
        UsageError: One of the numbers is not positive.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {name: range(3) for name in "abcdef"})
        >>> rule = TrustRegionCandidates(space, radius=3, failures=2)
        >>> X = space.rows([[0] * 6, [1] * 6, [2] * 6])
        >>> rule.region(X, torch.tensor([[9.0], [7.0], [8.0]]))
        TrustRegion(centre=tensor([0., 0., 0., 0., 0., 0.], dtype=torch.float64), radius=2)
    """

    def __init__(
        self,
        space: SearchSpace,
        within: Candidates | None = None,
        *,
        size: int = SIZE,
        radius: int | None = None,
        successes: int = 3,
        failures: int | None = None,
    ) -> None:
        super().__init__(space, within)
        d = space.n_columns
        self.size = size
        self.radius = radius if radius is not None else math.ceil(0.8 * d)
        self.successes = successes
        self.failures = failures if failures is not None else max(4, d)
        if min(self.radius, self.successes, self.failures) < 1:
            raise UsageError(
                "radius, successes and failures must be at least 1; "
                f"got {self.radius}, {self.successes} and {self.failures}"
            )

    def region(self, X: Tensor, Y: Tensor) -> TrustRegion:
        """The region after observations ``X`` (``n x d``) with values ``Y`` (``n x 1``), in their order."""
        radius, centre, best, won, lost = self.radius, None, -math.inf, 0, 0
        for index, value in enumerate(Y.flatten().tolist()):
            started, better = centre is None, value > best
            if better:
                centre, best = index, value
            if started:
                continue
            won, lost = (won + 1, 0) if better else (0, lost + 1)
            if won == self.successes:
                radius, won = min(math.ceil(radius * FACTOR), X.shape[-1]), 0
            elif lost == self.failures:
                radius, lost = math.floor(radius / FACTOR), 0
            if radius == 0:
                radius, centre, best = self.radius, None, -math.inf
        return TrustRegion(None if centre is None else X[centre], radius)

    def _make(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        centre, radius = self.region(X, Y)
        if centre is None:
            return self._sample(self.size, X, generator)
        if self.pool is not None:
            return self.pool[(self.pool != centre).sum(-1) <= radius]
        rows = mutations(self.space, centre.unsqueeze(0), self.size, radius, generator)
        return torch.cat([self.space.neighbours(centre), rows])
