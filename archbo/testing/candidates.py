"""What all candidates keep to."""

import random
from abc import ABC, abstractmethod
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from archbo.acquisition import Candidates, FixedCandidates
from archbo.errors import NothingLeftError
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace, SearchSpace

__all__ = ["TOY", "CandidatesContract", "leaves_global_generators_alone", "table_of"]

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})
"""A space of 24 architectures."""

NARROW = (
    CategoricalSpace("one", {"a": [1]}),
    CategoricalSpace("all-one", {"a": [1], "b": ["x"], "c": [0.5]}),
    CategoricalSpace("some-one", {"a": [1], "b": [1, 2, 3], "c": ["x"], "d": [1, 2]}),
)
"""Spaces in which one column, or all of them, leave no choice."""

N_OBSERVED = 15
"""The number of observations that candidates are proposed after."""


def distinct_rows(space: SearchSpace, n: int, seed: int = 0) -> Tensor:
    """At most ``n`` random rows of different architectures."""
    return space.distinct(space.sample(3 * n, generator=generator(seed)))[:n]


@cache
def table_of(space: SearchSpace, n: int = 150) -> FixedCandidates:
    """A table's rows: ``n`` of a space and the neighbours of three of them, so that there are moves within it."""
    X = distinct_rows(space, n, seed=9)
    return FixedCandidates(space, torch.cat([X, *map(space.neighbours, X[:3])]))


class leaves_global_generators_alone:  # noqa: N801 - it reads as a sentence
    """A context in which no global generator may be moved on, and no generator of a GPU seeded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seeded: list[int] = []
        monkeypatch.setattr(torch.cuda, "manual_seed_all", self.seeded.append)

    def _states(self) -> tuple[object, ...]:
        numpy_state = np.random.get_state()  # noqa: NPY002 - the global one
        return torch.get_rng_state().tolist(), str(numpy_state), random.getstate()

    def __enter__(self) -> None:
        self._before = self._states()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            assert self._states() == self._before, "a global generator was moved on"
            assert not self.seeded, "the generators of all GPUs were seeded"


class CandidatesContract(ABC):
    """Tests for any ``Candidates``, to be inherited.

    Example:
        In a file of tests::

            class TestMyCandidates(CandidatesContract):
                def make(self, space, within):
                    return MyCandidates(space, within)

    Attributes:
        space: The space of the tests.
    """

    space: SearchSpace = TOY

    @abstractmethod
    def make(self, space: SearchSpace, within: Candidates | None) -> Candidates:
        """The candidates of a space, or of some of its rows."""

    def observed(self, within: Candidates | None = None) -> tuple[Tensor, Tensor]:
        """Rows ``n x d`` and values ``n x 1``."""
        if within is not None and within.pool is not None:
            X = within.pool[:12]
        else:
            X = distinct_rows(self.space, N_OBSERVED, seed=2)
        return X, X.sum(-1, keepdim=True)

    @pytest.mark.parametrize("restricted", [False, True], ids=["space", "table"])
    def test_they_are_distinct_valid_rows_that_are_not_to_be_avoided(
        self, restricted: bool
    ) -> None:
        space = self.space
        within = table_of(space) if restricted else None
        candidates = self.make(space, within)
        X, Y = self.observed(within)
        others = within.X[-3:] if within is not None else distinct_rows(space, 4, seed=3)
        avoid = torch.cat([X, others])
        for proposed in (
            candidates.propose(X, Y, avoid=avoid, generator=generator(0)),
            candidates.random(7, avoid=avoid, generator=generator(0)),
        ):
            assert proposed.shape == (len(proposed), space.n_columns)
            assert proposed.dtype == X.dtype
            assert space.is_valid(proposed).all()
            assert candidates.contains(proposed).all()
            ids = space.ids(proposed)
            assert len(set(ids)) == len(ids) >= 5
            assert not set(ids) & set(space.ids(avoid))
            if within is not None:
                assert set(map(tuple, proposed.tolist())) <= set(map(tuple, within.X.tolist()))
            assert candidates.restrict(proposed).equal(proposed)
        if candidates.pool is not None:
            assert candidates.contains(candidates.pool).all()
        for row in X[:2]:
            assert candidates.contains(candidates.neighbours(row)).all()
            assert candidates.contains(candidates.given(X, Y).neighbours(row)).all()

    def test_they_follow_their_generator_and_nothing_before(self) -> None:
        """The same arguments give the same rows, whatever was proposed in between."""
        candidates, fresh = self.make(self.space, None), self.make(self.space, None)
        X, Y = self.observed()

        def both(rule: Candidates, seed: int) -> tuple[Tensor, Tensor]:
            source = generator(seed)
            proposed = rule.propose(X, Y, avoid=X, generator=source)
            return proposed, rule.random(5, avoid=X, generator=source)

        first, other = both(candidates, 0), both(candidates, 1)
        candidates.propose(X[:3], -Y[:3], avoid=X, generator=generator(2))
        for again in (both(candidates, 0), both(fresh, 0)):
            assert all(a.equal(b) for a, b in zip(first, again, strict=True))
        if self.space.size > 1000:
            assert not first[1].equal(other[1])

    def test_given_observations_they_propose_the_same(self) -> None:
        candidates = self.make(self.space, None)
        X, Y = self.observed()
        rows, others = (
            rule.propose(X, Y, avoid=X, generator=generator(0))
            for rule in (candidates, candidates.given(X, Y))
        )
        assert rows.equal(others)

    def test_they_come_until_nothing_is_left(self) -> None:
        """Whatever is preferred, every row of a table is proposed some day."""
        space = self.space
        within = FixedCandidates(space, table_of(space).X[:24])
        candidates = self.make(space, within)
        X, Y = within.X[:1], torch.zeros(1, 1, dtype=torch.double)
        for turn in range(1, 24):
            fresh = candidates.propose(X, Y, avoid=X, generator=generator(turn))
            assert len(fresh) >= min(10, 24 - len(X))
            X = torch.cat([X, fresh[:1]])
            Y = torch.cat([Y, torch.tensor([[float(turn % 7)]])])
        assert sorted(map(str, space.ids(X))) == sorted(map(str, space.ids(within.X)))
        with pytest.raises(NothingLeftError, match=f"every architecture of {space.name}"):
            candidates.propose(X, Y, avoid=X, generator=generator(0))
        with pytest.raises(NothingLeftError):
            candidates.random(1, avoid=X, generator=generator(0))

    def test_no_global_generator_is_touched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        candidates = self.make(self.space, None)
        X, Y = self.observed()
        # Libraries that are imported on first use may draw.
        candidates.propose(X, Y, avoid=X, generator=generator(0))
        with leaves_global_generators_alone(monkeypatch):
            candidates.propose(X, Y, avoid=X, generator=generator(0))
            candidates.given(X, Y).neighbours(X[0])

    @pytest.mark.parametrize("space", NARROW, ids=lambda space: space.name)
    def test_columns_may_leave_no_choice(self, space: SearchSpace) -> None:
        candidates, everything = self.make(space, None), space.enumerate()
        X, Y = everything[:1], torch.zeros(1, 1, dtype=torch.double)
        assert candidates.contains(candidates.neighbours(X[0])).all()
        for _ in everything[1:]:
            rows = candidates.propose(X, Y, avoid=X, generator=generator(0))
            X, Y = torch.cat([X, rows[:1]]), torch.cat([Y, Y[-1:] + 1])
        assert sorted(X.tolist()) == everything.tolist()
        with pytest.raises(NothingLeftError):
            candidates.propose(X, Y, avoid=X, generator=generator(0))
