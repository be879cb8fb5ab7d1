"""What every surrogate is: a BoTorch model that is fitted to rows and values."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, final

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors import Posterior
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor
from torch.linalg import LinAlgError  # type: ignore[attr-defined] # it is exported

from archbo.encodings import Encoding
from archbo.errors import FitError, NumericalWarning, UsageError
from archbo.predictors.pool_gp import fixed_gp
from archbo.predictors.targets import RankWarp, Warp, WarpedPosterior
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["Predictor", "marginals"]


class Predictor(Model, ABC):
    """A surrogate over one search space, usable wherever BoTorch takes a ``Model``.

    Values are maximised and stay in the benchmark's own unit. A predictor fits its ``model`` to values on
    another scale, to which ``warp`` takes them, so that draws, means and variances come back in that unit.

    A subclass implements ``_fit`` and ``_prepare``. It is never asked to fit to fewer than
    ``min_observations`` values, to values that are all the same, or to architectures that are: then, and
    where a fit fails, a Gaussian process with fixed hyperparameters takes its place until the next fit,
    with a ``NumericalWarning`` that says why.

    Args:
        space: The space that the rows belong to.
        warp: From the benchmark's unit to the model's scale; learned with each fit.

    Attributes:
        train_X: ``n x d``, the rows fitted last; empty before the first fit.
        train_Y: ``n x 1``, their values.
        model: What ``_fit`` or ``_prepare`` made, its posterior Gaussian and on the scale of the warped values.
        fell_back: Whether the fixed Gaussian process stands in.
        min_observations: The fewest values that are fitted to.
        gaussian: Whether joint posteriors of ``model`` are Gaussian, as acquisition functions in closed form want.
    """

    min_observations: ClassVar[int] = 2
    gaussian: ClassVar[bool] = True
    train_X: Tensor
    train_Y: Tensor
    fell_back: Tensor
    model: Model

    def __init__(self, space: SearchSpace, *, warp: Warp | None = None) -> None:
        super().__init__()
        self.space = space
        self.warp = warp if warp is not None else RankWarp()
        self.register_buffer("train_X", torch.empty(0, space.n_columns, dtype=torch.double))
        self.register_buffer("train_Y", torch.empty(0, 1, dtype=torch.double))
        self.register_buffer("fell_back", torch.tensor(False))

    @abstractmethod
    def _fit(self, *, seed: int) -> None:
        """Set ``model``, fitted to ``train_X`` and the warped ``train_Y``; the same seed gives the same fit.

        Raises:
            FitError: There is no fit; so may the errors of linear algebra be left to the caller.
        """

    @abstractmethod
    def _prepare(self) -> None:
        """Set ``model`` to one that saved parameters can be loaded into.

        ``train_X`` and ``train_Y`` are loaded and ``warp`` is fitted. Buffers take the shapes of what is loaded.
        """

    @property
    def latent(self) -> Model:
        """The model that acquisition functions see, of monotonely warped values.

        A warp keeps the order of architectures, and the acquisition functions with closed forms want the
        scale on which the posterior is Gaussian.
        """
        self._require_fit()
        return self.model

    def to_latent(self, Y: Tensor) -> Tensor:
        """Values (any shape) on the scale of ``latent``."""
        return self.warp.forward(Y)

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The joint posterior at rows ``X`` (``b x q x d``), ``b x q x 1`` in the unit of ``Y``.

        With ``observation_noise`` it is that of the values which evaluations would give.
        """
        gaussian: Any = self.latent.posterior(X, observation_noise=observation_noise)
        posterior = WarpedPosterior(gaussian, self.warp)
        return posterior_transform(posterior) if posterior_transform else posterior

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
        self.warp.fit(values.flatten())
        obstacle = self._obstacle()
        if obstacle is None:
            try:
                self._fit(seed=seed)
                self._check_fit()
            except (FitError, NanError, NotPSDError, LinAlgError) as error:
                obstacle = f"it could not be fitted to {len(rows)} observations ({error})"
        self.fell_back = torch.tensor(obstacle is not None)
        if obstacle is not None:
            self.model = fixed_gp(self.space, rows, self.warp.forward(values))
            if len(rows) > 1:
                warnings.warn(
                    f"{type(self).__name__}: {obstacle}; a Gaussian process with fixed hyperparameters "
                    "stands in until the next fit",
                    NumericalWarning,
                    stacklevel=2,
                )
        self.eval()
        return self

    def _obstacle(self) -> str | None:
        """What is wrong with the observations, in a few words; nothing if they can be fitted."""
        n = len(self.train_Y)
        if n < self.min_observations:
            return f"{n} observations are too few, it takes {self.min_observations}"
        if bool((self.train_Y == self.train_Y[0]).all()):
            return f"all {n} values are {self.train_Y[0].item():g}"
        if len(self.space.keys(self.train_X).unique(dim=0)) == 1:
            return f"all {n} observations are of {self.space.format(self.train_X[0])}"
        return None

    def _check_fit(self) -> None:
        self.eval()
        mean, std = marginals(self.model, self.train_X[:100])
        if not bool((mean.isfinite() & std.isfinite()).all()):
            raise FitError("its predictions are not finite")

    @final
    def remember(self, X: Tensor) -> None:
        """Encode rows ``X`` (``n x d``) once; to be called with a pool that is scored again and again."""
        rest: list[torch.nn.Module] = [self]
        while rest:
            for child in rest.pop().children():
                if isinstance(child, Encoding):
                    child.remember(X)
                else:
                    rest.append(child)

    @final
    def predict(
        self,
        X: Sequence[ArchLike] | Tensor,
        *,
        observation_noise: bool = True,
        batch_size: int = 1024,
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (``n`` each, in the unit of ``Y``) of many architectures one by one.

        They are those of the value that an evaluation would give, or, without observation noise, of its
        expectation. Memory stays bounded: the rows (``n x d``) go through ``posterior`` as t-batches of ``q = 1``.
        """
        rows = self.space.rows(X).to(self.train_X)
        return marginals(self, rows, observation_noise=observation_noise, batch_size=batch_size)

    @final
    def quantile(
        self,
        X: Sequence[ArchLike] | Tensor,
        levels: Sequence[float],
        *,
        observation_noise: bool = True,
        batch_size: int = 1024,
    ) -> Tensor:
        """Quantiles (``n x k``, in the unit of ``Y``) of the values of architectures, for ``k`` levels in (0, 1).

        The 0.05 and the 0.95 quantile bound the central interval of 90 %. It is not symmetric around the mean
        where the warp bends: an architecture may turn out much worse, but only a little better.
        """
        mean, std = self._latent_marginals(X, observation_noise, batch_size)
        scores = torch.special.ndtri(torch.as_tensor(levels, dtype=mean.dtype))
        return self.warp.inverse(mean.unsqueeze(-1) + std.unsqueeze(-1) * scores)

    @final
    def cdf(
        self,
        X: Sequence[ArchLike] | Tensor,
        Y: Sequence[float] | Tensor,
        *,
        observation_noise: bool = True,
        batch_size: int = 1024,
    ) -> Tensor:
        """The probability (``n``) that an evaluation of each architecture gives at most its value in ``Y`` (``n``).

        Over held-out values these are uniform on (0, 1) if the posterior is right.
        """
        mean, std = self._latent_marginals(X, observation_noise, batch_size)
        values = torch.as_tensor(Y, dtype=mean.dtype).flatten()
        probability: Tensor = torch.special.ndtr((self.to_latent(values) - mean) / std)
        return probability

    def _latent_marginals(
        self, X: Sequence[ArchLike] | Tensor, observation_noise: bool, batch_size: int
    ) -> tuple[Tensor, Tensor]:
        rows = self.space.rows(X).to(self.train_X)
        return marginals(
            self.latent, rows, observation_noise=observation_noise, batch_size=batch_size
        )

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
            self.warp.fit(self.train_Y.flatten())
            if state_dict["fell_back"]:
                self.model = fixed_gp(self.space, self.train_X, self.warp.forward(self.train_Y))
            else:
                self._prepare()
        for name, buffer in list(self.named_buffers()):
            if name in state_dict and state_dict[name].shape != buffer.shape:
                owner, _, leaf = name.rpartition(".")
                setattr(self.get_submodule(owner), leaf, torch.empty_like(state_dict[name]))
        result = super().load_state_dict(state_dict, strict=strict, assign=assign)
        self.eval()
        return result

    def _require_fit(self) -> None:
        if not self.is_fitted:
            raise UsageError(
                f"{type(self).__name__} is not fitted yet; call fit(X, Y, seed=...) first"
            )


def marginals(
    model: Model, X: Tensor, *, observation_noise: bool = False, batch_size: int = 1024
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (``n`` each) of a model's posterior at each row of ``X`` (``n x d``)."""
    means, variances = [], []
    with torch.no_grad():
        for part in X.unsqueeze(-2).split(batch_size):
            # Not every Posterior has moments, says its type.
            posterior: Any = model.posterior(part, observation_noise=observation_noise)
            means.append(posterior.mean.flatten())
            variances.append(posterior.variance.flatten())
    return torch.cat(means), torch.cat(variances).clamp_min(0).sqrt()
