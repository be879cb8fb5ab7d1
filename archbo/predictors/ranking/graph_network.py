"""Graph networks on dense batches of small graphs, all members of an ensemble in one pass."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self, TypeAlias, final

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import layer_norm, one_hot, silu

from archbo.encodings.pyg import SemanticGraphs
from archbo.predictors.ranking.rankers import Inputs, RankerNetwork, ReadOut, normal, zeros
from archbo.spaces.graph import GraphTemplate

__all__ = [
    "AttentionPooling",
    "GraphInputs",
    "GraphNetwork",
    "MeanPooling",
    "Pooling",
    "PoolingFactory",
    "SagPooling",
    "SumPooling",
]


class GraphInputs(NamedTuple):
    """``b`` graphs as a network takes them, with any leading dimensions.

    Attributes:
        nodes: ``... b x V x F``, the label of each node one-hot and numbers about it; zero where there is no node.
        around: ``... b x 3V x V``, for each node in turn three rows: itself, how often each node feeds it, and how
            often it feeds each. One product with the nodes' states so gathers all messages.
        mask: ``... b x V x 1``, one for nodes that are there, zero for others.
        flat: ``... b x D``, numbers about each graph.
    """

    nodes: Tensor
    around: Tensor
    mask: Tensor
    flat: Tensor

    @classmethod
    def of(cls, graphs: SemanticGraphs, n_labels: int, node_features: Tensor, flat: Tensor) -> Self:
        """The inputs, in the dtype of ``flat``, of graphs with ``n x V x F`` numbers about their nodes."""
        edges, mask = graphs.edges.to(flat), graphs.mask.unsqueeze(-1).to(flat)
        nodes = torch.cat([one_hot(graphs.ops, n_labels), node_features], -1).to(flat) * mask
        b, V = graphs.ops.shape
        around = torch.stack([torch.eye(V).to(flat).expand_as(edges), edges.mT, edges], -2)
        return cls(nodes, around.reshape(b, 3 * V, V), mask, flat)

    @property
    def edges(self) -> Tensor:
        """``... b x V x V``, how often each node feeds each other one."""
        return self.around[..., 2::3, :]


class Pooling(nn.Module, ABC):
    """From the nodes of each graph to one vector.

    A hierarchical one also says with which nodes to go on.
    """

    @abstractmethod
    def forward(self, x: Tensor, edges: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pool nodes ``x`` (``s x b x V x h``, zero where there is none) of ``s`` members.

        Args:
            x: ``s x b x V x h``.
            edges: ``s x b x V x V``.
            mask: ``s x b x V x 1``.

        Returns:
            ``s x b x h``; and the nodes to go on with, in the shape of ``x``, and their mask.
        """


PoolingFactory: TypeAlias = Callable[[Sequence[Generator], int], Pooling]
"""Makes a pooling from a generator per member and the width ``h``."""


