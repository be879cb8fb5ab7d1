"""A strategy and its log, in memory."""

from typing import Any, final

from archbo.bo_loop.ask_tell import AskTell
from archbo.bo_loop.strategies.fidelities import bayesian
from archbo.bo_loop.strategy import Strategy
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log, Trial
from archbo.spaces import SearchSpace

__all__ = ["Optimizer"]


@final
class Optimizer(AskTell):
    """Ask for architectures, evaluate them anywhere, tell their values; what was told is in memory.

    It is the one thing that changes: a strategy, and a log to which trials are added.

    Args:
        strategy: What to ask for next; or a space, which is searched by ``Bayesian``, or ``FidelityBayesian`` where the
            goal has fidelities, with the arguments behind it.
        goal: With a space, what is wanted.
        log: What has been asked and told before, such as ``Log.from_frame`` gives; nothing unless given.
        options: With a space, further arguments of the strategy.

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
        **options: Any,  # noqa: ANN401 - those of the strategy
    ) -> None:
        if isinstance(strategy, SearchSpace):
            strategy = bayesian(strategy, goal, **options)
        elif goal is not None or options:
            given = ", ".join([*(["goal"] if goal is not None else []), *options])
            raise UsageError(f"the strategy has its own {given}; give it to the strategy")
        super().__init__(strategy)
        self._log = log if log is not None else Log(strategy.space, strategy.goal)
        strategy.check(self._log)

    def _read(self) -> Log:
        return self._log

    def _write(self, before: Log, after: Log) -> None:
        self._log = after

    def _propose(self, q: int, *, promote: bool = False) -> list[Trial]:
        known = len(self._log)
        self._log = (
            self.strategy.promote(self._log) if promote else self.strategy.propose(self._log, q)
        )
        return list(self._log.trials[known:])
