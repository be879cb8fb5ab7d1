"""Many architectures as one batch of labelled directed acyclic graphs."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import networkx as nx
import torch
from torch import Tensor

from archbo.spaces.relabel import mixed

__all__ = ["GraphBatch", "GraphTemplate", "without_caches"]


@dataclass(frozen=True, eq=False)
class GraphTemplate:
    """What the graphs of a search space have in common.

    Nodes are numbered in topological order, so that every adjacency matrix is strictly upper triangular.

    Attributes:
        op_names: The labels that a node can carry; the labels of inputs and outputs among them.
        inputs: Positions of the input nodes.
        outputs: Positions of the output nodes.
        support: ``V x V`` bool, the edges that some architecture of the space may have.
    """

    op_names: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    support: Tensor

    def __post_init__(self) -> None:
        if bool(self.support.tril().any()):
            raise ValueError("a graph template's nodes must be in topological order")

    def __getstate__(self) -> dict[str, object]:
        return without_caches(self)

    @property
    def n_nodes(self) -> int:
        """The number of node positions ``V``."""
        return self.support.shape[-1]

    @cached_property
    def successors(self) -> tuple[tuple[int, ...], ...]:
        """For each node the positions that it may feed."""
        return tuple(tuple(row.nonzero().flatten().tolist()) for row in self.support)

    @cached_property
    def longest_path(self) -> int:
        """The most nodes between an input and an output on any way that the support allows."""
        return max(self._ways[1][node] for node in self.outputs) - 2

    @cached_property
    def n_paths(self) -> int:
        """The number of ``paths``."""
        return sum(self._ways[0][node] for node in self.outputs)

    @cached_property
    def _ways(self) -> tuple[list[int], list[int]]:
        """For each node the number of ways to it from the inputs, and the most nodes on one."""
        number = [int(node in self.inputs) for node in range(self.n_nodes)]
        longest = list(number)
        for node, successors in enumerate(self.successors):
            for successor in successors if number[node] and node not in self.outputs else ():
                number[successor] += number[node]
                longest[successor] = max(longest[successor], longest[node] + 1)
        return number, longest

    def paths(self) -> Iterator[tuple[int, ...]]:
        """Every way from an input to an output that the support allows, as node positions, depth first."""
        stack: list[tuple[int, ...]] = [(node,) for node in reversed(self.inputs)]
        while stack:
            path = stack.pop()
            if path[-1] in self.outputs:
                yield path
            else:
                stack.extend((*path, node) for node in reversed(self.successors[path[-1]]))


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """Graphs of ``n`` architectures, operations on nodes.

    Args:
        template: The part that all graphs of the space share.
        adjacency: ``n x V x V`` bool, strictly upper triangular; edges touch present nodes only.
        ops: ``n x V`` int64, indices into ``template.op_names``.
        mask: ``n x V`` bool, the nodes that are present.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> batch = space.graphs(space.enumerate())
        >>> batch.adjacency.shape
        torch.Size([15625, 8, 8])
    """

    template: GraphTemplate
    adjacency: Tensor
    ops: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.ops)

    def to_networkx(self, index: int) -> "nx.DiGraph[int]":
        """The graph of one architecture; nodes carry ``op``, the name of their operation."""
        graph: nx.DiGraph[int] = nx.DiGraph()
        for node in self.mask[index].nonzero().flatten().tolist():
            graph.add_node(node, op=self.template.op_names[int(self.ops[index, node])])
        graph.add_edges_from(self.adjacency[index].nonzero().tolist())
        return graph

    def connected(self) -> Tensor:
        """``n x V`` bool: the nodes on some path from an input to an output."""
        V = self.template.n_nodes
        # One slice per node pair; with the batch last these slices are contiguous.
        adjacency = self.adjacency.permute(1, 2, 0).contiguous()
        forward = torch.zeros(V, len(self), dtype=torch.bool, device=adjacency.device)
        backward = torch.zeros_like(forward)
        forward[list(self.template.inputs)] = True
        backward[list(self.template.outputs)] = True
        for node in range(V):
            for successor in self.template.successors[node]:
                forward[successor] |= forward[node] & adjacency[node, successor]
        for node in reversed(range(V)):
            for successor in self.template.successors[node]:
                backward[node] |= backward[successor] & adjacency[node, successor]
        return (forward & backward).T & self.mask

    def contracted(self, identity: Tensor) -> tuple[Tensor, Tensor]:
        """What is left of the graphs without nodes on no path, and with identities turned into edges.

        A node whose operation is an identity gives way to an edge from each node before it to each node behind
        it. There may then be several edges between two nodes, so that powers of the matrices count paths.

        Args:
            identity: Bool by label, the operations to contract.

        Returns:
            The number of edges, ``V x V x n`` int64, and the nodes that are left, ``V x n`` bool. The batch comes
            last, so that what belongs to a node or a pair of them is contiguous.
        """
        live = self.connected().T.contiguous()
        edges = (self.adjacency.permute(1, 2, 0) & live.unsqueeze(0) & live.unsqueeze(1)).long()
        gone = identity[self.ops].T & live
        for node in gone.any(-1).nonzero().flatten().tolist():
            into, out = edges[:node, node] * gone[node], edges[node, node + 1 :]
            edges[:node, node + 1 :] += into.unsqueeze(1) * out.unsqueeze(0)
            edges[node] *= ~gone[node]
            edges[:, node] *= ~gone[node]
        return edges, live & ~gone

    def formulas(self, identity_ops: Collection[str]) -> Tensor:
        """``n`` int64 hashes of what the outputs compute, where each node is its operation on the sum of what it reads.

        An identity passes on the terms of its sum; sums are in any order. Nodes on no path count for nothing.
        """
        names = self.template.op_names
        passes = torch.tensor([op in identity_ops for op in names], device=self.ops.device)
        live = self.connected()
        terms = mixed(self.ops + 1)
        for node in range(self.template.n_nodes):
            if node in self.template.inputs:
                continue
            reads = self.adjacency[:, :node, node] & live[:, :node]
            arriving = (terms[:, :node] * reads).sum(1)
            applied = mixed(arriving + terms[:, node])
            terms[:, node] = torch.where(passes[self.ops[:, node]], arriving, applied)
        return terms[:, list(self.template.outputs)].sum(1)


def without_caches(value: object) -> dict[str, object]:
    """The attributes of an object that are worth pickling: all but its cached properties."""
    kind = type(value)
    return {
        key: kept
        for key, kept in vars(value).items()
        if not isinstance(getattr(kind, key, None), cached_property)
    }
