"""Graph neural networks of NAS-Bench-Graph."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archbo.errors import UsageError
from archbo.networks.base import Skeleton, SpaceNetwork, require_positive
from archbo.spaces import GnnMacroSpace

__all__ = ["GnnSkeleton"]

HEADS = 2
"""The attention heads of a GAT layer in NAS-Bench-Graph's code (arXiv 2206.09166)."""


@dataclass(frozen=True)
class GnnSkeleton(Skeleton):
    """The network of NAS-Bench-Graph (arXiv 2206.09166) for the classes of a graph's nodes.

    Four layers of torch-geometric, each fed by the layer (or raw input) that its link names; GAT has two
    heads. An operation is followed by batch normalisation and ReLU, a skip by nothing. The outputs of the layers
    that feed no other layer are concatenated, and go through ``hidden_layers`` linear layers with ReLU to a
    linear classifier. With the default sizes the number of parameters is the one that the benchmark reports for
    Cora.

    The skips of a canonical row come first and pass the raw input on. ``forward`` takes the features of the nodes,
    ``N x F``, and the edges, ``2 x E``.

    Args:
        features: ``F``, the number of features of a node.
        hidden: The width of the layers.
        hidden_layers: The number of linear layers before the classifier.
        classes: The number of outputs.
    """

    space_type = GnnMacroSpace
    features: int = 1433
    hidden: int = 256
    hidden_layers: int = 1
    classes: int = 7

    def __post_init__(self) -> None:
        require_positive(
            self, features=self.features, hidden=self.hidden // HEADS, classes=self.classes
        )
        if self.hidden % HEADS:
            raise UsageError(f"hidden of {self!r} is odd; GAT splits it between {HEADS} heads")

    def build(self, space: GnnMacroSpace, row: Sequence[int]) -> SpaceNetwork:
        return _GnnNetwork(self, space, row)


class _GnnNetwork(SpaceNetwork):
    def __init__(self, skeleton: GnnSkeleton, space: GnnMacroSpace, row: Sequence[int]) -> None:
        super().__init__()
        self.links = [0, *row[:3]]
        self.leaves = [node for node in range(1, 5) if node not in self.links]
        widths = [skeleton.features]
        self.layers = nn.ModuleList()
        self.norms = nn.ModuleList()
        for code, link in zip(row[3:], self.links, strict=True):
            op = space.op_names[code]
            skip = op == "skip"
            self.layers.append(_operation(op, widths[link], skeleton.hidden))
            # The benchmark's parameter counts include the normalisation of a skip, which is not used.
            self.norms.append(nn.BatchNorm1d(skeleton.hidden))
            widths.append(widths[link] if skip else skeleton.hidden)
        self.skips = [space.op_names[code] == "skip" for code in row[3:]]
        self.relu = nn.ReLU()
        head: list[nn.Module] = []
        width = sum(widths[leaf] for leaf in self.leaves)
        for _ in range(skeleton.hidden_layers):
            head += [nn.Linear(width, skeleton.hidden), nn.ReLU()]
            width = skeleton.hidden
        self.head = nn.Sequential(*head, nn.Linear(width, skeleton.classes))
        self.columns = {f"layers.{place}": 3 + place for place in range(4)}

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        values = [x]
        layers = zip(self.links, self.layers, self.norms, self.skips, strict=True)
        for link, layer, norm, skip in layers:
            value = values[link]
            if not skip:
                value = self.relu(norm(_apply(layer, value, edge_index)))
            values.append(value)
        logits: Tensor = self.head(torch.cat([values[leaf] for leaf in self.leaves], -1))
        return logits


def _apply(layer: nn.Module, x: Tensor, edge_index: Tensor) -> Tensor:
    result: Tensor = layer(x) if isinstance(layer, nn.Linear) else layer(x, edge_index)
    return result


def _operation(op: str, F_in: int, F_out: int) -> nn.Module:
    # torch_geometric takes seconds to import.
    from torch_geometric import nn as pyg

    if op == "skip":
        return nn.Identity()
    if op == "fc":
        return nn.Linear(F_in, F_out)
    if op == "gin":
        layer: nn.Module = pyg.GINConv(nn.Linear(F_in, F_out))
    elif op == "gat":
        layer = pyg.GATConv(F_in, F_out // HEADS, heads=HEADS)
    elif op == "cheb":
        layer = pyg.ChebConv(F_in, F_out, K=2)
    else:
        kinds = {
            "gcn": pyg.GCNConv,
            "sage": pyg.SAGEConv,
            "arma": pyg.ARMAConv,
            "graph": pyg.GraphConv,
        }
        layer = kinds[op](F_in, F_out)
    return layer
