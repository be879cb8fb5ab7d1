"""The rule that maximises an acquisition function."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import final

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import AnalyticAcquisitionFunction, LogExpectedImprovement
from torch import Generator, Tensor

from archbo.acquisition.active_learning import ivr
from archbo.acquisition.candidates.base import Candidates
from archbo.acquisition.context import Context, unsuited
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
from archbo.goals import Goal
from archbo.spaces import SearchSpace

__all__ = ["Maximize", "default_rule", "promise"]

ANALYTIC_CHUNK, CHUNK, JOINT_CHUNK = 4096, 128, 64
"""Rows scored at a time: in closed form, by Monte Carlo, and by joint draws; by choice, to bound memory."""

SHORTLIST = {True: 256, False: 128}
"""The number of candidates on a shortlist, with one outcome and with several; by choice, a few seconds' work at most."""

SERVED: tuple[tuple[tuple[FunctionFactory, ...], Callable[[Goal], bool]], ...] = (
    (
        (log_ei, qlog_ei, qlog_nei, pi, ucb, greedy, kg, mes, gibbon, jes, ivr),
        lambda goal: goal.is_single,
    ),
    ((qlog_nehvi, qlog_nparego), lambda goal: goal.n_objectives > 1),
    ((constrained_log_nei,), lambda goal: goal.n_objectives == 1 and bool(goal.bounds)),
)
"""The goals that the functions here serve."""


@final
@dataclass(frozen=True)
class Maximize(Rule):
    """Take the candidates with the highest values of an acquisition function.

    It joins three parts: candidates, where rows come from; the function, which scores them; and the maximizer, which
    finds the best. Functions in closed form score every candidate. Monte Carlo functions need a joint posterior for
    each candidate, so they score a shortlist, ranked by analytic LogEI. With several objectives or bounds, functions
    score joint draws on a shortlist that is ranked by the expected gain in hypervolume of each candidate alone.

    Functions see the predictors' latent models, whose values are monotonically warped. Warps keep the Pareto front and
    spread it evenly. In the values' own units the few and widely spread values of bad architectures would dominate the
    uncertainty, and draw the search away from the front. Ties are broken at random.

    Args:
        factory: Makes the acquisition function.
        shortlist: The number of candidates on a shortlist; 256 unless given, 128 with several outcomes.
        maximizer: How the best rows are found; by local search from the best candidates unless given. With several
            outcomes it makes the shortlist, whose best row is then taken.
        cost: What evaluating a row costs; then the candidates with the highest value per unit of cost are taken
            (Snoek, Larochelle and Adams 2012, arXiv 1206.2944, section 3.2). The function's value has to be a gain
            or the logarithm of one.
        sequential: Whether the rows of a batch are picked one after another, each pending for the next. Otherwise
            they are the highest of one ranking, and may be much alike.

    Example:
        A factory may use any function of BoTorch that takes ``b x 1 x d`` rows and needs no more of a model than
        posteriors: those of improvement, confidence bounds, regret and means. Functions that train a model further,
        such as ``qKnowledgeGradient``, or that condition it, such as ``qMaxValueEntropy``, do not work with every
        predictor; take ``kg``, ``mes``, ``gibbon`` or ``jes`` from here.

        >>> from botorch.acquisition import qSimpleRegret
        >>> regret = Maximize(lambda context: qSimpleRegret(context.model, sampler=context.sampler))
    """

    factory: FunctionFactory
    shortlist: int | None = None
    maximizer: Maximizer = field(default_factory=Climb)
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
                raise unsuited(function.__name__, goal)

    def _select(
        self, context: Context, candidates: Candidates, q: int, *, generator: Generator
    ) -> Tensor:
        candidates = candidates.given(*context.merit)
        choices = shuffled_choices(context, candidates, generator)
        if not context.goal.is_single:
            # Joint draws are made at the rows on the shortlist, and at no others.
            size = self._size(context)
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
        """The ``n`` candidates that promise the most by themselves, the best first, ``n x d``; fewer where fewer are left.

        Raises:
            NothingLeftError: No candidate is left.
        """
        candidates = context.likely(candidates).given(*context.merit)
        choices = shuffled_choices(context, candidates, generator)
        return self._shortlist(context, choices, n, candidates)

    def values(self, context: Context, X: Tensor) -> Tensor:
        """The function at each of the rows ``X`` (``n x d``) by itself, ``n``, per unit of cost."""
        function = self.factory(context.with_choices(X))
        return self._values(function, X, context.goal.is_single)

    def _best(self, context: Context, choices: Tensor, candidates: Candidates, n: int) -> Tensor:
        """The best ``n`` rows, found from ``choices``."""
        single = context.goal.is_single
        here = context.with_choices(choices) if single else context
        function = self.factory(here)
        pool = choices
        if single and not isinstance(function, AnalyticAcquisitionFunction):
            size = max(self._size(here), n)
            pool = choices if len(choices) <= size else self._shortlist(here, choices, size)

        def score(X: Tensor) -> Tensor:
            return self._values(function, X, single)

        maximizer = self.maximizer if single else WholePool()
        return maximizer.maximize(score, pool, n, candidates=candidates, avoid=here.avoid)

    def _size(self, context: Context) -> int:
        return self.shortlist if self.shortlist is not None else SHORTLIST[context.goal.is_single]

    def _shortlist(
        self, context: Context, X: Tensor, size: int, candidates: Candidates | None = None
    ) -> Tensor:
        """The ``size`` most promising rows of ``X``; with candidates, also of what a local search finds from there."""

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
        with torch.set_grad_enabled(X.requires_grad):
            values = torch.cat([function(part) for part in X.unsqueeze(-2).split(chunk)])
            return values if self.cost is None else per_cost(function, values, self.cost(X))


def promise(context: Context, X: Tensor) -> Tensor:
    """What each of the rows ``X`` (``n x d``) promises by itself, ``n``: LogEI, or the gain in hypervolume."""
    if not context.goal.is_single:
        return expected_gain(context, X)
    function = LogExpectedImprovement(context.model, best_f=context.best_f)
    with torch.set_grad_enabled(X.requires_grad):
        return torch.cat([function(part) for part in X.unsqueeze(-2).split(ANALYTIC_CHUNK)])


def default_rule(space: SearchSpace, goal: Goal, cost: Cost | None = None) -> Maximize:
    """The rule unless another is given: LogEI, noisy LogEI under bounds, or qLogNEHVI.

    Where there are reals LogEI is the noisy one, which expects nothing of a row that hardly differs from the best; plain
    LogEI proposes such again and again where values are noisy.
    """
    if goal.is_single:
        return Maximize(log_ei if space.is_finite else qlog_nei, cost=cost)
    return Maximize(constrained_log_nei if goal.n_objectives == 1 else qlog_nehvi, cost=cost)
