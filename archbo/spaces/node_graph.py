"""What graphs with operations on nodes have in common."""

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from archbo.spaces.base import SearchSpace
from archbo.spaces.networkx_graphs import AnyGraph, node_cell

__all__ = ["NodeGraphSpace"]


class NodeGraphSpace(SearchSpace):
    """Graphs with operations on nodes: position 0 is the input, the last position the output.

    Attributes:
        nodes: The number of positions ``V``.
        op_columns: The columns of the operations of positions 1 to ``V - 2``.
    """

    merges_isomorphs: ClassVar[bool] = True
    nodes: int

    @abstractmethod
    def _row(self, edges: list[tuple[int, int]], ops: list[str]) -> tuple[int, ...]:
        """The row of a graph whose nodes are in topological order, from ``input`` to ``output``.

        Raises:
            InvalidArchitectureError: It is no graph of this space.
        """

    @abstractmethod
    def input_column(self, node: int) -> int | None:
        """The column that says whether a node reads the input, None if there is no one column."""

    def _parse_graph(self, graph: AnyGraph) -> tuple[int, ...]:
        return self._row(*node_cell(graph, self.name))

    def function_keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff two rows of ``X`` (``n x d``) have the same formula.

        Without identities these are ``keys``. With some, a node is its operation on the sum of what it reads, an
        identity passes on the terms of its sum, and what is left is compared as a formula, by hashes of 64 bits.
        """
        if not self.identity_ops:
            return self.keys(X)
        return self.graphs(X).formulas(self.identity_ops)
