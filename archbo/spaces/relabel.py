"""Canonical forms of graphs: the smallest code over all numberings of a few nodes, or an order by what tells them apart."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

__all__ = ["FORBIDDEN", "canonical_order", "mixed", "smallest_code"]

FORBIDDEN = 2.0**48
"""The weight of an edge that a numbering would turn backwards; all real codes are smaller."""


def smallest_code(features: Tensor, weights: Tensor, *, chunk: int = 8192) -> Tensor:
    """The smallest code of each graph over all numberings of its nodes.

    A numbering moves each feature of a graph (an edge, the operation of a node) to another digit of its
    code, so the codes under all numberings are one matrix product. They are exact: all terms are
    integers, and their sums stay below 2^53.

    Args:
        features: ``n x f``, small non-negative integers.
        weights: ``f x r`` double, the value of each feature's digit under each of ``r`` numberings;
            ``FORBIDDEN`` for an edge that would point backwards.
        chunk: How many rows are worked on at once; bounds the memory.

    Returns:
        ``n`` int64.

    Example:
        >>> digits = torch.tensor([[3, 1], [1, 3]])
        >>> swaps = torch.tensor([[10, 1], [1, 10]], dtype=torch.double)
        >>> smallest_code(digits, swaps)
        tensor([13, 13])
    """
    weights = weights.to(features.device)
    code = torch.empty(len(features), dtype=torch.int64, device=features.device)
    for start in range(0, len(features), chunk):
        part = slice(start, start + chunk)
        code[part] = (features[part].double() @ weights).amin(-1)
    return code


Graph: TypeAlias = tuple[tuple[int, ...], ...]
"""For each node its label and the nodes before it."""

ROUNDS = 2
"""How often the colours of nodes travel along all edges and back. After one round nodes with other ancestors or other
descendants differ; further rounds save searches."""


def canonical_order(adjacency: Tensor, labels: Tensor) -> Tensor:
    """A topological order of the nodes of each graph, such that isomorphic graphs look the same in it.

    Nodes are told apart by their depth, their labels, and the labels of all that leads to them and follows them.
    Nodes that then still look alike are mostly twins, with the same edges: their order means nothing. Where there
    are others, a search tries each of them first and keeps the smallest graph; it leaves out what a symmetry
    maps to what it has tried (McKay and Piperno, arXiv 1301.1493). So the order is exact for graphs of any size.
    The search takes long only where many nodes look alike that no symmetry exchanges.

    Args:
        adjacency: ``n x V x V`` bool, strictly upper triangular.
        labels: ``n x V`` non-negative int64.

    Returns:
        ``n x V`` int64, the positions of the nodes: sources first, then by the longest way from one.

    Example:
        >>> one = torch.zeros(1, 4, 4, dtype=torch.bool)
        >>> one[0, 0, 1] = one[0, 0, 2] = one[0, 1, 3] = True  # node 2 leads nowhere
        >>> canonical_order(one, torch.tensor([[0, 5, 5, 1]]))[0, [0, 3]]
        tensor([0, 3])
    """
    n, V = labels.shape
    edges = adjacency.permute(1, 2, 0).contiguous()
    depth = torch.zeros(V, n, dtype=torch.int64, device=labels.device)
    for node in range(1, V):
        depth[node] = ((depth[:node] + 1) * edges[:node, node]).amax(0)
    colours = mixed(labels.T.contiguous())
    for _ in range(ROUNDS):
        for node in range(V):
            arriving = (mixed(colours[:node]) * edges[:node, node]).sum(0)
            colours[node] = mixed(3 * colours[node] + arriving)
        for node in reversed(range(V)):
            leaving = (mixed(colours[node + 1 :]) * edges[node, node + 1 :]).sum(0)
            colours[node] = mixed(3 * colours[node] + leaving)
    order = colours.argsort(dim=0, stable=True)
    order = order.gather(0, depth.gather(0, order).argsort(dim=0, stable=True)).T
    for index in _undecided(adjacency, order, depth.T, colours.T).nonzero().flatten().tolist():
        keys = list(zip(depth[:, index].tolist(), colours[:, index].tolist(), strict=True))
        search = _Search(adjacency[index].tolist(), labels[index].tolist())
        order[index] = torch.tensor(search.order(keys), device=order.device)
    return order


def _undecided(adjacency: Tensor, order: Tensor, depth: Tensor, colours: Tensor) -> Tensor:
    """``n`` bool: the graphs in which some nodes look alike and have other edges."""
    first, second = order[:, :-1], order[:, 1:]
    alike = torch.ones_like(first, dtype=torch.bool)
    for keys in (depth, colours):
        alike &= keys.gather(1, first) == keys.gather(1, second)
    graph, place = alike.nonzero(as_tuple=True)
    one, other = first[graph, place], second[graph, place]
    differ = (adjacency[graph, one] != adjacency[graph, other]).any(-1)
    differ |= (adjacency[graph, :, one] != adjacency[graph, :, other]).any(-1)
    found = torch.zeros(len(order), dtype=torch.bool, device=order.device)
    found[graph[differ]] = True
    return found


class _Search:
    """The search for the smallest of all graphs that differ by the order of nodes that look alike.

    A node's rank is the number of nodes that come before it and before all that look like it.
    """

    def __init__(self, adjacency: Sequence[Sequence[bool]], labels: Sequence[int]) -> None:
        self.nodes = range(len(labels))
        self.labels = labels
        self.before = [[v for v in self.nodes if adjacency[v][node]] for node in self.nodes]
        self.after = [[v for v in self.nodes if adjacency[node][v]] for node in self.nodes]

    def order(self, keys: Sequence[tuple[int, ...]]) -> list[int]:
        """The nodes in order; those with a smaller key come first."""
        _, order, _ = self._smallest(self._refined(_ranks(keys)))
        return order

    def _refined(self, ranks: list[int]) -> list[int]:
        """Ranks that differ also where the ranks of nodes around differ."""
        while True:
            keys = [
                (
                    ranks[node],
                    tuple(sorted(ranks[other] for other in self.before[node])),
                    tuple(sorted(ranks[other] for other in self.after[node])),
                )
                for node in self.nodes
            ]
            finer = _ranks(keys)
            if finer == ranks:
                return ranks
            ranks = finer

    def _alike(self, ranks: list[int]) -> list[int]:
        """The first nodes that have one rank and are no twins; none where the order is decided."""
        for rank in sorted(set(ranks)):
            nodes = [node for node in self.nodes if ranks[node] == rank]
            if len({(*self.before[node], -1, *self.after[node]) for node in nodes}) > 1:
                return nodes
        return []

    def _with_first(self, node: int, ranks: list[int]) -> list[int]:
        """Ranks in which a node comes before those that look like it."""
        chosen = ranks[node]
        return self._refined(
            [rank + (rank == chosen and v != node) for v, rank in enumerate(ranks)]
        )

    def _graph(self, ranks: list[int]) -> tuple[Graph, list[int]]:
        """The graph in the order of decided ranks, and this order."""
        order = sorted(self.nodes, key=lambda node: ranks[node])
        place = {node: number for number, node in enumerate(order)}
        graph = tuple(
            (self.labels[node], *sorted(place[v] for v in self.before[node])) for node in order
        )
        return graph, order

    def _smallest(self, ranks: list[int]) -> tuple[Graph, list[int], set[Graph]]:
        """The smallest graph, its order, and all graphs that were seen."""
        nodes = self._alike(ranks)
        if not nodes:
            graph, order = self._graph(ranks)
            return graph, order, {graph}
        best, seen = None, set[Graph]()
        for node in nodes:
            chosen = self._with_first(node, ranks)
            # If one graph is the same as before, a symmetry maps all that would follow to what was seen.
            if best is not None and self._any(chosen) in seen:
                continue
            graph, order, graphs = self._smallest(chosen)
            seen |= graphs
            if best is None or graph < best[0]:
                best = graph, order
        assert best is not None
        return *best, seen

    def _any(self, ranks: list[int]) -> Graph:
        """Some graph that agrees with the ranks."""
        while nodes := self._alike(ranks):
            ranks = self._with_first(nodes[0], ranks)
        return self._graph(ranks)[0]


def _ranks(keys: Sequence[tuple[Any, ...]]) -> list[int]:
    """For each key the number of smaller ones."""
    first: dict[tuple[Any, ...], int] = {}
    for place, key in enumerate(sorted(keys)):
        first.setdefault(key, place)
    return [first[key] for key in keys]


def mixed(keys: Tensor) -> Tensor:
    """A hash of 64-bit integers (splitmix64, doi 10.1145/2714064.2660195): equal where the keys are."""
    keys = keys * -7046029254386353131
    keys = (keys ^ _shifted(keys, 30)) * -4658895280553007687
    keys = (keys ^ _shifted(keys, 27)) * -7723592293110705685
    return keys ^ _shifted(keys, 31)


def _shifted(keys: Tensor, bits: int) -> Tensor:
    """A logical shift to the right."""
    return (keys >> bits) & ((1 << (64 - bits)) - 1)
