"""Where the zero-cost proxies of architectures come from."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from archbo.spaces import SearchSpace

__all__ = ["Proxies"]


class Proxies(ABC):
    """Scores of the architectures of a space, and their ranks among those of a fixed reference.

    A subclass implements ``scores``, ``nodes`` and ``reference``.

    Attributes:
        space: The space of the architectures.
        names: Of the ``P`` scores.
        node_names: Of the ``k`` measures whose parts by decision are known.
    """

    space: SearchSpace
    names: Sequence[str]
    node_names: Sequence[str]

    @abstractmethod
    def scores(self, X: Tensor) -> Tensor:
        """Each proxy's own numbers, ``m x P``, of rows ``X`` (``m x d``); they may be NaN or infinite."""

    @abstractmethod
    def nodes(self, X: Tensor) -> Tensor:
        """The parts that each decision has in a measure, ``m x d x k``, of rows ``X`` (``m x d``)."""

    @property
    @abstractmethod
    def reference(self) -> tuple[Tensor, Tensor]:
        """Scores (``n x P``) and parts (``n x d x k``) of the architectures that others are ranked among."""

    def same_as(self, other: "Proxies") -> bool:
        """Whether another object is known to hold the same scores of the same architectures."""
        return self is other

    @final
    def ranks(self, X: Tensor) -> Tensor:
        """The ranks of the scores of rows ``X`` (``m x d``), ``m x P`` in [-1, 1], 1 for the highest.

        A score that is no number or infinite is a failure and ranks below all else.
        """
        return self._ranked(self.scores(X))

    @cached_property
    def reference_ranks(self) -> Tensor:
        """The ranks of the reference itself, ``n x P`` in [-1, 1]."""
        return self._ranked(self.reference[0])

    @final
    def node_ranks(self, X: Tensor) -> Tensor:
        """The ranks of the parts of rows ``X`` (``m x d``), ``m x d x k`` in [-1, 1].

        A part is ranked by its size among the parts of all decisions, and keeps its sign: 0 is nothing, and 1
        the largest. A part that is no number or infinite is a failure and counts as nothing.
        """
        parts = _finite(self.nodes(X))
        flat = parts.abs().flatten(0, 1).T.contiguous()
        # Decisions that bring nothing are not ranked: how many there are says nothing of the others.
        sizes = [
            _ranks(values, known) / max(len(known), 1)
            for values, known in zip(flat, self._sorted[1], strict=True)
        ]
        if not sizes:
            return parts
        return torch.stack(sizes, -1).reshape(parts.shape) * parts.sign()

    def _ranked(self, scores: Tensor) -> Tensor:
        ranks = _ranks(_failures_lowest(scores).T, self._sorted[0])
        return 2 * (ranks.T - 1) / max(self._sorted[0].shape[-1] - 1, 1) - 1

    @cached_property
    def _sorted(self) -> tuple[Tensor, list[Tensor]]:
        scores, nodes = self.reference
        sizes = _finite(nodes).abs().flatten(0, 1).T.contiguous()
        return _failures_lowest(scores).T.contiguous().sort(-1).values, [
            values[values > 0].sort().values for values in sizes
        ]


def _failures_lowest(scores: Tensor) -> Tensor:
    return torch.where(scores.isfinite(), scores.double(), -torch.inf)


def _finite(parts: Tensor) -> Tensor:
    return torch.where(parts.isfinite(), parts.double(), 0.0)


def _ranks(values: Tensor, known: Tensor) -> Tensor:
    """Ranks from 1 to ``n`` of values (``... x m``) among sorted ones (``... x n``); those of equal ones are averaged."""
    values = values.contiguous()
    below = torch.searchsorted(known, values)
    upto = torch.searchsorted(known, values, right=True)
    return ((below + upto + 1).double() / 2).clamp(1, max(known.shape[-1], 1))
