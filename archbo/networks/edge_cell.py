"""Networks of cells with operations on edges: NAS-Bench-201, TransNAS-Bench-101 micro, and cells of one's own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from archbo.networks.base import Skeleton, SpaceNetwork, require_positive, total
from archbo.networks.blocks import relu_conv_bn, trans_nas_stem
from archbo.networks.operations import CellSkeleton, known
from archbo.spaces import EdgeCellSpace

__all__ = ["EdgeCellSkeleton", "TransNASSkeleton"]


@dataclass(frozen=True, repr=False)
class EdgeCellSkeleton(CellSkeleton):
    """The network of NAS-Bench-201 (arXiv 2001.00326): three stages of identical cells.

    A 3x3 convolution to ``channels``, then stages of ``cells`` cells with 1, 2 and 4 times as many channels,
    a residual block with stride 2 between them, batch normalisation, ReLU, global average pooling and a
    linear layer.

    All edges are built and evaluated, also those that no path uses, as in the published networks: they
    count in ``params``, in ``flops`` and in the codes of ``nwot``. Zero operations multiply their input
    by zero. Score canonical rows to leave them out.

    The space says which operations are zero or identity; the others are known by their names (``OPERATIONS``),
    or given.

    Args:
        channels: The number of channels of the first stage.
        cells: The number of cells per stage.
        classes: The number of outputs.
        image_channels: The number of channels of the input.
        operations: What makes the operations of these names, from the number of channels that go in and out; the
            resolution stays. They go before those that archbo knows.

    Example:
        >>> from archbo.networks import network
        >>> space = EdgeCellSpace("mine", ["zero", "gate"], nodes=3, zero_ops=["zero"])
        >>> skeleton = EdgeCellSkeleton(channels=4, cells=1, operations={"gate": lambda channels: nn.Sigmoid()})
        >>> net = network(space, "|gate~0|+|zero~0|gate~1|", skeleton)
    """

    space_type = EdgeCellSpace
    channels: int = 16
    cells: int = 5
    classes: int = 10
    image_channels: int = 3

    def __post_init__(self) -> None:
        require_positive(self, channels=self.channels, cells=self.cells, classes=self.classes)

    def build(self, space: EdgeCellSpace, row: Sequence[int]) -> SpaceNetwork:
        self.check(space)
        C = self.channels
        stem = nn.Sequential(
            nn.Conv2d(self.image_channels, C, 3, padding=1, bias=False), nn.BatchNorm2d(C)
        )
        layers: list[nn.Module] = []
        for stage in range(3):
            if stage:
                layers.append(_ResidualReduction(C, 2 * C))
                C *= 2
            layers += [
                _EdgeCell(partial(self.module, space), space, row, C, C, stride=1)
                for _ in range(self.cells)
            ]
        return _EdgeCellNetwork(stem, layers, [nn.BatchNorm2d(C), nn.ReLU()], C, self.classes)


@dataclass(frozen=True)
class TransNASSkeleton(Skeleton):
    """The network of TransNAS-Bench-101's micro space (arXiv 2105.11871), with a head for classification.

    Two convolutions with stride 2, then five modules of two cells; the first, third and fifth module double
    the channels and halve the resolution in their first cell (macro code 41414), where a skip is a
    factorised reduction.

    Args:
        channels: The number of channels of the input of the first module.
        classes: The number of outputs.
        image_channels: The number of channels of the input.
    """

    space_type = EdgeCellSpace
    channels: int = 64
    classes: int = 10
    image_channels: int = 3

    def __post_init__(self) -> None:
        require_positive(self, channels=self.channels // 2, classes=self.classes)

    def build(self, space: EdgeCellSpace, row: Sequence[int]) -> SpaceNetwork:
        C = self.channels
        stem = trans_nas_stem(self.image_channels, C)
        layers: list[nn.Module] = []
        for module in range(5):
            stride = 2 if module % 2 == 0 else 1
            layers.append(_EdgeCell(partial(known, space), space, row, C, stride * C, stride))
            C *= stride
            layers.append(_EdgeCell(partial(known, space), space, row, C, C, stride=1))
        return _EdgeCellNetwork(stem, layers, [], C, self.classes)


class _EdgeCellNetwork(SpaceNetwork):
    def __init__(
        self,
        stem: nn.Module,
        layers: Sequence[nn.Module],
        last: Sequence[nn.Module],
        C: int,
        classes: int,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.cells = nn.Sequential(*layers)
        self.pool = nn.Sequential(*last, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(C, classes)
        self.columns = {
            f"{name}.edges.{column}": column
            for name, module in self.named_modules()
            if isinstance(module, _EdgeCell)
            for column in range(len(module.edges))
        }

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.cells(self.stem(x))))
        return logits


class _EdgeCell(nn.Module):
    """Maps 0, 1, ..., each the sum of the operations on earlier ones; the last is the output."""

    def __init__(
        self,
        make: Callable[[str, int, int, int], nn.Module],
        space: EdgeCellSpace,
        row: Sequence[int],
        C_in: int,
        C_out: int,
        stride: int,
    ) -> None:
        super().__init__()
        self.pairs = space.edges
        self.edges = nn.ModuleList()
        for code, (source, _) in zip(row, space.edges, strict=True):
            sizes = (C_out, C_out, 1) if source else (C_in, C_out, stride)
            self.edges.append(make(space.op_names[code], *sizes))

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for node in range(1, 1 + max(target for _, target in self.pairs)):
            maps.append(total(list(self._arriving(maps, node))))
        return maps[-1]

    def _arriving(self, maps: Sequence[Tensor], node: int) -> Iterator[Tensor]:
        for edge, (source, target) in zip(self.edges, self.pairs, strict=True):
            if target == node:
                yield edge(maps[source])


class _ResidualReduction(nn.Module):
    """A residual block that halves the resolution; its shortcut averages before a 1x1 convolution."""

    def __init__(self, C_in: int, C_out: int) -> None:
        super().__init__()
        self.first = relu_conv_bn(C_in, C_out, 3, stride=2)
        self.second = relu_conv_bn(C_out, C_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(C_in, C_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.shortcut(x) + self.second(self.first(x))
        return result
