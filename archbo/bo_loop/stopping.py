"""When to stop: a search ends where little regret is left."""

import math
from typing import final

from archbo.acquisition.regret import regret_draws
from archbo.bo_loop.strategies.bayesian import Bayesian
from archbo.bo_loop.strategies.fidelities import bayesian
from archbo.bo_loop.strategy import Strategy
from archbo.errors import UsageError
from archbo.log import Log, State, Trial
from archbo.randomness import generator

__all__ = ["Terminator"]

PROBABILITY = 0.95
"""The probability with which the regret is below the bound."""
LEAST = 20
"""The fewest trials told before a search is stopped: a surrogate of fewer is too sure of itself. It is Optuna's number."""


@final
class Terminator:
    """Stops a search once its regret is small, as the argument ``stop`` of ``run`` and ``studies.work``.

    The regret is how much better than the best architecture found another one is. Its bound is the 0.95 quantile of
    posterior draws (Wilson 2024, arXiv 2402.16811), in the objective's own unit. The bound is as good as the
    surrogate: it is for the end of a search, not a certificate. What is decided follows from the log alone.

    Optuna's terminator (Makarova et al. 2022, arXiv 2104.08166) subtracts confidence bounds of a Gaussian process of its
    own on trials' parameters, which knows nothing of the space, and it is deprecated since Optuna 4.9.

    Args:
        strategy: What searches. A ``Bayesian`` one judges by its own predictors, and fits them once for both; for
            another one Gaussian processes with the defaults judge.
        regret: The search is over once the bound is at most this, in the objective's unit.

    Raises:
        UsageError: The goal has several objectives, or the regret is no number above 0.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": list(range(10)), "depth": list(range(10))})
        >>> strategy = Bayesian(space, seed=0)
        >>> log = run(strategy, lambda arch: sum(arch.row), 100, stop=Terminator(strategy, 0.5))
        >>> log.n_told < 40, log.best[1]
        (True, 18.0)
    """

    def __init__(self, strategy: Strategy, regret: float) -> None:
        goal = strategy.goal
        if goal.n_objectives > 1:
            raise UsageError(f"a regret is of one objective; the goal is {goal}")
        if not (isinstance(regret, (int, float)) and 0 < regret < math.inf):
            raise UsageError(f"a regret to stop at is a number above 0; got {regret!r}")
        self.regret = float(regret)
        self._judge = (
            strategy
            if isinstance(strategy, Bayesian)
            else bayesian(strategy.space, goal, candidates=strategy.candidates, seed=strategy.seed)
        )
        self._known: tuple[list[Trial], float | None] = ([], None)

    def __call__(self, log: Log) -> bool:
        """Whether the search is over."""
        bound = self.bound(log)
        return bound is not None and bound <= self.regret

    def bound(self, log: Log) -> float | None:
        """What the regret is below with probability 0.95; None where too little has been told."""
        ended = log.select(State.TOLD, State.FAILED)
        if self._known[0] != ended:
            enough = log.n_told >= LEAST and bool(log.winners)
            self._known = ended, self._bound(log) if enough else None
        return self._known[1]

    def _bound(self, log: Log) -> float:
        draws = regret_draws(
            self._judge.context(log),
            self._judge.candidates,
            generator=generator(self._judge.seed, log.n_ended),
        )
        return float(draws.quantile(PROBABILITY))

    def text(self, log: Log) -> str:
        """The bound for a progress line, such as ``regret <= 0.12``; empty where there is none."""
        bound = self.bound(log)
        return "" if bound is None else f"regret <= {bound:.3g}"
