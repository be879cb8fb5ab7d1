"""Macro architectures of graph neural networks: NAS-Bench-Graph."""

import ast
from collections.abc import Sequence
from functools import cached_property
from itertools import permutations
from typing import Self

import torch
from torch import Tensor

from archbo.errors import InvalidArchitectureError, UsageError
from archbo.spaces.base import SearchSpace, checked_ops
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.networkx_graphs import AnyGraph, node_cell
from archbo.spaces.relabel import FORBIDDEN, smallest_code

__all__ = ["GnnMacroSpace"]

TABLE_OPS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
"""The operations in the numbering of the benchmark's tables, those of the proteins table included."""

TABLE_LINKS = torch.tensor(
    [
        [0, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 1, 1],
        [0, 0, 1, 2],
        [0, 0, 1, 3],
        [0, 1, 1, 1],
        [0, 1, 1, 2],
        [0, 1, 2, 2],
        [0, 1, 2, 3],
    ],
    device="cpu",
)
"""The nine rooted forests of four nodes, in the numbering of the benchmark's tables."""

LAYERS = range(1, 5)
"""The layers of a network; 0 is the raw input."""


class GnnMacroSpace(SearchSpace):
    """Four layers in a tree below the raw input; the layers that feed no other one feed the output.

    NAS-Bench-Graph (arXiv 2206.09166) gives each layer an operation and one link, the earlier layer (0 is
    the raw input) that feeds it. Architectures are written ``links|ops``; the official pair of lists and a
    graph of networkx are read too. The first link is always 0, so a row has three link columns and four operation columns.

    Four skips compute nothing: that network is in no table and is not valid.

    ``canonical`` merges what the benchmark trained once. A skip passes its input on, so one that feeds
    other layers, or alone follows its source, or reads the raw input (directly or through skips) can be
    taken out; the layers below it move up to its source. A skip is left in place only where it adds the
    output of a layer, which also feeds others, to the output of the network. What was taken out becomes
    a chain of skips at the front, so that there are four layers again. Of all ways to number the tree
    the one with the lexicographically smallest links, then operations, is the canonical row.

    Args:
        name: The name in the catalog.
        op_names: The operations, in the order of the benchmark's tables; ``skip`` among them.

    Raises:
        UsageError: The benchmark has no such operation, or ``skip`` is missing.

    Example:
        >>> space = GnnMacroSpace.nas_bench_graph()
        >>> space.parse("([0, 1, 2, 1], ['gcn', 'skip', 'fc', 'cheb'])")
        (1, 2, 1, 1, 8, 7, 3)
        >>> X = space.canonical(space.rows(["0,1,2,1|gcn,skip,fc,cheb"]))
        >>> space.format(X[0])
        '0,1,2,2|skip,gcn,cheb,fc'
    """

    identity_ops = frozenset({"skip"})
    merges_isomorphs = True
    rule = "; at least one layer must be other than skip"
    columns = ("link_2", "link_3", "link_4", "op_1", "op_2", "op_3", "op_4")

    def __init__(self, name: str, op_names: Sequence[str]) -> None:
        self.name = name
        self.op_names = checked_ops(op_names, name)
        unknown = [op for op in self.op_names if op not in TABLE_OPS]
        if unknown or "skip" not in self.op_names:
            raise UsageError(
                f"operations {', '.join(self.op_names)} of space {name!r}: give some of "
                f"{', '.join(TABLE_OPS)}, and skip among them"
            )
        self.choices = (*(tuple(range(layer)) for layer in LAYERS[1:]), *(self.op_names,) * 4)
        self.op_columns = (3, 4, 5, 6)
        # Node 0 is the raw input, nodes 1..4 are the layers, node 5 is the output.
        support = torch.ones(6, 6, dtype=torch.bool, device="cpu").triu(1)
        support[0, 5] = False
        self.template = GraphTemplate(("input", "output", *self.op_names), (0,), (5,), support)

    @classmethod
    def nas_bench_graph(cls) -> Self:
        """The 26,206 networks of NAS-Bench-Graph's tables, all but proteins."""
        return cls("nas-bench-graph", TABLE_OPS)

    @classmethod
    def nas_bench_graph_proteins(cls) -> Self:
        """The 2,021 networks of NAS-Bench-Graph's table for ogbn-proteins, which has five operations."""
        return cls("nas-bench-graph-proteins", ("gcn", "sage", "arma", "fc", "skip"))

    def parse(self, text: str) -> tuple[int, ...]:
        if text.lstrip().startswith("("):
            links, ops = self._parse_pair(text)
        else:
            left, _, right = text.partition("|")
            links = [int(link) if link.strip().isdecimal() else -1 for link in left.split(",")]
            ops = [op.strip() for op in right.split(",")]
        if len(links) != 4 or len(ops) != 4:
            raise self._malformed(text)
        for layer, link in zip(LAYERS, links, strict=True):
            if not 0 <= link < layer:
                raise InvalidArchitectureError(
                    f"bad link of layer {layer} in {text!r}; "
                    f"give an earlier layer, 0 to {layer - 1}, where 0 is the raw input"
                )
        for layer, op in zip(LAYERS, ops, strict=True):
            if op not in self.op_names:
                raise self._unknown_op(op, f"layer {layer} of {text!r}")
        if set(ops) == {"skip"}:
            raise InvalidArchitectureError(
                f"{text!r} computes nothing; give at least one layer an operation other than skip"
            )
        return (*links[1:], *(self.op_names.index(op) for op in ops))

    def _parse_graph(self, graph: AnyGraph) -> tuple[int, ...]:
        edges, ops = node_cell(graph, self.name)
        sources = [[a for a, b in edges if b == layer] for layer in range(1, len(ops) - 1)]
        leaves = {layer for layer in LAYERS if not any(layer in found for found in sources)}
        fed_by = {a for a, b in edges if b == len(ops) - 1}
        if list(map(len, sources)) != [1] * len(LAYERS) or fed_by != leaves:
            raise InvalidArchitectureError(
                f"the graph has {len(ops)} nodes that read {', '.join(map(str, map(len, sources)))} others; networks of "
                f"{self.name} have an input, four layers that read one node each, and an output that reads the layers "
                "which feed no other"
            )
        links = ",".join(str(source) for (source,) in sources)
        return self.parse(f"{links}|{','.join(ops[1:-1])}")

    def _parse_pair(self, text: str) -> tuple[list[int], list[str]]:
        try:
            links, ops = ast.literal_eval(text.strip())
            if any(type(link) is not int for link in links):
                raise TypeError
            return list(links), [str(op) for op in ops]
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            raise self._malformed(text) from error

    def _malformed(self, text: str) -> InvalidArchitectureError:
        return InvalidArchitectureError(
            f"malformed network {text!r}: write four links and four operations, "
            "as in '0,1,2,1|gcn,fc,fc,sage' or ([0, 1, 2, 1], ['gcn', 'fc', 'fc', 'sage'])"
        )

    def format(self, row: Sequence[int] | Tensor) -> str:
        digits = [int(value) for value in row]
        links = ",".join(str(link) for link in (0, *digits[:3]))
        return f"{links}|{','.join(self.op_names[digit] for digit in digits[3:])}"

    def is_valid(self, X: Tensor) -> Tensor:
        return super().is_valid(X) & (X[:, 3:] != self._skip).any(-1)

    @property
    def _skip(self) -> int:
        return self.op_names.index("skip")

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.template.n_nodes
        columns = X.long().T.contiguous()
        ops = torch.empty(V, n, dtype=torch.int64, device=X.device)
        ops[0], ops[-1] = 0, 1
        ops[1:-1] = columns[3:] + 2
        adjacency = torch.zeros(V, V, n, dtype=torch.bool, device=X.device)
        adjacency[0, 1] = True
        for layer, link in zip(LAYERS[1:], columns, strict=False):
            for source in range(layer):
                adjacency[source, layer] = link == source
        adjacency[1:-1, -1] = ~adjacency[1:-1, 1:-1].any(1)
        mask = torch.ones(n, V, dtype=torch.bool, device=X.device)
        return GraphBatch(self.template, adjacency.permute(2, 0, 1), ops.T, mask)

    def canonical(self, X: Tensor) -> Tensor:
        source, ops = self._skips_to_front(X)
        edges = [source[:, target] == layer for layer, target in self._edges]
        features = torch.cat([torch.stack(edges, -1), ops], -1)
        code = smallest_code(features, self._weights)
        digits = [code // place % base for place, base in self._places]
        return torch.stack(digits[1:], -1).to(X.dtype)

    def _skips_to_front(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Take out the skips that pass their input on and chain as many at the front.

        Returns:
            The source of each node, ``n x 5`` (that of the raw input, node 0, means nothing), and the
            operations, ``n x 4``.
        """
        zero = X.new_zeros(len(X), 2, dtype=torch.int64)
        source = torch.cat([zero, X[:, :3].long()], -1)
        skip = torch.cat([zero[:, :1].bool(), X[:, 3:] == self._skip], -1)
        feeds = torch.stack([(source[:, node + 1 :] == node).any(-1) for node in range(5)], -1)
        inner = skip & feeds
        for node in LAYERS[1:]:  # sources are earlier, so they read past all skips already
            above = source[:, node : node + 1].clone()
            beyond = torch.where(skip.gather(1, above), source.gather(1, above), above)
            source[:, node : node + 1] = beyond
        same = (source[:, 1:, None] == source[:, None, 1:]) & ~inner[:, None, 1:]
        alone = same.sum(-1) <= 1
        out = skip[:, 1:] & (inner[:, 1:] | alone | (source[:, 1:] == 0))

        n_out = out.sum(-1, keepdim=True)
        order = torch.argsort((~out).long(), dim=-1, stable=True)
        # From here on numbers are those of the new order; the raw input is where the chain ends.
        number = torch.cat([n_out, order.argsort(-1) + 1], -1)
        moved = number.gather(1, source[:, 1:].gather(1, order))
        place = torch.arange(4, device=X.device)
        links = torch.where(place < n_out, place, moved)
        return torch.cat([zero[:, :1], links], -1), X[:, 3:].long().gather(1, order)

    # The code of a numbered network: links, then operations, the first digit the most significant.

    _edges = tuple((source, target) for target in LAYERS for source in range(target))

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        """Value and base of each digit."""
        places, value = [], 1
        for base in reversed((1, *self.cardinalities)):
            places.append((value, base))
            value *= base
        return places[::-1]

    @cached_property
    def _weights(self) -> Tensor:
        """``14 x 24`` double: the value of each edge and operation when the layers are renumbered."""
        place = dict(enumerate((value for value, _ in self._places), 1))
        columns = []
        for numbers in permutations(LAYERS):
            new = (0, *numbers)
            edges = [
                new[source] * place[new[target]] if new[source] < new[target] else FORBIDDEN
                for source, target in self._edges
            ]
            columns.append([*edges, *(place[4 + new[layer]] for layer in LAYERS)])
        return torch.tensor(columns, dtype=torch.double, device="cpu").T

    # The benchmark's own keys.

    def table_key(self, X: Tensor) -> Tensor:
        """The keys of rows ``X`` (``n x 7``) in the benchmark's tables.

        A key is the number of the canonical links in ``TABLE_LINKS``, then a decimal digit per layer, its
        operation in ``TABLE_OPS``. The proteins table too is keyed in the numbering of the nine
        operations, not in one of its own five.

        Returns:
            ``n`` int64, equal iff the benchmark holds the rows for one network.
        """
        X = self.canonical(X).long()
        links = TABLE_LINKS[:, 1:].to(X.device)
        key = (X[:, None, :3] == links).all(-1).long().argmax(-1)
        for op in self._table_ops.to(X.device)[X[:, 3:]].unbind(-1):
            key = key * 10 + op
        return key

    def from_table_key(self, keys: Tensor, *, dtype: torch.dtype = torch.double) -> Tensor:
        """The canonical rows (``n x 7``) of keys (``n`` int64) of the benchmark's tables.

        Raises:
            InvalidArchitectureError: A key is that of no network of this space.
        """
        digits = keys[:, None] // torch.tensor([1000, 100, 10, 1], device=keys.device) % 10
        ops = (digits[..., None] == self._table_ops.to(keys.device)).long().argmax(-1)
        links = TABLE_LINKS.to(keys.device)[(keys // 10_000).clamp(0, len(TABLE_LINKS) - 1), 1:]
        X = torch.cat([links, ops], -1).to(dtype)
        bad = ((self.table_key(X) != keys) | ~self.is_valid(X)).nonzero().flatten()
        if len(bad):
            raise InvalidArchitectureError(
                f"{int(keys[bad[0]])} at position {int(bad[0])} is no key of {self.name}; "
                "a key is a number of links, 0 to 8, then the numbers of four operations in a "
                f"canonical order, each one of {self._table_ops.tolist()}"
            )
        return X

    @cached_property
    def _table_ops(self) -> Tensor:
        return torch.tensor([TABLE_OPS.index(op) for op in self.op_names], device="cpu")
