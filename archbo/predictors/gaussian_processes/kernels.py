"""Covariance functions on encodings.

A factory takes an encoding and returns a kernel with priors that suit it, as ``GP(space, encoding,
kernel=rbf(encoding))`` wants it.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, Self, final

import torch
from botorch.models.kernels import InfiniteWidthBNNKernel
from gpytorch.kernels import AdditiveKernel, Kernel, ProductKernel, ScaleKernel
from gpytorch.priors import NormalPrior
from torch import Tensor

from archbo.encodings import Concatenation, Encoding, OneHotEncoding
from archbo.predictors.ordinary import ordinary
from archbo.randomness import generator

__all__ = [
    "APART",
    "ROWS",
    "CountKernel",
    "GroupedKernel",
    "GroupedMaternKernel",
    "GroupedRBFKernel",
    "LinearKernel",
    "ParameterOf",
    "StandardizedKernel",
    "SubtreeKernel",
    "TanimotoKernel",
    "infinite_width_bnn",
    "matern",
    "matern52",
    "product_of_parts",
    "rbf",
    "rows_apart",
    "scaled",
    "subtree",
    "sum_of_parts",
    "tanimoto",
]

TYPICAL = 0.5
"""The mean squared distance of two architectures a priori: with it two random ones correlate by 0.7."""
TYPICAL_OF_REALS, SCALE_OF_REALS = 2.0, 2.0
"""The same where there are reals, and how much it may differ: what is smooth for networks is too smooth there, and
reals matter very unequally. By Branin's and Hartmann's functions; ``python -m perf mixed``."""

ROWS = 0.05
"""How much a decision of the row matters a priori to ``rows_apart`` beside a group of features that were computed from it.

Chosen among 1, 0.14 and 0.05 on NAS-Bench-201's CIFAR-100 and on TransNAS-Bench-101's jigsaw and class_object.
"""

APART = 0.15
"""The variance of what the row alone tells ``rows_apart``, so that a search looks at twins of the best.

Between 0.03 and 0.1 rank correlations hardly differ on the same tables; with 0.15 they are .005 lower, and searches for the
best 12-epoch accuracy of ImageNet16-120 took as long, those for its best test accuracy less.
"""

Sharing = Literal["group", "feature", "all"]
"""What shares a weight: the features of a group, none (automatic relevance determination), or all."""


class GroupedKernel(Kernel, ABC):  # type: ignore[misc]
    """A stationary kernel of a weighted distance with one learned weight per group of features.

    ``k(x, y) = m(r^2)``, ``r^2 = sum_g w_g |x_g - y_g|^2``. Relevance is thus learned for a decision, a path
    length or an operation and not for each of their many indicators: few enough parameters for a fit to
    ten architectures. A subclass implements ``m``.

    Args:
        groups: ``D`` integers from 0 to G-1, the group of each feature.
        spread: ``G``, the mean of ``|x_g - y_g|^2`` over pairs of architectures. The prior of ``log w_g`` is
            normal around ``log(typical share_g / (G spread_g))``, so that ``r^2`` of two architectures is
            ``typical`` on average.
        shares: ``G``, how much each group matters a priori, by its ratio to their mean; all alike unless given.
        typical: The mean ``r^2``; the smaller, the smoother.
        weight_scale: The standard deviation of the prior of ``log w_g``.
    """

    has_lengthscale = False

    def __init__(
        self,
        groups: Sequence[int],
        spread: Tensor,
        *,
        shares: Tensor | None = None,
        typical: float = TYPICAL,
        weight_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_buffer("groups", torch.tensor(groups))
        mean = (typical / (len(spread) * spread)).log()
        if shares is not None:
            mean = mean + (shares / shares.mean()).log()
        self.register_parameter("log_weight", torch.nn.Parameter(mean.clone()))
        self.register_prior("weight_prior", NormalPrior(mean, weight_scale), _log_weight)

    @classmethod
    def for_encoding(
        cls,
        encoding: Encoding,
        *,
        sharing: Sharing = "group",
        rows: float = 1.0,
        n_samples: int = 512,
    ) -> Self:
        """The kernel for an encoding; the spread of its groups is that of rows sampled from its space.

        Args:
            encoding: What the kernel sees.
            sharing: What shares a weight.
            rows: How much a group of one-hot rows matters a priori beside a group of other parts of the encoding.
            n_samples: The number of rows to sample.
        """
        groups = {
            "group": encoding.groups,
            "feature": range(encoding.n_features),
            "all": [0] * encoding.n_features,
        }[sharing]
        variance = _sampled(encoding, n_samples).var(0)
        spread = variance.new_zeros(max(groups) + 1)
        # The mean squared distance of two independent draws is twice the variance.
        spread.index_add_(0, torch.tensor(groups), 2 * variance)
        settings: dict[str, Any] = {}
        if rows != 1.0:
            parts = encoding.parts if isinstance(encoding, Concatenation) else (encoding,)
            matters = [
                rows if isinstance(part, OneHotEncoding) else 1.0
                for part in parts
                for _ in range(part.n_features)
            ]
            settings["shares"] = torch.ones_like(spread)
            settings["shares"][torch.tensor(groups)] = torch.tensor(matters).to(spread)
        if not encoding.space.is_finite:
            settings |= {"typical": TYPICAL_OF_REALS, "weight_scale": SCALE_OF_REALS}
        return cls(groups, torch.where(spread > 0, spread, 1.0), **settings)

    @abstractmethod
    def _covariance(self, square: Tensor) -> Tensor:
        """``m`` of ``r^2`` (any shape)."""

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Covariances ``... x n x m`` of features ``x1`` (``... x n x D``) and ``x2`` (``... x m x D``)."""
        scale = (0.5 * self.log_weight).exp()[self.groups].to(x1)
        square = self.covar_dist(x1 * scale, x2 * scale, square_dist=True, diag=diag)
        return self._covariance(square)


