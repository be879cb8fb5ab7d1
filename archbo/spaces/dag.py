"""Graphs with operations on nodes that each read a fixed number of earlier nodes."""

import re
from collections.abc import Collection, Sequence
from itertools import islice

import torch
from torch import Generator, Tensor

from archbo.errors import InvalidArchitectureError, UsageError
from archbo.spaces.base import checked_ops
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.node_graph import NodeGraphSpace
from archbo.spaces.relabel import canonical_order
from archbo.spaces.semantics import checked_nodes, special_ops

__all__ = ["DagSpace"]


class DagSpace(NodeGraphSpace):
    """Nodes that each apply an operation to the sum of a fixed number of earlier nodes; those read by none are the output.

    Position 0 is the input. Node ``k`` reads ``inputs`` distinct earlier nodes, or all ``k`` where there are fewer, and
    the output, at the last position, the nodes that no other reads, as in ENAS (arXiv 1802.03268). Of each node a row
    has the operation, then its sources, in any order, where there is a choice.

    The notation is ``op(0)|op(0,1)|op(1,2)``, for each node between input and output the operation and what it reads; a
    graph of networkx is read too.

    ``canonical`` numbers the nodes by ``canonical_order`` and writes sources in ascending order: two rows get the same
    one iff their graphs are isomorphic.

    Args:
        name: The name in the catalog.
        op_names: The operations.
        nodes: The number of nodes, input and output among them, at least 3.
        inputs: How many nodes each node reads, at least 1.
        identity_ops: The operations that pass on the sum of what they read; ``skip_connect`` unless given, where there
            is one.

    Raises:
        UsageError: There are too few nodes or inputs, or an identity is not among the operations.

    Example:
        >>> space = DagSpace("graphs", ["conv", "pool"], nodes=6, inputs=2)
        >>> row = space.parse("conv(0)|pool(0,1)|conv(2,1)|conv(0,2)")
        >>> space.format(space.canonical(torch.tensor([row]))[0])
        'conv(0)|pool(0,1)|conv(0,2)|conv(1,2)'
        >>> space.arch(space.to_networkx(row)).row == row
        False
        >>> len(space.keys(space.rows([row, space.to_networkx(row)])).unique())
        1
    """

    def __init__(
        self,
        name: str,
        op_names: Sequence[str],
        *,
        nodes: int,
        inputs: int,
        identity_ops: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self.op_names = checked_ops(op_names, name, reserved="|(),")
        self.nodes = checked_nodes(nodes, name)
        if isinstance(inputs, bool) or not isinstance(inputs, int) or inputs < 1:
            raise UsageError(
                f"inputs of space {name!r} is {inputs!r}; give a whole number, at least 1"
            )
        self.inputs = inputs
        self.rule = "; the sources of a node differ"
        _, self.identity_ops = special_ops(name, self.op_names, (), identity_ops)
        columns: list[str] = []
        choices: list[tuple[object, ...]] = []
        # Where the operation of each node stands; its sources follow.
        self.places: dict[int, int] = {}
        for node in range(1, nodes - 1):
            self.places[node] = len(columns)
            slots = range(inputs if node > inputs else 0)
            columns += [f"op_{node}", *(f"source_{node}_{slot}" for slot in slots)]
            choices += [self.op_names, *(tuple(range(node)) for _ in slots)]
        self.columns, self.choices = tuple(columns), tuple(choices)
        self.op_columns = tuple(self.places.values())
        support = torch.ones(nodes, nodes, dtype=torch.bool, device="cpu").triu(1)
        support[0, -1] = False  # the first node reads the input
        ends = ("input", "output")
        self.template = GraphTemplate((*ends, *self.op_names), (0,), (nodes - 1,), support)

    @property
    def content(self) -> dict[str, object]:
        return super().content | {"inputs": self.inputs}

    def _slots(self, node: int) -> slice:
        """The columns of the sources of a node that has a choice."""
        first = self.places[node] + 1
        return slice(first, first + self.inputs)

    # Notation.

    def parse(self, text: str) -> tuple[int, ...]:
        row: list[int] = []
        parts = re.sub(r"\s", "", text).split("|")
        if len(parts) != len(self.places):
            raise self._malformed(text)
        for node, part in enumerate(parts, 1):
            match = re.fullmatch(r"([^()]+)\((\d{1,9}(?:,\d{1,9})*)\)", part)
            if match is None:
                raise self._malformed(text)
            sources = list(map(int, match[2].split(",")))
            row += self._node(node, match[1], sources)
        return tuple(row)

    def _node(self, node: int, op: str, sources: Sequence[int]) -> list[int]:
        """The columns of a node."""
        if op not in self.op_names:
            raise self._unknown_op(op, f"node {node}")
        wanted = min(node, self.inputs)
        if len(sources) != wanted or len(set(sources) & set(range(node))) < wanted:
            raise InvalidArchitectureError(
                f"node {node} reads {', '.join(map(str, sources)) or 'nothing'}; nodes of {self.name} read "
                f"{self.inputs} distinct earlier ones, so give {wanted} of 0 to {node - 1}"
            )
        return [self.op_names.index(op), *(sources if node > self.inputs else ())]

    def _malformed(self, text: str) -> InvalidArchitectureError:
        return InvalidArchitectureError(
            f"malformed graph {text!r}: write an operation and what it reads for each of {len(self.places)} nodes, "
            f"as in {self.format(self._example)!r}"
        )

    @property
    def _example(self) -> list[int]:
        """The row in which all nodes read the first ones."""
        row = [0] * self.n_columns
        for node in self.places:
            if node > self.inputs:
                row[self._slots(node)] = range(self.inputs)
        return row

    def format(self, row: Sequence[int] | Tensor) -> str:
        digits = [int(value) for value in row]
        parts = []
        for node, place in self.places.items():
            sources = digits[self._slots(node)] if node > self.inputs else range(node)
            parts.append(f"{self.op_names[digits[place]]}({','.join(map(str, sources))})")
        return "|".join(parts)

    def _row(self, edges: list[tuple[int, int]], ops: list[str]) -> tuple[int, ...]:
        if len(ops) != self.nodes:
            raise InvalidArchitectureError(
                f"the graph has {len(ops)} nodes; graphs of {self.name} have {self.nodes}, input and output among them"
            )
        last = self.nodes - 1
        feeding = {source for source, target in edges if target != last}
        for node in self.places:
            if ((node, last) in edges) == (node in feeding):
                raise InvalidArchitectureError(
                    f"node {node} of the graph {'feeds others and' if node in feeding else 'does not feed'} the "
                    f"output; in {self.name} the nodes that feed no other feed the output"
                )
        sources = [[source for source, target in edges if target == node] for node in self.places]
        return tuple(
            value
            for node, op, reads in zip(self.places, ops[1:-1], sources, strict=True)
            for value in self._node(node, op, sorted(reads))
        )

    # Meaning.

    def input_column(self, node: int) -> None:
        return None

    def is_valid(self, X: Tensor) -> Tensor:
        valid = super().is_valid(X)
        for node in islice(self.places, self.inputs, None):
            sources = X[:, self._slots(node)].sort(dim=-1).values
            valid &= (sources[:, 1:] != sources[:, :-1]).all(-1)
        return valid

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.nodes
        rows = X.long()
        ops = torch.ones(n, V, dtype=torch.int64, device=X.device)
        ops[:, 0] = 0
        ops[:, 1:-1] = 2 + rows[:, list(self.op_columns)]
        adjacency = torch.zeros(n, V, V, dtype=torch.bool, device=X.device)
        for node in self.places:
            if node > self.inputs:
                adjacency[:, :, node].scatter_(1, rows[:, self._slots(node)], True)
            else:
                adjacency[:, :node, node] = True
        adjacency[:, :-1, -1] = ~adjacency[:, :-1].any(-1)
        mask = torch.ones(n, V, dtype=torch.bool, device=X.device)
        return GraphBatch(self.template, adjacency, ops, mask)

    def canonical(self, X: Tensor) -> Tensor:
        n, V = len(X), self.nodes
        graphs = self.graphs(X)
        order = canonical_order(graphs.adjacency, graphs.ops)
        adjacency = graphs.adjacency.gather(1, order.unsqueeze(2).expand(n, V, V))
        adjacency = adjacency.gather(2, order.unsqueeze(1).expand(n, V, V))
        result = torch.empty_like(X)
        result[:, list(self.op_columns)] = (graphs.ops.gather(1, order)[:, 1:-1] - 2).to(X.dtype)
        for node in islice(self.places, self.inputs, None):
            sources = (~adjacency[:, :node, node]).long().argsort(dim=1, stable=True)
            result[:, self._slots(node)] = sources[:, : self.inputs].to(X.dtype)
        return result

    # Ways to get rows.

    def sample(self, n: int, *, generator: Generator, dtype: torch.dtype = torch.double) -> Tensor:
        """``n x d`` rows: operations, and for each node what it reads, drawn uniformly."""
        X = torch.empty(n, self.n_columns, dtype=dtype, device="cpu")
        for node, place in self.places.items():
            ops = torch.randint(len(self.op_names), (n,), generator=generator, device="cpu")
            X[:, place] = ops.to(dtype)
            if node > self.inputs:
                random = torch.rand(n, node, generator=generator, dtype=torch.float, device="cpu")
                X[:, self._slots(node)] = random.argsort(1)[:, : self.inputs].to(dtype)
        return X
