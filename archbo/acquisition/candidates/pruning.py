"""Candidates without the choices that the observations speak against."""

from typing import final

import torch
from torch import Generator, Tensor

from archbo.acquisition.candidates.base import Candidates, DerivedCandidates
from archbo.encodings import OneHotEncoding
from archbo.predictors import GBDT
from archbo.randomness import generator as new_generator

__all__ = ["PrunedCandidates", "bad_choices"]

LEAST = 100
"""The number of candidates that pruning leaves in any case; by choice, enough for an acquisition function to rank."""


@final
class _Less(DerivedCandidates):
    """Other candidates, less those that make a dropped choice.

    Args:
        candidates: Where the rows come from.
        encoding: One-hot rows, ``D`` features.
        dropped: ``D`` bool, the choices.
    """

    def __init__(self, candidates: Candidates, encoding: OneHotEncoding, dropped: Tensor) -> None:
        super().__init__(candidates)
        self.encoding, self.dropped = encoding, dropped

    def kept(self, X: Tensor) -> Tensor:
        """``n`` bool: which rows of ``X`` (``n x d``) make no dropped choice."""
        features: Tensor = self.encoding(X)
        return ~(features[:, self.dropped] > 0).any(-1)

    def _propose(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        rows = self.candidates._propose(X, Y, generator)
        return rows[self.kept(rows)] if bool(self.dropped.any()) else rows

    def reached(self, row: Tensor, X: Tensor) -> Tensor:
        """What the candidates reach and makes no dropped choice."""
        rows = self.candidates.reached(row, X)
        return rows[self.kept(rows)]


@final
class PrunedCandidates(DerivedCandidates):
    """Other candidates, less those that make a choice which lowers values (GBDT-NAS, arXiv 2007.04785).

    Boosted trees are fitted to the observations on one-hot rows. The worth of a choice, such as an operation on an
    edge, is the mean SHAP value of its indicator over the observations that make it. The worst choices are dropped,
    more of them the more has been observed, but none of the best architecture observed and none whose mean is
    positive.

    What is dropped follows from the observations, so that a choice may come back. Random rows are not pruned.

    Args:
        candidates: Where the rows come from.
        warm_up: The number of observations at which the first choice is dropped.
        per_choice: The number of further observations for each further choice.
        keep: The smallest share of the fresh candidates that stays; a hundred of them stay in any case. Where there
            is no list of candidates, it is measured on those that they propose from a fixed seed.

    Example:
        >>> from archbo.acquisition import candidates_for
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": range(3), "depth": range(20), "kernel": range(20)})
        >>> candidates = PrunedCandidates(candidates_for(space))
        >>> X = space.sample(20, generator=torch.Generator().manual_seed(0))
        >>> Y = -(X[:, :1] == 1).double()
        >>> left = candidates.propose(X, Y, avoid=X, generator=torch.Generator())
        >>> candidates.dropped(X, Y), left[:, 0].unique().tolist()
        (('width=1',), [0.0, 2.0])
    """

    def __init__(
        self,
        candidates: Candidates,
        *,
        warm_up: int = 20,
        per_choice: int = 10,
        keep: float = 0.1,
    ) -> None:
        super().__init__(candidates)
        self.warm_up, self.per_choice, self.keep = warm_up, per_choice, keep
        self._encoding = OneHotEncoding(self.space)

    def dropped(self, X: Tensor, Y: Tensor) -> tuple[str, ...]:
        """The choices dropped after observations ``X`` (``n x d``), ``Y`` (``n x 1``), by name."""
        dropped, names = self._dropped(X, Y).tolist(), self._encoding.feature_names
        return tuple(name for name, gone in zip(names, dropped, strict=True) if gone)

    def given(self, X: Tensor, Y: Tensor) -> Candidates:
        """The candidates less those that make a choice dropped after these observations."""
        return _Less(self.candidates.given(X, Y), self._encoding, self._dropped(X, Y))

    def _propose(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        return self.given(X, Y)._propose(X, Y, generator)

    def _dropped(self, X: Tensor, Y: Tensor) -> Tensor:
        """``D`` bool: what to drop, as much as the observations and the fresh candidates allow."""
        dropped = torch.zeros(self._encoding.n_features, dtype=torch.bool)
        least = max(self.warm_up, GBDT.min_observations)
        if len(X) < least or bool((Y[0] == Y).all()):
            return dropped
        proposed = self.candidates._propose(X, Y, new_generator(0))
        fresh = self._encoding(self.candidates.without(proposed, X)) > 0
        quota = 1 + (len(X) - self.warm_up) // self.per_choice
        needed = max(self.keep * len(fresh), LEAST)
        best = self._encoding(X[Y.argmax()].unsqueeze(0)).flatten() > 0
        for choice in bad_choices(X, Y, self._encoding).tolist():
            if int(dropped.sum()) == quota:
                break
            if not best[choice]:
                dropped[choice] = True
                dropped[choice] = bool((~fresh[:, dropped].any(-1)).sum() >= needed)
        return dropped


def bad_choices(X: Tensor, Y: Tensor, encoding: OneHotEncoding) -> Tensor:
    """The features whose mean SHAP value is negative where they are 1, the most negative first.

    Args:
        X: ``n x d``, observations.
        Y: ``n x 1``, their values, not all the same.
        encoding: One-hot rows, ``D`` features.

    Returns:
        The numbers of the bad features.
    """
    gbdt = GBDT(encoding.space, encoding, ensemble="virtual", n_members=2, params={}).fit(
        X, Y, seed=0
    )
    if gbdt.fell_back:
        return torch.empty(0, dtype=torch.int64)
    made = encoding(X)
    mean: Tensor = (gbdt.attributions(X).values * made).sum(0) / made.sum(0).clamp_min(1)
    order = mean.argsort(stable=True)
    return order[mean[order] < 0]
