"""Entropy search: how much an evaluation is expected to tell of the optimum."""

from botorch.acquisition import AcquisitionFunction
from botorch.models.model import Model
from botorch.utils.probability.utils import log_ndtr, log_phi
from torch import Tensor

from archbo.acquisition.context import Context
from archbo.acquisition.joint import Believer, RowFunction, cross_moments, noise_variance
from archbo.predictors import draw, marginals
from archbo.randomness import generator

__all__ = ["JointEntropy", "MaxValueEntropy", "MaxValueLowerBound", "gibbon", "jes", "mes"]

LEAST = 1e-8
"""The smallest share of a variance that is left when the maximum is known; it keeps logarithms finite."""
OWN_VARIANCE = 1e-4
"""The noise variance of the optima that a model is conditioned on, as in BoTorch's qJointEntropySearch."""
N_OPTIMA, N_ROWS = 64, 1000
"""The number of draws of the optimum, and of the rows that each is drawn over; by choice, for time."""


class MaxValueEntropy(RowFunction):
    """What the latent value of a row tells of the maximum (Wang and Jegelka 2017, arXiv 1703.01968, section 3).

    Args:
        model: Its posteriors are Gaussian.
        max_values: ``s``, draws of the maximum.

    Example:
        >>> import torch
        >>> from archbo.predictors import GP
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> model = GP(space).fit(X[:4], [1.0, 3.0, 2.0, 4.0], seed=0).latent
        >>> mes = MaxValueEntropy(model, torch.tensor([1.5, 1.8, 2.3]))
        >>> bool((mes(X.unsqueeze(-2)) > 0).all())
        True
    """

    def __init__(self, model: Model, max_values: Tensor) -> None:
        super().__init__(model)
        self.max_values = max_values

    def _at(self, X: Tensor) -> Tensor:
        mean, std = marginals(self.model, X)
        z, hazard = _truncation(self.max_values, mean.unsqueeze(-1), std.unsqueeze(-1))
        return (0.5 * z * hazard - log_ndtr(z)).mean(-1)


class MaxValueLowerBound(RowFunction):
    """A lower bound on what a noisy evaluation tells of the maximum (Moss et al. 2021, arXiv 2102.03324).

    With pending rows it takes off what they already tell of the row's value, as in that paper's batches.

    Args:
        model: Its joint posteriors are Gaussian.
        max_values: ``s``, draws of the maximum.
        X_pending: ``p x d``; ``p`` may be 0.
    """

    def __init__(self, model: Model, max_values: Tensor, X_pending: Tensor) -> None:
        super().__init__(model)
        self.max_values = max_values
        self._believer = Believer(model, X_pending) if len(X_pending) else None

    def _at(self, X: Tensor) -> Tensor:
        mean, std = marginals(self.model, X)
        noise = noise_variance(self.model, X[:1])
        noisy = std.square() + noise
        z, hazard = _truncation(self.max_values, mean.unsqueeze(-1), std.unsqueeze(-1))
        explained = (std.square() / noisy).unsqueeze(-1) * hazard * (z + hazard)
        gain: Tensor = -0.5 * (1 - explained).clamp_min(LEAST).log().mean(-1)
        if self._believer is not None:
            _, left = marginals(self._believer, X)
            gain = gain + 0.5 * ((left.square() + noise) / noisy).log()
        return gain


class JointEntropy(RowFunction):
    """What a noisy evaluation tells of the optimum and its value together, as a lower bound.

    Hvarfner, Hutter and Nardi 2022 (arXiv 2206.04771); Tu et al. 2022 (arXiv 2210.02905). The optimum's row and
    value are drawn jointly and told to the model. For a Gaussian that takes the covariance with the optimum alone,
    so that models that cannot be conditioned are served as well.

    Args:
        model: Its joint posteriors are Gaussian.
        optima: ``s x d``, draws of the optimum.
        max_values: ``s``, the latent value of each.

    Example:
        >>> import torch
        >>> from archbo.predictors import GP
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> model = GP(space).fit(X[:4], [1.0, 3.0, 2.0, 4.0], seed=0).latent
        >>> jes = JointEntropy(model, X[7:], torch.tensor([2.1, 2.3]))
        >>> bool((jes(X.unsqueeze(-2)) > 0).all())
        True
    """

    def __init__(self, model: Model, optima: Tensor, max_values: Tensor) -> None:
        super().__init__(model)
        self.optima, self._which = optima.unique(dim=0, return_inverse=True)
        self.max_values = max_values
        mean, std = marginals(model, self.optima)
        self._surprise = max_values - mean[self._which]
        self._variance = (std.square() + OWN_VARIANCE)[self._which]
        self._noise = noise_variance(model, optima[:1])

    def _at(self, X: Tensor) -> Tensor:
        mean, variance, covariance = cross_moments(self.model, X, self.optima)
        slope = covariance[:, self._which] / self._variance
        told_mean = mean.unsqueeze(-1) + slope * self._surprise
        told_variance = variance.unsqueeze(-1) - slope * covariance[:, self._which]
        told_variance = told_variance.clamp_min(LEAST)
        z, hazard = _truncation(self.max_values, told_mean, told_variance.sqrt())
        left = told_variance * (1 - hazard * (z + hazard)).clamp_min(LEAST)
        before, after = (variance + self._noise).log(), (left + self._noise).log().mean(-1)
        return 0.5 * (before - after)


def _truncation(max_values: Tensor, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Standardised maxima ``z`` (``n x s``), and ``phi(z) / Phi(z)``."""
    z = (max_values - mean) / std
    return z, (log_phi(z) - log_ndtr(z)).exp()


def _optima(model: Model, context: Context, n_samples: int) -> tuple[Tensor, Tensor]:
    """Rows (``s x d``) and values (``s``) of the maxima of joint draws over the most promising rows."""
    X = context.promising(N_ROWS)
    draws = draw(model, X, n_samples, generator=generator(context.seed))
    top = draws.max(-1)
    return X[top.indices], top.values


def mes(context: Context, *, n_samples: int = N_OPTIMA) -> AcquisitionFunction:
    """Max-value entropy search, by joint draws of the maximum (Wang and Jegelka 2017, arXiv 1703.01968, section 3).

    Pending rows are believed to give what is expected of them.
    """
    model = context.believing
    return MaxValueEntropy(model, _optima(model, context, n_samples)[1])


def gibbon(context: Context, *, n_samples: int = N_OPTIMA) -> AcquisitionFunction:
    """Max-value entropy search of noisy evaluations, as a lower bound (GIBBON, arXiv 2102.03324).

    What pending rows tell already is taken off, as in that paper.
    """
    model = context.gaussian
    max_values = _optima(model, context, n_samples)[1]
    return MaxValueLowerBound(model, max_values, context.X_pending)


def jes(context: Context, *, n_samples: int = N_OPTIMA) -> AcquisitionFunction:
    """Joint entropy search, its lower bound (Hvarfner, Hutter and Nardi 2022, arXiv 2206.04771).

    Pending rows are believed to give what is expected of them.
    """
    model = context.believing
    return JointEntropy(model, *_optima(model, context, n_samples))