@final
class GroupedMaternKernel(GroupedKernel):
    """The Matern-5/2 kernel ``m(r^2) = (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)`` with a weight per group."""

    def _covariance(self, square: Tensor) -> Tensor:
        return matern52(square)


def matern52(square: Tensor) -> Tensor:
    """``(1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)`` of ``r^2`` (any shape), whose gradient is finite at 0."""
    covariance: Tensor = _Matern52.apply(5 * square)  # type: ignore[no-untyped-call]
    return covariance


class _Matern52(torch.autograd.Function):
    """``(1 + r + r^2/3) exp(-r)`` of the square ``r^2``; its derivative ``-(1 + r) exp(-r) / 6`` is finite at 0."""

    @staticmethod
    def forward(ctx: Any, square: Tensor) -> Tensor:  # noqa: ANN401
        r = square.clamp_min(0).sqrt()
        decay = (-r).exp()
        ctx.save_for_backward(r, decay)
        covariance: Tensor = (square / 3).add_(r).add_(1).mul_(decay)
        return covariance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        r, decay = ctx.saved_tensors
        gradient: Tensor = (r + 1).mul_(decay).mul_(gradients[0]).div_(-6)
        return gradient


@final
class GroupedRBFKernel(GroupedKernel):
    """The squared exponential ``m(r^2) = exp(-r^2 / 2)`` with a weight per group.

    On one-hot rows, whose groups are the decisions, it is the exponentiated Hamming kernel
    ``exp(-sum_c w_c [x_c != y_c])``.
    """

    def _covariance(self, square: Tensor) -> Tensor:
        return (-0.5 * square).exp()


