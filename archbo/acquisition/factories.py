"""BoTorch's acquisition functions, made for a fitted predictor and what has been observed."""

from collections.abc import Callable
from dataclasses import dataclass
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
from botorch.models.model import Model
from botorch.sampling import SobolQMCNormalSampler
from torch import Tensor

from archbo.predictors import Predictor, marginals

__all__ = ["AcquisitionFactory", "Observations", "log_ei", "posterior_mean", "qlog_nei", "ucb"]


@dataclass(frozen=True)
class Observations:
    """What an acquisition function may know.

    Args:
        predictor: Fitted to ``X`` and ``Y``.
        X: ``n x d``, the architectures evaluated.
        Y: ``n x 1``, their values.
        X_pending: ``p x d``, asked for and not yet told; ``p`` may be 0.
        seed: For the base samples of Monte Carlo functions.
    """

    predictor: Predictor
    X: Tensor
    Y: Tensor
    X_pending: Tensor
    seed: int

    def with_pending(self, X: Tensor) -> "Observations":
        """The same with more rows pending."""
        pending = torch.cat([self.X_pending, X])
        return Observations(self.predictor, self.X, self.Y, pending, self.seed)

    @property
    def seen(self) -> Tensor:
        """The rows evaluated or pending."""
        return torch.cat([self.X, self.X_pending])

    @property
    def model(self) -> Model:
        """The predictor's latent model, on whose scale acquisition functions work."""
        return self.predictor.latent

    @property
    def best_f(self) -> Tensor:
        """The incumbent on the model's scale: the highest posterior mean at an evaluated row.

        The highest value itself would be that of a lucky training run.
        """
        return marginals(self.model, self.X)[0].max()

    @property
    def sampler(self) -> SobolQMCNormalSampler:
        """128 quasi-random base samples."""
        return SobolQMCNormalSampler(torch.Size([128]), seed=self.seed)


AcquisitionFactory: TypeAlias = Callable[[Observations], AcquisitionFunction]
"""Makes a BoTorch acquisition function whose value at ``b x 1 x d`` rows is to be maximised."""


def log_ei(observations: Observations) -> AcquisitionFunction:
    """Logarithm of the expected improvement on the incumbent (arXiv 2310.20708, section 4.1).

    With pending rows its Monte Carlo form, which integrates over them.
    """
    if len(observations.X_pending) == 0:
        return LogExpectedImprovement(observations.model, best_f=observations.best_f)
    return qLogExpectedImprovement(
        observations.model,
        best_f=observations.best_f,
        sampler=observations.sampler,
        X_pending=observations.X_pending,
    )


def qlog_nei(observations: Observations) -> AcquisitionFunction:
    """Logarithm of the noisy expected improvement (arXiv 2310.20708, section 4.2).

    The incumbent is the best of what the posterior says of the evaluated rows, so that a lucky training run
    does not stop the search.
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
            X_pending=observations.X_pending if len(observations.X_pending) else None,
        )


def posterior_mean(observations: Observations) -> AcquisitionFunction:
    """The mean of the posterior: no exploration."""
    return PosteriorMean(observations.model)


def ucb(observations: Observations, *, beta: float = 4.0) -> AcquisitionFunction:
    """Upper confidence bound, ``mean + sqrt(beta) std`` (arXiv 0912.3995, eq. 6); Monte Carlo with pending rows."""
    if len(observations.X_pending) == 0:
        return UpperConfidenceBound(observations.model, beta=beta)
    return qUpperConfidenceBound(
        observations.model,
        beta=beta,
        sampler=observations.sampler,
        X_pending=observations.X_pending,
    )
