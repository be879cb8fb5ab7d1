"""Active learning: what an evaluation tells of all other architectures."""

from typing import final

from botorch.acquisition import AcquisitionFunction
from botorch.models.model import Model
from torch import Tensor

from archbo.acquisition.context import Context
from archbo.acquisition.joint import RowFunction, cross_moments, noise_variance

__all__ = ["VarianceReduction", "ivr"]


@final
class VarianceReduction(RowFunction):
    """By how much a noisy evaluation lowers the mean variance of other rows (Cohn et al. 1996, arXiv cs/9603104).

    The variances of a Gaussian do not depend on values, so this is known before there is one.

    Args:
        model: Its joint posteriors are Gaussian.
        others: ``m x d``, the rows of which it is to tell.

    Example:
        The middle of three widths tells the most of all:

        >>> from archbo.predictors import GP
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": range(7)})
        >>> X = space.enumerate()
        >>> model = GP(space).fit(X[[0, 6]], [1.0, 3.0], seed=0).latent
        >>> int(VarianceReduction(model, X)(X.unsqueeze(-2)).argmax())
        3
    """

    def __init__(self, model: Model, others: Tensor) -> None:
        super().__init__(model)
        self.others = others
        self._noise = noise_variance(model, others[:1])

    def _at(self, X: Tensor) -> Tensor:
        _, variance, covariance = cross_moments(self.model, X, self.others)
        return covariance.square().mean(-1) / (variance + self._noise)


def ivr(context: Context, *, n_others: int = 256) -> AcquisitionFunction:
    """Integrated variance reduction: what an evaluation tells of all other candidates (Cohn et al. 1996, arXiv cs/9603104).

    It looks for no optimum: it is for architectures to measure before a predictor ranks all others. Pending rows are
    believed to give what is expected of them.

    Args:
        context: What is known.
        n_others: The number of candidates whose variances count.
    """
    choices = context.X if context.choices is None else context.choices
    return VarianceReduction(context.believing, choices[:n_others])
