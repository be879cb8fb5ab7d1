"""How much better than the best architecture found another one may be."""

import torch
from torch import Generator, Tensor

from archbo.acquisition.candidates.base import Candidates
from archbo.acquisition.context import Context, unsuited
from archbo.errors import NothingLeftError
from archbo.log import State
from archbo.predictors import draw

__all__ = ["regret_draws"]

N_ROWS = 500
"""The most rows that are drawn jointly; by choice: more change no estimate, and take longer."""


def regret_draws(
    context: Context, candidates: Candidates, *, n_draws: int = 256, generator: Generator
) -> Tensor:
    """Draws (``n_draws``) of the regret of the best architecture told, in the objective's own unit, at least 0.

    In each joint draw from the posterior it is the best value of a feasible architecture less the value of
    ``context.log.best``. A quantile of the draws is a probabilistic regret bound (Wilson 2024, Stopping Bayesian
    Optimization with Probabilistic Regret Bounds, arXiv 2402.16811). The values are those of expectation, without the
    noise of an evaluation. Draws are made at the rows of the highest upper confidence bounds, those told among them.

    Args:
        context: What is known; something feasible has been told at the target.
        candidates: Where a better architecture may come from. One that failed does not count.
        n_draws: The number of draws.
        generator: Of the CPU; its state is moved on.

    Raises:
        UsageError: There are several objectives, or nothing feasible has been told.

    Example:
        >>> from archbo.bo_loop import Bayesian, Optimizer, run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32, 64], "depth": [1, 2, 3, 4]})
        >>> strategy = Bayesian(space, seed=0)
        >>> log = run(strategy, lambda arch: sum(arch.row), 12)
        >>> source = torch.Generator().manual_seed(0)
        >>> draws = regret_draws(strategy.context(log), strategy.candidates, generator=source)
        >>> bool(draws.quantile(0.95) < 0.1)
        True
    """
    goal, log = context.goal, context.log
    if goal.n_objectives > 1:
        raise unsuited("a regret", goal)
    best = torch.tensor([log.best[0].row], dtype=torch.double)
    told, merit = context.merit
    ended = log.rows(State.TOLD, State.FAILED, fidelity=goal.target)
    try:
        choices = candidates.propose(told, merit, avoid=ended, generator=generator)
    except NothingLeftError:
        choices = told[:0]
    others = told[(told != best).any(-1)]
    X = torch.cat([best, _promising(context, torch.cat([others, choices]))])
    draws = torch.stack(
        [
            predictor.warp.inverse(draw(predictor.latent, X, n_draws, generator=generator))
            for predictor in context.predictors
        ],
        dim=-1,
    )
    ours, theirs = draws[:, 0, 0], draws[:, 1:, 0].where(goal.feasible(draws[:, 1:]), -torch.inf)
    return torch.cat([theirs, ours.unsqueeze(-1)], -1).amax(-1) - ours


def _promising(context: Context, X: Tensor) -> Tensor:
    """At most ``N_ROWS`` of the rows ``X`` (``n x d``): by the upper bound of the objective, where bounds may hold."""
    mean, std = context.latent_marginals(X)
    upper = mean + 2 * std
    may_hold = context.goal.feasible(upper)
    score = upper[:, 0].where(may_hold, -torch.inf)
    return X[score.topk(min(N_ROWS, len(X))).indices]
