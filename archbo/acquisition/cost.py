"""What evaluations cost, for rules that maximise value per unit of cost."""

from collections.abc import Callable, Hashable, Sequence
from typing import Self, TypeAlias

import torch
from botorch.acquisition import AcquisitionFunction
from torch import Tensor

from archbo.errors import UsageError
from archbo.predictors import Predictor
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["Cost", "KnownCost", "LearnedCost", "per_cost"]

Cost: TypeAlias = Callable[[Tensor], Tensor]
"""From rows ``n x d`` to what evaluating each costs, ``n`` positive numbers."""


class KnownCost:
    """Costs that are known beforehand, such as a table's column of parameters or of operations.

    Args:
        space: The space that the rows belong to.
        X: ``n x d`` rows, or ``n`` architectures in any form.
        costs: ``n`` or ``n x 1`` positive numbers.

    Raises:
        UsageError: The lengths differ, or a cost is not a positive number.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> cost = KnownCost(space, ["width=8", "width=16"], [0.1, 0.2])
        >>> cost(space.rows(["width=16"])).tolist()
        [0.2]
    """

    def __init__(
        self,
        space: SearchSpace,
        X: Sequence[ArchLike] | Tensor,
        costs: Sequence[float] | Tensor,
    ) -> None:
        rows = space.rows(X)
        values = _positive(costs, rows, space)
        self.space = space
        self._costs: dict[Hashable, float] = dict(
            zip(space.ids(rows), values.tolist(), strict=True)
        )

    def __call__(self, X: Tensor) -> Tensor:
        """The cost (``n``) of each row of ``X`` (``n x d``).

        Raises:
            UsageError: That of a row is not known.
        """
        keys = self.space.ids(X)
        for row, key in zip(X, keys, strict=True):
            if key not in self._costs:
                raise UsageError(
                    f"the cost of {self.space.format(row)} is not known; give it, or learn costs with LearnedCost"
                )
        return torch.tensor([self._costs[key] for key in keys], dtype=X.dtype)


class LearnedCost:
    """Costs as a predictor expects them after it was fitted to the logarithms of some (arXiv 1206.2944, section 3.2).

    Args:
        predictor: Of log costs; such as ``GP(space, targets="standardize")``.

    Example:
        >>> from archbo.predictors import GP
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32, 64]})
        >>> seconds = LearnedCost(GP(space, targets="standardize"))
        >>> _ = seconds.fit(["width=8", "width=16", "width=64"], [10.0, 20.0, 80.0], seed=0)
        >>> few, many = seconds(space.rows(["width=8", "width=64"]))
        >>> bool(few < many)
        True
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def fit(
        self, X: Sequence[ArchLike] | Tensor, costs: Sequence[float] | Tensor, *, seed: int
    ) -> Self:
        """Fit to ``n`` architectures and what they cost; what was fitted before is forgotten.

        Raises:
            UsageError: The lengths differ, or a cost is not a positive number.
        """
        space = self.predictor.space
        rows = space.rows(X)
        self.predictor.fit(rows, _positive(costs, rows, space).log(), seed=seed)
        return self

    def __call__(self, X: Tensor) -> Tensor:
        """The expected cost (``n``) of each row of ``X`` (``n x d``), that is ``e`` to its expected logarithm."""
        return self.predictor.predict(X, observation_noise=False)[0].exp()


def per_cost(function: AcquisitionFunction, values: Tensor, costs: Tensor) -> Tensor:
    """An acquisition function's values (``n``) per unit of cost (``n``), as expected improvement per second.

    Snoek, Larochelle and Adams 2012 (arXiv 1206.2944, section 3.2). The logarithm of a cost is taken off values
    that are logarithms. Negative values, which only functions that are no gains have, are multiplied, as in BoTorch.
    """
    if function._log:  # BoTorch's own flag, on every acquisition function
        return values - costs.log()
    return torch.where(values < 0, values * costs, values / costs)


def _positive(costs: Sequence[float] | Tensor, X: Tensor, space: SearchSpace) -> Tensor:
    values = torch.as_tensor(costs, dtype=torch.double).flatten()
    if len(values) != len(X):
        raise UsageError(f"{len(X)} architectures but {len(values)} costs; give one for each")
    bad = (~((values > 0) & values.isfinite())).nonzero()
    if len(bad):
        row = int(bad[0, 0])
        raise UsageError(
            f"the cost of {space.format(X[row])} is {values[row].item():g}; costs are positive numbers"
        )
    return values
