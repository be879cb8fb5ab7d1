"""Building blocks of convolutional cells."""

import torch
from torch import Tensor, nn

__all__ = ["FactorizedReduce", "Zero", "conv_bn_relu", "relu_conv_bn", "trans_nas_stem"]


def relu_conv_bn(
    C_in: int,
    C_out: int,
    kernel: int,
    stride: int = 1,
    *,
    padding: int | None = None,
    affine: bool = True,
) -> nn.Sequential:
    """ReLU, convolution without bias, batch normalisation; padded to keep the resolution at stride 1."""
    padding = kernel // 2 if padding is None else padding
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(C_in, C_out, kernel, stride=stride, padding=padding, bias=False),
        nn.BatchNorm2d(C_out, affine=affine),
    )


def trans_nas_stem(C_in: int, C: int) -> nn.Sequential:
    """The two convolutions with stride 2 that the networks of TransNAS-Bench-101 begin with (arXiv 2105.11871)."""
    return nn.Sequential(
        nn.Conv2d(C_in, C // 2, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(C // 2),
        *relu_conv_bn(C // 2, C, 3, stride=2),
    )


def conv_bn_relu(C_in: int, C_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution without bias, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(C_in, C_out, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(C_out),
        nn.ReLU(),
    )


class Zero(nn.Module):
    """Zeros that depend on the input, so that every network has gradients.

    Args:
        C_out: The number of channels where it differs from the input's, otherwise None.
        stride: The factor by which the resolution shrinks.
    """

    def __init__(self, C_out: int | None = None, stride: int = 1) -> None:
        super().__init__()
        self.C_out, self.stride = C_out, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride] * 0.0
        return x if self.C_out is None else x[:, :1].expand(-1, self.C_out, -1, -1)


class FactorizedReduce(nn.Module):
    """Half the resolution by two 1x1 convolutions with stride 2, the second on pixels shifted by one."""

    def __init__(self, C_in: int, C_out: int, *, affine: bool = True) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(C_in, C_out // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(C_in, C_out - C_out // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(C_out, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        # Zeros beyond the border give both halves the same size where a side is odd.
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        result: Tensor = self.norm(torch.cat([self.even(x), self.odd(shifted)], 1))
        return result