@final
class SumPooling(Pooling):
    """The sum of all nodes, which counts."""

    def __init__(self, generators: Sequence[Generator], hidden: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, edges: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x.sum(-2), x, mask


@final
class MeanPooling(Pooling):
    """The mean of all nodes."""

    def __init__(self, generators: Sequence[Generator], hidden: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, edges: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x.sum(-2) / mask.sum(-2).clamp_min(1), x, mask


@final
class AttentionPooling(Pooling):
    """A mean whose weights are learned: a softmax over the graph's nodes (arXiv 1511.05493)."""

    def __init__(self, generators: Sequence[Generator], hidden: int) -> None:
        super().__init__()
        self.score = normal(generators, hidden, 1, std=hidden**-0.5)

    def forward(self, x: Tensor, edges: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # Finite, for there are cells without any node.
        score = (x @ self.score.unsqueeze(1)).masked_fill(mask == 0, -1e30)
        return (score.softmax(-2) * x).sum(-2), x, mask


@final
class SagPooling(Pooling):
    """Self-attention pooling (arXiv 1904.08082): the best nodes by a score that a graph convolution learns.

    They go on, each times ``tanh`` of its score; their sum is read out.

    Args:
        generators: One per member.
        hidden: The width ``h``.
        ratio: The share of nodes that go on, rounded up.
    """

    def __init__(self, generators: Sequence[Generator], hidden: int, *, ratio: float = 0.5) -> None:
        super().__init__()
        self.ratio = ratio
        self.own = normal(generators, hidden, 1, std=hidden**-0.5)
        self.neighbour = normal(generators, hidden, 1, std=hidden**-0.5)

    def forward(self, x: Tensor, edges: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        score = x @ self.own.unsqueeze(1) + edges.mT @ (x @ self.neighbour.unsqueeze(1))
        size = (self.ratio * mask.sum(-2, keepdim=True)).ceil()
        order = score.masked_fill(mask == 0, -torch.inf).argsort(-2, descending=True)
        kept = mask * (order.argsort(-2) < size)
        x = x * score.tanh() * kept
        return x.sum(-2), x, kept


@final
class GraphNetwork(RankerNetwork):
    """Utilities of graphs by message passing along and against the edges, for ``s`` members at once.

    Every weight has a leading dimension of members, so that each product is one batched product. In layer ``l``

        ``x_v <- x_v + silu(norm(W x_v + W' sum_{u -> v} x_u + W'' sum_{v -> u} x_u + b))``,

    where a sum takes an edge as often as it is there, so that paths are counted. What is pooled over all nodes
    and what has arrived at the outputs, after each layer and before the first, is standardised by the data of
    ``standardise`` and read out by a linear map and a hidden layer beside it.

    Args:
        generators: One per member, for its initial weights and its dropout.
        template: What the graphs share.
        n_node_features: Numbers about each node.
        n_flat: Numbers about each graph, read out beside what is pooled.
        hidden: The width ``h``.
        n_layers: The number of rounds of messages.
        pooling: How a graph's nodes become one vector.
        dropout: The probability with which a feature is left out of the read-out in training.
    """

    def __init__(
        self,
        generators: Sequence[Generator],
        template: GraphTemplate,
        *,
        n_node_features: int = 0,
        n_flat: int = 0,
        hidden: int = 16,
        n_layers: int = 3,
        pooling: PoolingFactory = SumPooling,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.generators, self.hidden = list(generators), hidden
        self.outputs = list(template.outputs)
        s, n_numbers = len(self.generators), len(template.op_names) + n_node_features
        self.embedding = normal(generators, n_numbers, hidden, std=hidden**-0.5)
        self.weights = nn.ParameterList(
            normal(generators, 3 * hidden, hidden, std=(3 * hidden) ** -0.5)
            for _ in range(n_layers)
        )
        self.biases = nn.ParameterList(zeros(s, 1, hidden) for _ in range(n_layers))
        self.poolings = nn.ModuleList(pooling(generators, hidden) for _ in range(n_layers))
        width = (1 + n_layers) * (1 + len(self.outputs)) * hidden + n_flat
        self.read_out = ReadOut(generators, width, 4 * hidden, dropout=dropout)

    def features(self, inputs: Inputs) -> Tensor:
        """What is read out of graphs (``b``, or ``s x b`` of each member's own), ``s x b x R``."""
        s, h = len(self.embedding), self.hidden
        graphs = GraphInputs(*inputs)
        if graphs.mask.ndim == 3:
            graphs = GraphInputs(*(part.expand(s, *part.shape) for part in inputs))
        nodes, around, mask, flat = graphs
        b, V = nodes.shape[1:3]
        x = (nodes.reshape(s, b * V, -1) @ self.embedding).reshape(s, b, V, h)
        parts = [x.sum(-2), x[:, :, self.outputs].flatten(-2)]
        around, edges = around.reshape(s * b, 3 * V, V), graphs.edges
        for weight, bias, pooling in zip(self.weights, self.biases, self.poolings, strict=True):
            messages = (around @ x.reshape(s * b, V, h)).reshape(s, b * V, 3 * h)
            update = torch.baddbmm(bias, messages, weight).reshape(s, b, V, h)
            x = (x + silu(layer_norm(update, (h,)))) * mask
            parts.append(x[:, :, self.outputs].flatten(-2))
            pooled, x, mask = pooling(x, edges, mask)
            parts.append(pooled)
        return torch.cat([*parts, flat], -1)

    def forward(self, inputs: Inputs) -> Tensor:
        """Utilities ``s x b`` of graphs (``b``, or ``s x b`` of each member's own)."""
        utilities: Tensor = self.read_out(self.features(inputs))
        return utilities

    def standardise(self, inputs: Inputs) -> None:
        """Let each feature of the read-out have mean zero and variance one over graphs (``b`` or ``s x b``)."""
        with torch.no_grad():
            self.read_out.standardise(self.features(inputs))
