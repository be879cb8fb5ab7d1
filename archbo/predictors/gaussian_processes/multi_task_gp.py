"""A Gaussian process over several tasks: what is known of one tells of another."""

import math
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from typing import Any, TypeAlias, final

import torch
from botorch.models.transforms.input import InputTransform
from gpytorch.kernels import Kernel
from gpytorch.likelihoods import HadamardGaussianLikelihood
from gpytorch.priors import NormalPrior
from torch import Tensor

from archbo.encodings import Encoding
from archbo.errors import UsageError
from archbo.predictors.base import Predictor, Rows, Values
from archbo.predictors.gaussian_model import cholesky
from archbo.predictors.gaussian_processes.gp import KernelFactory, fit_or_keep, log_constraint
from archbo.predictors.gaussian_processes.kernels import GroupedMaternKernel, ParameterOf
from archbo.predictors.gaussian_processes.pool_gp import PoolModel
from archbo.predictors.ordinary import ordinary, ordinary_tensor
from archbo.predictors.warps import RankWarp
from archbo.spaces import SearchSpace

__all__ = ["MultiTaskGP", "Pending", "Source", "TaskEncoding", "TaskGP", "TaskKernel"]

OFFSET = 10.0
"""The variance of a task's own offset: next to flat on the scale of normal scores."""

LOG_NOISE = -4.0
"""The prior mode of the logarithm of a task's noise variance, as of a ``GP``."""

LEAST = 1e-12
"""The least variance that is left to believe in."""

BELIEVED = 1000
"""Rows that share a joint covariance with what is pending: 8 MB, and few passes over a pool."""

LOADING = 2.0
"""Around this ``atanh`` of the loadings two tasks correlate by 0.93."""

Source: TypeAlias = tuple[Rows, Values]
"""Architectures and their values in another task, higher is better."""

Pending: TypeAlias = tuple[Tensor, int]
"""Rows ``p x d`` whose values are under way, and the number of their task."""


@final
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


@final
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
            self.register_prior(f"{name}_prior", NormalPrior(mean, 1.0), ParameterOf(name))

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


@final
class TaskGP(PoolModel):
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


