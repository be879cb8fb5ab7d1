"""Cells with operations on the nodes of a small DAG: NAS-Bench-101."""

import ast
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import permutations
from typing import Self

import torch
from torch import Tensor

from archbo.errors import InvalidArchitectureError
from archbo.spaces.base import SearchSpace, checked_ops
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.relabel import FORBIDDEN, smallest_code

__all__ = ["NodeCellSpace"]

V = 7
"""The most nodes of a cell, input and output among them (arXiv 1902.09635)."""

PAIRS = tuple((source, target) for source in range(V) for target in range(source + 1, V))
"""The pairs of positions that there may be an edge between, row by row of the upper triangle."""

SPECS = (("matrix", "ops"), ("module_adjacency", "module_operations"))
"""The keys of matrix and labels in the dictionaries of NASLib and naszilla, and in those of NAS-Bench-101."""

NUMBERED = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")
"""The labels by NASLib's numbers (naslib/search_spaces/nasbench101/conversions.py)."""

MIDDLE = range(1, V - 1)
"""The positions between input and output."""


class NodeCellSpace(SearchSpace):
    """Up to five operations between an input (position 0) and an output (position 6).

    A row has one bit per pair of positions, row by row of the strict upper triangle, then the operations
    of positions 1..5. A cell with fewer nodes leaves middle positions without edges.

    NAS-Bench-101 (arXiv 1902.09635) drops the nodes that are on no path from input to output before it
    looks at a cell. ``is_valid`` asks for such a path, and for at most ``max_edges`` edges in what is left.

    The notation is ``bits:input|op|...|output``: a cell of k nodes lists k labels, and its matrix sits
    in the upper left corner of the 7 x 7 matrix whose strict upper triangle the 21 bits are. A pair of
    matrix and labels, as the official ``ModelSpec`` takes it, is read too.

    ``canonical`` sets dropped nodes to the first operation without edges, at the end of the middle, and
    numbers the others such that the operations, then the bits, are lexicographically smallest. Two cells
    get the same row iff their graphs are isomorphic.

    Args:
        name: The name in the catalog.
        op_names: The operations of the middle nodes.
        max_edges: The largest number of edges of a cell.

    Example:
        >>> space = NodeCellSpace.nas_bench_101()
        >>> row = space.parse("([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ['input', 'maxpool3x3', 'output'])")
        >>> space.format(row)
        '110000100000000000000:input|maxpool3x3|output'
        >>> space.parse(space.format(row)) == row
        True
    """

    merges_isomorphs = True
    columns = (
        *(f"edge_{source}_{target}" for source, target in PAIRS),
        *(f"op_{node}" for node in MIDDLE),
    )

    def __init__(self, name: str, op_names: Sequence[str], *, max_edges: int) -> None:
        self.name = name
        self.op_names = checked_ops(op_names, name, reserved="|:")
        self.max_edges = max_edges
        self.rule = (
            f"; the output must be reached from the input, by at most {max_edges} edges in all"
        )
        self.choices = ((0, 1),) * len(PAIRS) + (self.op_names,) * len(MIDDLE)
        self.op_columns = tuple(range(len(PAIRS), len(self.columns)))
        support = torch.ones(V, V, dtype=torch.bool, device="cpu").triu(1)
        self.template = GraphTemplate(("input", "output", *self.op_names), (0,), (V - 1,), support)

    @classmethod
    def nas_bench_101(cls) -> Self:
        """The 423,624 cells of NAS-Bench-101."""
        return cls("nb101", ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"), max_edges=9)

    @property
    def content(self) -> dict[str, object]:
        return super().content | {"max_edges": self.max_edges}

    # Notation.

    def _parse_object(self, value: object) -> tuple[int, ...]:
        # A matrix of NumPy has no text that could be read.
        if isinstance(value, list | tuple) and len(value) == 2:
            return self.from_matrix(*value)
        return super()._parse_object(value)

    def row_of(self, values: Mapping[str, object]) -> tuple[int, ...]:
        for matrix, ops in SPECS:
            if set(values) == {matrix, ops}:
                return self.from_matrix(values[matrix], values[ops])
        return super().row_of(values)

    def parse(self, text: str) -> tuple[int, ...]:
        if text.lstrip().startswith(("(", "[", "{")):
            try:
                value = ast.literal_eval(text.strip())
                if isinstance(value, dict):
                    return self.row_of(value)
                matrix, ops = value if len(value) == 2 else self._unflattened(value)
            except InvalidArchitectureError:
                raise
            except (
                *(ValueError, TypeError, IndexError),
                *(SyntaxError, MemoryError, RecursionError),
            ) as error:
                raise self._malformed(text) from error
            return self.from_matrix(matrix, ops)
        bits, _, labels = text.strip().partition(":")
        ops = labels.split("|")
        if len(bits) != len(PAIRS) or set(bits) - {"0", "1"} or not 2 <= len(ops) <= V:
            raise self._malformed(text)
        edges = [pair for pair, bit in zip(PAIRS, bits, strict=True) if bit == "1"]
        for source, target in edges:
            if target >= len(ops):
                raise InvalidArchitectureError(
                    f"edge {source} -> {target} in {text!r} leaves its {len(ops)} nodes; "
                    f"name {target + 1} nodes, or set the bit to 0"
                )
        return self._row(edges, ops)

    @staticmethod
    def _unflattened(numbers: Sequence[int]) -> tuple[list[Sequence[int]], list[str]]:
        """Matrix and labels from NASLib's tuple: the rows of the matrix, then the numbers of the labels."""
        k = [k * k + k for k in range(V + 1)].index(len(numbers))
        rows = [numbers[k * row : k * row + k] for row in range(k)]
        return rows, [NUMBERED[number] for number in numbers[k * k :]]

    def _malformed(self, text: str) -> InvalidArchitectureError:
        return InvalidArchitectureError(
            f"malformed cell {text!r}: write {len(PAIRS)} bits and up to {V} labels as in "
            f"'110000100000000000000:input|{self.op_names[0]}|output', or a pair (matrix, labels)"
        )

    def from_matrix(self, matrix: object, ops: object) -> tuple[int, ...]:
        """The row of an adjacency matrix and the labels of its nodes.

        Args:
            matrix: ``k x k`` of 0 and 1, strictly upper triangular, 2 <= k <= 7.
            ops: ``k`` labels, ``input`` first and ``output`` last.

        Raises:
            InvalidArchitectureError: They are no cell of this space.
        """
        if not isinstance(ops, list | tuple) or not 2 <= len(ops) <= V:
            raise InvalidArchitectureError(
                f"labels {ops!r} of a {self.name} cell: give a list of 2 to {V}, from input to output"
            )
        k = len(ops)
        try:
            A = torch.as_tensor(matrix, device="cpu")
        except (ValueError, TypeError, RuntimeError) as error:
            raise InvalidArchitectureError(
                f"matrix {matrix!r} of a {self.name} cell: give {k} rows of {k} numbers"
            ) from error
        if A.shape != (k, k) or not bool(((A == 0) | (A == 1)).all()):
            raise InvalidArchitectureError(
                f"matrix {A.tolist()} of a {self.name} cell with {k} labels: "
                f"give {k} rows of {k} numbers, each 0 or 1"
            )
        lower = A.tril().nonzero().tolist()
        if lower:
            source, target = lower[0]
            raise InvalidArchitectureError(
                f"edge {source} -> {target} of a {self.name} cell points backwards; "
                "list the nodes in topological order"
            )
        return self._row([(source, target) for source, target in A.nonzero().tolist()], ops)

    def _row(self, edges: Sequence[tuple[int, int]], ops: Sequence[str]) -> tuple[int, ...]:
        """The row of a topologically ordered cell; in plain Python, which is fast for single cells."""
        if ops[0] != "input" or ops[-1] != "output":
            raise InvalidArchitectureError(
                f"labels {list(ops)} of a {self.name} cell: the first is 'input', the last 'output'"
            )
        for node, op in enumerate(ops[1:-1], 1):
            if op not in self.op_names:
                raise self._unknown_op(op, f"node {node} of a cell")
        last = len(ops) - 1
        forward, backward = {0}, {last}
        for source, target in sorted(edges):
            if source in forward:
                forward.add(target)
        for source, target in sorted(edges, reverse=True):
            if target in backward:
                backward.add(source)
        live = forward & backward
        n_edges = sum(source in live and target in live for source, target in edges)
        if 0 not in live or n_edges > self.max_edges:
            raise InvalidArchitectureError(
                f"the cell with edges {list(edges)} and output {last} is not in {self.name}: it has "
                f"{n_edges} edges on paths from input to output; give 1 to {self.max_edges}"
            )
        placed = {(source, V - 1 if target == last else target) for source, target in edges}
        codes = [self.op_names.index(op) for op in ops[1:-1]] + [0] * (V - len(ops))
        return (*(int(pair in placed) for pair in PAIRS), *codes)

    def format(self, row: Sequence[int] | Tensor) -> str:
        digits = [int(value) for value in row]
        edges = [pair for pair, bit in zip(PAIRS, digits, strict=False) if bit]
        ops = digits[len(PAIRS) :]
        # Positions that hold nothing are left out at the end only, so that parsing gives the row back.
        used = {node for edge in edges for node in edge} | {n for n in MIDDLE if ops[n - 1]}
        k = 2 + max((node for node in MIDDLE if node in used), default=0)
        edges = [(source, k - 1 if target == V - 1 else target) for source, target in edges]
        bits = "".join(str(int(pair in edges)) for pair in PAIRS)
        return (
            f"{bits}:{'|'.join(['input', *(self.op_names[op] for op in ops[: k - 2]), 'output'])}"
        )

    # Meaning.

    def graphs(self, X: Tensor) -> GraphBatch:
        n = len(X)
        columns = X.T
        ops = torch.empty(V, n, dtype=torch.int64, device=X.device)
        ops[0], ops[-1] = 0, 1
        ops[1:-1] = columns[len(PAIRS) :]
        ops[1:-1] += 2
        mask = torch.zeros(V, n, dtype=torch.bool, device=X.device)
        adjacency = torch.zeros(V, V, n, dtype=torch.bool, device=X.device)
        for (source, target), bit in zip(PAIRS, columns, strict=False):
            edge = torch.ne(bit, 0, out=adjacency[source, target])
            mask[source] |= edge
            mask[target] |= edge
        mask[0] = mask[-1] = True
        return GraphBatch(self.template, adjacency.permute(2, 0, 1), ops.T, mask.T)

    def is_valid(self, X: Tensor) -> Tensor:
        live, edges = self._pruned(X)
        return super().is_valid(X) & live[0] & (edges.sum(0) <= self.max_edges)

    def _pruned(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """The nodes on paths from input to output, ``7 x n`` bool, and their edges, ``21 x n`` bool."""
        graphs = self.graphs(X)
        live = graphs.connected().T.contiguous()
        edges = [graphs.adjacency[:, s, t] & live[s] & live[t] for s, t in PAIRS]
        return live, torch.stack(edges)

    def canonical(self, X: Tensor) -> Tensor:
        live, edges = self._pruned(X)
        # A dropped node takes the largest digit, hence the last of the middle positions.
        dropped = len(self.op_names)
        ops = torch.where(live[1:-1], X.T[len(PAIRS) :].long(), dropped)
        code = smallest_code(torch.cat([edges.long(), ops]).T, self._weights)
        result = torch.empty(self.n_columns, len(X), dtype=X.dtype, device=X.device)
        for column, (value, base) in enumerate(self._places):
            digit = code // value % base
            result[column] = digit.masked_fill_(digit == dropped, 0) if base > 2 else digit
        return result.T.contiguous()

    # The code of a numbered cell: operations, then bits, the first digit the most significant.

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        """Value and base of the digit of each column."""
        base = len(self.op_names) + 1
        bits = [(2**exponent, 2) for exponent in reversed(range(len(PAIRS)))]
        ops = [
            (2 ** len(PAIRS) * base**exponent, base) for exponent in reversed(range(len(MIDDLE)))
        ]
        return bits + ops

    @cached_property
    def _weights(self) -> Tensor:
        """``26 x 120`` double: the value of each column's digit when the middle nodes are renumbered."""
        values = [value for value, _ in self._places]
        bit = dict(zip(PAIRS, values, strict=False))
        op = dict(zip(MIDDLE, values[len(PAIRS) :], strict=True))
        columns = []
        for numbers in permutations(MIDDLE):
            new = (0, *numbers, V - 1)
            edges = [bit.get((new[source], new[target]), FORBIDDEN) for source, target in PAIRS]
            columns.append([*edges, *(op[new[node]] for node in MIDDLE)])
        return torch.tensor(columns, dtype=torch.double, device="cpu").T

    # All cells.

    @property
    def is_enumerable(self) -> bool:
        """True: the rows are many, the cells are not."""
        return True

    def enumerate(self, *, dtype: torch.dtype = torch.double) -> Tensor:
        """Every cell once, as canonical rows in the order of their keys.

        First all shapes with at most ``max_edges`` edges and nothing to drop, up to isomorphism; then
        every way to label them.
        """
        codes = torch.arange(2 ** len(PAIRS), device="cpu")
        places = torch.arange(len(PAIRS) - 1, -1, -1, device="cpu")
        n_edges = sum((codes >> place & 1 for place in places), torch.zeros_like(codes))
        codes = codes[n_edges <= self.max_edges]
        # Bytes suffice here and keep the largest table small.
        shapes = torch.zeros(len(codes), self.n_columns, dtype=torch.uint8, device="cpu")
        for column, place in enumerate(places):
            shapes[:, column] = codes >> place & 1
        live, edges = self._pruned(shapes)
        whole = live[0] & (edges.sum(0) == shapes.sum(-1))
        shapes = self.canonical(self.distinct(shapes[whole]))

        k = self._pruned(shapes)[0][1:-1].sum(0)
        parts = []
        for size in range(len(MIDDLE) + 1):
            unlabelled = shapes[k == size].to(dtype)
            axes = [torch.arange(len(self.op_names), dtype=dtype, device="cpu")] * size
            axes += [torch.zeros(1, dtype=dtype, device="cpu")] * (len(MIDDLE) - size)
            labels = torch.cartesian_prod(*axes)
            cells = unlabelled.repeat_interleave(len(labels), 0)
            cells[:, len(PAIRS) :] = labels.repeat(len(unlabelled), 1)
            parts.append(self.canonical(self.distinct(cells)))
        cells = torch.cat(parts)
        return cells[self.row_keys(cells).argsort()]
