"""What every surrogate is: a BoTorch model that is fitted to rows and values."""

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn, Self, TypeAlias, final

import numpy as np
import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors import Posterior
from linear_operator.utils.errors import NanError, NotPSDError
from numpy.typing import NDArray
from torch import Tensor

from archbo.encodings import Encoding, default_encoding
from archbo.errors import FitError, NumericalWarning, UsageError
from archbo.predictors.gaussian_model import check_request, draw
from archbo.predictors.gaussian_processes.pool_gp import fixed_gp
from archbo.predictors.ordinary import ordinary, ordinary_tensor
from archbo.predictors.warps import RankWarp, Warp, WarpedPosterior
from archbo.randomness import check_seed, generator
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["Predictor", "Rows", "Values", "marginals"]

VERSION = 1
"""Of what a predictor's state holds; a state of another version is refused."""

NO_FIT = (
    ArithmeticError,
    NanError,
    NotPSDError,
    np.linalg.LinAlgError,
    torch.linalg.LinAlgError,  # type: ignore[attr-defined] # it is exported
)
"""What libraries raise where numbers leave a fit no way on; ``FitError`` is an ``ArithmeticError``."""

Rows: TypeAlias = Sequence[ArchLike] | Tensor | NDArray[Any]
"""``n`` architectures in any form, or ``n x d`` rows."""

Values: TypeAlias = Sequence[float] | Tensor | NDArray[Any]
"""``n`` numbers, or ``n x 1``."""


