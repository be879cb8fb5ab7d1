"""Ask and tell: a strategy and its log, in memory."""

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from torch import Tensor

from archbo.bo_loop.strategies.bayesian import Bayesian
from archbo.bo_loop.strategy import Strategy
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log, Trial
from archbo.spaces import Arch, ArchLike, SearchSpace

__all__ = ["Optimizer", "Values"]

Values: TypeAlias = float | Sequence[float] | Mapping[str, float] | Tensor
"""What is told of one architecture: its metric, or all metrics in the goal's order or by name."""
Archs: TypeAlias = ArchLike | Trial | Sequence[ArchLike | Trial] | Tensor
"""Architectures in any form, or trials; or a single one."""


class Optimizer:
    """Ask for architectures, evaluate them anywhere, tell their values. It is the one thing that changes.

    Several architectures may be asked for before any is told, and told in any order, more than once, or without
    having been asked for. It may be used from several threads.

    Args:
        strategy: What to ask for next; or a space, which is searched by ``Bayesian`` with the arguments behind it.
        goal: With a space, what is wanted.
        log: What has been asked and told before, such as ``Log.from_frame`` gives; nothing unless given.
        options: With a space, further arguments of ``Bayesian``.

    Raises:
        UsageError: A goal or options come with a strategy, which has its own; or the log is of another search.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> optimizer = Optimizer(space, n_initial=3, seed=0)
        >>> for _ in range(8):
        ...     archs = optimizer.ask()
        ...     optimizer.tell(archs, [sum(arch.row) for arch in archs])
        >>> print(*optimizer.log.best)
        width=32,depth=4 5.0
    """

    def __init__(
        self,
        strategy: Strategy | SearchSpace,
        goal: Goal | None = None,
        *,
        log: Log | None = None,
        **options: Any,  # noqa: ANN401 - those of Bayesian
    ) -> None:
        if isinstance(strategy, SearchSpace):
            strategy = Bayesian(strategy, goal, **options)
        elif not isinstance(strategy, Strategy):
            raise UsageError(f"an Optimizer takes a strategy or a space; got {strategy!r}")
        elif goal is not None or options:
            given = ", ".join([*(["goal"] if goal is not None else []), *options])
            raise UsageError(f"the strategy has its own {given}; give it to the strategy")
        self.strategy = strategy
        self.log = log if log is not None else Log(strategy.space, strategy.goal)
        strategy.check(self.log)
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {"strategy": self.strategy, "log": self.log}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())

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
            known = len(self.log)
            self.log = self.strategy.propose(self.log, q)
            return list(self.log.trials[known:])

    def promote(self) -> Trial:
        """The best architecture at the highest fidelity told, to be evaluated at the target.

        It is for the end of a budget that pays for one such evaluation.

        Raises:
            NothingLeftError: Every architecture has been asked for at the target.
        """
        with self._lock:
            self.log = self.strategy.promote(self.log)
            return self.log.trials[-1]

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
            log = self.log
            for trial, numbers in zip(trials, told, strict=True):
                log, found = _trial_of(log, trial, fidelity)
                log = log.told(found, numbers, cost)
            self.log = log

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
        trials = self._listed(archs)
        with self._lock:
            log = self.log
            for trial in trials:
                log, found = _trial_of(log, trial, fidelity)
                log = log.failed(found, reason)
            self.log = log

    def drop(self, archs: Archs) -> None:
        """Give up architectures that wait for their values, those of a worker that died say; they may be asked for again.

        Raises:
            InvalidArchitectureError: One of them is no architecture of the space.
            UsageError: One of them does not wait for its values.
        """
        trials = self._listed(archs)
        with self._lock:
            log = self.log
            for trial in trials:
                waiting = log.waiting(*_place(log, trial))
                if waiting is None:
                    raise UsageError(f"{trial} does not wait for values, so it cannot be dropped")
                log = log.dropped(waiting)
            self.log = log

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
    arch, fidelity = _place(log, trial, fidelity)
    if fidelity is not None and fidelity not in log.goal.fidelities:
        known = ", ".join(log.goal.fidelities) or "none"
        raise UsageError(f"there is no fidelity {fidelity!r}; the goal has {known}")
    waiting = log.waiting(arch, fidelity)
    if waiting is None:
        log = log.asked(log.space.rows([arch]), [fidelity])
        waiting = log.trials[-1]
    return log, waiting
