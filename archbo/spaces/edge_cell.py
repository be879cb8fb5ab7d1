"""Cells with operations on the edges of a complete DAG: NAS-Bench-201 and its relatives."""

import re
from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor

from archbo.errors import InvalidArchitectureError
from archbo.spaces.base import SearchSpace
from archbo.spaces.graph import GraphBatch, GraphTemplate

__all__ = ["EdgeCellSpace"]


class EdgeCellSpace(SearchSpace):
    """Four feature maps 0..3, an operation on each edge ``i -> j``, each map the sum of what arrives.

    A row has one column per edge in the order of the architecture string: 01, 02, 12, 03, 13, 23.

    NAS-Bench-201 (arXiv 2001.00326) writes ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``; NASLib's digit tuple
    ``(4, 3, 3, 0, 0, 0)`` (edges 01, 02, 03, 12, 13, 23) is read too. TransNAS-Bench-101 (arXiv 2105.11871)
    writes ``64-41414-a_bc_def``, a digit per edge; the string form is read too.

    ``canonical`` sets to ``none`` each edge that is on no path from 0 to 3.

    Example:
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> row = space.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
        >>> row
        (3, 0, 1, 0, 0, 4)
        >>> space.format(row) == str(space.arch("(2, 1, 1, 0, 1, 4)"))
        True
    """

    zero_ops = frozenset({"none"})
    identity_ops = frozenset({"skip_connect"})
    edges = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

    def __init__(
        self, name: str, op_names: Sequence[str], *, notation: Literal["nb201", "tnb101"]
    ) -> None:
        self.name = name
        self.op_names = tuple(op_names)
        self.notation = notation
        self.columns = tuple(f"op_{source}_{target}" for source, target in self.edges)
        self.cardinalities = (len(self.op_names),) * len(self.edges)
        # Node 0 is the input, nodes 1..6 are the edges in column order, node 7 is the output.
        support = torch.zeros(8, 8, dtype=torch.bool)
        for node, (source, target) in enumerate(self.edges, 1):
            support[0, node] = source == 0
            support[node, 7] = target == 3
            for other, (start, _) in enumerate(self.edges, 1):
                support[node, other] = target == start
        self.template = GraphTemplate(("input", "output", *self.op_names), (0,), (7,), support)

    @classmethod
    def nas_bench_201(cls) -> Self:
        """The 15,625 cells of NAS-Bench-201 (NATS-Bench topology space)."""
        ops = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
        return cls("nb201", ops, notation="nb201")

    @classmethod
    def trans_nas_micro(cls) -> Self:
        """The 4,096 cells of TransNAS-Bench-101's micro space."""
        ops = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
        return cls("tnb101-micro", ops, notation="tnb101")

    def parse(self, text: str) -> tuple[int, ...]:
        text = text.strip()
        if text.startswith("("):
            return self._parse_digits(text)
        if text.startswith("|"):
            return self._parse_string(text)
        if self.notation == "tnb101":
            return self._parse_tnb101(text)
        raise InvalidArchitectureError(
            f"cannot read {text!r} as a {self.name} cell; "
            "write |op~0|+|op~0|op~1|+|op~0|op~1|op~2| or a digit tuple such as (4, 3, 3, 0, 0, 0)"
        )

    def _parse_string(self, text: str) -> tuple[int, ...]:
        groups = text.split("+")
        found = [token for group in groups for token in group.strip("|").split("|")]
        wanted = [f"~{source}" for source, _ in self.edges]
        shape = [len(group.strip("|").split("|")) for group in groups]
        if shape != [1, 2, 3] or any(
            not token.endswith(end) for token, end in zip(found, wanted, strict=True)
        ):
            raise InvalidArchitectureError(
                f"malformed cell {text!r}: write |op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
            )
        ops = [token.rpartition("~")[0] for token in found]
        for op, column in zip(ops, self.columns, strict=True):
            if op not in self.op_names:
                raise self._unknown_op(op, f"column {column} of {text!r}")
        return tuple(self.op_names.index(op) for op in ops)

    # NASLib's digits stand for these operations, on the edges in this order.
    _digit_ops = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
    _digit_edges = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))

    def _parse_digits(self, text: str) -> tuple[int, ...]:
        digits = [int(digit) for digit in re.findall(r"\d+", text)]
        if len(digits) != 6 or not re.fullmatch(r"\([\d,\s]*\)", text):
            raise InvalidArchitectureError(
                f"malformed digit tuple {text!r}: write six digits such as (4, 3, 3, 0, 0, 0)"
            )
        ops = dict(zip(self._digit_edges, digits, strict=True))
        for edge, digit in ops.items():
            known = digit < len(self._digit_ops) and self._digit_ops[digit] in self.op_names
            if not known:
                raise self._unknown_op(str(digit), f"edge {edge} of {text!r}")
        return tuple(self.op_names.index(self._digit_ops[ops[edge]]) for edge in self.edges)

    def _parse_tnb101(self, text: str) -> tuple[int, ...]:
        match = re.fullmatch(r"(?:64-41414-)?(\d)_(\d\d)_(\d\d\d)", text)
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
        tokens = [
            f"{self.op_names[digit]}~{source}"
            for digit, (source, _) in zip(digits, self.edges, strict=True)
        ]
        return f"|{tokens[0]}|+|{tokens[1]}|{tokens[2]}|+|{'|'.join(tokens[3:])}|"

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.template.n_nodes
        ops = torch.empty(V, n, dtype=torch.int64)
        ops[0], ops[-1] = 0, 1
        ops[1:-1] = X.T
        ops[1:-1] += 2
        mask = torch.ones(V, n, dtype=torch.bool)
        for op in self.zero_ops & set(self.op_names):
            mask[1:-1] &= ops[1:-1] != 2 + self.op_names.index(op)
        adjacency = torch.zeros(V, V, n, dtype=torch.bool)
        for node, successors in enumerate(self.template.successors):
            for successor in successors:
                torch.logical_and(mask[node], mask[successor], out=adjacency[node, successor])
        return GraphBatch(self.template, adjacency.permute(2, 0, 1), ops.T, mask.T)

    def canonical(self, X: Tensor) -> Tensor:
        connected = self.graphs(X).connected()[:, 1:-1]
        return torch.where(connected, X, self.op_names.index("none"))
