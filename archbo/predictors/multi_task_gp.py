"""A Gaussian process over several tasks: what is known of one tells of another."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from botorch.models.transforms.input import InputTransform
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import Kernel
from gpytorch.likelihoods import HadamardGaussianLikelihood
from gpytorch.priors import NormalPrior
from torch import Tensor

from archbo.encodings import Encoding, default_encoding
from archbo.errors import UsageError
from archbo.predictors.base import Predictor, marginals
from archbo.predictors.gp import MIN_NOISE, KernelFactory, fit_or_keep
from archbo.predictors.kernels import GroupedMaternKernel
from archbo.predictors.pool_gp import PoolGP
from archbo.predictors.targets import RankWarp
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["MultiTaskGP", "Source", "TaskEncoding", "TaskGP", "TaskKernel"]

OFFSET = 10.0
"""The variance of a task's own offset: next to flat on the scale of normal scores."""

LOADING = 2.0
"""Around this ``atanh`` of the loadings two tasks correlate by 0.93."""

Source = tuple[Sequence[ArchLike] | Tensor, Sequence[float] | Tensor]
"""Architectures and their values in another task, higher is better."""


class TaskEncoding(InputTransform):
    """Another encoding's features, and behind them the task.

    Rows are ``d`` wide and of the target, or one wider, with the number of the task behind.

    Args:
        encoding: From rows to features.
        target: The number of the target task.
    """

    transform_on_train = True
    transform_on_eval = True
    transform_on_fantasize = True

    def __init__(self, encoding: Encoding, target: int) -> None:
        super().__init__()
        self.encoding, self.target = encoding, target

    def transform(self, X: Tensor) -> Tensor:
        """Features ``... x n x (D + 1)`` of rows ``X`` (``... x n x d`` or ``... x n x (d + 1)``)."""
        rows = self.with_task(X)
        return torch.cat([self.encoding(rows[..., :-1]), rows[..., -1:]], -1)

    def with_task(self, X: Tensor) -> Tensor:
        """Rows ``... x n x (d + 1)``, where ``X`` has ``d`` columns those of the target."""
        wide = X.shape[-1] > self.encoding.space.n_columns
        return X if wide else _of_task(X, self.target)

    def equals(self, other: InputTransform) -> bool:
        """Whether the other is the same encoding with the same target."""
        return (
            isinstance(other, TaskEncoding)
            and self.encoding.equals(other.encoding)
            and self.target == other.target
        )


class TaskKernel(Kernel):  # type: ignore[misc]
    """``k((x, s), (y, t)) = B_st k(x, y) + v [s = t]``: intrinsic coregionalisation with an offset for each task.

    ``B_st = c_s c_t a_s a_t`` for two tasks and ``B_ss = c_s^2``: each task has its own scale ``c``, and loads with
    ``-1 < a < 1`` on what the tasks share (Bonilla et al. 2007, Multi-task Gaussian process prediction). A priori
    tasks are alike; few values tell that they are not. The offset has a wide prior instead of a fitted mean: the
    architectures observed in one task may all be better than those in another.

    Args:
        base: A kernel of features, of unit variance.
        n_tasks: The number of tasks ``T``.
    """

    has_lengthscale = False

    def __init__(self, base: Kernel, n_tasks: int) -> None:
        super().__init__()
        self.base = base
        for name, mean in (("log_scale", 0.0), ("loading", LOADING)):
            start = torch.full((n_tasks,), mean, dtype=torch.double)
            self.register_parameter(name, torch.nn.Parameter(start))
            self.register_prior(f"{name}_prior", NormalPrior(mean, 1.0), name)

    @property
    def correlation(self) -> Tensor:
        """The correlation of the tasks, ``T x T``."""
        loading = self.loading.tanh()
        same = torch.eye(len(loading)).to(loading)
        correlation: Tensor = same + (1 - same) * loading.outer(loading)
        return correlation

    @property
    def covariance(self) -> Tensor:
        """The covariance ``B`` of the tasks, ``T x T``."""
        scale = self.log_scale.exp()
        covariance: Tensor = scale.outer(scale) * self.correlation
        return covariance

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Covariances ``... x n x m`` of ``x1`` (``... x n x (D + 1)``) and ``x2``, the task behind the features."""
        first, second = x1[..., -1].long(), x2[..., -1].long()
        if not diag:
            first, second = first.unsqueeze(-1), second.unsqueeze(-2)
        alike = self.base.forward(x1[..., :-1], x2[..., :-1], diag=diag)
        offset = OFFSET * (first == second).to(x1)
        covariance: Tensor = self.covariance.to(x1)[first, second] * alike + offset
        return covariance


class TaskGP(PoolGP):
    """A Gaussian process over tasks that is an ordinary model of the last one, the target.

    Its rows are those of the space; with one column more, the number of the task, they are of any task.
    """

    @property
    def noise(self) -> Tensor:
        """The variance of the observation noise of the target, ``1``."""
        noise: Tensor = self.likelihood.noise[-1:]
        return noise

    def noise_at(self, features: Tensor) -> Tensor:
        """The variance of the observation noise (``n``) at features ``n x (D + 1)``, that of their task."""
        noise: Tensor = self.likelihood.noise[features[..., -1].long()]
        return noise

    def condition_on_observations(
        self,
        X: Tensor,
        Y: Tensor,
        noise: Tensor | None = None,
        **kwargs: Any,  # noqa: ANN401 - as in BoTorch
    ) -> Any:  # noqa: ANN401
        """As BoTorch's, for rows ``X`` (``b x n x d``) of the target, or with their task behind."""
        encoding: Any = self.input_transform
        return super().condition_on_observations(encoding.with_task(X), Y, noise=noise, **kwargs)


