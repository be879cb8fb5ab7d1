"""The modules of operations: by their names, and of one's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial

from torch import nn

from archbo.errors import UsageError
from archbo.networks.base import Skeleton
from archbo.networks.blocks import FactorizedReduce, Zero, conv_bn_relu, relu_conv_bn
from archbo.spaces import SearchSpace

__all__ = ["OPERATIONS", "CellSkeleton", "known"]


@dataclass(frozen=True, repr=False)
class CellSkeleton(Skeleton):
    """A skeleton of cells whose operations archbo knows by name, or its user makes.

    Args:
        operations: What makes the operations of these names, from the number of channels that go in and out; the
            resolution stays. They go before those that archbo knows.
    """

    operations: Mapping[str, Callable[[int], nn.Module]] = field(
        default_factory=dict, hash=False, kw_only=True
    )

    def __repr__(self) -> str:
        # The names of functions: their own text has an address, which is another in each process.
        plain = [
            (one.name, repr(getattr(self, one.name)))
            for one in fields(self)
            if one.name != "operations"
        ]
        own = {op: f"{make.__module__}.{make.__qualname__}" for op, make in self.operations.items()}
        values = [*plain, *([("operations", repr(own))] if own else [])]
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in values)})"

    def check(self, space: SearchSpace) -> None:
        """Raise if the space has not all of the operations that are given.

        Raises:
            UsageError: It has not.
        """
        for op in sorted(set(self.operations).difference(space.op_names)):
            raise UsageError(
                f"{op!r} is no operation of {space.name}, which has {', '.join(space.op_names)}; leave it out of "
                "operations"
            )

    def module(
        self, space: SearchSpace, op: str, C_in: int, C_out: int, stride: int = 1
    ) -> nn.Module:
        """The module of an operation: one's own, or one that archbo knows."""
        own = self.operations.get(op)
        return known(space, op, C_in, C_out, stride) if own is None else own(C_out)


def known(space: SearchSpace, op: str, C_in: int, C_out: int, stride: int = 1) -> nn.Module:
    """The module of an operation: what the space says that it is, otherwise what its name says.

    Raises:
        UsageError: Neither says.
    """
    if op in space.zero_ops:
        return _zero(C_in, C_out, stride)
    if op in space.identity_ops:
        return _identity(C_in, C_out, stride)
    if op not in OPERATIONS:
        raise UsageError(
            f"archbo has no module for the operation {op!r} of {space.name}; give the skeleton a function that makes "
            f"one of a number of channels, operations={{{op!r}: ...}}, or call it one of {', '.join(OPERATIONS)}"
        )
    return OPERATIONS[op](C_in, C_out, stride)


def _zero(C_in: int, C_out: int, stride: int) -> nn.Module:
    return Zero(C_out if C_in != C_out else None, stride)


def _identity(C_in: int, C_out: int, stride: int) -> nn.Module:
    return nn.Identity() if C_in == C_out and stride == 1 else FactorizedReduce(C_in, C_out)


def _average(C_in: int, C_out: int, stride: int) -> nn.Module:
    return nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)


def _maximum(C_in: int, C_out: int, stride: int) -> nn.Module:
    return nn.MaxPool2d(3, stride=stride, padding=1)


def _convolution(kernel: int, C_in: int, C_out: int, stride: int) -> nn.Module:
    return relu_conv_bn(C_in, C_out, kernel, stride)


def _convolution_first(kernel: int, C_in: int, C_out: int, stride: int) -> nn.Module:
    return conv_bn_relu(C_in, C_out, kernel, stride)


_CONVOLUTIONS = {kernel: partial(_convolution, kernel) for kernel in (1, 3, 5, 7)}

OPERATIONS: Mapping[str, Callable[[int, int, int], nn.Module]] = {
    **dict.fromkeys(("none", "zero", "zeroize"), _zero),
    **dict.fromkeys(("skip_connect", "skip", "identity"), _identity),
    **dict.fromkeys(("avg_pool_3x3", "avg_pool", "avgpool3x3"), _average),
    **dict.fromkeys(("max_pool_3x3", "max_pool", "maxpool3x3"), _maximum),
    "conv": _CONVOLUTIONS[3],
    **{
        name.format(kernel): make
        for kernel, make in _CONVOLUTIONS.items()
        for name in ("nor_conv_{0}x{0}", "conv_{0}x{0}", "conv{0}x{0}")
    },
    **{f"conv{kernel}x{kernel}-bn-relu": partial(_convolution_first, kernel) for kernel in (1, 3)},
}
"""Operations by the names that NAS-Bench-201, DARTS (arXiv 1806.09055), NAS-Bench-101 (arXiv 1902.09635) and plain
speech have for them: each makes a module from channels in, channels out and stride. Convolutions are ReLU, convolution,
batch normalisation, as in NAS-Bench-201, unless the name says otherwise."""