class Predictor(Model, ABC):
    """A surrogate over one search space, usable wherever BoTorch takes a ``Model``.

    Values are maximised and stay in the benchmark's own unit. A predictor fits its ``model`` to values on
    another scale, to which ``warp`` takes them, so that draws, means and variances come back in that unit.
    Rows are of double precision inside unless they are given in single precision.

    BoTorch's functions that ask for a posterior alone take the predictor itself: ``LogExpectedImprovement``,
    ``ProbabilityOfImprovement``, ``qLogNoisyExpectedImprovement``, ``qUpperConfidenceBound``, ``qSimpleRegret``. Those
    that tell a model values which might come, or that assume a Gaussian, take ``latent`` of a Gaussian process, whose
    scale is that of ``to_latent``: ``qKnowledgeGradient``, and ``qMaxValueEntropy`` with ``train_inputs=train_X``.

    A subclass implements ``_fit`` and ``_prepare``. It is never asked to fit to fewer than
    ``min_observations`` values, to values that are all the same, or to architectures that are: then, and
    where a fit fails, a Gaussian process with fixed hyperparameters takes its place until the next fit,
    with a ``NumericalWarning`` that says why.

    Args:
        space: The space that the rows belong to.
        encoding: What the predictor sees of a row; ``_default_encoding`` of the space unless given.
        warp: From the benchmark's unit to the model's scale; learned with each fit.

    Attributes:
        encoding: What the predictor sees; none where it sees more than features and needs none.
        train_X: ``n x d``, the rows fitted last; empty before the first fit.
        train_Y: ``n x 1``, their values.
        model: What ``_fit`` or ``_prepare`` made, its posterior Gaussian and on the scale of the warped values.
        fell_back: Whether the fixed Gaussian process stands in.
        min_observations: The fewest values that are fitted to.
        gaussian: Whether joint posteriors of ``model`` are Gaussian, as acquisition functions in closed form want.
    """

    min_observations: ClassVar[int] = 2
    gaussian: ClassVar[bool] = True
    encoding: Encoding | None
    train_X: Tensor
    train_Y: Tensor
    fell_back: Tensor
    model: Model

    def __init__(
        self, space: SearchSpace, encoding: Encoding | None = None, *, warp: Warp | None = None
    ) -> None:
        super().__init__()
        if encoding is not None and encoding.space != space:
            raise UsageError(
                f"the encoding is of another space than the predictor: {space.unlike(encoding.space)}"
            )
        self.space = space
        self.warp = warp if warp is not None else RankWarp()
        with ordinary():
            self.encoding = encoding if encoding is not None else self._default_encoding(space)
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

    def _default_encoding(self, space: SearchSpace) -> Encoding | None:
        """What the predictor sees of a row unless told otherwise."""
        return default_encoding(space)

    @property
    def latent(self) -> Model:
        """The model that acquisition functions see, of monotonely warped values.

        A warp keeps the order of architectures, and the acquisition functions with closed forms want the
        scale on which the posterior is Gaussian.
        """
        self._require_fit()
        return self.model

    @final
    def to_latent(self, Y: Tensor) -> Tensor:
        """Values (any shape) on the scale of ``latent``."""
        return self.warp.forward(Y)

    @final
    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The joint posterior at rows ``X`` (``b x q x d``), ``b x q x 1`` in the unit of ``Y``.

        With ``observation_noise`` it is that of the values which evaluations would give.

        Raises:
            UsageError: Nothing is fitted, there is no such output, or the noise is a tensor, which only ``latent`` takes:
                noise is Gaussian on its scale, not on that of the values.
        """
        self._require_fit()
        check_request(X, output_indices, observation_noise)
        if isinstance(observation_noise, Tensor):
            raise UsageError(
                "observation_noise is True or False in the unit of the values; ask latent.posterior with a tensor"
            )
        gaussian: Any = self.latent.posterior(X, observation_noise=observation_noise)
        posterior = WarpedPosterior(gaussian, self.warp)
        return posterior_transform(posterior) if posterior_transform else posterior

    @final
    def fantasize(self, *arguments: object, **options: object) -> NoReturn:
        """Refused: values that might come are told to ``latent``, on whose scale they are Gaussian.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            f"{type(self).__name__} does not fantasize; give this acquisition function its latent model, "
            "predictor.latent, and best values by predictor.to_latent(Y)"
        )

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
    def fit(self, X: Rows, Y: Values, *, seed: int) -> Self:
        """Fit to observations; what was fitted before is forgotten.

        Several observations of one architecture may differ: what they differ by is learned as noise.

        Args:
            X: ``n x d`` rows of any type of numbers, or ``n`` architectures in any form.
            Y: ``n x 1`` or ``n`` values, to be maximised.
            seed: The same observations and the same seed give the same predictor.

        Raises:
            InvalidArchitectureError: A row is no architecture of the space.
            UsageError: There are no observations, ``Y`` has another length or holds what is no number, a NaN or an
                infinity, or the seed is none.
        """
        seed = check_seed(seed)
        with ordinary(), torch.enable_grad():
            rows = self._rows(X)
            values = self._values(Y, rows)
            self._hold(rows, values)
            obstacle = self._obstacle()
            if obstacle is None:
                try:
                    self._fit(seed=seed)
                    self._check_fit()
                except NO_FIT as error:
                    obstacle = f"it could not be fitted to {len(rows)} observations ({error})"
            self.fell_back = torch.tensor(obstacle is not None)
            if obstacle is not None:
                self.model = fixed_gp(self.space, rows, self.warp.forward(values))
            self.eval()
        if obstacle is not None and len(rows) > 1:
            warnings.warn(
                f"{type(self).__name__}: {obstacle}; a Gaussian process with fixed hyperparameters "
                "stands in until the next fit",
                NumericalWarning,
                stacklevel=2,
            )
        return self

    def _rows(self, X: Rows) -> Tensor:
        """Rows ``n x d`` in single precision where they are given in it, in double precision otherwise."""
        given = torch.from_numpy(X) if isinstance(X, np.ndarray) else X
        if not isinstance(given, Tensor):
            return self.space.rows(given)
        dtype = torch.float if given.dtype == torch.float else torch.double
        return self.space.rows(ordinary_tensor(given).to(dtype), dtype=dtype)

    def _values(self, Y: Values, rows: Tensor) -> Tensor:
        """Values ``n x 1`` of rows ``n x d``, checked."""
        try:
            values = torch.as_tensor(Y, dtype=torch.double)
        except (TypeError, ValueError, RuntimeError) as error:
            raise self._no_number(Y, rows) from error
        values = ordinary_tensor(values).to(rows).reshape(-1, 1)
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
        return values

    def _no_number(self, Y: Values, rows: Tensor) -> UsageError:
        for row, value in enumerate(Y):
            try:
                float(value)
            except (TypeError, ValueError):
                where = f", of {self.space.format(rows[row])}" if row < len(rows) else ""
                return UsageError(f"value {row} is {value!r}{where}; give a number")
        return UsageError("the values are no list of numbers; give one for each architecture")

    @final
    def _hold(self, X: Tensor, Y: Tensor) -> None:
        """Take rows (``n x d``) and values (``n x 1``) to be fitted to, and learn the warp."""
        self.train_X, self.train_Y = X, Y
        self.warp.fit(Y.flatten())

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
        with ordinary():
            rest: list[torch.nn.Module] = [self]
            while rest:
                for child in rest.pop().children():
                    if isinstance(child, Encoding):
                        child.remember(ordinary_tensor(X))
                    else:
                        rest.append(child)

    @final
    def predict(
        self, X: Rows, *, observation_noise: bool = True, batch_size: int = 1024
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (``n`` each, in the unit of ``Y``) of many architectures one by one.

        They are those of the value that an evaluation would give, or, without observation noise, of its
        expectation. Memory stays bounded: the rows (``n x d``) go through ``posterior`` as t-batches of ``q = 1``.
        """
        with self._predicting(X) as rows:
            parts = [
                self.warp.marginals(*part)
                for part in _moments(self.latent, rows, observation_noise, batch_size)
            ]
            mean, std = (torch.cat(side) for side in zip(*parts, strict=True))
        return mean, std

    @final
    def quantile(
        self,
        X: Rows,
        levels: Sequence[float],
        *,
        observation_noise: bool = True,
        batch_size: int = 1024,
    ) -> Tensor:
        """Quantiles (``n x k``, in the unit of ``Y``) of the values of architectures, for ``k`` levels in (0, 1).

        The 0.05 and the 0.95 quantile bound the central interval of 90 %. It is not symmetric around the mean
        where the warp bends: an architecture may turn out much worse, but only a little better.

        Raises:
            UsageError: A level is not between 0 and 1.
        """
        outside = [level for level in levels if not 0 < level < 1]
        if outside:
            raise UsageError(f"levels are between 0 and 1; got {outside[0]}")
        with self._predicting(X) as rows:
            mean, std = marginals(
                self.latent, rows, observation_noise=observation_noise, batch_size=batch_size
            )
            scores = torch.special.ndtri(torch.as_tensor(levels, dtype=mean.dtype)).to(mean)
            return self.warp.inverse(mean.unsqueeze(-1) + std.unsqueeze(-1) * scores)

    @final
    def cdf(
        self,
        X: Rows,
        Y: Values,
        *,
        observation_noise: bool = True,
        batch_size: int = 1024,
    ) -> Tensor:
        """The probability (``n``) that an evaluation of each architecture gives at most its value in ``Y`` (``n``).

        Over held-out values these are uniform on (0, 1) if the posterior is right.
        """
        with self._predicting(X) as rows:
            mean, std = marginals(
                self.latent, rows, observation_noise=observation_noise, batch_size=batch_size
            )
            values = torch.as_tensor(Y, dtype=mean.dtype).flatten().to(mean)
            probability: Tensor = torch.special.ndtr((self.to_latent(values) - mean) / std)
            return probability

    @final
    def sample(self, X: Rows, n_samples: int, *, seed: int) -> Tensor:
        """Joint draws ``n_samples x n`` from the posterior over architectures or rows ``X`` (``n x d``)."""
        with self._predicting(X) as rows:
            return draw(self, rows, n_samples, generator=generator(seed))

    @contextmanager
    def _predicting(self, X: Rows) -> Iterator[Tensor]:
        """The rows ``n x d`` of architectures in any form, on the device and in the precision of the observations."""
        self._require_fit()
        with ordinary(), torch.no_grad():
            yield self._rows(X).to(self.train_X)

    def _identity(self) -> dict[str, Any]:
        """What tells whether a state is one of this predictor."""
        return {
            "predictor": type(self).__name__,
            "version": VERSION,
            "space": self.space.content,
        }

    @final
    def get_extra_state(self) -> dict[str, Any]:
        """What the state says of the predictor beside its tensors: class, version and space."""
        return self._identity()

    @final
    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Check that the state is one of this predictor.

        Raises:
            UsageError: It is of another class, version or space.
        """
        mine = self._identity()
        if not isinstance(state, Mapping) or mine.keys() - state.keys():
            raise UsageError("this is no state of a predictor; give what state_dict() returned")
        for key in ("predictor", "version"):
            if state[key] != mine[key]:
                raise UsageError(
                    f"the state is of {key} {state[key]!r}, this is {mine[key]!r}; load it into one of the same"
                )
        if state["space"] != mine["space"]:
            # Rows of the state number the choices as they were.
            change = (
                self.space.difference(state["space"]) or "choices were added or have another order"
            )
            raise UsageError(f"the state is of another space than {self.space.name!r}: {change}")

    @final
    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:  # noqa: ANN401 - torch's own type is private
        """Restore a fitted predictor made with the same arguments; predictions are as before.

        Raises:
            UsageError: The state is of another class, version or space, something is missing in it, or what it holds does
                not go together. The predictor is then as it was.
        """
        before = (self._buffers.copy(), self._modules.copy(), copy.deepcopy(self.warp))
        try:
            with ordinary():
                return self._load(state_dict, strict=strict, assign=assign)
        except BaseException:
            self._buffers, self._modules, self.warp = before
            raise

    def _load(self, state: Mapping[str, Any], *, strict: bool, assign: bool) -> Any:  # noqa: ANN401
        self._check_state(state)
        self._hold_state(state)
        if not self.is_fitted:
            self._modules.pop("model", None)
        else:
            if state["fell_back"]:
                self.model = fixed_gp(self.space, self.train_X, self.warp.forward(self.train_Y))
            else:
                self._prepare_for(state)
        for name, buffer in list(self.named_buffers()):
            if name in state and state[name].shape != buffer.shape:
                owner, _, leaf = name.rpartition(".")
                setattr(self.get_submodule(owner), leaf, torch.empty_like(state[name]))
        missing = self.state_dict().keys() - state.keys()
        if strict and missing:
            raise UsageError(
                f"the state lacks {min(missing)}; it is of a predictor made with other arguments, or cut short"
            )
        try:
            result = super().load_state_dict(state, strict=strict, assign=assign)
            self.eval()
            if self.is_fitted:
                self._check_fit()
        except (RuntimeError, IndexError, ValueError, FitError) as error:
            if isinstance(error, UsageError):
                raise
            reason = str(error).strip().splitlines()[-1].strip()
            raise UsageError(
                f"the state does not fit this predictor ({reason}); load it into one made with the same arguments"
            ) from error
        return result

    def _check_state(self, state: Mapping[str, Any]) -> None:
        """Whether it is a state of this predictor whose observations go together."""
        if "_extra_state" not in state:
            raise UsageError("this is no state of a predictor; give what state_dict() returned")
        self.set_extra_state(state["_extra_state"])
        for name in ("train_X", "train_Y", "fell_back"):
            if not isinstance(state.get(name), Tensor):
                raise UsageError(f"the state lacks {name}; give what state_dict() returned")
        X, Y = state["train_X"], state["train_Y"]
        self.space.check(X)
        if Y.shape != (len(X), 1):
            raise UsageError(
                f"the state has {len(X)} architectures but values of shape {tuple(Y.shape)}; it is cut short"
            )
        for name, value in state.items():
            if isinstance(value, Tensor) and bool(value.isnan().any()):
                raise UsageError(f"the state holds a NaN, in {name}; it cannot be used")

    def _hold_state(self, state: Mapping[str, Any]) -> None:
        self.train_X, self.train_Y = state["train_X"].clone(), state["train_Y"].clone()
        if self.is_fitted:
            self._hold(self.train_X, self.train_Y)

    def _prepare_for(self, state: Mapping[str, Any]) -> None:
        """As ``_prepare``, for a predictor that only the state tells the parts of."""
        self._prepare()

    def _require_fit(self) -> None:
        if not self.is_fitted:
            raise UsageError(
                f"{type(self).__name__} is not fitted yet; call fit(X, Y, seed=...) first"
            )


def marginals(
    model: Model, X: Tensor, *, observation_noise: bool = False, batch_size: int = 1024
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (``n`` each) of a model's posterior at each row of ``X`` (``n x d``)."""
    parts = _moments(model, X, observation_noise, batch_size)
    means, variances = zip(*parts, strict=True)
    return torch.cat(means), torch.cat(variances).clamp_min(0).sqrt()


def _moments(
    model: Model, X: Tensor, observation_noise: bool, batch_size: int
) -> list[tuple[Tensor, Tensor]]:
    """Mean and variance (``n`` each) at rows ``X`` (``n x d``), batch by batch."""
    parts = []
    with torch.no_grad():
        for part in X.unsqueeze(-2).split(batch_size):
            # Not every Posterior has moments, says its type.
            posterior: Any = model.posterior(part, observation_noise=observation_noise)
            parts.append((posterior.mean.flatten(), posterior.variance.flatten()))
    return parts
