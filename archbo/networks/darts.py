"""Networks of pairs of cells: DARTS and NAS-Bench-301."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archbo.networks.base import Skeleton, SpaceNetwork, require_positive
from archbo.networks.blocks import FactorizedReduce, Zero, relu_conv_bn
from archbo.spaces import DartsSpace

__all__ = ["DartsSkeleton"]

NODES = range(2, 6)
"""The four intermediate nodes of a cell, after its two inputs (arXiv 1806.09055)."""


@dataclass(frozen=True)
class DartsSkeleton(Skeleton):
    """The CIFAR network of DARTS (arXiv 1806.09055), without auxiliary head and drop path.

    A 3x3 convolution to three times ``channels``, then ``cells`` cells, of which those at one third and two
    thirds of the depth are reduction cells and double the channels; global average pooling and a linear layer.
    The inputs of a cell are the two before it.

    Args:
        channels: The number of channels of the nodes of the first cells; the published evaluation has 36.
        cells: The number of cells; the published evaluation has 20.
        classes: The number of outputs.
        affine: Whether the batch normalisations of operations scale and shift, as they do when a found cell is
            trained, and do not during a DARTS search. (Those of stem and cell inputs always do.)
        image_channels: The number of channels of the input.
    """

    space_type = DartsSpace
    channels: int = 36
    cells: int = 20
    classes: int = 10
    affine: bool = True
    image_channels: int = 3

    def __post_init__(self) -> None:
        require_positive(self, channels=self.channels, cells=self.cells - 2, classes=self.classes)

    def build(self, space: DartsSpace, row: Sequence[int]) -> SpaceNetwork:
        return _DartsNetwork(self, space, row)


class _DartsNetwork(SpaceNetwork):
    def __init__(self, skeleton: DartsSkeleton, space: DartsSpace, row: Sequence[int]) -> None:
        super().__init__()
        C = skeleton.channels
        self.stem = nn.Sequential(
            nn.Conv2d(skeleton.image_channels, 3 * C, 3, padding=1, bias=False),
            nn.BatchNorm2d(3 * C),
        )
        self.cells = nn.ModuleList()
        self.columns = {}
        C_before, C_last, halved = 3 * C, 3 * C, False
        for number in range(skeleton.cells):
            halve = number in (skeleton.cells // 3, 2 * skeleton.cells // 3)
            C = 2 * C if halve else C
            half = 12 * halve
            cell = _DartsCell(
                _edges(space, row[half : half + 12]),
                C_before,
                C_last,
                C,
                halve,
                halved,
                skeleton.affine,
            )
            self.cells.append(cell)
            for place in range(8):
                column = half + 3 * (place // 2) + 1 + place % 2
                self.columns[f"cells.{number}.ops.{place}"] = column
            C_before, C_last, halved = C_last, len(NODES) * C, halve
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(C_last, skeleton.classes)

    def forward(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        for cell in self.cells:
            before, last = last, cell(before, last)
        logits: Tensor = self.classifier(self.pool(last))
        return logits


def _edges(space: DartsSpace, row: Sequence[int]) -> list[tuple[str, int]]:
    """Operation and source of the eight edges of a cell, in the order of its columns."""
    edges = []
    for place, node in enumerate(NODES):
        pair, *codes = row[3 * place : 3 * place + 3]
        sources = space.pairs[node][pair]
        edges += [(space.op_names[code], s) for code, s in zip(codes, sources, strict=True)]
    return edges


class _DartsCell(nn.Module):
    def __init__(
        self,
        edges: Sequence[tuple[str, int]],
        C_before: int,
        C_last: int,
        C: int,
        halve: bool,
        halved: bool,
        affine: bool,
    ) -> None:
        super().__init__()
        self.before = FactorizedReduce(C_before, C) if halved else relu_conv_bn(C_before, C, 1)
        self.last = relu_conv_bn(C_last, C, 1)
        self.sources = [source for _, source in edges]
        self.ops = nn.ModuleList(
            _operation(op, C, 2 if halve and source < 2 else 1, affine) for op, source in edges
        )

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        nodes = [self.before(before), self.last(last)]
        values = zip(self.ops, self.sources, strict=True)
        for _ in NODES:
            (first, a), (second, b) = next(values), next(values)
            nodes.append(first(nodes[a]) + second(nodes[b]))
        return torch.cat(nodes[2:], 1)


def _operation(op: str, C: int, stride: int, affine: bool) -> nn.Module:
    if op == "none":
        return Zero(stride=stride)
    if op == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(C, C, affine=affine)
    if op == "max_pool_3x3":
        return nn.MaxPool2d(3, stride=stride, padding=1)
    if op == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=stride, padding=1, count_include_pad=False)
    kernel = int(op[-1])
    if op.startswith("sep_conv"):
        first = _separable(C, kernel, stride, dilation=1, affine=affine)
        return nn.Sequential(*first, *_separable(C, kernel, 1, dilation=1, affine=affine))
    return _separable(C, kernel, stride, dilation=2, affine=affine)


def _separable(C: int, kernel: int, stride: int, *, dilation: int, affine: bool) -> nn.Sequential:
    """ReLU, depthwise convolution, 1x1 convolution, batch normalisation."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(
            C, C, kernel, stride=stride, padding=padding, dilation=dilation, groups=C, bias=False
        ),
        nn.Conv2d(C, C, 1, bias=False),
        nn.BatchNorm2d(C, affine=affine),
    )
