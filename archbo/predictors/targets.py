"""Monotone warps between a benchmark's unit and a scale on which a Gaussian model fits."""

import math
from typing import Self

import torch
from torch import Tensor

__all__ = ["RankWarp", "Standardize", "Warp"]


class Standardize:
    """Zero mean and unit variance; values that are all equal keep their unit."""

    def fit(self, Y: Tensor) -> Self:
        """Learn mean and standard deviation of ``Y`` (``n``)."""
        self.mean = Y.mean()
        std = Y.std() if len(Y) > 1 else torch.zeros_like(self.mean)
        self.std = std if bool(std > 1e-12 * Y.abs().max()) else torch.ones_like(std)
        return self

    def forward(self, Y: Tensor) -> Tensor:
        """From the benchmark's unit (any shape) to the model's scale."""
        return (Y - self.mean) / self.std

    def inverse(self, Z: Tensor) -> Tensor:
        """From the model's scale back."""
        return Z * self.std + self.mean


class RankWarp(Standardize):
    """Normal scores of the ranks, so that a long tail of bad architectures does not stretch the scale.

    Between observed values the warp is linear, and beyond them it goes on with the slope of the quarter of
    the values next to the end.
    """

    def fit(self, Y: Tensor) -> Self:
        """Learn the quantiles of ``Y`` (``n``)."""
        self.values, counts = Y.unique(return_counts=True)
        if len(self.values) < 3:  # two points are a line
            super().fit(Y)
            scores = super().forward(self.values)
        else:
            mean_rank = (counts.cumsum(0) - (counts - 1) / 2).to(Y)
            p = (mean_rank - 0.5) / len(Y)
            scores = math.sqrt(2) * torch.erfinv(2 * p - 1)
            scores = scores / (counts * scores.square()).sum().div(len(Y)).sqrt()
        self.scores = scores.to(Y)
        m = len(self.values)
        quarter = min(m - 1, max(1, m // 4))
        if m > 1:
            gain = (self.values[[quarter, -1]] - self.values[[0, -1 - quarter]]) / (
                self.scores[[quarter, -1]] - self.scores[[0, -1 - quarter]]
            )
            self.slopes = gain
        else:
            self.slopes = torch.ones(2).to(Y)
        return self

    def forward(self, Y: Tensor) -> Tensor:
        """From the benchmark's unit (any shape) to normal scores."""
        return _interpolate(Y, self.values, self.scores, 1 / self.slopes)

    def inverse(self, Z: Tensor) -> Tensor:
        """From normal scores back."""
        return _interpolate(Z, self.scores, self.values, self.slopes)


Warp = Standardize | RankWarp


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
