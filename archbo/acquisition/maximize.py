"""The rule that maximises an acquisition function."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from torch import Generator, Tensor

from archbo.acquisition.candidates import Candidates
from archbo.acquisition.context import Context
from archbo.acquisition.cost import Cost, per_cost
from archbo.acquisition.hypervolume import (
    constrained_log_nei,
    expected_gain,
    qlog_nehvi,
    qlog_nparego,
)
from archbo.acquisition.improvement import (
    FunctionFactory,
    greedy,
    log_ei,
    pi,
    qlog_ei,
    qlog_nei,
    ucb,
)
from archbo.acquisition.information import gibbon, jes, mes
from archbo.acquisition.knowledge_gradient import kg
from archbo.acquisition.maximizers import Climb, Maximizer, WholePool
from archbo.acquisition.rule import Rule, shuffled_choices
from archbo.errors import UsageError
from archbo.goals import Goal

__all__ = ["Maximize", "default_rule", "promise"]

ANALYTIC_CHUNK, CHUNK, JOINT_CHUNK = 4096, 128, 64
"""Rows scored at a time: in closed form, by Monte Carlo, and by joint draws of several outcomes; they bound memory."""

SERVED: tuple[tuple[tuple[FunctionFactory, ...], Callable[[Goal], bool]], ...] = (
    (
        (log_ei, qlog_ei, qlog_nei, pi, ucb, greedy, kg, mes, gibbon, jes),
        lambda goal: goal.is_single,
    ),
    ((qlog_nehvi, qlog_nparego), lambda goal: goal.n_objectives > 1),
    ((constrained_log_nei,), lambda goal: goal.n_objectives == 1 and bool(goal.bounds)),
)
"""The goals that the functions here serve."""


def suited(goal: Goal) -> str:
    """The names of functions that serve a goal, the default first."""
    if goal.is_single:
        return "log_ei, qlog_nei or another function of one objective"
    return "constrained_log_nei" if goal.n_objectives == 1 else "qlog_nehvi or qlog_nparego"


@final
@dataclass(frozen=True)
class Maximize(Rule):
    """Take the candidates with the highest values of an acquisition function.

    Three things meet here: candidates, where rows come from; the function that scores them; and the maximizer that
    looks for the best. Functions in closed form look at every candidate. Monte Carlo ones, which cost a joint
    posterior per candidate, look at a shortlist by analytic LogEI; with several objectives or bounds, functions see
    joint draws at a shortlist by the hypervolume that each candidate by itself may be expected to add, if it is
    feasible.

    All is measured on the predictors' latent scales. Their warps keep the front and spread it evenly; in the
    values' own units what little is known of bad architectures draws a search to where its uncertainty is
    widest and not to the front. Ties are broken at random.

    Args:
        factory: Makes the acquisition function.
        shortlist: The number of candidates on a shortlist; 256 unless given, 128 with several outcomes.
        maximizer: How the best rows are found; from the best candidates a local search climbs on unless given.
        cost: What evaluating rows costs; then the candidates of the highest value per unit of it are taken
            (Snoek, Larochelle and Adams 2012, arXiv 1206.2944, section 3.2). The function's value is a gain then,
            or the logarithm of one.
        sequential: Whether rows are picked for a batch, each pending for the next; otherwise they are the highest
            of one ranking, rivals that may be much alike.

    Example:
        Any BoTorch acquisition function serves:

        >>> from botorch.acquisition import qSimpleRegret
        >>> regret = Maximize(lambda context: qSimpleRegret(context.model, sampler=context.sampler))
    """

    factory: FunctionFactory
    shortlist: int | None = None
    maximizer: Maximizer = Climb()
    cost: Cost | None = None
    sequential: bool = True

    def check(self, goal: Goal) -> None:
        """Raise unless the function serves a goal; what a function of the user's serves is not known.

        Raises:
            UsageError: It does not.
        """
        function = self.factory.func if isinstance(self.factory, partial) else self.factory
        for functions, serves in SERVED:
            if function in functions and not serves(goal):
                raise UsageError(f"{function.__name__} does not serve {goal}; take {suited(goal)}")

    def select(
        self, context: Context, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        choices = shuffled_choices(context, candidates, generator)
        if not context.goal.is_single:
            size = self.shortlist if self.shortlist is not None else 128
            if len(choices) > size or len(candidates.neighbours(choices[0])):
                choices = self._shortlist(context, choices, size, candidates)
            context = context.with_choices(choices)
        n = min(q, len(choices))
        if not self.sequential:
            return self._best(context, choices, candidates, n)
        picked = choices[:0]
        for _ in range(n):
            left = candidates.without(choices, picked) if len(picked) else choices
            here = context.with_picked(picked)
            picked = torch.cat([picked, self._best(here, left, candidates, 1)])
        return picked

    def promising(
        self, context: Context, candidates: Candidates, n: int, *, generator: Generator
    ) -> Tensor:
        """The ``n`` candidates that promise the most by themselves, the best first, ``n x d``."""
        choices = shuffled_choices(context, candidates, generator)
        return self._shortlist(context, choices, n, candidates)

    def _best(self, context: Context, choices: Tensor, candidates: Candidates, n: int) -> Tensor:
        """The best ``n`` rows, found from ``choices``."""
        single = context.goal.is_single
        # Joint draws are of the rows on the shortlist, and of no others.
        here = context.with_choices(choices) if single else context
        function = self.factory(here)
        pool = choices
        if single and not isinstance(function, AnalyticAcquisitionFunction):
            size = self.shortlist if self.shortlist is not None else 256
            pool = choices if len(choices) <= size else self._shortlist(here, choices, max(size, n))

        def score(X: Tensor) -> Tensor:
            return self._values(function, X, single)

        maximizer = self.maximizer if single else WholePool()
        return maximizer.maximize(score, pool, n, candidates=candidates, avoid=here.avoid)

    def _shortlist(
        self, context: Context, X: Tensor, size: int, candidates: Candidates | None = None
    ) -> Tensor:
        """The ``size`` most promising rows of ``X``, or with candidates to climb in of what lies above them."""

        def score(rows: Tensor) -> Tensor:
            values = promise(context, rows)
            if self.cost is None:
                return values
            costs = self.cost(rows)
            return values - costs.log() if context.goal.is_single else values / costs

        if candidates is None:
            return X[score(X).topk(min(size, len(X))).indices]
        return self.maximizer.maximize(score, X, size, candidates=candidates, avoid=context.avoid)

    def _values(self, function: AcquisitionFunction, X: Tensor, single: bool) -> Tensor:
        """The function at each row of ``X`` (``n x d``) by itself, per unit of cost."""
        chunk = CHUNK if single else JOINT_CHUNK
        if isinstance(function, AnalyticAcquisitionFunction):
            chunk = ANALYTIC_CHUNK
        with torch.no_grad():
            values = torch.cat([function(part) for part in X.unsqueeze(-2).split(chunk)])
            return values if self.cost is None else per_cost(function, values, self.cost(X))


def promise(context: Context, X: Tensor) -> Tensor:
    """What each of the rows ``X`` (``n x d``) by itself promises: LogEI, or with several outcomes the expected gain."""
    if not context.goal.is_single:
        return expected_gain(context, X)
    function = LogExpectedImprovement(context.model, best_f=context.best_f)
    with torch.no_grad():
        return torch.cat([function(part) for part in X.unsqueeze(-2).split(ANALYTIC_CHUNK)])


def default_rule(goal: Goal, cost: Cost | None = None) -> Maximize:
    """What picks architectures unless told otherwise: LogEI, its noisy form under bounds, or qLogNEHVI."""
    if goal.is_single:
        return Maximize(log_ei, cost=cost)
    return Maximize(constrained_log_nei if goal.n_objectives == 1 else qlog_nehvi, cost=cost)
