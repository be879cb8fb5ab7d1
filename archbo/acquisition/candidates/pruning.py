"""Candidates without the choices that the observations speak against."""

import torch
from torch import Generator, Tensor

from archbo.acquisition.candidates.base import Candidates
from archbo.encodings import OneHotEncoding
from archbo.predictors.trees.gbdt import GBDT

__all__ = ["PrunedCandidates", "bad_choices"]


LEAST = 100


class PrunedCandidates(Candidates):
    """Other candidates, less those that make a choice which lowers values (GBDT-NAS, arXiv 2007.04785).

    Boosted trees are fitted to the observations on one-hot rows. A choice, an operation on an edge say, is as
    good as the mean SHAP value of its indicator over the observations that make it. The worst choices are
    dropped, more of them the more has been observed, but none of the best architecture observed and none
    whose mean is positive.

    What is dropped is found anew in each proposal, so that a choice may come back. Random rows are not pruned.

    Args:
        candidates: Where the rows come from.
        warm_up: How many observations there are before the first choice is dropped.
        per_choice: How many more it takes to drop another.
        keep: The least share of the fresh candidates that stays; a hundred of them stay in any case.

    Attributes:
        dropped: ``D`` bool, the choices dropped in the last proposal, as in the one-hot row.

    Example:
        >>> from archbo.acquisition import candidates_for
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": range(3), "depth": range(20), "kernel": range(20)})
        >>> candidates = PrunedCandidates(candidates_for(space))
        >>> X = space.sample(20, generator=torch.Generator().manual_seed(0))
        >>> Y = -(X[:, :1] == 1).double()
        >>> left = candidates.propose(X, Y, avoid=X, generator=torch.Generator())
        >>> candidates.dropped_names, left[:, 0].unique().tolist()
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
        super().__init__(candidates.space)
        self.candidates = candidates
        self.warm_up, self.per_choice, self.keep = warm_up, per_choice, keep
        self._encoding = OneHotEncoding(self.space)
        self.dropped = torch.zeros(self._encoding.n_features, dtype=torch.bool)

    @property
    def dropped_names(self) -> tuple[str, ...]:
        """The choices dropped in the last proposal."""
        names = self._encoding.feature_names
        return tuple(name for name, gone in zip(names, self.dropped.tolist(), strict=True) if gone)

    def _propose(self, X: Tensor, Y: Tensor, generator: Generator) -> Tensor:
        rows = self.candidates._propose(X, Y, generator)
        self.dropped = torch.zeros_like(self.dropped)
        if len(X) >= self.warm_up and not bool((Y[0] == Y).all()):
            self._drop(X, Y, self.candidates.without(rows, X))
        return rows[self._kept(rows)] if bool(self.dropped.any()) else rows

    def _drop(self, X: Tensor, Y: Tensor, fresh: Tensor) -> None:
        """Choose what to drop, as much as the observations and the ``fresh`` rows (``m x d``) allow."""
        quota = 1 + (len(X) - self.warm_up) // self.per_choice
        needed = max(self.keep * len(fresh), LEAST)
        best = self._encoding(X[Y.argmax()].unsqueeze(0)).flatten() > 0
        for choice in bad_choices(X, Y, self._encoding).tolist():
            if int(self.dropped.sum()) == quota:
                break
            if not best[choice]:
                self.dropped[choice] = True
                self.dropped[choice] = bool(self._kept(fresh).sum() >= needed)

    def _kept(self, X: Tensor) -> Tensor:
        """``n`` bool: which rows of ``X`` (``n x d``) make no dropped choice."""
        features: Tensor = self._encoding(X)
        return ~(features[:, self.dropped] > 0).any(-1)

    def _random(self, n: int, generator: Generator) -> Tensor:
        return self.candidates._random(n, generator)

    @property
    def pool(self) -> Tensor | None:
        """The candidates' list, pruned or not."""
        return self.candidates.pool

    def contains(self, X: Tensor) -> Tensor:
        """Whatever the candidates could propose."""
        return self.candidates.contains(X)

    def restrict(self, X: Tensor) -> Tensor:
        """As the candidates do."""
        return self.candidates.restrict(X)

    def neighbours(self, row: Tensor) -> Tensor:
        """The candidates' neighbours that make no dropped choice."""
        rows = self.candidates.neighbours(row)
        return rows[self._kept(rows)]

    def without(self, X: Tensor, avoid: Tensor) -> Tensor:
        """As the candidates do."""
        return self.candidates.without(X, avoid)


def bad_choices(X: Tensor, Y: Tensor, encoding: OneHotEncoding) -> Tensor:
    """The features whose mean SHAP value is negative where they are 1, the most negative first.

    Args:
        X: ``n x d``, observations.
        Y: ``n x 1``, their values, not all the same.
        encoding: One-hot rows, ``D`` features.

    Returns:
        Indices of features, as many as are bad.
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