class MultiTaskGP(Predictor):
    """A Gaussian process that learns from other tasks too: other data sets, or trainings cut short.

    ``fit`` takes the observations of the target; those of the other tasks, its sources, are there before. How much a
    source tells is learned: its correlation with the target, its scale, its offset and its noise. Values of each
    task are rank-warped by themselves, so that their units need not agree.

    With sources one target observation is enough. Without any it is a ``GP`` of much the same kind.

    Args:
        space: The space that the rows belong to.
        encoding: What the kernel sees; the default encoding unless given.
        sources: For each source its architectures and their values, higher is better.
        kernel: A GPyTorch kernel of unit variance on the encoding's features, or what makes one for an encoding; each
            fit starts from a copy of it.

    Raises:
        InvalidArchitectureError: A source holds what is no architecture of the space.
        UsageError: A source has not as many values as architectures, or one is a NaN or an infinity.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> short = space.archs(space.enumerate())
        >>> gp = MultiTaskGP(space, sources=[(short, [sum(arch.row) for arch in short])])
        >>> mean, std = gp.fit(["width=8,depth=1"], [70.0], seed=0).predict(short)
        >>> str(short[mean.argmax()])
        'width=32,depth=3'
    """

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        sources: Sequence[Source] = (),
        kernel: Kernel | KernelFactory = GroupedMaternKernel.for_encoding,
    ) -> None:
        super().__init__(space)
        self.encoding = encoding if encoding is not None else default_encoding(space)
        prototype = kernel if isinstance(kernel, Kernel) else kernel(self.encoding)
        self._new_kernel: Callable[[], Kernel] = partial(deepcopy, prototype)
        self.learn_from(sources)

    def learn_from(self, sources: Sequence[Source]) -> None:
        """Take other sources from the next fit on.

        Raises:
            InvalidArchitectureError: As for the constructor.
            UsageError: As for the constructor.
        """
        self.sources = tuple(self._checked(index, *source) for index, source in enumerate(sources))

    def _checked(
        self, index: int, archs: Sequence[ArchLike] | Tensor, Y: Sequence[float] | Tensor
    ) -> tuple[Tensor, Tensor]:
        X, values = self.space.rows(archs), torch.as_tensor(Y, dtype=torch.double).reshape(-1, 1)
        if len(X) != len(values):
            raise UsageError(
                f"source {index} has {len(X)} architectures but {len(values)} values; give one for each"
            )
        if not bool(values.isfinite().all()):
            raise UsageError(f"source {index} holds a NaN or an infinity; leave such values out")
        return X, values

    @property
    def n_tasks(self) -> int:
        """The number of tasks ``T``, the target and its sources; the target is the last."""
        return len(self.sources) + 1

    @property
    def correlation(self) -> Tensor:
        """The correlation of the tasks, ``T x T``, as fitted."""
        self._require_fit()
        kernel: Any = self.model.covar_module
        with torch.no_grad():
            return kernel.correlation if not self.fell_back else torch.eye(self.n_tasks)

    def explained(self, X: Tensor, source: int) -> Tensor:
        """The share (``n``) of what is unknown of the target that an observation of a source would explain.

        It is the squared correlation of the target's latent value and the source's noisy one, given all observations.

        Args:
            X: ``n x d``.
            source: The number of the source.
        """
        self._require_fit()
        if self.fell_back:
            return X.new_zeros(len(X))
        model: Any = self.model
        pairs = torch.stack([_of_task(X, source), _of_task(X, self.n_tasks - 1)], -2)
        with torch.no_grad():
            covariance = model.posterior(pairs).covariance_matrix
            noise = model.likelihood.noise[source]
        here, there = covariance[:, 0, 0] + noise, covariance[:, 1, 1]
        share: Tensor = covariance[:, 0, 1].square() / (here * there)
        return share

    def moves(self, X: Tensor, source: int) -> tuple[Tensor, Tensor, Tensor]:
        """The latent target, and how far observations of a source would move it.

        Args:
            X: ``n x d``.
            source: The number of the source.

        Returns:
            Mean (``n``) and variance (``n``) of the target, and ``n x n`` slopes: in row ``i`` what one standard
            deviation of the source's noisy value of row ``i`` adds to the mean of each.
        """
        self._require_fit()
        if self.fell_back:
            mean, std = marginals(self.latent, X)
            return mean, std.square(), X.new_zeros(len(X), len(X))
        model: Any = self.model
        n = len(X)
        with torch.no_grad():
            posterior = model.posterior(
                torch.cat([_of_task(X, source), _of_task(X, self.n_tasks - 1)])
            )
            covariance = posterior.distribution.covariance_matrix
            seen = covariance.diagonal()[:n] + model.likelihood.noise[source]
        slopes = covariance[:n, n:] / seen.sqrt().unsqueeze(-1)
        return posterior.mean[n:, 0], covariance.diagonal()[n:], slopes

    def _obstacle(self) -> str | None:
        teaching = any(
            len(self.space.keys(X).unique(dim=0)) > 1 and not bool((Y[0] == Y).all())
            for X, Y in self.sources
        )
        return None if teaching else super()._obstacle()

    def _fit(self, *, seed: int) -> None:
        self.model = model = self._untrained()
        fit_or_keep(model)

    def _prepare(self) -> None:
        self.model = self._untrained()

    def _untrained(self) -> TaskGP:
        """The model with its hyperparameters at their prior modes."""
        likelihood = HadamardGaussianLikelihood(
            self.n_tasks,
            noise_constraint=GreaterThan(
                MIN_NOISE, transform=torch.exp, inv_transform=torch.log, initial_value=math.exp(-4)
            ),
            task_feature_index=-1,
        )
        kernel = TaskKernel(self._new_kernel(), self.n_tasks)
        # Noise is small next to what a task varies by. A few values of architectures that were picked are near ties,
        # and the warp makes as much of them as of any others: both the task's scale and its noise grow by that.
        likelihood.noise_covar.register_prior(
            "noise_prior",
            NormalPrior(-4.0, 1.0),
            lambda module: module.raw_noise - 2 * kernel.log_scale.to(module.raw_noise),
        )
        rows, targets = [], []
        for task, (X, Y) in enumerate(self.sources):
            if len(X):
                rows.append(_of_task(X, task))
                targets.append(RankWarp().fit(Y.flatten()).forward(Y))
        rows.append(_of_task(self.train_X, len(self.sources)))
        targets.append(self.warp.forward(self.train_Y))
        return TaskGP(
            torch.cat([part.to(self.train_X) for part in rows]),
            torch.cat([part.to(self.train_X) for part in targets]),
            likelihood=likelihood,
            covar_module=kernel,
            input_transform=TaskEncoding(self.encoding, len(self.sources)),
            outcome_transform=None,
        )


def _of_task(X: Tensor, task: int) -> Tensor:
    """Rows ``X`` (``... x d``) with the number of a task behind, ``... x (d + 1)``."""
    return torch.cat([X, X.new_full((*X.shape[:-1], 1), task)], -1)
