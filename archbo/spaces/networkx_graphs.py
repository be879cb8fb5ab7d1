"""Graphs of networkx, read as cells."""

from collections.abc import Hashable, Mapping
from typing import Any, TypeAlias

import networkx as nx

from archbo.errors import InvalidArchitectureError

__all__ = ["AnyGraph", "has_ops", "node_cell", "numbered", "op_of"]

AnyGraph: TypeAlias = "nx.Graph[Any]"
"""A graph whose nodes are anything that is hashable."""


def numbered(graph: AnyGraph, space: str) -> list[Hashable]:
    """The nodes in topological order; as far as it leaves this open, numbers ascend, others are as in the graph.

    Raises:
        InvalidArchitectureError: The graph is not directed, has two edges from one node to another, or a cycle.
    """
    if not isinstance(graph, nx.DiGraph) or graph.is_multigraph():
        raise InvalidArchitectureError(
            f"{type(graph).__name__} as an architecture of {space}; give a networkx.DiGraph"
        )
    numbers = all(isinstance(node, int) for node in graph)
    place: dict[Any, Any] = {node: node if numbers else number for number, node in enumerate(graph)}
    try:
        return list(nx.lexicographical_topological_sort(graph, key=place.__getitem__))
    except nx.NetworkXUnfeasible as error:
        raise InvalidArchitectureError(
            f"the graph has a cycle; architectures of {space} have none"
        ) from error


def has_ops(graph: AnyGraph) -> bool:
    """Whether the operations are on the nodes, as in ``Arch.to_networkx``."""
    return any("op" in values for _, values in graph.nodes(data=True))


def node_cell(graph: AnyGraph, space: str) -> tuple[list[tuple[int, int]], list[str]]:
    """Edges and labels of a graph with operations on nodes, ``input`` first and ``output`` last.

    Raises:
        InvalidArchitectureError: A node has no ``op``, or there is not exactly one input and one output.
    """
    order = numbered(graph, space)
    ops = {node: op_of(graph.nodes[node], f"node {node!r}", space) for node in order}
    for end, edges in (("input", graph.pred), ("output", graph.succ)):  # type: ignore[attr-defined] # is directed
        found = [node for node in order if ops[node] == end]
        if len(found) != 1 or edges[found[0]]:
            raise InvalidArchitectureError(
                f"the graph has {len(found)} nodes with op={end!r}; graphs of {space} have one, at their "
                f"{'beginning' if end == 'input' else 'end'}"
            )
    order.sort(key=lambda node: (ops[node] != "input", ops[node] == "output"))
    place = {node: number for number, node in enumerate(order)}
    return [(place[a], place[b]) for a, b in graph.edges], [ops[node] for node in order]


def op_of(values: Mapping[str, object], where: str, space: str) -> str:
    """The operation of a node or an edge.

    Raises:
        InvalidArchitectureError: It has none.
    """
    op = values.get("op")
    if not isinstance(op, str):
        raise InvalidArchitectureError(
            f"{where} of the graph has op={op!r}; give it the name of an operation of {space}"
        )
    return op
