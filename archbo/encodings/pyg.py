"""Architectures as graphs for graph networks: contracted to what they compute, and as torch-geometric batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from archbo.randomness import generator
from archbo.spaces import SearchSpace
from archbo.spaces.graph import GraphBatch

if TYPE_CHECKING:
    from torch_geometric.data import Batch

__all__ = ["NodeFeatures", "SemanticGraphs", "cell_costs", "semantic_graphs", "to_pyg"]

NodeFeatures: TypeAlias = Callable[[GraphBatch], Tensor]
"""Numbers about each node, ``n x V x F``, of graphs."""


@dataclass(frozen=True, eq=False)
class SemanticGraphs:
    """What ``n`` architectures compute: nodes on no path are gone, identities are edges.

    Args:
        edges: ``n x V x V`` int64, the number of ways from node to node through identities only.
        ops: ``n x V`` int64, indices into the template's ``op_names``.
        mask: ``n x V`` bool, the nodes that are left.
    """

    edges: Tensor
    ops: Tensor
    mask: Tensor

    def codes(self) -> Tensor:
        """``n`` int64 hashes: equal for equal graphs, and for different ones with a probability of about 2^-62."""
        numbers = torch.cat([self.edges.flatten(1), (self.ops + 1) * self.mask], -1)
        weights = torch.randint(
            -(2**62), 2**62, numbers.shape[1:], generator=generator(0), device="cpu"
        )
        return (numbers * weights.to(numbers.device)).sum(-1)


def semantic_graphs(space: SearchSpace, X: Tensor) -> SemanticGraphs:
    """Contract the graphs of rows ``X`` (``n x d``): two networks that compute the same look alike more often.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> X = space.rows(["|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|"])
        >>> graphs = semantic_graphs(space, X)  # two ways lead from the input to the convolution
        >>> graphs.edges[0].nonzero().tolist(), int(graphs.edges.max())
        ([[0, 6], [6, 7]], 2)
    """
    graphs = space.graphs(X)
    identity = torch.tensor(
        [op in space.identity_ops for op in space.template.op_names], device=X.device
    )
    edges, mask = graphs.contracted(identity)
    return SemanticGraphs(edges.permute(2, 0, 1).contiguous(), graphs.ops, mask.T)


def to_pyg(
    space: SearchSpace,
    X: Tensor,
    *,
    semantic: bool = False,
    node_features: NodeFeatures | None = None,
) -> "Batch":
    """Rows ``X`` (``n x d``) as one torch-geometric batch of ``n`` graphs, without a loop over graphs.

    Its nodes carry ``op``, an index into ``space.template.op_names``, and ``x``, that label one-hot and beside
    it the node features, in the dtype of ``X``. Take a graph out by its index, as of any batch.

    Args:
        space: The space that the rows belong to.
        X: ``n x d``.
        semantic: Contract the graphs as ``semantic_graphs`` does; ``edge_weight`` then holds the number of ways.
        node_features: Numbers about each node, as ``cell_costs``.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> batch = to_pyg(space, torch.tensor([[3.0, 0, 1, 0, 0, 3], [3.0, 0, 0, 0, 0, 3]]))
        >>> batch.num_graphs, batch.num_nodes, batch.edge_index.shape
        (2, 9, torch.Size([2, 6]))
        >>> [space.template.op_names[op] for op in batch[0].op]
        ['input', 'nor_conv_3x3', 'skip_connect', 'nor_conv_3x3', 'output']
    """
    # It takes seconds to load.
    from torch_geometric.data import Batch

    graphs = space.graphs(X)
    features = node_features(graphs) if node_features else X.new_empty(*graphs.mask.shape, 0)
    n, mask, matrices = len(X), graphs.mask, graphs.adjacency
    if semantic:
        contracted = semantic_graphs(space, X)
        mask, matrices = contracted.mask, contracted.edges
    number = (mask.flatten().cumsum(0) - 1).reshape(mask.shape)
    index, source, target = matrices.nonzero().T
    labels = graphs.ops[mask]
    one_hot = torch.nn.functional.one_hot(labels, len(space.template.op_names)).to(X.dtype)
    nodes, edges = _pointers(mask.sum(-1)), _pointers(index.bincount(minlength=n))
    content = {
        "x": torch.cat([one_hot, features[mask].to(X.dtype)], -1),
        "op": labels,
        "edge_index": torch.stack([number[index, source], number[index, target]]),
    }
    if semantic:
        content["edge_weight"] = matrices[index, source, target].to(X.dtype)
    batch = Batch(batch=mask.nonzero()[:, 0], ptr=nodes, **content)
    # What ``Batch.from_data_list`` keeps, for taking graphs out again.
    batch._num_graphs = n
    batch._slice_dict = {key: edges if "edge" in key else nodes for key in content}
    batch._inc_dict = {
        key: nodes[:-1]
        if key == "edge_index"
        else torch.zeros(n, dtype=torch.int64, device=X.device)
        for key in content
    }
    return batch


def cell_costs(graphs: GraphBatch) -> Tensor:
    """ReNAS's numbers about each node (arXiv 1910.01523) for the cells of NAS-Bench-201 and TransNAS-Bench-101.

    Returns:
        ``n x V x 2``, multiplications and parameters of the operation in units of a 1x1 convolution, at the 16
        channels of the first stage. A 3x3 convolution has nine of each.
    """
    costs = {"nor_conv_3x3": (9.0, 9.0), "nor_conv_1x1": (1.0, 1.0), "avg_pool_3x3": (9 / 16, 0.0)}
    table = torch.tensor(
        [costs.get(op, (0.0, 0.0)) for op in graphs.template.op_names], device=graphs.ops.device
    )
    return table[graphs.ops] * graphs.mask.unsqueeze(-1)


def _pointers(counts: Tensor) -> Tensor:
    """``n + 1`` int64, where each of ``n`` consecutive groups of these sizes begins, and the end."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
