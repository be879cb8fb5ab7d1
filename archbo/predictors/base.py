"""What every surrogate is: a BoTorch model that is fitted to rows and values."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self, final

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors import Posterior
from torch import Tensor

from archbo.errors import UsageError
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["Predictor", "marginals"]


class Predictor(Model, ABC):
    """A surrogate over one search space, usable wherever BoTorch takes a ``Model``.

    Values are maximised and stay in the benchmark's own unit; whatever scaling a predictor likes is its own
    affair. A subclass implements ``_fit`` and ``posterior``, and, for saving, ``_prepare``.

    Args:
        space: The space that the rows belong to.

    Attributes:
        train_X: ``n x d``, the rows fitted last; empty before the first fit.
        train_Y: ``n x 1``, their values.
    """

    train_X: Tensor
    train_Y: Tensor

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self.space = space
        self.register_buffer("train_X", torch.empty(0, space.n_columns, dtype=torch.double))
        self.register_buffer("train_Y", torch.empty(0, 1, dtype=torch.double))

    @abstractmethod
    def _fit(self, *, seed: int) -> None:
        """Fit to ``train_X`` and ``train_Y``, which are checked; the same seed gives the same fit."""

    @abstractmethod
    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The joint posterior at rows ``X`` (``b x q x d``), ``b x q x 1`` in the unit of ``Y``."""

    def _prepare(self) -> None:
        """Make the parts that saved parameters are loaded into; ``train_X`` and ``train_Y`` are loaded."""

    @property
    def latent(self) -> Model:
        """The model that acquisition functions see: this one, or that of monotonely warped values.

        A warp keeps the order of architectures, and the acquisition functions with closed forms want the
        scale on which the posterior is nearly Gaussian.
        """
        return self

    def to_latent(self, Y: Tensor) -> Tensor:
        """Values (any shape) on the scale of ``latent``."""
        return Y

    @property
    def num_outputs(self) -> int:
        """The number of outputs ``m``: one."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape of the model: none."""
        return torch.Size([])

    @property
    def is_fitted(self) -> bool:
        """Whether there is anything to predict from."""
        return len(self.train_X) > 0

    @final
    def fit(
        self, X: Sequence[ArchLike] | Tensor, Y: Sequence[float] | Tensor, *, seed: int
    ) -> Self:
        """Fit to observations; what was fitted before is forgotten.

        Args:
            X: ``n x d`` rows, or ``n`` architectures in any form.
            Y: ``n x 1`` or ``n`` values, to be maximised.
            seed: The same observations and the same seed give the same predictor.

        Raises:
            InvalidArchitectureError: A row is no architecture of the space.
            UsageError: There are no observations, ``Y`` has another length, or holds a NaN or an infinity.
        """
        dtype = X.dtype if isinstance(X, Tensor) else torch.double
        rows = self.space.rows(X, dtype=dtype)
        values = torch.as_tensor(Y, dtype=dtype).reshape(-1, 1)
        if len(rows) == 0:
            raise UsageError("there is nothing to fit; give at least one observation")
        if len(values) != len(rows):
            raise UsageError(
                f"{len(rows)} architectures but {len(values)} values; give one for each"
            )
        bad = (~values.isfinite()).nonzero()
        if len(bad):
            row = int(bad[0, 0])
            raise UsageError(
                f"value {row} is {values[row].item()}, of {self.space.format(rows[row])}; "
                "leave failed trainings out, or give them the value of a bad architecture"
            )
        self.train_X, self.train_Y = rows, values
        self._fit(seed=seed)
        self.eval()
        return self

    @final
    def predict(
        self, X: Sequence[ArchLike] | Tensor, *, batch_size: int = 1024
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (``n`` each, in the unit of ``Y``) of many architectures one by one.

        Memory stays bounded: the rows (``n x d``) go through ``posterior`` as t-batches of ``q = 1``.
        """
        rows = self.space.rows(X).to(self.train_X)
        return marginals(self, rows, batch_size=batch_size)

    @final
    def sample(self, X: Sequence[ArchLike] | Tensor, n_samples: int, *, seed: int) -> Tensor:
        """Joint draws ``n_samples x n`` from the posterior over architectures or rows ``X`` (``n x d``)."""
        rows = self.space.rows(X).to(self.train_X)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.posterior(rows).rsample(torch.Size([n_samples])).squeeze(-1)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:  # noqa: ANN401 - torch's own type is private
        """Restore a fitted predictor made with the same arguments; predictions are as before."""
        self.train_X = state_dict["train_X"].clone()
        self.train_Y = state_dict["train_Y"].clone()
        if self.is_fitted:
            self._prepare()
        result = super().load_state_dict(state_dict, strict=strict, assign=assign)
        self.eval()
        return result

    def _require_fit(self) -> None:
        if not self.is_fitted:
            raise UsageError(
                f"{type(self).__name__} is not fitted yet; call fit(X, Y, seed=...) first"
            )


def marginals(model: Model, X: Tensor, *, batch_size: int = 1024) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (``n`` each) of a model's posterior at each row of ``X`` (``n x d``)."""
    means, variances = [], []
    with torch.no_grad():
        for part in X.unsqueeze(-2).split(batch_size):
            posterior: Any = model.posterior(part)  # not every Posterior has moments, says its type
            means.append(posterior.mean.flatten())
            variances.append(posterior.variance.flatten())
    return torch.cat(means), torch.cat(variances).clamp_min(0).sqrt()
