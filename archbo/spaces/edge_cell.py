"""Cells with operations on the edges of a complete DAG: NAS-Bench-201 and its relatives."""

import ast
import random
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import islice, pairwise
from typing import Literal, Self

import torch
from torch import Tensor

from archbo.errors import InvalidArchitectureError, UsageError
from archbo.spaces.base import SearchSpace, checked_ops
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.networkx_graphs import AnyGraph, has_ops, node_cell, numbered, op_of
from archbo.spaces.relabel import mixed
from archbo.spaces.semantics import checked_nodes, special_ops

__all__ = ["EdgeCellSpace"]

NB201_OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The operations of NAS-Bench-201 (arXiv 2001.00326) in the order of its authors."""

NB201_SEED = 88
"""The seed with which the authors of NAS-Bench-201 shuffled their cells before they numbered them
(exps/NAS-Bench-201/main.py of AutoDL-Projects)."""


class EdgeCellSpace(SearchSpace):
    """Feature maps 0, 1, ..., an operation on each edge ``i -> j``, each map the sum of what arrives.

    A row has one column per edge in the order of the architecture string: 01, 02, 12, 03, 13, 23, ...

    NAS-Bench-201 (arXiv 2001.00326) writes ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``, and a cell of more nodes
    goes on like that. What follows is for four nodes. NASLib's digit tuple
    ``(4, 3, 3, 0, 0, 0)`` is read too, which has its own numbers for the operations and its own order of edges
    (01, 02, 03, 12, 13, 23). TransNAS-Bench-101 (arXiv 2105.11871) writes ``64-41414-a_bc_def``, a digit per
    edge; NASLib's tuple ``(a, b, c, d, e, f)`` of the same digits and the string of operations are read too.

    ``canonical`` sets to the first zero operation each edge that is on no path from the first map to the last.

    Args:
        name: The name in the catalog.
        op_names: The operations.
        nodes: The number of feature maps, at least 2: the input, the output, and those between.
        notation: ``nb201`` or ``tnb101``, which writes at most ten operations on four nodes.
        zero_ops: The operations that remove their edge; ``none`` unless given, where there is one.
        identity_ops: The operations that pass their input on; ``skip_connect`` unless given, where there is one.

    Raises:
        UsageError: There are fewer than two nodes, the notation cannot write the cells, or one of the special
            operations is not among the operations.

    Example:
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> row = space.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
        >>> row
        (3, 0, 1, 0, 0, 4)
        >>> space.format(row) == str(space.arch("(2, 1, 1, 0, 1, 4)"))
        True
        >>> mine = EdgeCellSpace("mine", ["zero", "conv"], nodes=3, zero_ops=["zero"])
        >>> mine.format(mine.canonical(mine.rows([[1, 0, 0]]))[0])
        '|zero~0|+|zero~0|zero~1|'
    """

    def __init__(
        self,
        name: str,
        op_names: Sequence[str],
        *,
        nodes: int = 4,
        notation: Literal["nb201", "tnb101"] = "nb201",
        zero_ops: Collection[str] | None = None,
        identity_ops: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self.op_names = checked_ops(op_names, name, reserved="|~+")
        self.nodes = checked_nodes(nodes, name, at_least=2)
        self.edges = tuple((source, target) for target in range(nodes) for source in range(target))
        self.notation = notation
        if notation not in ("nb201", "tnb101"):
            raise UsageError(
                f"unknown notation {notation!r} of space {name!r}; give 'nb201' or 'tnb101'"
            )
        if notation == "tnb101" and nodes != 4:
            raise UsageError(
                f"{nodes} nodes of space {name!r}, but the notation 'tnb101' writes cells of 4; take 'nb201'"
            )
        if notation == "tnb101" and len(self.op_names) > 10:
            raise UsageError(
                f"{len(self.op_names)} operations of space {name!r}, but the notation 'tnb101' has a digit for "
                "each; take 'nb201'"
            )
        self.zero_ops, self.identity_ops = special_ops(name, self.op_names, zero_ops, identity_ops)
        self.columns = tuple(f"op_{source}_{target}" for source, target in self.edges)
        self.choices = (self.op_names,) * len(self.edges)
        self.op_columns = tuple(range(len(self.edges)))
        # Node 0 is the input, then come the edges in column order; the last node is the output.
        output = 1 + len(self.edges)
        support = torch.zeros(output + 1, output + 1, dtype=torch.bool, device="cpu")
        for node, (source, target) in enumerate(self.edges, 1):
            support[0, node] = source == 0
            support[node, output] = target == nodes - 1
            for other, (start, _) in enumerate(self.edges, 1):
                support[node, other] = target == start
        ends = ("input", "output")
        self.template = GraphTemplate((*ends, *self.op_names), (0,), (output,), support)

    @classmethod
    def nas_bench_201(cls) -> Self:
        """The 15,625 cells of NAS-Bench-201 (NATS-Bench topology space)."""
        return cls("nb201", NB201_OPS, notation="nb201")

    @classmethod
    def trans_nas_micro(cls) -> Self:
        """The 4,096 cells of TransNAS-Bench-101's micro space."""
        ops = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
        return cls("tnb101-micro", ops, notation="tnb101")

    @property
    def content(self) -> dict[str, object]:
        nodes = {} if self.nodes == 4 else {"nodes": self.nodes}  # as kept before there were others
        return super().content | {"notation": self.notation} | nodes

    def difference(self, content: Mapping[str, object]) -> str:
        found = super().difference(content)
        choices = content.get("choices")
        if found or self.notation != "tnb101" or not isinstance(choices, list) or not choices:
            return found
        # The digits of this notation number the operations.
        before = choices[0]
        if before == list(self.op_names[: len(before)]):
            return ""
        return (
            f"its operations were {', '.join(before)}, and the digits of its notation meant them in this order; "
            f"now they are {', '.join(self.op_names)}"
        )

    def parse(self, text: str) -> tuple[int, ...]:
        text = text.strip()
        if text.startswith(("(", "[")):
            is_plain = self.nodes != 4 or "'" in text
            return self._parse_nodes(text) if is_plain else self._parse_digits(text)
        if text.startswith("|"):
            return self._parse_string(re.sub(r"\s", "", text))
        if self.notation == "tnb101":
            return self._parse_tnb101(text)
        digits = " or a digit tuple such as (4, 3, 3, 0, 0, 0)" if self.nodes == 4 else ""
        raise InvalidArchitectureError(
            f"cannot read {text!r} as a {self.name} cell; write {self._pattern}{digits}"
        )

    @property
    def _pattern(self) -> str:
        """The notation, with ``op`` for the operations."""
        return self._written(["op"] * len(self.edges))

    def _written(self, ops: Sequence[str]) -> str:
        tokens = iter([f"{op}~{source}" for op, (source, _) in zip(ops, self.edges, strict=True)])
        groups = ["|".join(islice(tokens, target)) for target in range(1, self.nodes)]
        return "+".join(f"|{group}|" for group in groups)

    def _parse_string(self, text: str) -> tuple[int, ...]:
        groups = text.split("+")
        found = [token for group in groups for token in group.strip("|").split("|")]
        wanted = [f"~{source}" for source, _ in self.edges]
        shape = [len(group.strip("|").split("|")) for group in groups]
        if shape != list(range(1, self.nodes)) or any(
            not token.endswith(end) for token, end in zip(found, wanted, strict=True)
        ):
            raise InvalidArchitectureError(f"malformed cell {text!r}: write {self._pattern}")
        ops = [token.rpartition("~")[0] for token in found]
        for op, column in zip(ops, self.columns, strict=True):
            if op not in self.op_names:
                raise self._unknown_op(op, f"column {column} of {text!r}")
        return tuple(self.op_names.index(op) for op in ops)

    def _parse_nodes(self, text: str) -> tuple[int, ...]:
        """AutoDL's ``Structure.nodes``: for each node its pairs (op, source)."""
        try:
            nodes = ast.literal_eval(text)
            groups = ["|".join(f"{op}~{source}" for op, source in node) for node in nodes]
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            raise InvalidArchitectureError(
                f"malformed cell {text!r}: write {self._pattern}"
            ) from error
        return self._parse_string("+".join(f"|{group}|" for group in groups))

    def _parse_graph(self, graph: AnyGraph) -> tuple[int, ...]:
        if has_ops(graph):
            return self._parse_ops_on_nodes(graph)
        order = numbered(graph, self.name)
        if len(order) != self.nodes:
            raise InvalidArchitectureError(
                f"the graph has {len(order)} nodes, and none has an operation; cells of {self.name} have "
                f"{self.nodes} nodes with operations on the edges between them"
            )
        if order != list(range(self.nodes)):
            for one, other in pairwise(order):
                if not graph.has_edge(one, other):
                    raise InvalidArchitectureError(
                        f"either of nodes {one!r} and {other!r} of the graph could come first; number its nodes "
                        f"from 0 to {self.nodes - 1}, in the order of the cell"
                    )
        place = {node: number for number, node in enumerate(order)}
        ops = {
            (place[a], place[b]): op_of(values, f"edge {a!r} -> {b!r}", self.name)
            for a, b, values in graph.edges(data=True)
        }
        return self._with_zeros(ops)

    def _parse_ops_on_nodes(self, graph: AnyGraph) -> tuple[int, ...]:
        """Read what ``to_networkx`` makes: operation ``k`` is on the edge of column ``k - 1``."""
        edges, labels = node_cell(graph, self.name)
        if all(isinstance(node, int) for node in graph):
            ops = {
                edge: str(graph.nodes[node]["op"])
                for node, edge in enumerate(self.edges, 1)
                if node in graph
            }
            row = self._with_zeros(ops)
            wanted = self.to_networkx(row)
            if set(wanted) == set(graph) and set(wanted.edges) == set(graph.edges):
                return row
        return self._with_zeros(self._edges_of(edges, labels))

    def _edges_of(
        self, edges: Sequence[tuple[int, int]], labels: Sequence[str]
    ) -> dict[tuple[int, int], str]:
        """The operations by edge, from operations that are nodes and what they read.

        A feature map is the set of operations that it sums: what an operation reads, all of it.
        """
        last = len(labels) - 1
        reads = {node: frozenset(a for a, b in edges if b == node) for node in range(1, last + 1)}
        maps = sorted(set(reads.values()), key=lambda ops: max(ops, default=-1))
        inside = {op: number for number, ops in enumerate(maps) for op in ops}
        found = {
            (maps.index(reads[op]), inside[op]): labels[op] for op in range(1, last) if op in inside
        }
        # Every operation is in one map, on an edge of its own; and no two maps could change places.
        is_cell = sum(map(len, maps)) == len(inside) == last == len(found) + 1
        is_ordered = all(pair in found for pair in pairwise(range(self.nodes)))
        if not (is_cell and is_ordered and len(maps) == self.nodes):
            raise InvalidArchitectureError(
                f"the graph does not tell which edges of a {self.name} cell its operations are on; number the nodes "
                "as Arch.to_networkx does, or put the operations on the edges between feature maps"
            )
        return found

    def _with_zeros(self, ops: Mapping[tuple[int, int], str]) -> tuple[int, ...]:
        """The row of the operations on some edges; the others have a zero operation."""
        zero = min(map(self.op_names.index, self.zero_ops), default=None)
        row = []
        for edge in self.edges:
            where = f"edge {edge} of the graph"
            if edge in ops:
                if ops[edge] not in self.op_names:
                    raise self._unknown_op(ops[edge], where)
                row.append(self.op_names.index(ops[edge]))
            elif zero is not None:
                row.append(zero)
            else:
                raise InvalidArchitectureError(
                    f"there is no {where}, and {self.name} has no zero operation; give each edge an operation"
                )
        return tuple(row)

    # What NASLib's digits stand for, and the edges that they belong to
    # (naslib/search_spaces/nasbench201/conversions.py, which writes the string from them).
    _digit_ops = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    _digit_edges = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))

    def _parse_digits(self, text: str) -> tuple[int, ...]:
        plain = re.sub(r"\b(?:np|numpy)\.\w+\((\d+)\)", r"\1", text)  # as NumPy 2 prints integers
        digits = [int(digit) for digit in re.findall(r"\d+", plain)]
        if len(digits) != 6 or not re.fullmatch(r"\([\d,\s]*\)|\[[\d,\s]*\]", plain):
            example = "(4, 3, 3, 0, 0, 0)" if self.notation == "nb201" else "(3, 1, 1, 2, 1, 2)"
            raise InvalidArchitectureError(
                f"malformed digit tuple {text!r}: write six digits such as {example}"
            )
        row = self._digits(digits)
        if row is not None:
            return row
        known = self._known_digits()
        place = next(place for place, digit in enumerate(digits) if digit not in known)
        edges = self._digit_edges if self.notation == "nb201" else self.edges
        raise self._unknown_op(str(digits[place]), f"edge {edges[place]} of {text!r}")

    def _digits(self, digits: Sequence[int]) -> tuple[int, ...] | None:
        known = self._known_digits()
        if self.nodes != 4 or len(digits) != len(self.edges) or not set(digits) <= set(known):
            return None
        if self.notation == "tnb101":
            # NASLib puts the digits into the official string as they are
            # (naslib/search_spaces/transbench101/conversions.py).
            return tuple(digits)
        ops = dict(zip(self._digit_edges, digits, strict=True))
        return tuple(known[ops[edge]] for edge in self.edges)

    def _known_digits(self) -> dict[int, int]:
        """The choice that each digit of NASLib stands for."""
        if self.notation == "tnb101":
            return {choice: choice for choice in range(len(self.op_names))}
        return {
            digit: self.op_names.index(op)
            for digit, op in enumerate(self._digit_ops)
            if op in self.op_names
        }

    def _parse_tnb101(self, text: str) -> tuple[int, ...]:
        match = re.fullmatch(r"(?:64-41414-)?([0-9])_([0-9]{2})_([0-9]{3})", text)
        if match is None:
            raise InvalidArchitectureError(
                f"malformed cell {text!r}: write 64-41414-a_bc_def, or |op~0|+|op~0|op~1|+..."
            )
        row = tuple(int(digit) for digit in "".join(match.groups()))
        for digit, column in zip(row, self.columns, strict=True):
            if digit >= len(self.op_names):
                raise self._unknown_op(str(digit), f"column {column} of {text!r}")
        return row

    def format(self, row: Sequence[int] | Tensor) -> str:
        digits = [int(value) for value in row]
        if self.notation == "tnb101":
            a, b, c, d, e, f = digits
            return f"64-41414-{a}_{b}{c}_{d}{e}{f}"
        return self._written([self.op_names[digit] for digit in digits])

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.template.n_nodes
        ops = torch.empty(V, n, dtype=torch.int64, device=X.device)
        ops[0], ops[-1] = 0, 1
        ops[1:-1] = X.T
        ops[1:-1] += 2
        mask = torch.ones(V, n, dtype=torch.bool, device=X.device)
        for op in self.zero_ops:
            mask[1:-1] &= ops[1:-1] != 2 + self.op_names.index(op)
        adjacency = torch.zeros(V, V, n, dtype=torch.bool, device=X.device)
        for node, successors in enumerate(self.template.successors):
            for successor in successors:
                torch.logical_and(mask[node], mask[successor], out=adjacency[node, successor])
        return GraphBatch(self.template, adjacency.permute(2, 0, 1), ops.T, mask.T)

    def canonical(self, X: Tensor) -> Tensor:
        if not self.zero_ops:
            return X  # every edge is there, and on a path
        connected = self.graphs(X).connected()[:, 1:-1]
        return torch.where(connected, X, min(map(self.op_names.index, self.zero_ops)))

    def function_keys(self, X: Tensor) -> Tensor:
        """Integers that are equal iff two rows of ``X`` (``n x d``) have the same formula.

        A map is the sum of what arrives, in any order; an identity passes on the terms of its sum, and an operation on
        nothing is nothing. In the notation of TransNAS-Bench-101 a skip from the input is an operation, not an identity:
        half of its cells halve the resolution, where it is a strided convolution.

        Keys are hashes of 64 bits: two formulas have the same one with a probability of 2^-64.

        Example:
            >>> space = EdgeCellSpace.nas_bench_201()
            >>> len(space.function_keys(space.enumerate()).unique())
            4930
        """
        zero = [self.op_names.index(op) for op in self.zero_ops]
        identity = [self.op_names.index(op) for op in self.identity_ops]
        sums = torch.zeros(1 + max(end for _, end in self.edges), len(X), dtype=torch.int64)
        sums = sums.to(X.device)
        sums[0] = 1
        for (source, target), op in zip(self.edges, X.long().T, strict=True):
            passed = torch.zeros_like(op, dtype=torch.bool)
            for one in identity if source > 0 or self.notation == "nb201" else ():
                passed |= op == one
            terms = torch.where(passed, sums[source], mixed(sums[source] + mixed(op + 1)))
            gone = sums[source] == 0
            for one in zero:
                gone |= op == one
            sums[target] += terms.where(~gone, 0)
        return sums[-1]

    def unique_str(self, row: Sequence[int] | Tensor) -> str:
        """The text by which the authors of NAS-Bench-201 tell cells apart (``to_unique_str`` of AutoDL-Projects).

        There are 6,466 of them, more than formulas: a sum with a zero is written unlike the same sum without it.

        Example:
            >>> space = EdgeCellSpace.nas_bench_201()
            >>> space.unique_str([3, 0, 1, 0, 0, 1]), space.unique_str([0, 3, 0, 0, 0, 1])
            ('#+#+#+(0)@nor_conv_3x3', '#+#+#+(0)@nor_conv_3x3')
        """
        texts = {0: "0"}
        arriving: dict[int, list[str]] = {}
        for place, ((source, target), op) in enumerate(zip(self.edges, row, strict=True), 1):
            name, text = self.op_names[int(op)], texts[source]
            if name in self.zero_ops or text == "#":
                text = "#"
            elif name not in self.identity_ops:
                text = f"({text})@{name}"
            arriving.setdefault(target, []).append(text)
            if place == len(self.edges) or self.edges[place][1] != target:
                texts[target] = "+".join(sorted(arriving[target]))
        return texts[target]

    @cached_property
    def official_order(self) -> Tensor | None:
        """The cells of NAS-Bench-201 in the order of its authors, 15,625 x 6; None in other spaces."""
        if (self.notation, self.op_names) != ("nb201", NB201_OPS):
            return None
        rows = self.enumerate()
        order = list(range(len(rows)))
        random.Random(NB201_SEED).shuffle(order)
        return rows[order]
