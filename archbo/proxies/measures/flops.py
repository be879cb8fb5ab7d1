"""The number of operations of a module, counted when it is called."""

import math
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _AvgPoolNd, _MaxPoolNd

__all__ = ["count_flops"]

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.PReLU, nn.ELU, nn.LeakyReLU)
"""The activations that count one operation per value, as in NAS-Bench-Suite-Zero (arXiv 2210.03230)."""

POOLS = (_AvgPoolNd, _MaxPoolNd)
"""PyTorch's base classes of poolings with a fixed window."""

ADAPTIVE = (_AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd)
"""PyTorch's base classes of poolings whose window follows from the size of the output."""


def count_flops(module: nn.Module, arguments: tuple[Tensor, ...], output: object) -> float:
    """The number of operations in one call of a module, without those of the modules inside it.

    A module with weights counts a multiply-add per weight and output position, and an addition per output of a
    convolution with bias; a batch normalisation counts two per value (one if it does not scale), an
    activation one per value, a pooling one for each value that it reads. Additions of feature maps count nothing.
    These are the rules by which NAS-Bench-Suite-Zero counted.

    Args:
        module: The module that was called.
        arguments: Its positional arguments.
        output: Its output.
    """
    if not isinstance(output, Tensor):
        return 0.0
    if isinstance(module, _BatchNorm):
        return output.numel() * (2.0 if module.affine else 1.0)
    if isinstance(module, ACTIVATIONS):
        return float(output.numel())
    if isinstance(module, POOLS):
        size: Any = module.kernel_size
        sides: tuple[int, ...] = (size,) * (output.ndim - 2) if isinstance(size, int) else size
        return float(output.numel() * math.prod(sides))
    if isinstance(module, ADAPTIVE):
        return float(arguments[0].numel())
    weights = sum(p.numel() for p in module.parameters(recurse=False) if p.ndim > 1)
    if isinstance(module, _ConvNd):
        positions = output.numel() / output.shape[1]
        return weights * positions + (output.numel() if module.bias is not None else 0)
    return weights * output.numel() / output.shape[-1] if weights else 0.0
