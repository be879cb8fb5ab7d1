"""What every strategy keeps to, as tests to inherit."""

import io
import math
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeAlias

import pandas as pd
import pytest
import torch

from archbo.bo_loop import Optimizer, Strategy
from archbo.errors import NothingLeftError
from archbo.goals import Goal
from archbo.log import Log, State, Trial
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace, SearchSpace

__all__ = ["StrategyContract"]

Asked: TypeAlias = list[tuple[tuple[int, ...], str | None, dict[str, object]]]
"""What was asked for: rows, fidelities and notes."""

EXHAUSTED = 100
"""The largest number of architectures that the contract asks for one after the other until none is left."""


# Short logs are too short for some surrogates.
@pytest.mark.filterwarnings("ignore::archbo.errors.NumericalWarning")
class StrategyContract:
    """What every strategy keeps to; inherit it in a test class that implements ``make``.

    Attributes:
        space: The space that is searched; of few architectures, unless another is set.
        goal: What is wanted; a second class with several objectives or fidelities tests that they are served.
        n_told: The number of trials in the logs that proposals are compared for; more than the strategy begins with.

    Example:
        >>> from archbo.bo_loop import RandomSearch
        >>> class TestRandomSearch(StrategyContract):
        ...     goal = Goal.parse("accuracy,-latency", subject_to=["energy<=2"])
        ...     def make(self, space, goal, *, seed):
        ...         return RandomSearch(space, goal, seed=seed)
        >>> TestRandomSearch().test_proposals_do_not_depend_on_the_order_of_telling()
    """

    space: SearchSpace = CategoricalSpace(
        "toy", {"width": [8, 16, 32], "depth": [1, 2], "skip": ["no", "yes"]}
    )
    goal: Goal = Goal()
    n_told: int = 9

    def make(self, space: SearchSpace, goal: Goal, *, seed: int) -> Strategy:
        """The strategy under test, with what it begins with kept below ``n_told``."""
        raise NotImplementedError("a contract is inherited; implement make")

    def values(self, trial: Trial) -> list[float]:
        """What is told of a trial: metrics that pull apart, and at cheaper fidelities depart from the target's."""
        row = [float(choice) for choice in trial.arch.row]
        names: list[str | None] = [*self.goal.fidelities] or [None]
        off = 0.3 * (len(names) - 1 - names.index(trial.fidelity))
        return [
            math.sqrt(sum((place + k) % 3 * choice for place, choice in enumerate(row, 1)) + 1)
            + off * math.sin(sum(row) + k)
            for k, _ in enumerate(self.goal.metrics)
        ]

    @pytest.fixture(scope="class")
    @classmethod
    def elsewhere(cls) -> Iterator[ProcessPoolExecutor]:
        """A process of its own, for all tests of the class."""
        threads = torch.get_num_threads()
        with ProcessPoolExecutor(
            1, get_context("spawn"), torch.set_num_threads, (threads,)
        ) as executor:
            yield executor

    # What is proposed.

    def test_all_architectures_are_proposed_once_and_then_none(self) -> None:
        """In batches of several sizes, as many as are left; some fail, and do not come again."""
        strategy, total = self.make(self.space, self.goal, seed=0), self._total()
        log, target, sizes = Log(self.space, self.goal), self.goal.target, (3, 1, 5, 2)
        for turn in range(4 * total):
            known, left = len(log), total - len(self._ids(log.seen(target)))
            q = sizes[turn % len(sizes)]
            try:
                log = strategy.propose(log, q)
            except NothingLeftError:
                break
            new = log.trials[known:]
            assert len(new) == q or len(self._ids(log.seen(target))) == total
            assert len(new) == min(q, left) or self.goal.fidelities
            self._check_new(strategy, log, known)
            for trial in new:
                log = log.failed(trial) if trial.number % 4 == 1 else self._told(log, trial)
        assert len(self._ids(log.seen(target))) == total
        with pytest.raises(NothingLeftError):
            strategy.propose(log)

    def test_what_fails_is_not_proposed_again(self) -> None:
        """Not even where nothing else ever happens."""
        strategy = self.make(self.space, self.goal, seed=0)
        log = Log(self.space, self.goal)
        for _ in range(min(self.n_told, self._total())):
            known = len(log)
            log = strategy.propose(log)
            self._check_new(strategy, log, known)
            log = log.failed(log.trials[-1], "out of memory")

    def test_what_was_dropped_may_be_proposed_again(self) -> None:
        strategy, total = self.make(self.space, self.goal, seed=0), self._total()
        log = strategy.propose(Log(self.space, self.goal), 2)
        first = log.trials[0]
        log = self._told(log.dropped(first), log.trials[1])
        for _ in range(4 * total):
            log = strategy.propose(log, 1)
            if log.trials[-1].arch == first.arch:
                break
            log = self._told(log, log.trials[-1])
        assert log.trials[-1].arch == first.arch

    def test_architectures_never_asked_for_are_not_proposed(self) -> None:
        strategy = self.make(self.space, self.goal, seed=0)
        X = strategy.candidates.random(
            self.n_told, avoid=Log(self.space, self.goal).rows(), generator=generator(5)
        )
        log = Log(self.space, self.goal)
        for row in X:
            log = log.asked(row.unsqueeze(0))
            log = self._told(log, log.trials[-1])
        for _ in range(3):
            known = len(log)
            log = strategy.propose(log)
            self._check_new(strategy, log, known)

    def test_proposals_follow_the_seed(self) -> None:
        """And not the global generator, which they leave as it is."""

        def asked(seed: int, noise: int = 0) -> Asked:
            torch.default_generator.manual_seed(noise)
            before = torch.get_rng_state()
            strategy = self.make(self.space, self.goal, seed=seed)
            log = self._search(strategy, self.n_told)
            assert torch.get_rng_state().equal(before)
            return _asked(log)

        first = asked(1)
        assert first == asked(1, noise=1)
        assert any(first != asked(seed) for seed in (2, 3, 4))

    # Proposals are a function of the log.

    def test_log_cut_anywhere_and_rebuilt_gives_the_same_proposals(
        self, elsewhere: ProcessPoolExecutor
    ) -> None:
        """With failed, pruned, dropped, repeated and pending trials.

        From a CSV file by a strategy made anew, and from a Parquet file in another process by one that was pickled
        after use.
        """
        strategy = self.make(self.space, self.goal, seed=3)
        logs = self._cuts(strategy)
        wanted = [_next(strategy, log) for log in logs]
        for log, proposals in zip(logs, wanted, strict=True):
            file = io.StringIO(log.frame().to_csv(index=False))
            frame = pd.read_csv(file)
            rebuilt = Log.from_frame(frame, self.space, self.goal)
            assert rebuilt == log
            assert _next(self.make(self.space, self.goal, seed=3), rebuilt) == proposals
        files = [log.frame().to_parquet(index=False) for log in logs]
        assert elsewhere.submit(_next_elsewhere, pickle.dumps(strategy), files).result() == wanted

    def test_asking_changes_nothing(self) -> None:
        """Neither the log nor, whatever else it was asked in between, what the strategy proposes."""
        strategy = self.make(self.space, self.goal, seed=3)
        *_, early, late = self._cuts(strategy)
        trials = late.trials
        first = _next(strategy, late)
        _next(strategy, early)
        assert _next(strategy, late) == first
        assert late.trials == trials

    def test_proposals_do_not_depend_on_the_order_of_telling(self) -> None:
        strategy = self.make(self.space, self.goal, seed=0)
        log = strategy.propose(self._search(strategy, self.n_told - 3), 3)
        told = []
        for order in (log.trials[-3:], log.trials[:-4:-1]):
            other = log
            for trial in order:
                other = self._told(other, trial)
            told.append(_next(self.make(self.space, self.goal, seed=0), other))
        assert told[0] == told[1]

    def test_pickled_search_goes_on(self) -> None:
        strategy = self.make(self.space, self.goal, seed=0)
        optimizer = Optimizer(strategy, log=self._messy(strategy))
        copy = pickle.loads(pickle.dumps(optimizer))  # noqa: S301 - its own bytes
        assert copy.log == optimizer.log
        assert copy.ask_trials(2) == optimizer.ask_trials(2)

    # What the tests share.

    def _total(self) -> int:
        """The number of architectures, few enough to ask for each."""
        strategy = self.make(self.space, self.goal, seed=0)
        pool = strategy.candidates.pool
        X = pool if pool is not None else self.space.enumerate()
        if len(X) > EXHAUSTED:
            pytest.skip(f"{self.space.name} is not exhausted: it has {len(X)} architectures")
        return len(X)

    def _ids(self, X: torch.Tensor) -> set[object]:
        return set(self.space.ids(X))

    def _told(self, log: Log, trial: Trial) -> Log:
        return log.told(trial, self.values(trial))

    def _check_new(self, strategy: Strategy, log: Log, known: int) -> None:
        """The trials from number ``known`` on are architectures that were not seen at their fidelity."""
        X, before = log.rows(), log.first(known)
        assert self.space.is_valid(X[known:]).all()
        assert strategy.candidates.contains(X[known:]).all()
        assert len(log) > known
        for fidelity in self.goal.fidelities or (None,):
            new = [t.number for t in log.trials[known:] if t.fidelity == fidelity]
            ids = self._ids(X[new])
            assert len(ids) == len(new)
            assert not ids & self._ids(before.seen(fidelity))

    def _search(self, strategy: Strategy, n: int) -> Log:
        """A log of ``n`` trials, all told."""
        log = Log(self.space, self.goal)
        for _ in range(n):
            log = strategy.propose(log)
            log = self._told(log, log.trials[-1])
        return log

    def _messy(self, strategy: Strategy) -> Log:
        """A log of a search with a trial that failed, one pruned, two dropped, two pending, and one repeated."""
        log = Log(self.space, self.goal)
        states = {1: State.FAILED, 2: State.DROPPED, 5: State.ASKED, 7: State.PRUNED}
        states |= {self.n_told - 1: State.DROPPED, self.n_told + 1: State.ASKED}
        for number in range(self.n_told + 2):
            log = strategy.propose(log)
            trial, state = log.trials[-1], states.get(number, State.TOLD)
            if state == State.FAILED:
                log = log.failed(trial, "out of memory")
            elif state == State.PRUNED:
                log = log.pruned(trial)
            elif state == State.DROPPED:
                log = log.dropped(trial)
            elif state == State.TOLD:
                log = self._told(log, trial)
        log = log.asked(log.rows()[:1], [log.trials[0].fidelity])
        again = log.trials[-1]
        return log.told(again, [value + 0.1 for value in self.values(again)])

    def _cuts(self, strategy: Strategy) -> list[Log]:
        """A messy log, cut at several points, the whole of it last."""
        log = self._messy(strategy)
        points = (3, self.n_told, len(log))
        return [log.first(point) for point in points]


def _asked(log: Log) -> Asked:
    return [(trial.arch.row, trial.fidelity, dict(trial.notes)) for trial in log.trials]


def _next(strategy: Strategy, log: Log) -> Asked:
    """The next two proposals; none where nothing is left."""
    try:
        return _asked(strategy.propose(log, 2))[len(log) :]
    except NothingLeftError:
        return []


def _next_elsewhere(strategy: bytes, files: list[bytes]) -> list[Asked]:
    """The same in another process, for logs in Parquet files."""
    search: Strategy = pickle.loads(strategy)  # noqa: S301 - sent by the process above
    frames = [pd.read_parquet(io.BytesIO(file)) for file in files]
    return [_next(search, Log.from_frame(frame, search.space, search.goal)) for frame in frames]
