"""BoTorch's acquisition functions, made for a fitted predictor and what has been observed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

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
from botorch.models.model import Model
from botorch.sampling import MCSampler
from botorch.sampling.get_sampler import get_sampler
from torch import Tensor

from archbo.acquisition.joint import Believer
from archbo.errors import UsageError
from archbo.predictors import Predictor, marginals

__all__ = [
    "AcquisitionFactory",
    "Observations",
    "greedy",
    "log_ei",
    "pi",
    "qlog_ei",
    "qlog_nei",
    "ucb",
]


@dataclass(frozen=True)
class Observations:
    """What an acquisition function may know.

    Args:
        predictor: Fitted to ``X`` and ``Y``.
        X: ``n x d``, the architectures evaluated.
        Y: ``n x 1``, their values.
        X_pending: ``p x d``, asked for and not yet told; ``p`` may be 0.
        seed: For the base samples of Monte Carlo functions.
        choices: ``m x d``, what may be asked for next, for functions that look at all of it at once; they see
            no more than ``X`` and ``X_pending`` where it is not given.
    """

    predictor: Predictor
    X: Tensor
    Y: Tensor
    X_pending: Tensor
    seed: int
    choices: Tensor | None = None

    def with_pending(self, X: Tensor) -> "Observations":
        """The same with more rows pending."""
        return replace(self, X_pending=torch.cat([self.X_pending, X]))

    @property
    def seen(self) -> Tensor:
        """The rows evaluated or pending."""
        return torch.cat([self.X, self.X_pending])

    @property
    def model(self) -> Model:
        """The predictor's latent model, on whose scale acquisition functions work."""
        return self.predictor.latent

    @property
    def gaussian(self) -> Model:
        """The same, for functions in closed form.

        Raises:
            UsageError: The predictor has no Gaussian posterior.
        """
        if not self.predictor.gaussian:
            raise UsageError(
                f"{type(self.predictor).__name__} has no Gaussian posterior, which this acquisition function needs; "
                "take qlog_ei, qlog_nei, thompson, independent_thompson or greedy instead"
            )
        return self.model

    @cached_property
    def believing(self) -> Model:
        """The Gaussian model after it was told, of pending rows, what it expects of them.

        Raises:
            UsageError: The predictor has no Gaussian posterior.
        """
        pending = self.X_pending
        return Believer(self.gaussian, pending) if len(pending) else self.gaussian

    @property
    def best_f(self) -> Tensor:
        """The incumbent on the model's scale: the highest posterior mean at an evaluated row.

        The highest value itself would be that of a lucky training run.
        """
        return marginals(self.model, self.X)[0].max()

    def promising(self, n: int) -> Tensor:
        """At most ``n`` rows seen or to choose from: those of the highest means, and of the highest upper bounds."""
        X = self.seen if self.choices is None else torch.cat([self.seen, self.choices])
        if len(X) <= n:
            return X
        mean, std = marginals(self.model, X, batch_size=4096)
        bound = mean + 2 * std
        best = mean.topk(n // 2).indices
        bound[best] = -torch.inf
        return X[torch.cat([best, bound.topk(n - n // 2).indices])]

    @property
    def sampler(self) -> MCSampler:
        """128 base samples for the model's kind of posterior, quasi-random ones for a Gaussian."""
        posterior: Any = self.model.posterior(self.X[:1])
        return get_sampler(posterior, torch.Size([128]), seed=self.seed)


AcquisitionFactory: TypeAlias = Callable[[Observations], AcquisitionFunction]
"""Makes a BoTorch acquisition function whose value at ``b x 1 x d`` rows is to be maximised."""


def log_ei(observations: Observations) -> AcquisitionFunction:
    """Logarithm of the expected improvement on the incumbent (arXiv 2310.20708, section 4.1).

    With pending rows its Monte Carlo form, which integrates over them.
    """
    model = observations.gaussian
    if len(observations.X_pending):
        return qlog_ei(observations)
    return LogExpectedImprovement(model, best_f=observations.best_f)


def qlog_ei(observations: Observations) -> AcquisitionFunction:
    """Logarithm of the expected improvement by Monte Carlo (arXiv 2310.20708, section 4.2).

    Pending rows are integrated over. Any posterior that can be drawn from serves.
    """
    return qLogExpectedImprovement(
        observations.model,
        best_f=observations.best_f,
        sampler=observations.sampler,
        X_pending=_pending(observations),
    )


def qlog_nei(observations: Observations) -> AcquisitionFunction:
    """Logarithm of the noisy expected improvement (arXiv 2310.20708, section 4.2).

    The incumbent is the best of what the posterior says of the evaluated rows, so that a lucky training run
    does not stop the search. Pending rows are integrated over.
    """
    # Pruning draws from the global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(observations.seed)
        return qLogNoisyExpectedImprovement(
            observations.model,
            X_baseline=observations.X,
            sampler=observations.sampler,
            prune_baseline=True,
            cache_root=False,
            X_pending=_pending(observations),
        )


def pi(observations: Observations) -> AcquisitionFunction:
    """Logarithm of the probability of improvement on the incumbent (Kushner 1964; arXiv 1012.2599, section 2.3.1).

    Pending rows are believed to give what is expected of them, and may be the incumbent.
    """
    best_f = marginals(observations.gaussian, observations.seen)[0].max()
    return LogProbabilityOfImprovement(observations.believing, best_f=best_f)


def ucb(observations: Observations, *, beta: float = 4.0) -> AcquisitionFunction:
    """Upper confidence bound, ``mean + sqrt(beta) std`` (arXiv 0912.3995, eq. 6); Monte Carlo with pending rows."""
    if len(observations.X_pending) == 0:
        return UpperConfidenceBound(observations.gaussian, beta=beta)
    return qUpperConfidenceBound(
        observations.gaussian,
        beta=beta,
        sampler=observations.sampler,
        X_pending=observations.X_pending,
    )


def greedy(observations: Observations) -> AcquisitionFunction:
    """The posterior mean, without exploration: predictor-guided search as in GBDT-NAS (arXiv 2007.04785).

    Pending rows change nothing but that they are not taken again.
    """
    return PosteriorMean(observations.model)


def _pending(observations: Observations) -> Tensor | None:
    """Pending rows as BoTorch wants them."""
    return observations.X_pending if len(observations.X_pending) else None