class CountKernel(Kernel, ABC):  # type: ignore[misc]
    """A kernel of products ``<x, y> = sum_g w_g x_g . y_g`` of counts with one learned weight per group.

    The prior of ``log w_g`` is normal around ``-log(G size_g)``, so that a priori all groups matter alike. A subclass
    implements ``_covariance``.

    Args:
        groups: ``D`` integers from 0 to G-1, the group of each feature.
        size: ``G``, the mean of ``|x_g|^2`` over architectures.
    """

    has_lengthscale = False

    def __init__(self, groups: Sequence[int], size: Tensor) -> None:
        super().__init__()
        self.register_buffer("groups", torch.tensor(groups))
        mean = -(len(size) * size).log()
        self.register_parameter("log_weight", torch.nn.Parameter(mean.clone()))
        self.register_prior("weight_prior", NormalPrior(mean, 1.0), _log_weight)

    @classmethod
    def for_encoding(cls, encoding: Encoding, *, n_samples: int = 512) -> Self:
        """The kernel for an encoding; the size of its groups is that of rows sampled from its space."""
        square = _sampled(encoding, n_samples).square().mean(0)
        size = square.new_zeros(max(encoding.groups) + 1)
        size.index_add_(0, torch.tensor(encoding.groups), square)
        return cls(encoding.groups, torch.where(size > 0, size, 1.0))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Covariances ``... x n x m`` of features ``x1`` (``... x n x D``) and ``x2`` (``... x m x D``)."""
        scale = (0.5 * self.log_weight).exp()[self.groups].to(x1)
        x1, x2 = x1 * scale, x2 * scale
        first, second = x1.square().sum(-1), x2.square().sum(-1)
        if diag:
            return self._covariance((x1 * x2).sum(-1), first, second)
        return self._covariance(x1 @ x2.mT, first.unsqueeze(-1), second.unsqueeze(-2))

    @abstractmethod
    def _covariance(self, product: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """The covariance, given ``<x, y>``, ``<x, x>`` and ``<y, y>``."""


@final
class LinearKernel(CountKernel):
    """The products ``<x, y>`` themselves."""

    def _covariance(self, product: Tensor, first: Tensor, second: Tensor) -> Tensor:
        return product


@final
class TanimotoKernel(CountKernel):
    """``<x, y> / (<x, x> + <y, y> - <x, y>)`` of counts: what two have in common, of all that they have.

    Positive definite on non-negative features (Ralaivola et al. 2005, doi 10.1016/j.neunet.2005.07.009).
    Two architectures without any count are alike.
    """

    def _covariance(self, product: Tensor, first: Tensor, second: Tensor) -> Tensor:
        both = first + second - product
        return torch.where(both > 0, product / both.clamp_min(1e-12), 1.0)


@final
class SubtreeKernel(CountKernel):
    """The Weisfeiler-Lehman subtree kernel on the counts of a ``WLEncoding``, with a weight per iteration.

    ``<x, y> / sqrt(<x, x> <y, y>)`` with ``<x, y> = sum_h w_h x_h . y_h`` (NAS-BOWL, arXiv 2006.07556). Two
    architectures without any label are alike.
    """

    def _covariance(self, product: Tensor, first: Tensor, second: Tensor) -> Tensor:
        # The root of the product would be 0 times infinity in the gradient of an empty architecture.
        norm = (first.clamp_min(1e-12).sqrt()) * (second.clamp_min(1e-12).sqrt())
        empty = (first <= 0) & (second <= 0)
        return torch.where(empty, 1.0, product / norm)


@final
class StandardizedKernel(Kernel):  # type: ignore[misc]
    """Another kernel on standardised features.

    Args:
        base: The kernel.
        mean: ``D``, what to subtract.
        std: ``D``, what to divide by.
    """

    has_lengthscale = False

    def __init__(self, base: Kernel, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.base = base
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def for_encoding(cls, base: Kernel, encoding: Encoding, *, n_samples: int = 512) -> Self:
        """The moments are those of rows sampled from the encoding's space."""
        features = _sampled(encoding, n_samples)
        std = features.std(0)
        return cls(base, features.mean(0), torch.where(std > 0, std, 1.0))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: object) -> Tensor:
        """Covariances ``... x n x m`` of features ``x1`` (``... x n x D``) and ``x2`` (``... x m x D``)."""
        mean, std = self.mean.to(x1), self.std.to(x1)
        covariance: Tensor = self.base.forward((x1 - mean) / std, (x2 - mean) / std, diag=diag)
        return covariance


# Factories.


def matern(encoding: Encoding, *, sharing: Sharing = "group") -> Kernel:
    """A scaled Matern-5/2 kernel with a weight per group of features, per feature, or one for all."""
    return scaled(GroupedMaternKernel.for_encoding(encoding, sharing=sharing))


def rows_apart(encoding: Encoding) -> Kernel:
    """``matern`` to which one-hot rows matter little a priori (``ROWS``) beside features that were computed from them.

    A small kernel on the rows alone is added (``APART``), which tells near twins apart.
    """
    kernel = scaled(GroupedMaternKernel.for_encoding(encoding, rows=ROWS))
    first = 0
    for part in (parts := encoding.parts if isinstance(encoding, Concatenation) else ()):
        if isinstance(part, OneHotEncoding) and len(parts) > 1:
            return AdditiveKernel(kernel, _fixed(part, first))
        first += part.n_features
    return kernel


