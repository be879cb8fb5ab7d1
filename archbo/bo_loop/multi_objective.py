"""Bayesian optimization of several objectives and under constraints."""

from collections.abc import Sequence

import torch
from torch import Tensor

from archbo.acquisition import Candidates
from archbo.acquisition.multi_objective import (
    MaximizeOutcomes,
    OutcomeAcquisition,
    OutcomeObservations,
    constrained_log_nei,
    qlog_nehvi,
)
from archbo.benchmarks import Outcomes
from archbo.bo_loop.searcher import Searcher
from archbo.errors import UsageError
from archbo.predictors import GP, Predictor
from archbo.spaces import SearchSpace

__all__ = ["MultiObjectiveOptimizer", "fit_each"]


class MultiObjectiveOptimizer(Searcher):
    """Asks for ``n_initial`` architectures at random, then for those that may push the Pareto front.

    Args:
        space: The space to search.
        outcomes: How many objectives and constraints are told of each architecture.
        predictors: A surrogate for each of them, in their order; a ``GP`` with its defaults each unless given.
        acquisition: How architectures are picked; by qLogNEHVI unless given, or with one objective by the noisy
            expected improvement under constraints.
        candidates: Where they may come from; the whole space by default, or where that is too large
            mutations of the front and random ones.
        n_initial: The number of random architectures at the start.
        reference: ``m`` values, above which hypervolume counts; inferred from the observed front unless given.
        seed: The same seed gives the same search.

    Raises:
        UsageError: ``n_initial`` is not positive, there are not as many predictors as outcomes, one is of another
            space, or the reference has another length.

    Example:
        Many filters and few layers, but at most two more of the one than of the other:

        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32, 64], "depth": [1, 2, 3, 4]})
        >>> optimizer = MultiObjectiveOptimizer(space, Outcomes(2, 1), n_initial=3, seed=0)
        >>> for _ in range(14):
        ...     archs = optimizer.ask()
        ...     rows = [arch.row for arch in archs]
        ...     optimizer.tell(archs, [(width, -depth, 2 + depth - width) for width, depth in rows])
        >>> sorted(str(arch) for arch in optimizer.history.front_archs)
        ['width=32,depth=1', 'width=64,depth=2']
    """

    def __init__(
        self,
        space: SearchSpace,
        outcomes: Outcomes,
        predictors: Sequence[Predictor] | None = None,
        acquisition: OutcomeAcquisition | None = None,
        *,
        candidates: Candidates | None = None,
        n_initial: int = 10,
        reference: Sequence[float] | Tensor | None = None,
        seed: int,
    ) -> None:
        super().__init__(space, candidates=candidates, seed=seed, outcomes=outcomes)
        if n_initial < 1:
            raise UsageError(f"n_initial must be at least 1; got {n_initial}")
        self.predictors = check_predictors(space, outcomes, predictors)
        if acquisition is None:
            factory = constrained_log_nei if outcomes.n_objectives == 1 else qlog_nehvi
            acquisition = MaximizeOutcomes(factory)
        self.acquisition = acquisition
        self.n_initial = n_initial
        self.reference = (
            None if reference is None else torch.as_tensor(reference, dtype=torch.double).flatten()
        )
        if self.reference is not None and len(self.reference) != outcomes.n_objectives:
            raise UsageError(
                f"the reference has {len(self.reference)} values for {outcomes.n_objectives} objectives; "
                "give one for each"
            )
        self._pool_is_known = False

    def _next(self, q: int) -> Tensor:
        if len(self.seen) < self.n_initial or len(self.X) == 0:
            return self.candidates.random(q, avoid=self.seen, generator=self.generator)
        if self.candidates.pool is not None and not self._pool_is_known:
            for predictor in self.predictors:
                predictor.remember(self.candidates.pool)
            self._pool_is_known = True
        seed = int(torch.randint(2**31, (), generator=self.generator))
        fit_each(self.predictors, self.X, self.Y, seed=seed)
        observations = OutcomeObservations(
            self.outcomes, self.predictors, self.X, self.Y, self.X_pending, seed, self.reference
        )
        return self.acquisition.select(observations, self.candidates, q, generator=self.generator)


def check_predictors(
    space: SearchSpace, outcomes: Outcomes, predictors: Sequence[Predictor] | None
) -> tuple[Predictor, ...]:
    """One predictor for each outcome, Gaussian processes unless given.

    Raises:
        UsageError: There are more or fewer, one is there twice, or one is of another space.
    """
    if predictors is None:
        return tuple(GP(space) for _ in range(outcomes.total))
    different = len({id(predictor) for predictor in predictors})
    if not different == len(predictors) == outcomes.total:
        raise UsageError(
            f"{different} different predictors for {outcomes.n_objectives} objectives and "
            f"{outcomes.n_constraints} constraints; give each its own"
        )
    for predictor in predictors:
        if predictor.space.name != space.name:
            raise UsageError(
                f"a predictor is of {predictor.space.name!r}, the search is in {space.name!r}"
            )
    return tuple(predictors)


def fit_each(predictors: Sequence[Predictor], X: Tensor, Y: Tensor, *, seed: int) -> None:
    """Fit each predictor to its column of ``Y`` (``n x (m + c)``) at rows ``X`` (``n x d``)."""
    for predictor, values in zip(predictors, Y.T, strict=True):
        predictor.fit(X, values, seed=seed)
