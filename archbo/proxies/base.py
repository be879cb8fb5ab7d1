"""The base class of zero-cost proxies: scores of a space's architectures, and their ranks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Self, final

import torch
from torch import Tensor

from archbo.proxies.measures import measures_named
from archbo.spaces import SearchSpace

__all__ = ["Proxies"]


class Proxies(ABC):
    """Scores of the architectures of a space, and their ranks among those of a fixed reference.

    A subclass implements ``scores``, ``nodes``, ``reference`` and ``_same_scores``.

    Ranks ignore units: 1 is the highest score, whether or not higher is better. Scores that are NaN or infinite are
    failures, and rank as the worst: below all others, or above them where the proxy's name is, or ends in, that of a
    measure of which lower is better, such as ``ntk``. Where a proxy fails for the whole reference, its ranks are all 0
    and tell nothing.

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
        """The scores by each proxy, ``m x P``, of rows ``X`` (``m x d``); they may be NaN or infinite."""

    @abstractmethod
    def nodes(self, X: Tensor) -> Tensor:
        """The parts of measures by decision, ``m x d x k``, of rows ``X`` (``m x d``)."""

    @property
    @abstractmethod
    def reference(self) -> tuple[Tensor, Tensor]:
        """Scores (``n x P``) and parts (``n x d x k``) of the architectures among which others are ranked."""

    @abstractmethod
    def _same_scores(self, other: Self) -> bool:
        """Whether proxies of this class, space and names give the same scores."""

    @final
    def same_as(self, other: "Proxies") -> bool:
        """Whether the other proxies are the same by content: class, space, names, and all that decides scores.

        Example:
            >>> from archbo.proxies import ProxyTable
            >>> from archbo.spaces import CategoricalSpace
            >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
            >>> X = space.enumerate()
            >>> table = ProxyTable(space, X, X, ["params"])
            >>> table.same_as(ProxyTable(space, X, X, ["params"])), table.same_as(ProxyTable(space, X, -X, ["params"]))
            (True, False)
        """
        if self is other:
            return True
        return (
            isinstance(other, type(self))
            and type(other) is type(self)
            and self.space == other.space
            and tuple(self.names) == tuple(other.names)
            and tuple(self.node_names) == tuple(other.node_names)
            and self._same_scores(other)
        )

    @final
    def ranks(self, X: Tensor) -> Tensor:
        """The ranks of the scores of rows ``X`` (``m x d``), ``m x P`` in [-1, 1], 1 for the highest.

        NaN and infinite scores rank as the worst.
        """
        return self._ranked(self.scores(X))

    @cached_property
    def reference_ranks(self) -> Tensor:
        """The ranks of the reference itself, ``n x P`` in [-1, 1]."""
        return self._ranked(self.reference[0])

    @final
    def node_ranks(self, X: Tensor) -> Tensor:
        """The ranks of the parts of rows ``X`` (``m x d``), ``m x d x k`` in [-1, 1].

        A part is ranked by its absolute value among the nonzero parts of all decisions, and keeps its sign: 0 stays 0,
        and 1 is the largest. NaN and infinite parts are failures and count as 0.
        """
        parts = _finite(self.nodes(X))
        flat = parts.abs().flatten(0, 1).T.contiguous()
        # Zeros are not ranked: their number says nothing of the other parts.
        sizes = [
            _ranks(values, known) / max(len(known), 1)
            for values, known in zip(flat, self._sorted[1], strict=True)
        ]
        if not sizes:
            return parts
        return torch.stack(sizes, -1).reshape(parts.shape) * parts.sign()

    def _ranked(self, scores: Tensor) -> Tensor:
        ranks = _ranks(self._failures_worst(scores).T, self._sorted[0])
        return 2 * (ranks.T - 1) / max(self._sorted[0].shape[-1] - 1, 1) - 1

    @cached_property
    def _sorted(self) -> tuple[Tensor, list[Tensor]]:
        scores, nodes = self.reference
        sizes = _finite(nodes).abs().flatten(0, 1).T.contiguous()
        return self._failures_worst(scores).T.contiguous().sort(-1).values, [
            values[values > 0].sort().values for values in sizes
        ]

    def _failures_worst(self, scores: Tensor) -> Tensor:
        higher_is_better = [
            all(measure.higher_is_better for measure in measures_named(name)) for name in self.names
        ]
        worst = [-torch.inf if higher else torch.inf for higher in higher_is_better]
        failed = torch.tensor(worst, dtype=torch.double, device=scores.device)
        return torch.where(scores.isfinite(), scores.double(), failed)


def _finite(parts: Tensor) -> Tensor:
    return torch.where(parts.isfinite(), parts.double(), 0.0)


def _ranks(values: Tensor, known: Tensor) -> Tensor:
    """Ranks from 1 to ``n`` of values (``... x m``) among sorted ones (``... x n``); equal values share their mean rank."""
    values = values.contiguous()
    below = torch.searchsorted(known, values)
    upto = torch.searchsorted(known, values, right=True)
    return ((below + upto + 1).double() / 2).clamp(1, max(known.shape[-1], 1))
