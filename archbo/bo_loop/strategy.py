"""Strategies: from what a search has seen to what it asks for next."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Generator, Tensor

from archbo.acquisition import Candidates, candidates_for
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.randomness import check_seed, generator
from archbo.spaces import Arch, SearchSpace

__all__ = ["Proposals", "Strategy", "check_q"]


@dataclass(frozen=True, eq=False)
class Proposals:
    """What a strategy asks for next.

    Attributes:
        X: ``q x d``, the rows.
        fidelities: That of each; the goal's target unless given.
        notes: What is written on each trial, as JSON would hold it; nothing unless given.
    """

    X: Tensor
    fidelities: Sequence[str | None] | None = None
    notes: Sequence[Mapping[str, Any]] = ()

    def onto(self, log: Log) -> Log:
        """The log after these were asked for."""
        return log.asked(self.X, self.fidelities, self.notes)


class Strategy(ABC):
    """A search method as a pure function of the log: the same log gives the same proposals, in any process.

    A subclass implements ``_propose``. What is costly, such as a fit, may be kept between calls as long as it follows
    from the log.

    Args:
        space: The space to search.
        goal: What is wanted; one metric called ``value`` is maximised unless given.
        candidates: Where architectures may come from; the whole space unless given.
        seed: The same seed gives the same search.

    Attributes:
        serves_several: Whether the goal may have several objectives or bounds.

    Raises:
        UsageError: The goal has several objectives or bounds and the strategy serves one objective only, the seed is
            none, or the candidates are of another space.
    """

    serves_several: ClassVar[bool] = True

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        *,
        candidates: Candidates | None = None,
        seed: int = 0,
    ) -> None:
        for name, value, kind in (("space", space, SearchSpace), ("goal", goal or Goal(), Goal)):
            if not isinstance(value, kind):
                raise UsageError(f"{name} is a {kind.__name__}; got {value!r}")
        self.space, self.goal = space, goal if goal is not None else Goal()
        if not self.serves_several and not self.goal.is_single:
            raise UsageError(
                f"{type(self).__name__} takes one objective without bounds; the goal is {self.goal}"
            )
        self.candidates = candidates if candidates is not None else candidates_for(space)
        if self.candidates.space != space:
            raise UsageError(
                f"the candidates are of {self.candidates.space.name!r}, the search is in {space.name!r}"
            )
        self.seed = check_seed(seed)

    @abstractmethod
    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        """Up to ``q`` proposals, at least one, none of them asked for at that fidelity before.

        Raises:
            NothingLeftError: Nothing is left to propose.
        """

    @final
    def propose(self, log: Log, q: int = 1) -> Log:
        """The log with up to ``q`` more trials; fewer where fewer architectures are left.

        Raises:
            UsageError: ``q`` is no positive integer, or the log is of another space or goal.
            NothingLeftError: Every architecture has been asked for.
        """
        self.check(log)
        check_q(q)
        wanted = len(log) + q
        start = len(log)
        while len(log) < wanted:
            source = generator(self.seed, len(log))
            try:
                log = self._propose(log, wanted - len(log), source).onto(log)
            except NothingLeftError:
                if len(log) == start:
                    raise
                break
        return log

    @final
    def promote(self, log: Log) -> Log:
        """The log with one trial at the target more: of the best architecture at the highest fidelity told.

        It is for the end of a budget. Where nothing was told below the target it is a random one.

        Raises:
            NothingLeftError: Every architecture has been asked for at the target.
        """
        self.check(log)
        *below, target = self.goal.fidelities or (None,)
        told = [name for name in below if len(log.rows(State.TOLD, fidelity=name))]
        row = self._best_left(log, told[-1], target) if told else log.rows()[:0]
        if len(row) == 0:
            avoid = log.seen(target)
            source = generator(self.seed, len(log))
            row = self.candidates.random(1, avoid=avoid, generator=source)
        return Proposals(row, [target]).onto(log)

    def recommend(self, log: Log) -> Arch:
        """The architecture to take in the end: the best, unless the strategy knows better.

        Raises:
            UsageError: Nothing feasible has been told yet, or there are several objectives.
        """
        return log.best[0]

    @final
    def check(self, log: Log) -> None:
        """Raise unless a log is of the strategy's space and goal.

        Raises:
            UsageError: It is of another.
        """
        if log.space != self.space or log.goal != self.goal:
            raise UsageError(
                f"the log is of {log.goal} in {log.space.name!r}, the strategy of {self.goal} in "
                f"{self.space.name!r}; give it a log of its own space and goal"
            )

    # What strategies have in common.

    def _random(
        self, log: Log, q: int, generator: Generator, fidelity: str | None = None
    ) -> Proposals:
        """Random rows at a fidelity, the target unless another is named."""
        at = fidelity if fidelity is not None else self.goal.target
        rows = self._at_random(log).random(q, avoid=log.seen(at), generator=generator)
        return Proposals(rows, [at] * len(rows))

    def _at_random(self, log: Log) -> Candidates:
        """Where random rows come from."""
        return self.candidates

    def _n_to_begin(self, log: Log, q: int, n_initial: int) -> int:
        """How many of up to ``q`` proposals belong to the beginning, which lasts until something was told; or none."""
        left = n_initial - len(log.seen(self.goal.target))
        told = log.select(State.TOLD, fidelity=self.goal.target)
        return 0 if left <= 0 and told else min(q, max(left, 1))

    def _best_left(self, log: Log, here: str | None, above: str | None) -> Tensor:
        """The best row told at one fidelity that was not asked for at another, ``1 x d``, or none.

        One that has failed somewhere comes after all that have not.
        """
        X, gains = log.means(here)
        ranked = X[self.goal.merit(gains).flatten().argsort(descending=True, stable=True)]
        left = self.candidates.without(ranked, log.seen(above))
        sound = self.candidates.without(left, log.rows(State.FAILED))
        return (sound if len(sound) else left)[:1]

    def _round(self, log: Log, q: int) -> Proposals | None:
        """Up to ``q`` rows that are left of the last round, if there are any."""
        X = torch.tensor(
            next((t.notes["round"] for t in reversed(log.trials) if "round" in t.notes), []),
            dtype=torch.double,
        ).reshape(-1, self.space.n_columns)
        left = self.candidates.without(X, log.seen(self.goal.target))
        return Proposals(left[:q]) if len(left) else None

    def _new_round(self, X: Tensor, q: int) -> Proposals:
        """The first ``q`` of the rows ``X``; all of them are written on the first trial, to be handed out later."""
        first: dict[str, Any] = {"round": X.tolist()} if len(X) > q else {}
        return Proposals(X[:q], notes=[first, *({} for _ in X[1:q])])


def check_q(q: object) -> None:
    """Raise unless that many architectures can be asked for.

    Raises:
        UsageError: It is no positive integer.
    """
    if isinstance(q, bool) or not isinstance(q, int) or q < 1:
        raise UsageError(f"q is the number of architectures to ask for, at least 1; got {q!r}")
