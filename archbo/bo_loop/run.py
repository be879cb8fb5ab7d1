"""A whole search in one call."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from archbo.bo_loop.ask_tell import AskTell
from archbo.bo_loop.optimizer import Optimizer
from archbo.bo_loop.strategy import Strategy, check_q
from archbo.errors import NothingLeftError, PrunedError, UsageError
from archbo.log import Log, State, Trial

__all__ = ["run"]


def run(
    search: AskTell | Strategy,
    evaluate: Callable[..., Any],
    n_queries: int | None = None,
    *,
    budget: float | None = None,
    q: int = 1,
    since: int | None = None,
    catch: tuple[type[Exception], ...] = (),
    stop: Callable[[Log], bool] | None = None,
    callback: Callable[[Log], None] | None = None,
) -> Log:
    """Evaluate architectures until a number of them, or a budget, is used up.

    Each value is recorded as soon as it is there. A value that is not finite is recorded as a failure. An error that
    ends the search leaves the log of an ``Optimizer`` complete: what had been asked for and was not evaluated may be
    asked for again.

    Args:
        search: An optimizer, or a strategy to begin with. What an optimizer was told before counts as seen, not as a
            query.
        evaluate: The value of an architecture, or its metrics in the goal's order or by name; with fidelities it is
            called with the architecture and the name of the fidelity. It raises ``PrunedError`` where it stopped a
            training early.
        n_queries: The number of evaluations.
        budget: What the evaluations may cost together; with fidelities, in place of their number. While nothing has
            been evaluated at the target, what one evaluation there costs is kept back.
        q: How many to ask for at a time.
        since: The number of first trials in the log that do not count, where a search goes on whose later ones do; all
            that are there unless given.
        catch: Errors of ``evaluate`` that are recorded as failures of the architecture, and do not end the search.
        stop: Whether a log is one to stop at, such as a ``Terminator``; asked before each ``q`` evaluations.
        callback: Called with the log after each evaluation.

    Returns:
        The log. It ends early where no architecture is left, or ``stop`` says so.

    Raises:
        UsageError: Not one of ``n_queries`` and ``budget`` is given, or it or ``q`` is not positive; or the budget
            does not pay for one evaluation at the target.

    Example:
        >>> from archbo.bo_loop import RandomSearch
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2]})
        >>> log = run(RandomSearch(space, seed=0), lambda arch: sum(arch.row), 6)
        >>> print(*log.best)
        width=32,depth=2 3.0
    """
    optimizer = search if isinstance(search, AskTell) else Optimizer(search)
    if (n_queries is None) == (budget is None):
        raise UsageError("give either n_queries or budget")
    if n_queries is not None and n_queries < 1:
        raise UsageError(f"a search needs at least one query; got {n_queries}")
    check_q(q)
    purse = _Purse(optimizer, n_queries, budget, since)
    while stop is None or not stop(optimizer.log):
        try:
            trials = purse.ask(min(q, purse.left))
        except NothingLeftError:
            break
        if not trials:
            break
        for number, trial in enumerate(trials):
            try:
                evaluate_trial(optimizer, evaluate, trial, catch)
            except BaseException:
                log = optimizer.log  # the first of them may be told already
                optimizer.drop([t for t in trials[number:] if log.waiting(t.arch, t.fidelity)])
                raise
            if callback is not None:
                callback(optimizer.log)
    return optimizer.log


class _Purse:
    """What is left of a budget, in evaluations or in their cost."""

    def __init__(
        self,
        optimizer: AskTell,
        n_queries: int | None,
        budget: float | None,
        since: int | None,
    ) -> None:
        self.optimizer, self.budget = optimizer, budget
        log = optimizer.log.first(since)
        self._before, self._ended = log.spent, log.n_ended
        self._n_queries = n_queries
        costs = list(optimizer.goal.fidelities.values()) or [1.0]
        self._cheapest, self._dearest = costs[0], costs[-1]
        self._below = costs[-2] if len(costs) > 1 else 0.0
        if budget is not None and not budget >= self._dearest:
            raise UsageError(
                f"the budget of {budget:g} does not pay for one evaluation at the target, which costs "
                f"{self._dearest:g}"
            )

    @property
    def left(self) -> int:
        """The number of evaluations that are left at the most."""
        if self._n_queries is not None:
            return self._n_queries - (self.optimizer.log.n_ended - self._ended)
        return int(self._unspent / self._cheapest)

    @property
    def _unspent(self) -> float:
        return self.budget - (self.optimizer.log.spent - self._before) if self.budget else 0.0

    def ask(self, q: int) -> list[Trial]:
        """The next trials that are paid for; none where nothing is left."""
        if q < 1:
            return []
        if self.budget is None:
            return self.optimizer.ask_trials(q)
        left = self._unspent
        goal, log = self.optimizer.goal, self.optimizer.log
        if goal.fidelities and not log.select(State.TOLD, fidelity=goal.target):
            # What one evaluation at the target costs is kept back.
            q = min(q, int((left - self._dearest) / self._below))
        trials = self.optimizer.ask_trials(q) if q > 0 else [self.optimizer.promote()]
        paid = []
        for trial in trials:
            left -= trial.cost
            if left < 0:
                break
            paid.append(trial)
        if len(paid) < len(trials):
            self.optimizer.drop(trials[len(paid) :])
        return paid


def evaluate_trial(
    optimizer: AskTell,
    evaluate: Callable[..., Any],
    trial: Trial,
    catch: tuple[type[Exception], ...] = (),
) -> None:
    """Evaluate a trial and record what came of it; a value that is no finite number is a failure."""
    arguments = (trial.arch,) if trial.fidelity is None else (trial.arch, trial.fidelity)
    try:
        values = evaluate(*arguments)
    except PrunedError:
        optimizer.prune([trial])
        return
    except catch as error:
        optimizer.fail([trial], f"{type(error).__name__}: {error}")
        return
    numbers = list(values.values()) if isinstance(values, Mapping) else values
    bad = [
        v
        for v in (numbers if isinstance(numbers, (list, tuple)) else [numbers])
        if isinstance(v, float) and not math.isfinite(v)
    ]
    if bad:
        optimizer.fail([trial], f"the evaluation gave {bad[0]}")
        return
    optimizer.tell([trial], [values])
