"""Functions of one outcome: improvement, its probability, bounds, and the mean."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from botorch.acquisition import (
    AcquisitionFunction,
    LogExpectedImprovement,
    PosteriorMean,
    UpperConfidenceBound,
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
    qUpperConfidenceBound,
)
from botorch.acquisition.analytic import LogProbabilityOfImprovement
from torch import Tensor

from archbo.acquisition.context import Context
from archbo.predictors import draw, marginals
from archbo.randomness import generator

__all__ = [
    "FunctionFactory",
    "greedy",
    "log_ei",
    "pi",
    "qlog_ei",
    "qlog_nei",
    "ucb",
]


FunctionFactory: TypeAlias = Callable[[Context], AcquisitionFunction]
"""Makes a BoTorch acquisition function whose value at ``b x 1 x d`` rows is to be maximised."""


def log_ei(context: Context) -> AcquisitionFunction:
    """Logarithm of the expected improvement on the incumbent (arXiv 2310.20708, section 4.1).

    With pending rows its Monte Carlo form, which integrates over them.
    """
    model = context.gaussian
    if len(context.X_pending):
        return qlog_ei(context)
    return LogExpectedImprovement(model, best_f=context.best_f)


def qlog_ei(context: Context) -> AcquisitionFunction:
    """Logarithm of the expected improvement by Monte Carlo (arXiv 2310.20708, section 4.2).

    Pending rows are integrated over. Any posterior that can be drawn from serves.
    """
    return qLogExpectedImprovement(
        context.model,
        best_f=context.best_f,
        sampler=context.sampler,
        X_pending=_pending(context),
    )


def qlog_nei(context: Context) -> AcquisitionFunction:
    """Logarithm of the noisy expected improvement (arXiv 2310.20708, section 4.2).

    The incumbent is the best of what the posterior says of the evaluated rows, so that a lucky training run
    does not stop the search. Pending rows are integrated over.
    """
    return qLogNoisyExpectedImprovement(
        context.model,
        X_baseline=_rivals(context),
        sampler=context.sampler,
        prune_baseline=False,
        cache_root=False,
        X_pending=_pending(context),
    )


def pi(context: Context) -> AcquisitionFunction:
    """Logarithm of the probability of improvement on the incumbent (Kushner 1964; arXiv 1012.2599, section 2.3.1).

    Pending rows are believed to give what is expected of them, and may be the incumbent.
    """
    best_f = marginals(context.gaussian, torch.cat([context.X, context.X_pending]))[0].max()
    return LogProbabilityOfImprovement(context.believing, best_f=best_f)


def ucb(context: Context, *, beta: float = 4.0) -> AcquisitionFunction:
    """Upper confidence bound, ``mean + sqrt(beta) std`` (arXiv 0912.3995, eq. 6).

    With pending rows its Monte Carlo form, which integrates over them.
    """
    if len(context.X_pending) == 0:
        return UpperConfidenceBound(context.gaussian, beta=beta)
    return qUpperConfidenceBound(
        context.gaussian,
        beta=beta,
        sampler=context.sampler,
        X_pending=context.X_pending,
    )


def greedy(context: Context) -> AcquisitionFunction:
    """The posterior mean, without exploration: predictor-guided search as in GBDT-NAS (arXiv 2007.04785).

    Pending rows change nothing but that they are not taken again.
    """
    return PosteriorMean(context.model)


def _pending(context: Context) -> Tensor | None:
    """Pending rows as BoTorch wants them."""
    return context.X_pending if len(context.X_pending) else None


def _rivals(context: Context, n_draws: int = 256) -> Tensor:
    """The evaluated rows that are the best in some joint draw; BoTorch's own pruning uses the global generator."""
    X = context.X.unique(dim=0)
    draws = draw(context.model, X, n_draws, generator=generator(context.seed))
    best: Tensor = X[draws.argmax(-1).unique()]
    return best
