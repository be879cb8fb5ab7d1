"""Bayesian optimization: a predictor, an acquisition rule, and what has been seen."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from archbo.acquisition import Acquisition, Candidates, Maximize, Observations, log_ei
from archbo.bo_loop.searcher import Searcher
from archbo.errors import UsageError
from archbo.predictors import GP, Predictor
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["Optimizer"]


class Optimizer(Searcher):
    """Asks for ``n_initial`` architectures at random, then for those that the acquisition rule picks.

    Args:
        space: The space to search.
        predictor: The surrogate; a ``GP`` with its defaults unless given.
        acquisition: How architectures are picked; by LogEI unless given.
        candidates: Where they may come from; the whole space by default, or where that is too large
            mutations of the best and random ones.
        n_initial: The number of random architectures at the start.
        initial: Architectures to begin with, in place of as many random ones: the best of another task, say.
        refit_every: The number of architectures that are picked at once and then handed out, before the
            predictor is fitted again: the rounds of methods whose fits take long.
        seed: The same seed gives the same search.

    Raises:
        InvalidArchitectureError: One to begin with is no architecture of the space.
        UsageError: ``n_initial`` or ``refit_every`` is not positive, or the predictor is of another space.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> optimizer = Optimizer(space, n_initial=3, seed=0)
        >>> for _ in range(8):
        ...     archs = optimizer.ask()
        ...     optimizer.tell(archs, [sum(arch.row) for arch in archs])
        >>> print(*optimizer.history.best)
        width=32,depth=4 5.0
    """

    def __init__(
        self,
        space: SearchSpace,
        predictor: Predictor | None = None,
        acquisition: Acquisition | None = None,
        *,
        candidates: Candidates | None = None,
        n_initial: int = 5,
        initial: Sequence[ArchLike] | Tensor = (),
        refit_every: int = 1,
        seed: int,
    ) -> None:
        super().__init__(space, candidates=candidates, seed=seed)
        if n_initial < 1:
            raise UsageError(f"n_initial must be at least 1; got {n_initial}")
        if refit_every < 1:
            raise UsageError(f"refit_every must be at least 1; got {refit_every}")
        self.predictor = predictor if predictor is not None else GP(space)
        if self.predictor.space.name != space.name:
            raise UsageError(
                f"the predictor is of {self.predictor.space.name!r}, the search is in {space.name!r}"
            )
        self.acquisition = acquisition if acquisition is not None else Maximize(log_ei)
        self.n_initial, self.refit_every = n_initial, refit_every
        self.initial = space.rows(initial)
        self._round = self.X.clone()
        self._pool_is_known = False

    def _next(self, q: int) -> Tensor:
        waiting = self.candidates.without(self.initial, self.seen)
        if len(waiting):
            return waiting[:q]
        if len(self.seen) < self.n_initial or len(self.X) == 0:
            return self.candidates.random(q, avoid=self.seen, generator=self.generator)
        # Some may have been told without being asked for.
        rows = self.candidates.without(self._round, self.seen)
        if len(rows) < q:
            rows = self._pick(max(q, self.refit_every))
        self._round = rows[q:]
        return rows[:q]

    def _pick(self, q: int) -> Tensor:
        """Up to ``q`` rows, by a fresh fit."""
        if self.candidates.pool is not None and not self._pool_is_known:
            self.predictor.remember(self.candidates.pool)
            self._pool_is_known = True
        seed = int(torch.randint(2**31, (), generator=self.generator))
        self.predictor.fit(self.X, self.Y, seed=seed)
        observations = Observations(self.predictor, self.X, self.Y, self.X_pending, seed)
        return self.acquisition.select(observations, self.candidates, q, generator=self.generator)

    def state_dict(self) -> dict[str, Any]:
        """As for any method, with what is left of the round."""
        return {**super().state_dict(), "round": self._round}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self._round = state["round"].clone()
