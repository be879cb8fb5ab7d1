"""Operations of a module, counted when it is called."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _AvgPoolNd, _MaxPoolNd

__all__ = ["count_flops"]

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.PReLU, nn.ELU, nn.LeakyReLU)
POOLS = (_AvgPoolNd, _MaxPoolNd)
ADAPTIVE = (_AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd)


def count_flops(module: nn.Module, arguments: tuple[Tensor, ...], output: object) -> float:
    """The operations of one call of a module, those of the modules inside it left out.

    A module with weights counts a multiply-add per weight and output position, and an addition per output of a
    convolution with bias; a batch normalisation counts two per value (one if it does not scale), an
    activation one, pooling one for each value that it looks at. Additions of feature maps count nothing.
    These are the rules by which NAS-Bench-Suite-Zero counted.

    Args:
        module: That was called.
        arguments: Its positional arguments.
        output: What it gave.
    """
    if not isinstance(output, Tensor):
        return 0.0
    if isinstance(module, _BatchNorm):
        return output.numel() * (2.0 if module.affine else 1.0)
    if isinstance(module, ACTIVATIONS):
        return float(output.numel())
    if isinstance(module, POOLS):
        # Sides that are equal may be given as one number.
        sides = torch.as_tensor(module.kernel_size).expand(output.ndim - 2)
        return float(output.numel() * sides.prod())
    if isinstance(module, ADAPTIVE):
        return float(arguments[0].numel())
    weights = sum(p.numel() for p in module.parameters(recurse=False) if p.ndim > 1)
    if isinstance(module, _ConvNd):
        positions = output.numel() / output.shape[1]
        return weights * positions + (output.numel() if module.bias is not None else 0)
    return weights * output.numel() / output.shape[-1] if weights else 0.0