@final
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

    encoding: Encoding

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        sources: Sequence[Source] = (),
        kernel: Kernel | KernelFactory = GroupedMaternKernel.for_encoding,
    ) -> None:
        super().__init__(space, encoding)
        with ordinary():
            prototype = kernel if isinstance(kernel, Kernel) else kernel(self.encoding)
        self._new_kernel = partial(deepcopy, prototype)
        self.learn_from(sources)

    def learn_from(self, sources: Sequence[Source]) -> None:
        """Take other sources from the next fit on.

        Raises:
            InvalidArchitectureError: As for the constructor.
            UsageError: As for the constructor.
        """
        with ordinary():
            self.sources = tuple(
                self._checked(number, *source) for number, source in enumerate(sources)
            )

    def _checked(self, number: int, archs: Rows, Y: Values) -> tuple[Tensor, Tensor]:
        X = self._rows(archs).double()
        values = torch.as_tensor(Y, dtype=torch.double).reshape(-1, 1)
        if len(X) != len(values):
            raise UsageError(
                f"source {number} has {len(X)} architectures but {len(values)} values; give one for each"
            )
        if not bool(values.isfinite().all()):
            raise UsageError(f"source {number} holds a NaN or an infinity; leave such values out")
        return X, ordinary_tensor(values)

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

    @property
    def target(self) -> int:
        """The number of the target among the tasks: the last."""
        return len(self.sources)

    def explained(self, X: Tensor, source: int) -> Tensor:
        """The share (``n``) of what is unknown of the target that an observation of a source would explain.

        It is the squared correlation of the target's latent value and the source's noisy one, given all observations.

        Args:
            X: ``n x d``.
            source: The number of the source.

        Raises:
            UsageError: Nothing is fitted, or there is no such task.
        """
        self._require_fit()
        self._check_task(source)
        if self.fell_back:
            return X.new_zeros(len(X))
        model: Any = self.model
        pairs = torch.stack([_of_task(X, source), _of_task(X, self.target)], -2)
        with torch.no_grad():
            covariance = model.posterior(pairs).covariance_matrix
        here, there = covariance[:, 0, 0] + self._noise_of(source), covariance[:, 1, 1]
        share: Tensor = covariance[:, 0, 1].square() / (here * there)
        return share

    def moves(
        self, X: Tensor, source: int, pending: Sequence[Pending] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The latent target, and how far observations of a task would move it.

        Args:
            X: ``n x d``.
            source: The number of the task that is observed, a source or the target itself.
            pending: Observations under way, believed to give what is expected of them: rows ``p x d`` and the number of
                their task.

        Returns:
            Mean (``n``) and variance (``n``) of the target, and ``n x n`` slopes: in row ``i`` what one standard
            deviation of the task's noisy value of row ``i`` adds to the mean of each.

        Raises:
            UsageError: Nothing is fitted, or there is no such task.
        """
        self._require_fit()
        self._check_task(source)
        n = len(X)
        if self.fell_back:
            mean, variance = self.believed(X, pending or ())
            return mean, variance, X.new_zeros(n, n)
        here, there = _of_task(X, source), _of_task(X, self.target)
        mean, covariance = self._believing(torch.cat([here, there]), pending or ())
        seen = covariance.diagonal()[:n] + self._noise_of(source)
        slopes = covariance[:n, n:] / seen.sqrt().unsqueeze(-1)
        return mean[n:], covariance.diagonal()[n:], slopes

    def believed(self, X: Tensor, pending: Sequence[Pending]) -> tuple[Tensor, Tensor]:
        """Mean and variance (``n`` each) of the latent target once what is under way has given what is expected of it.

        The mean stays as it is; the variance shrinks to what it will be, whatever the values (the kriging believer;
        Ginsbourger, Le Riche and Carraro 2010). Where a fixed Gaussian process stands in, which knows one task only, it is
        that of the target alone that counts.

        Args:
            X: ``n x d``.
            pending: As of ``moves``.

        Raises:
            UsageError: Nothing is fitted, or there is no such task.
        """
        self._require_fit()
        means, variances = [], []
        for part in X.split(BELIEVED):
            rows = part if self.fell_back else _of_task(part, self.target)
            mean, covariance = self._believing(rows, pending)
            means.append(mean)
            variances.append(covariance.diagonal().clamp_min(LEAST))
        return torch.cat(means), torch.cat(variances)

    def _believing(self, rows: Tensor, pending: Sequence[Pending]) -> tuple[Tensor, Tensor]:
        """Mean (``m``) and covariance (``m x m``) of latent values, given pending noisy ones.

        Args:
            rows: ``m x (d + 1)`` with their task behind; ``m x d`` for the fixed Gaussian process.
            pending: As of ``moves``.
        """
        m, waiting, noises = len(rows), [rows], [rows.new_zeros(0)]
        for X, task in pending:
            self._check_task(task)
            if not self.fell_back:
                waiting.append(_of_task(X.to(rows), task))
            elif task == self.target:
                waiting.append(X.to(rows))
            else:
                continue
            noises.append(self._noise_of(task).to(rows).expand(len(X)))
        with torch.no_grad():
            posterior: Any = self.model.posterior(torch.cat(waiting))
            mean = posterior.mean[:m, 0]
            covariance: Tensor = posterior.distribution.covariance_matrix
            if len(covariance) == m:
                return mean, covariance
            root = cholesky(covariance[m:, m:] + torch.cat(noises).diag())
            half = torch.linalg.solve_triangular(root, covariance[m:, :m], upper=False)
            return mean, covariance[:m, :m] - half.mT @ half

    def _noise_of(self, task: int) -> Tensor:
        """The variance of the observation noise of a task, ``1``."""
        model: Any = self.model
        noise: Tensor = model.likelihood.noise.detach()
        return noise if self.fell_back else noise[task : task + 1]

    def _check_task(self, task: int) -> None:
        if not 0 <= task < self.n_tasks:
            raise UsageError(
                f"there is no task {task}; sources are numbered from 0 on, and the target is {self.target}"
            )

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
            noise_constraint=log_constraint(math.exp(LOG_NOISE)),
            task_feature_index=-1,
        )
        kernel = TaskKernel(self._new_kernel(), self.n_tasks)
        # Noise is small next to what a task varies by. A few values of architectures that were picked are near ties,
        # and the warp makes as much of them as of any others: both the task's scale and its noise grow by that.
        likelihood.noise_covar.register_prior(
            "noise_prior", NormalPrior(LOG_NOISE, 1.0), _RelativeNoise(kernel)
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


@final
class _RelativeNoise:
    """The logarithm of the noise variance of each task, relative to the task's scale.

    Args:
        kernel: What has the scales.
    """

    def __init__(self, kernel: TaskKernel) -> None:
        self.kernel = kernel

    def __call__(self, module: Any) -> Tensor:  # noqa: ANN401
        relative: Tensor = module.raw_noise - 2 * self.kernel.log_scale.to(module.raw_noise)
        return relative


def _of_task(X: Tensor, task: int) -> Tensor:
    """Rows ``X`` (``... x d``) with the number of a task behind, ``... x (d + 1)``."""
    return torch.cat([X, X.new_full((*X.shape[:-1], 1), task)], -1)
