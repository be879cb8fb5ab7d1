"""Ask and tell: what every search that goes on has in common, wherever its log is kept."""

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from torch import Tensor

from archbo.bo_loop.strategy import Strategy
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log, Trial
from archbo.spaces import Arch, ArchLike, SearchSpace

__all__ = ["AskTell", "Values"]

Values: TypeAlias = float | Sequence[float] | Mapping[str, float] | Tensor
"""What is told of one architecture: its metric, or all metrics in the goal's order or by name."""
Archs: TypeAlias = ArchLike | Trial | Sequence[ArchLike | Trial] | Tensor
"""Architectures in any form, or trials; or a single one."""


class AskTell(ABC):
    """Ask for architectures, evaluate them anywhere, tell their values.

    Several architectures may be asked for before any is told, and told in any order, more than once, or without
    having been asked for. It may be used from several threads. A subclass says where the log is kept: ``_read``,
    ``_write`` and ``_propose``.

    Args:
        strategy: What to ask for next.

    Attributes:
        strategy: What is asked for next.
    """

    def __init__(self, strategy: Strategy) -> None:
        if not isinstance(strategy, Strategy):
            raise UsageError(f"{type(self).__name__} takes a strategy; got {strategy!r}")
        self.strategy = strategy
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())

    @abstractmethod
    def _read(self) -> Log:
        """The log as it is now."""

    @abstractmethod
    def _write(self, before: Log, after: Log) -> None:
        """Keep a log that differs from the one read by trials that were added, told, failed, pruned or dropped."""

    @abstractmethod
    def _propose(self, q: int, *, promote: bool = False) -> list[Trial]:
        """Up to ``q`` new trials, kept in the log; or one of the best architecture, at the target."""

    @property
    def log(self) -> Log:
        """What has been asked and told."""
        return self._read()

    @property
    def space(self) -> SearchSpace:
        """The space that is searched."""
        return self.strategy.space

    @property
    def goal(self) -> Goal:
        """What is wanted."""
        return self.strategy.goal

    def ask(self, q: int = 1) -> list[Arch]:
        """The next architectures to evaluate, none of them asked for or told before.

        Args:
            q: How many; fewer come back where fewer are left.

        Raises:
            UsageError: ``q`` is not positive, or the goal has fidelities.
            NothingLeftError: Every architecture has been asked for.
        """
        if self.goal.fidelities:
            raise UsageError("the goal has fidelities; use ask_trials, whose trials name theirs")
        return [trial.arch for trial in self.ask_trials(q)]

    def ask_trials(self, q: int = 1) -> list[Trial]:
        """As ``ask``, with the fidelity that each is to be evaluated at."""
        with self._lock:
            return self._propose(q)

    def promote(self) -> Trial:
        """The best architecture at the highest fidelity told, to be evaluated at the target.

        It is for the end of a budget that pays for one such evaluation.

        Raises:
            NothingLeftError: Every architecture has been asked for at the target.
        """
        with self._lock:
            return self._propose(1, promote=True)[0]

    def tell(
        self,
        archs: Archs,
        values: Values | Sequence[Values],
        *,
        fidelity: str | None = None,
        cost: float | None = None,
    ) -> None:
        """Record values. An architecture that was told before has been evaluated once more.

        Args:
            archs: ``n`` architectures in any form, or trials; or a single one.
            values: For each its metric, or its metrics in the goal's order or by name, in their own units.
            fidelity: What architectures were evaluated at; the target unless given. Trials name their own.
            cost: What each evaluation cost, where it is another than the fidelity's.

        Raises:
            InvalidArchitectureError: One of them is no architecture of the space.
            UsageError: The lengths differ, a metric is missing, or a value is no finite number. Nothing is recorded
                then.
        """
        trials = self._listed(archs)
        single = isinstance(archs, (Arch, Trial, str))
        rows = [values] if single else _listed_values(values)
        if len(trials) != len(rows):
            raise UsageError(
                f"{len(trials)} architectures but {len(rows)} values; tell one for each"
            )
        told = [self._metrics(str(t), value) for t, value in zip(trials, rows, strict=True)]
        if cost is not None and not (isinstance(cost, (int, float)) and 0 <= cost < math.inf):
            raise UsageError(f"a cost is a number that is not negative; got {cost!r}")
        with self._lock:
            before = log = self._read()
            for trial, numbers in zip(trials, told, strict=True):
                log, found = _trial_of(log, trial, fidelity)
                log = log.told(found, numbers, cost)
            self._write(before, log)

    def fail(
        self,
        archs: Archs,
        reason: str = "",
        *,
        fidelity: str | None = None,
    ) -> None:
        """Record that architectures gave no value. They are not asked for again.

        Raises:
            InvalidArchitectureError: One of them is no architecture of the space.
            UsageError: There is no such fidelity.
        """

        def failed(log: Log, one: Arch | Trial) -> Log:
            log, found = _trial_of(log, one, fidelity)
            return log.failed(found, reason)

        self._change(archs, failed)

    def prune(self, archs: Archs) -> None:
        """Record that trainings were stopped early, since their learning curves were no good.

        They are not asked for again, and no values are learned from them. What has ended before stands.

        Raises:
            InvalidArchitectureError: One of them is no architecture of the space.
        """

        def pruned(log: Log, one: Arch | Trial) -> Log:
            waiting = log.waiting(*_place(log, one))
            return log if waiting is None else log.pruned(waiting)

        self._change(archs, pruned)

    def drop(self, archs: Archs) -> None:
        """Give up architectures that wait for their values, those of a worker that died say; they may be asked for again.

        Raises:
            InvalidArchitectureError: One of them is no architecture of the space.
            UsageError: One of them does not wait for its values.
        """

        def dropped(log: Log, one: Arch | Trial) -> Log:
            waiting = log.waiting(*_place(log, one))
            if waiting is None:
                raise UsageError(f"{one} does not wait for values, so it cannot be dropped")
            return log.dropped(waiting)

        self._change(archs, dropped)

    def _change(self, archs: Archs, change: Callable[[Log, Arch | Trial], Log]) -> None:
        """Keep the log after a change for each architecture or trial; nothing is kept where one of them raises."""
        trials = self._listed(archs)
        with self._lock:
            before = log = self._read()
            for trial in trials:
                log = change(log, trial)
            self._write(before, log)

    def recommend(self) -> Arch:
        """The architecture to take in the end: the best, unless the strategy knows better.

        Raises:
            UsageError: Nothing feasible has been told yet, or there are several objectives.
        """
        return self.strategy.recommend(self.log)

    def _listed(self, archs: Archs) -> list[Arch | Trial]:
        """Architectures or trials, each of this space."""
        if isinstance(archs, (Arch, Trial, str)):
            archs = [archs]
        if isinstance(archs, Tensor):
            return list(self.space.archs(self.space.rows(archs)))
        if not isinstance(archs, Sequence):
            raise UsageError(f"tell a list of architectures; got {archs!r}")
        listed: list[Arch | Trial] = []
        for arch in archs:
            listed.append(arch if isinstance(arch, Trial) else self.space.arch(arch))
            if isinstance(arch, Trial):
                self.space.arch(arch.arch)
        return listed

    def _metrics(self, name: str, values: object) -> tuple[float, ...]:
        """The goal's ``k`` metrics of an architecture, checked."""
        metrics = self.goal.metrics
        if isinstance(values, Mapping):
            missing = [metric for metric in metrics if metric not in values]
            if missing:
                raise UsageError(f"{name} was told no {missing[0]!r}; tell {', '.join(metrics)}")
            values = [values[metric] for metric in metrics]
        elif isinstance(values, (Tensor, np.ndarray)):
            values = values.reshape(-1).tolist()
        elif not isinstance(values, Sequence) or isinstance(values, str):
            values = [values]
        if len(values) != len(metrics):
            raise UsageError(
                f"{name} was told {len(values)} values; tell {len(metrics)}: {', '.join(metrics)}"
            )
        for metric, value in zip(metrics, values, strict=True):
            if not _is_number(value) or not math.isfinite(value):
                raise UsageError(
                    f"{metric} of {name} is {value!r}; tell a finite number, or use fail for what gave none"
                )
        return tuple(map(float, values))


