"""Monotone warps between a benchmark's unit and a scale on which a Gaussian model fits."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property, partial
from typing import Literal, NoReturn, Self, TypeAlias, final

import torch
from botorch.posteriors import GPyTorchPosterior, TransformedPosterior
from torch import Tensor

from archbo.errors import UsageError
from archbo.predictors.options import one_of
from archbo.spaces import SearchSpace

__all__ = [
    "RankWarp",
    "Standardize",
    "Targets",
    "Warp",
    "WarpedPosterior",
    "on_grid",
    "targets_for",
    "warp_for",
]

GRID = 4096
"""A part of a standard deviation too small to matter, and a power of two."""


Targets: TypeAlias = Literal["rank", "half-rank", "standardize"]
"""What is fitted to: normal scores of the ranks, of those below the median only, or standardised values."""


class Warp(ABC):
    """A strictly increasing map, learned from values.

    A subclass implements the four methods with an underscore. They see values whose largest is about one, so that the
    squares of values of any size can be computed; to divide by a power of two rounds nothing.
    """

    unit: Tensor

    @final
    def fit(self, Y: Tensor) -> Self:
        """Learn from values ``Y`` (``n``, at least one)."""
        largest = Y.abs().max()
        exponent = torch.frexp(largest).exponent if bool(largest > 0) else torch.ones(())
        # Of the largest numbers of all the next power of two is one no more.
        unit = torch.ldexp(torch.ones_like(largest), exponent.to(largest) - 1)
        self.unit = unit.clamp_min(torch.finfo(unit.dtype).tiny)
        self._fit(Y / self.unit)
        return self

    @final
    def forward(self, Y: Tensor) -> Tensor:
        """From the benchmark's unit (any shape) to the model's scale."""
        return self._forward(Y / self.unit.to(Y))

    @final
    def inverse(self, Z: Tensor) -> Tensor:
        """From the model's scale (any shape) back; finite."""
        return _finite(self._inverse(Z) * self.unit.to(Z))

    @final
    def moments(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (any shape) in the benchmark's unit of Gaussians on the model's scale; finite."""
        first, second = self._moments(mean, variance)
        unit = self.unit.to(mean)
        # The square of the unit alone may be no number.
        least = torch.finfo(mean.dtype).tiny
        return _finite(first * unit), _finite(second * unit * unit).clamp_min(least)

    @final
    def marginals(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation: right even where the variance is too large or too small for a number."""
        first, second = self._moments(mean, variance)
        unit = self.unit.to(mean)
        return _finite(first * unit), _finite(second.clamp_min(0).sqrt() * unit)

    @abstractmethod
    def _fit(self, Y: Tensor) -> None:
        """As ``fit``."""

    @abstractmethod
    def _forward(self, Y: Tensor) -> Tensor:
        """As ``forward``."""

    @abstractmethod
    def _inverse(self, Z: Tensor) -> Tensor:
        """As ``inverse``."""

    @abstractmethod
    def _moments(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """As ``moments``."""


def _finite(values: Tensor) -> Tensor:
    largest = torch.finfo(values.dtype).max
    return values.clamp(-largest, largest)


@final
class Standardize(Warp):
    """Zero mean and unit variance; values that are all equal keep their unit."""

    def _fit(self, Y: Tensor) -> None:
        self.mean = Y.mean()
        std = Y.std() if len(Y) > 1 else torch.zeros_like(self.mean)
        self.std = std if bool(std > 1e-12 * Y.abs().max()) else 1 / self.unit

    def _forward(self, Y: Tensor) -> Tensor:
        return (Y - self.mean) / self.std

    def _inverse(self, Z: Tensor) -> Tensor:
        return Z * self.std + self.mean

    def _moments(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        return self._inverse(mean), variance * self.std.square()


@final
class RankWarp(Warp):
    """Normal scores of the ranks, so that a long tail of bad architectures does not stretch the scale.

    Between observed values the warp is linear, and beyond them it goes on with the slope of the quarter of
    the values next to the end. Fewer than three distinct values are standardised.

    Args:
        half: Whether values from the median up keep their distances (Song et al., arXiv 2408.11527, section 4.1). A
            search of reals closes in on an optimum, and ranks would blow up what differs least.
    """

    def __init__(self, *, half: bool = False) -> None:
        self.half = half

    def _fit(self, Y: Tensor) -> None:
        self.values, counts = Y.unique(return_counts=True)
        m = len(self.values)
        if m < 3:
            self.scores = Standardize().fit(Y * self.unit).forward(self.values * self.unit)
        else:
            mean_rank = (counts.cumsum(0) - (counts - 1) / 2).to(Y)
            scores = math.sqrt(2) * torch.erfinv(2 * (mean_rank - 0.5) / len(Y) - 1)
            above = Y - Y.median()
            if self.half and bool((above > 0).any()):
                rise = (self.values - Y.median()) / above[above >= 0].square().mean().sqrt()
                scores = torch.where(rise >= 0, rise, scores)
            self.scores = scores / (counts * scores.square()).sum().div(len(Y)).sqrt()
        quarter = max(1, m // 4)
        if m > 1:
            rise = self.values[[quarter, -1]] - self.values[[0, -1 - quarter]]
            run = self.scores[[quarter, -1]] - self.scores[[0, -1 - quarter]]
            self.slopes = rise / run
        else:
            self.slopes = (1 / self.unit).repeat(2)

    def _forward(self, Y: Tensor) -> Tensor:
        return _interpolate(Y, self.values, self.scores, 1 / self.slopes)

    def _inverse(self, Z: Tensor) -> Tensor:
        return _interpolate(Z, self.scores, self.values, self.slopes)

    def _moments(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Exact: on each linear piece they are moments of a truncated Gaussian."""
        std = variance.clamp_min(1e-24).sqrt().unsqueeze(-1)
        edges = (self.scores - mean.unsqueeze(-1)) / std
        density = torch.exp(-0.5 * edges.square()) / math.sqrt(2 * math.pi)
        # Per piece, from below the first knot to above the last: probability, and change of the density
        # and of edge times density over it.
        mass = _pad(torch.special.ndtr(edges), 1.0).diff(dim=-1)
        slide = _pad(density, 0.0).diff(dim=-1)
        bend = _pad(edges * density, 0.0).diff(dim=-1)
        inner = self.values.diff() / self.scores.diff()
        slope = torch.cat([self.slopes[:1], inner, self.slopes[1:]]) * std
        knot = torch.cat([edges[..., :1], edges], -1)
        value = torch.cat([self.values[:1], self.values])
        # The piece is level + slope u for standard normal u.
        level = value - slope * knot
        first = (level * mass - slope * slide).sum(-1)
        level = level - first.unsqueeze(-1)
        second = level.square() * mass - 2 * level * slope * slide + slope.square() * (mass - bend)
        return first, second.sum(-1)


def warp_for(targets: str) -> Warp:
    """The warp for what is fitted to: ``"rank"`` for normal scores of the ranks, ``"half-rank"``, or ``"standardize"``.

    Raises:
        UsageError: It is none of them.
    """
    warps: dict[str, Callable[[], Warp]] = {
        "rank": RankWarp,
        "half-rank": partial(RankWarp, half=True),
        "standardize": Standardize,
    }
    return warps[one_of("targets", targets, list(warps))]()


def targets_for(space: SearchSpace) -> Targets:
    """What Gaussian processes are fitted to unless told otherwise: ranks, and with reals those below the median only."""
    return "rank" if space.is_finite else "half-rank"


@final
class WarpedPosterior(TransformedPosterior):
    """A posterior on a model's scale, taken back to the benchmark's unit: its draws and its moments.

    Args:
        posterior: The Gaussian one.
        warp: From the benchmark's unit to the model's scale.
    """

    def __init__(self, posterior: GPyTorchPosterior, warp: Warp) -> None:
        super().__init__(posterior, warp.inverse)
        self._gaussian, self._warp = posterior, warp

    @property
    def distribution(self) -> NoReturn:
        """Refused: what a warp makes of a Gaussian is none.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            "in the unit of the values the posterior is no Gaussian; give this acquisition function predictor.latent, "
            "and best values by predictor.to_latent(Y)"
        )

    @cached_property
    def _both(self) -> tuple[Tensor, Tensor]:
        return self._warp.moments(self._gaussian.mean, self._gaussian.variance)

    @property
    def mean(self) -> Tensor:
        """The mean, ``b x q x 1``."""
        return self._both[0]

    @property
    def variance(self) -> Tensor:
        """The variance, ``b x q x 1``."""
        return self._both[1]


def on_grid(Z: Tensor) -> Tensor:
    """Values rounded to a 4096th: rows in single and in double precision then give the same training."""
    return (Z * GRID).round() / GRID


def _pad(inner: Tensor, last: float) -> Tensor:
    """The values at the knots (``... x m``), with those at minus and plus infinity around them."""
    ends = torch.zeros_like(inner[..., :1])
    return torch.cat([ends, inner, ends + last], -1)


def _interpolate(x: Tensor, knots: Tensor, values: Tensor, slopes: Tensor) -> Tensor:
    """Piecewise linear through ``(knots, values)``, with the given slopes before the first and after the last."""
    below = values[0] + slopes[0] * (x - knots[0])
    above = values[-1] + slopes[1] * (x - knots[-1])
    if len(knots) == 1:
        return below
    right = torch.searchsorted(knots, x.detach().contiguous()).clamp(1, len(knots) - 1)
    left = right - 1
    part = (x - knots[left]) / (knots[right] - knots[left])
    inside = values[left] + part * (values[right] - values[left])
    return torch.where(x < knots[0], below, torch.where(x > knots[-1], above, inside))
