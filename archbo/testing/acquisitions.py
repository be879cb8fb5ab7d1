"""What all acquisition rules keep to."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from archbo.acquisition import Candidates, Context, FixedCandidates, LocalCandidates, Rule
from archbo.acquisition.candidates.likely import BOLD
from archbo.errors import NothingLeftError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import GP, Predictor, Success
from archbo.randomness import generator
from archbo.spaces import SearchSpace
from archbo.testing.candidates import TOY, distinct_rows, leaves_global_generators_alone

__all__ = ["RuleContract", "log_of"]

N_OBSERVED = 12
"""The number of observations that rules pick after."""


def log_of(
    space: SearchSpace,
    goal: Goal,
    X: Tensor,
    values: Tensor | Sequence[Sequence[float]],
    pending: Tensor | None = None,
    fidelity: str | None = None,
) -> Log:
    """A log in which rows ``X`` (``n x d``) were told ``values`` (``n x k``) and rows ``pending`` (``p x d``) wait."""
    at = fidelity if fidelity is not None else goal.target
    log = Log(space, goal).asked(X, [at] * len(X))
    for trial, told in zip(log.trials, torch.as_tensor(values).tolist(), strict=True):
        log = log.told(trial, told)
    return log if pending is None else log.asked(pending, [at] * len(pending))


class RuleContract(ABC):
    """Tests for any acquisition ``Rule``, to be inherited.

    Example:
        In a file of tests::

            class TestMyRule(RuleContract):
                def make(self):
                    return MyRule()

    Attributes:
        space: The space of the tests.
        goal: What is searched for. Values are made for up to three metrics.
        q: The number of rows picked.
        n_pending: The number of rows that wait for their values.
        local: Whether candidates are climbed among, instead of listed.
    """

    space: SearchSpace = TOY
    goal: Goal = Goal()
    q: int = 3
    n_pending: int = 0
    local: bool = False
    weights: ClassVar[tuple[float, float, float]] = (1.0, -1.0, 0.5)
    """What the values of three metrics are multiplied with."""

    @abstractmethod
    def make(self) -> Rule:
        """The rule."""

    def fit(self, output: int, X: Tensor, Y: Tensor) -> Predictor:
        """The predictor of one outcome, fitted to rows ``X`` (``n x d``) and gains ``Y`` (``n``)."""
        return GP(self.space).fit(X, Y, seed=0)

    # What the tests have in common.

    def observed(self) -> tuple[Tensor, Tensor]:
        """Rows ``n x d`` and values ``n x k`` that depend on them, in some unit far from standardised."""
        X = distinct_rows(self.space, N_OBSERVED)
        weights = torch.rand(self.space.n_columns, generator=generator(7)).to(X)
        noise = torch.rand(len(X), generator=generator(0)).to(X)
        Y = X @ weights + noise
        k = len(self.goal.metrics)
        return X, 70 + torch.stack([weight * (Y - Y.median()) for weight in self.weights[:k]], -1)

    def unseen(self, n: int, X: Tensor | None = None) -> Tensor:
        """``n`` rows beside those observed, or beside others."""
        seen = X if X is not None else self.observed()[0]
        fresh = FixedCandidates(self.space, distinct_rows(self.space, n + len(seen), seed=3))
        return fresh.without(fresh.X, seen)[:n]

    def context(self, log: Log | None = None) -> Context:
        """What a rule knows: predictors fitted to what was observed, and a log."""
        X, values = self.observed()
        if log is None:
            log = log_of(self.space, self.goal, X, values, self.unseen(self.n_pending))
        gains = self.goal.gains(values)
        predictors = (self.fit(output, X, gains[:, output]) for output in range(gains.shape[-1]))
        return Context(log, tuple(predictors), seed=5)

    def candidates(self) -> Candidates:
        """Where rows come from."""
        if self.local:
            return LocalCandidates(self.space, size=60)
        return FixedCandidates(self.space, distinct_rows(self.space, 300, seed=9))

    def pick(self, context: Context, candidates: Candidates, q: int, seed: int = 0) -> Tensor:
        """What the rule picks."""
        return self.make().select(context, candidates, q, generator=generator(seed))

    # What they are.

    def test_picks_are_fresh_and_follow_their_generator(self) -> None:
        context, candidates, space = self.context(), self.candidates(), self.space
        X = self.pick(context, candidates, self.q)
        assert X.shape == (self.q, space.n_columns)
        assert candidates.contains(X).all()
        taken = space.ids(torch.cat([X, context.log.rows()]))
        assert len(set(taken)) == len(taken)
        assert X.equal(self.pick(self.context(), candidates, self.q))

    def test_picks_are_few_where_little_is_left(self) -> None:
        context = self.context()
        left = self.unseen(2, context.log.rows())
        candidates = FixedCandidates(self.space, torch.cat([context.log.rows(), left]))
        assert sorted(self.pick(context, candidates, 5).tolist()) == sorted(left.tolist())
        nothing = FixedCandidates(self.space, context.log.rows())
        with pytest.raises(NothingLeftError):
            self.pick(context, nothing, 1)

    def test_trials_may_fail_be_dropped_and_repeat(self) -> None:
        X, values = self.observed()
        log = log_of(self.space, self.goal, X, values, torch.cat([X[:2], self.unseen(3)]))
        *_, repeated, failed, dropped, pending = log.trials
        log = log.told(repeated, values[0].tolist()).failed(failed).dropped(dropped)
        log = log.asked(pending_row := torch.tensor([pending.arch.row], dtype=torch.double))
        rows = torch.cat([self.unseen(8), X])
        picked = self.pick(self.context(log), FixedCandidates(self.space, rows), 20)
        avoided = self.space.ids(torch.cat([log.seen(), pending_row]))
        ids = self.space.ids(picked)
        assert len(ids) == len(set(ids))
        assert set(ids) == set(self.space.ids(rows)) - set(avoided)
        assert self.space.ids(self.space.rows([dropped.arch]))[0] in self.space.ids(picked)

    def test_what_is_likely_to_fail_is_not_picked(self) -> None:
        """Whatever it promises: here all with the first choice in the first column have failed."""
        context, rows = self.context(), self.unseen(12)
        X = context.X
        success = Success(self.space).fit(X, X[:, 0] != 0)
        picked = self.pick(
            replace(context, success=success), FixedCandidates(self.space, rows), self.q
        )
        likely, unlikely = (success(rows[side]) for side in (rows[:, 0] != 0, rows[:, 0] == 0))
        assert likely.min() > unlikely.max()
        assert success(picked).min() >= BOLD * success(rows).max() > unlikely.max()

    def test_no_global_generator_is_touched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        context, candidates = self.context(), self.candidates()
        # Libraries that are imported on first use may draw.
        self.pick(context, candidates, 1)
        with leaves_global_generators_alone(monkeypatch):
            self.pick(context, candidates, self.q)

    def test_threads_pick_what_they_pick_in_sequence(self) -> None:
        def search(seed: int) -> list[list[float]]:
            picked: list[list[float]] = self.pick(
                self.context(), self.candidates(), self.q, seed
            ).tolist()
            return picked

        wanted = [search(seed) for seed in range(4)]
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(search, range(4))) == wanted
