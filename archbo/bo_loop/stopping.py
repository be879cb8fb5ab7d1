"""When to stop: a search ends where little regret is left."""

import math
from typing import final

from archbo.acquisition import regret_draws
from archbo.bo_loop.strategies.fidelities import judge_of
from archbo.bo_loop.strategy import Strategy
from archbo.errors import UsageError
from archbo.log import Log, State, Trial
from archbo.randomness import generator

__all__ = ["Terminator"]

PROBABILITY = 0.95
"""The probability with which the regret is below its bound; by choice."""
LATEST = 20
"""The number of trials told without a gain before a search stops; chosen on CIFAR-100 of NAS-Bench-201."""


@final
class Terminator:
    """Stops a search that has little regret left, as the argument ``stop`` of ``run`` and ``studies.work``.

    The regret is how much better than the best architecture found another one is. It is below its bound with
    probability 0.95 by draws from the posterior (Wilson 2024, arXiv 2402.16811), in the objective's own unit. A
    surrogate of few observations is too sure of itself, so its bound is put to the test: the last 20 trials told must
    not have improved the best by more than the regret either. What is decided follows from the log alone.

    Optuna's terminator (Makarova et al. 2022, arXiv 2104.08166) subtracts confidence bounds of a Gaussian process of its
    own on trials' parameters, which knows nothing of architectures, and is deprecated since Optuna 4.9.

    Args:
        strategy: What searches. A ``Bayesian`` one judges by its own predictors, which are fitted once for both; beside
            any other one Gaussian processes with the defaults judge.
        regret: The search is over once the bound is at most this, in the objective's unit.

    Raises:
        UsageError: The goal has several objectives, or the regret is no number above 0.

    Example:
        >>> from archbo.bo_loop import Bayesian, run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": list(range(10)), "depth": list(range(10))})
        >>> strategy = Bayesian(space, seed=0)
        >>> log = run(strategy, lambda arch: sum(arch.row), 100, stop=Terminator(strategy, 0.5))
        >>> log.n_told < 60, log.best[1]
        (True, 18.0)
    """

    def __init__(self, strategy: Strategy, regret: float) -> None:
        goal = strategy.goal
        if goal.n_objectives > 1:
            raise UsageError(f"a regret is of one objective; the goal is {goal}")
        if not (isinstance(regret, (int, float)) and 0 < regret < math.inf):
            raise UsageError(f"a regret to stop at is a number above 0; got {regret!r}")
        self.regret = float(regret)
        self._judge = judge_of(strategy)
        self._known: tuple[list[Trial], float | None] = ([], None)

    def __call__(self, log: Log) -> bool:
        """Whether the search is over."""
        bound = self.bound(log)
        return bound is not None and bound <= self.regret and self._has_settled(log)

    def _has_settled(self, log: Log) -> bool:
        """Whether the latest trials told have not improved the best by more than the regret."""
        latest = log.select(State.TOLD)[-LATEST:]
        before = log.first(latest[0].number)
        return bool(before.winners) and abs(log.best[1] - before.best[1]) <= self.regret

    def bound(self, log: Log) -> float | None:
        """What the regret is below with probability 0.95; None where fewer than 20 trials or none feasible were told."""
        ended = log.select(State.TOLD, State.FAILED)
        if self._known[0] != ended:
            enough = log.n_told >= LATEST and bool(log.winners)
            self._known = ended, self._bound(log) if enough else None
        return self._known[1]

    def _bound(self, log: Log) -> float:
        context, candidates = self._judge.context(log), self._judge.candidates
        source = generator(self._judge.seed, log.n_ended)
        return float(regret_draws(context, candidates, generator=source).quantile(PROBABILITY))

    def text(self, log: Log) -> str:
        """The bound for a progress line, such as ``regret <= 0.12``; empty where there is none."""
        bound = self.bound(log)
        return "" if bound is None else f"regret <= {bound:.3g}"