def _is_number(value: object) -> bool:
    plain = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return plain or (isinstance(value, (Tensor, np.ndarray)) and value.ndim == 0)


def _listed_values(values: object) -> list[Any]:
    """What is told of each of several architectures."""
    if isinstance(values, (Tensor, np.ndarray, pd.Series)):
        return list(values.tolist())
    if isinstance(values, Sequence) and not isinstance(values, str):
        return list(values)
    raise UsageError(f"tell a list of values, one for each architecture; got {values!r}")


def _place(log: Log, trial: Arch | Trial, fidelity: str | None = None) -> tuple[Arch, str | None]:
    """The architecture and the fidelity: that of the trial, or the target unless given."""
    if isinstance(trial, Trial):
        return trial.arch, trial.fidelity
    return trial, fidelity if fidelity is not None else log.goal.target


def _trial_of(log: Log, trial: Arch | Trial, fidelity: str | None) -> tuple[Log, Trial]:
    """The trial that waits for its values, or a new one of what was not asked for."""
    arch, at = _place(log, trial, fidelity)
    if at is not None and at not in log.goal.fidelities:
        known = ", ".join(log.goal.fidelities) or "none"
        raise UsageError(f"there is no fidelity {at!r}; the goal has {known}")
    waiting = log.waiting(arch, at)
    if waiting is None:
        log = log.asked(log.space.rows([arch]), [at])
        waiting = log.trials[-1]
    return log, waiting
