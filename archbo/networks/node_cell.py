"""Networks of cells with operations on nodes: NAS-Bench-101, and cells of one's own."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from archbo.errors import UsageError
from archbo.networks.base import SpaceNetwork, require_positive, total
from archbo.networks.blocks import conv_bn_relu
from archbo.networks.operations import CellSkeleton
from archbo.spaces import NodeGraphSpace

__all__ = ["NodeCellSkeleton"]


@dataclass(frozen=True, repr=False)
class NodeCellSkeleton(CellSkeleton):
    """The network of NAS-Bench-101 (arXiv 1902.09635): a stem and three stacks of three cells.

    Max pooling halves the resolution between stacks, which have 1, 2 and 4 times ``channels``. Nodes that
    are on no path from input to output are dropped. The channels of a cell are split among the nodes that
    feed its output, which concatenates them; an earlier node has as many channels as the largest node that it
    feeds, and the others use the first of them. Nodes read the cell's input through a 1x1 projection.

    Weights are drawn from N(0, 2 / fan_out), those of the classifier from N(0, 0.01^2).

    Identities pass on the sum of what they read; other operations are known by their names (``OPERATIONS``), or given.

    Args:
        channels: The number of channels of the first stack.
        cells: The number of cells per stack.
        classes: The number of outputs.
        image_channels: The number of channels of the input.
        operations: What makes the operations of these names, from the number of channels that go in and out; the
            resolution stays. They go before those that archbo knows.
    """

    space_type = NodeGraphSpace
    channels: int = 128
    cells: int = 3
    classes: int = 10
    image_channels: int = 3

    def __post_init__(self) -> None:
        require_positive(self, cells=self.cells, classes=self.classes)
        # Five nodes may share the channels of a cell.
        require_positive(self, channels=self.channels - 4)

    def build(self, space: NodeGraphSpace, row: Sequence[int]) -> SpaceNetwork:
        self.check(space)
        return _NodeCellNetwork(self, space, row)


class _NodeCellNetwork(SpaceNetwork):
    def __init__(
        self, skeleton: NodeCellSkeleton, space: NodeGraphSpace, row: Sequence[int]
    ) -> None:
        super().__init__()
        graphs = space.graphs(torch.tensor([row], dtype=torch.double))
        live = graphs.connected()[0].tolist()
        edges = [
            (source, target)
            for source, target in graphs.adjacency[0].nonzero().tolist()
            if live[source] and live[target]
        ]
        output = space.nodes - 1
        columns = dict(enumerate(space.op_columns, 1))
        ops = {node: space.op_names[row[column]] for node, column in columns.items() if live[node]}
        at_end = sum(target == output and source > 0 for source, target in edges)
        if at_end > skeleton.channels:
            raise UsageError(
                f"{at_end} nodes share the {skeleton.channels} channels of a cell of {space.name}; give more channels"
            )
        make = partial(skeleton.module, space)

        C = skeleton.channels
        self.stem = conv_bn_relu(skeleton.image_channels, C, 3)
        layers: list[nn.Module] = []
        C_in = C
        for stack in range(3):
            if stack:
                layers.append(nn.MaxPool2d(2))
                C *= 2
            for _ in range(skeleton.cells):
                layers.append(_NodeCell(make, edges, ops, output, C_in, C))
                C_in = C
        self.cells = nn.Sequential(*layers)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(C, skeleton.classes)
        self.columns = {}
        for name, module in self.named_modules():
            if isinstance(module, _NodeCell):
                for key in module.projections:
                    column = space.input_column(int(key))
                    if column is not None:
                        self.columns[f"{name}.projections.{key}"] = column
                for key in module.ops:
                    self.columns[f"{name}.ops.{key}"] = columns[int(key)]
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.out_channels * math.prod(module.kernel_size)
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.cells(self.stem(x))))
        return logits


class _NodeCell(nn.Module):
    def __init__(
        self,
        make: Callable[[str, int, int], nn.Module],
        edges: Sequence[tuple[int, int]],
        nodes: dict[int, str],
        output: int,
        C_in: int,
        C_out: int,
    ) -> None:
        super().__init__()
        self.output = str(output)
        self.channels = node_channels(edges, list(nodes), output, C_out)
        self.sources = {
            node: [source for source, target in edges if target == node]
            for node in (*nodes, output)
        }
        # The order of the nodes is the order in which a seed draws the weights.
        self.ops = nn.ModuleDict(
            {
                str(node): make(op, self.channels[node], self.channels[node])
                for node, op in nodes.items()
            }
        )
        self.projections = nn.ModuleDict(
            {
                str(node): conv_bn_relu(C_in, self.channels[node], 1)
                for node, sources in self.sources.items()
                if 0 in sources
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        values: dict[int, Tensor] = {}
        for node, op in self.ops.items():
            target = int(node)
            arriving = [
                values[source][:, : self.channels[target]]
                for source in self.sources[target]
                if source
            ]
            if node in self.projections:
                arriving.append(self.projections[node](x))
            values[target] = op(total(arriving))
        parts = [values[source] for source in self.sources[int(self.output)] if source]
        if self.output not in self.projections:
            return torch.cat(parts, 1)
        projected: Tensor = self.projections[self.output](x)
        return torch.cat(parts, 1) + projected if parts else projected


def node_channels(
    edges: Sequence[tuple[int, int]], nodes: Sequence[int], output: int, C_out: int
) -> dict[int, int]:
    """The number of channels of each node and of the output; no node feeds one that has more.

    Args:
        edges: The edges of the cell, pairs of positions.
        nodes: The positions between input and output that are in use, ascending.
        output: The position of the output.
        C_out: The number of channels of the output.

    Example:
        >>> node_channels([(0, 1), (1, 2), (2, 6), (1, 6), (0, 3), (3, 6)], [1, 2, 3], 6, 32)
        {6: 32, 1: 11, 2: 11, 3: 10}
    """
    channels = {output: C_out}
    last = [node for node in nodes if (node, output) in edges]
    for number, node in enumerate(last):
        channels[node] = C_out // len(last) + (number < C_out % len(last))
    for node in reversed(nodes):
        if node not in channels:
            channels[node] = max(channels[target] for source, target in edges if source == node)
    return channels
