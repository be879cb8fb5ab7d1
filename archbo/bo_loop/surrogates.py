"""The predictors of a strategy, one for each outcome, fitted to what a log holds."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from archbo.encodings import Encoding
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.predictors import GP, MultiTaskGP, Predictor, Success
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["Source", "Surrogates"]

Source: TypeAlias = tuple[
    Sequence[ArchLike] | Tensor, Sequence[float] | Sequence[Sequence[float]] | Tensor
]
"""Architectures and their metrics in another task, ``n`` or ``n x k`` in the goal's order and units."""


class Surrogates:
    """One predictor for each outcome of a goal; each remembers what it was fitted to, and is not fitted again to that.

    Outcomes that differ between fidelities, or that other tasks tell of, have a ``MultiTaskGP``: the other tasks and the
    fidelities below are its sources.

    Args:
        space: The space that the rows belong to.
        goal: Its outcomes.
        predictors: One, where there is one outcome, or one for each; a ``GP`` or ``MultiTaskGP`` each unless given.
        sources: For each other task its architectures and metrics.
        encoding: What predictors see that are not given; each one's own default unless given.

    Raises:
        UsageError: There are more or fewer predictors than outcomes, one is there twice or of another space, one is no
            ``MultiTaskGP`` and would have to learn from several tasks, or an encoding is given beside predictors.
    """

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal,
        predictors: Predictor | Sequence[Predictor] | None = None,
        *,
        sources: Sequence[Source] = (),
        encoding: Encoding | None = None,
    ) -> None:
        self.space, self.goal = space, goal
        self.sources = [_checked(space, goal, number, *s) for number, s in enumerate(sources)]
        if predictors is None:
            predictors = [
                (MultiTaskGP if self._has_tasks(output) else GP)(space, encoding)
                for output in range(goal.n_outcomes)
            ]
        elif encoding is not None:
            raise UsageError("predictors have their own encoding; leave the encoding out")
        listed = [predictors] if isinstance(predictors, Predictor) else list(predictors)
        self.predictors = self._of_outcomes(listed)
        self._fitted: list[tuple[object, ...] | None] = [None] * len(self.predictors)
        self._pool: Tensor | None = None
        self._success: Success | None = None
        self._ended: tuple[int, bytes] | None = None

    def _has_tasks(self, output: int) -> bool:
        several = bool(self.goal.fidelities) and self.goal.depends_on_fidelity(output)
        return bool(self.sources) or several

    def _of_outcomes(self, predictors: Sequence[Predictor]) -> tuple[Predictor, ...]:
        for predictor in predictors:
            if not isinstance(predictor, Predictor):
                raise UsageError(f"a predictor is a Predictor, fitted or not; got {predictor!r}")
            if predictor.space != self.space:
                raise UsageError(
                    f"a predictor is of {predictor.space.name!r}, the search is in {self.space.name!r}"
                )
        different = len({id(predictor) for predictor in predictors})
        if not different == len(predictors) == self.goal.n_outcomes:
            raise UsageError(
                f"{different} different predictors for {self.goal.n_outcomes} outcomes ({self.goal}); "
                "give each its own"
            )
        for output, predictor in enumerate(predictors):
            if self._has_tasks(output) and not isinstance(predictor, MultiTaskGP):
                raise UsageError(
                    f"{type(predictor).__name__} cannot learn from other tasks or fidelities; take MultiTaskGP"
                )
        return tuple(predictors)

    def know(self, pool: Tensor | None) -> None:
        """Encode rows once that are scored again and again."""
        if pool is None or self._pool is pool:
            return
        for predictor in self.predictors:
            predictor.remember(pool)
        self._pool = pool
        if self._success is not None:
            self._success.remember(pool)

    def success(self, log: Log) -> Success | None:
        """How likely evaluations are to give values, learned from a log; nothing as long as none has failed.

        An architecture that failed once, at any fidelity, counts as one that fails.
        """
        failed = self.space.distinct(log.rows(State.FAILED))
        if len(failed) == 0:
            return None
        if self._success is None:
            self._success = Success(self.space)
            if self._pool is not None:
                self._success.remember(self._pool)
        X = self.space.distinct(torch.cat([failed, log.rows(State.TOLD)]))
        key = (len(failed), X.numpy().tobytes())
        if self._ended != key:
            self._ended = None
            self._success.fit(X, torch.arange(len(X)) >= len(failed))
            self._ended = key
        return self._success

    def fitted(self, log: Log, *, fidelity: str | None, seed: int) -> tuple[Predictor, ...]:
        """The predictors, fitted to what a log tells of a fidelity; those below it and other tasks are sources."""
        names: list[str | None] = [*self.goal.fidelities] or [None]
        place = names.index(fidelity)
        below = [log.observed(name) for name in names[:place]]
        observed = log.observed(fidelity)
        for output, predictor in enumerate(self.predictors):
            X, gains = observed
            sources = [(rows, known[:, output]) for rows, known in self.sources]
            if self.goal.fidelities and not self.goal.depends_on_fidelity(output):
                X, gains = log.means()
            else:
                sources += [(rows, known[:, output]) for rows, known in below]
            self._fit(output, predictor, X, gains[:, output], sources, seed)
        return self.predictors

    def fitted_to_sources(self, *, seed: int) -> tuple[Predictor, ...]:
        """The predictors, fitted to the last of the other tasks; those before it are sources."""
        *others, (X, gains) = self.sources
        for output, predictor in enumerate(self.predictors):
            sources = [(rows, known[:, output]) for rows, known in others]
            self._fit(output, predictor, X, gains[:, output], sources, seed)
        return self.predictors

    def _fit(
        self,
        output: int,
        predictor: Predictor,
        X: Tensor,
        Y: Tensor,
        sources: list[tuple[Tensor, Tensor]],
        seed: int,
    ) -> None:
        data = [X, Y, *(part for source in sources for part in source)]
        key = (seed, *(part.numpy().tobytes() for part in data))
        if self._fitted[output] == key:
            return
        self._fitted[output] = None
        if isinstance(predictor, MultiTaskGP):
            predictor.learn_from(sources)
        predictor.fit(X, Y, seed=seed)
        self._fitted[output] = key


def _checked(
    space: SearchSpace,
    goal: Goal,
    number: int,
    archs: Sequence[ArchLike] | Tensor,
    values: Sequence[float] | Sequence[Sequence[float]] | Tensor,
) -> tuple[Tensor, Tensor]:
    """A source's rows (``n x d``) and gains (``n x (m + c)``)."""
    X, Y = space.rows(archs), torch.as_tensor(values, dtype=torch.double)
    if len(X) == 0:
        raise UsageError(f"source {number} is empty; give it observations or leave it out")
    if Y.ndim == 1:
        Y = Y.unsqueeze(-1)
    if Y.shape != (len(X), len(goal.metrics)):
        raise UsageError(
            f"source {number} has {len(X)} architectures and values of shape {tuple(Y.shape)}; give "
            f"{len(goal.metrics)} for each: {', '.join(goal.metrics)}"
        )
    if not bool(Y.isfinite().all()):
        raise UsageError(f"source {number} holds a NaN or an infinity; leave such values out")
    return X, goal.gains(Y)