def rbf(encoding: Encoding, *, sharing: Sharing = "group") -> Kernel:
    """A scaled squared exponential with a weight per group, per feature, or one for all."""
    return scaled(GroupedRBFKernel.for_encoding(encoding, sharing=sharing))


def tanimoto(encoding: Encoding) -> Kernel:
    """A scaled Tanimoto kernel with a weight per group of features, all of which must be counts."""
    return scaled(TanimotoKernel.for_encoding(encoding))


def subtree(encoding: Encoding) -> Kernel:
    """A scaled Weisfeiler-Lehman subtree kernel with a weight per iteration, for a ``WLEncoding``."""
    return scaled(SubtreeKernel.for_encoding(encoding))


def infinite_width_bnn(encoding: Encoding, *, depth: int = 2) -> Kernel:
    """The kernel of a ReLU network of infinite width (BoTorch's) on standardised features.

    The priors of the weights' and the biases' variance have their median at 1.

    Args:
        encoding: What the kernel sees.
        depth: The number of hidden layers.
    """
    base = InfiniteWidthBNNKernel(depth=depth).double()
    for name in ("weight_var", "bias_var"):
        setattr(base, name, 1.0)
    base.register_prior("weight_prior", NormalPrior(0.0, 1.0), _log_weight_variance)
    base.register_prior("bias_prior", NormalPrior(0.0, 1.0), _log_bias_variance)
    return scaled(StandardizedKernel.for_encoding(base, encoding))


def sum_of_parts(encoding: Encoding) -> Kernel:
    """A sum of scaled Matern-5/2 kernels, one on each part of a ``Concatenation``, with learned scales.

    It learns how much each part explains on its own; a single Matern kernel on all features looks for
    architectures that are alike in all parts at once.
    """
    parts = _on_parts(encoding)
    return AdditiveKernel(*(scaled(part, 1 / len(parts)) for part in parts))


def product_of_parts(encoding: Encoding) -> Kernel:
    """A scaled product of Matern-5/2 kernels, one on each part of a ``Concatenation``."""
    return scaled(ProductKernel(*_on_parts(encoding)))


def _fixed(part: Encoding, first: int) -> Kernel:
    """A Matern-5/2 kernel of variance ``APART`` on a part of the features, from the ``first`` on; nothing is learned."""
    base = GroupedMaternKernel.for_encoding(part)
    base.active_dims = torch.arange(first, first + part.n_features)
    kernel = ScaleKernel(base)
    kernel.outputscale = APART
    return kernel.requires_grad_(False)


def _on_parts(encoding: Encoding) -> list[Kernel]:
    kernels, first = [], 0
    for part in encoding.parts if isinstance(encoding, Concatenation) else (encoding,):
        kernel = GroupedMaternKernel.for_encoding(part)
        kernel.active_dims = torch.arange(first, first + part.n_features)
        kernels.append(kernel)
        first += part.n_features
    return kernels


def scaled(kernel: Kernel, typical: float = 1.0) -> ScaleKernel:
    """The kernel times a learned variance, whose prior is log-normal with median ``typical``."""
    result = ScaleKernel(kernel)
    result.outputscale = typical
    prior = NormalPrior(math.log(typical), 1.0)
    result.register_prior("outputscale_prior", prior, _log_outputscale)
    return result


# What priors are of; functions of a module, for a lambda cannot be pickled.


@final
class ParameterOf:
    """What GPyTorch makes of a parameter's name when a prior is registered, in a form that can be pickled.

    Args:
        name: The name of the parameter.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: torch.nn.Module) -> Tensor:
        return module.get_parameter(self.name)


def _log_weight(kernel: Any) -> Tensor:  # noqa: ANN401
    weight: Tensor = kernel.log_weight
    return weight


def _log_weight_variance(kernel: Any) -> Tensor:  # noqa: ANN401
    variance: Tensor = kernel.weight_var
    return variance.log()


def _log_bias_variance(kernel: Any) -> Tensor:  # noqa: ANN401
    variance: Tensor = kernel.bias_var
    return variance.log()


def _log_outputscale(kernel: Any) -> Tensor:  # noqa: ANN401
    scale: Tensor = kernel.outputscale
    return scale.log()


def _sampled(encoding: Encoding, n_samples: int) -> Tensor:
    """Features ``n_samples x D`` of rows drawn from the encoding's space, always the same."""
    with ordinary():
        features: Tensor = encoding(encoding.space.sample(n_samples, generator=generator(0)))
    return features
