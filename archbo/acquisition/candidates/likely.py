"""Candidates whose evaluation is likely to succeed."""

from typing import final

import torch
from torch import Tensor

from archbo.acquisition.candidates.base import Candidates, DerivedCandidates
from archbo.predictors import Success

__all__ = ["BOLD", "CAUTIOUS", "LikelyCandidates"]

CAUTIOUS, BOLD = 0.8, 0.5
"""The least probability of success of what is proposed, as a share of the highest, usually and in between; measured.

Always cautious, a search never learns how far it could go; always bold, it crashes twice as often where the best
architectures are at the edge.
"""


@final
class LikelyCandidates(DerivedCandidates):
    """Other candidates, less those that are much more likely to fail than the most likely to succeed.

    So every acquisition rule moves away from failures, whether what it maximises is a gain, a bound or a draw.

    Args:
        candidates: Where the rows come from.
        success: The probability of success, fitted.
        least: The least probability of what is proposed, as a share of the highest of all that is left.

    Example:
        >>> import torch
        >>> from archbo.acquisition import candidates_for
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32, 64], "act": ["relu", "gelu"]})
        >>> X = space.rows(["width=8,act=relu", "width=16,act=gelu", "width=64,act=relu", "width=64,act=gelu"])
        >>> success = Success(space).fit(X, torch.tensor([True, True, False, False]))
        >>> likely = LikelyCandidates(candidates_for(space), success)
        >>> rows = likely.propose(X, X[:, :1], avoid=X[:3], generator=torch.Generator())
        >>> "width=64,act=gelu" in [space.format(row) for row in rows]
        False
    """

    def __init__(
        self, candidates: Candidates, success: Success, *, least: float = CAUTIOUS
    ) -> None:
        super().__init__(candidates)
        self.success, self.least = success, least

    def given(self, X: Tensor, Y: Tensor) -> Candidates:
        """The likely ones of the candidates after these observations."""
        return LikelyCandidates(self.candidates.given(X, Y), self.success, least=self.least)

    def reached(self, row: Tensor, X: Tensor) -> Tensor:
        """What the candidates reach and is likely to succeed, or no less likely than the row."""
        rows = self.candidates.reached(row, X)
        if len(rows) == 0:
            return rows
        p = self.success(torch.cat([row.unsqueeze(0), rows]))
        return rows[p[1:] >= p[0].clamp_max(self.least)]

    def preferred(self, X: Tensor) -> Tensor:
        """The rows of ``X`` (``n x d``) that are likely to succeed."""
        p = self.success(X)
        return X[p >= self.least * p.max()]
