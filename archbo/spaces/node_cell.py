"""Cells with operations on the nodes of a DAG: NAS-Bench-101, and graphs of some tens of nodes."""

import ast
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import combinations, permutations
from typing import Self

import torch
from torch import Generator, Tensor

from archbo.errors import InvalidArchitectureError, UsageError
from archbo.spaces.base import ENUMERABLE, checked_ops
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.node_graph import NodeGraphSpace
from archbo.spaces.relabel import FORBIDDEN, canonical_order, smallest_code
from archbo.spaces.semantics import checked_nodes, special_ops

__all__ = ["NodeCellSpace"]

FEW = 7
"""The most nodes of which every numbering is tried and every shape is listed: there are 120 and 2^21 of them."""

SPECS = (("matrix", "ops"), ("module_adjacency", "module_operations"))
"""The keys of matrix and labels in the dictionaries of NASLib and naszilla, and in those of NAS-Bench-101."""

NUMBERED = ("input", "output", "maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")
"""The labels by NASLib's numbers (naslib/search_spaces/nasbench101/conversions.py)."""


class NodeCellSpace(NodeGraphSpace):
    """Operations between an input (position 0) and an output (the last position), each on the sum of what it reads.

    A row has one bit per pair of positions, row by row of the strict upper triangle, then the operations
    of the positions between. A cell with fewer nodes leaves middle positions without edges.

    As in NAS-Bench-101 (arXiv 1902.09635), the nodes that are on no path from input to output are dropped, and so are
    those with a zero operation. ``is_valid`` asks for such a path, and for at most ``max_edges`` edges in what is left.

    The notation is ``bits:input|op|...|output``: a cell of k nodes lists k labels, and its matrix sits
    in the upper left corner of the matrix whose strict upper triangle the bits are. A pair of
    matrix and labels, as the official ``ModelSpec`` takes it, is read too, and a graph of networkx.

    ``canonical`` sets dropped nodes to the first operation without edges, at the end of the middle. It numbers the
    others such that the operations, then the bits, are lexicographically smallest; in cells of more than seven nodes,
    by ``canonical_order``. Two cells get the same row iff their graphs are isomorphic, whatever their size.

    Args:
        name: The name in the catalog.
        op_names: The operations of the middle nodes.
        max_edges: The largest number of edges of a cell; any unless given.
        nodes: The largest number of nodes, input and output among them, at least 3.
        zero_ops: The operations that remove their node; ``none`` unless given, where there is one.
        identity_ops: The operations that pass on the sum of what they read; ``skip_connect`` unless given, where there
            is one.

    Raises:
        UsageError: There are fewer than three nodes, no edges are allowed, or one of the special operations is not
            among the operations.

    Example:
        >>> space = NodeCellSpace.nas_bench_101()
        >>> row = space.parse("([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ['input', 'maxpool3x3', 'output'])")
        >>> space.format(row)
        '110000100000000000000:input|maxpool3x3|output'
        >>> space.parse(space.format(row)) == row
        True
        >>> large = NodeCellSpace("large", ["conv", "pool"], nodes=30)
        >>> len(large.neighbours(large.sample(1, generator=torch.Generator().manual_seed(0))[0])) > 400
        True
    """

    def __init__(
        self,
        name: str,
        op_names: Sequence[str],
        *,
        max_edges: int | None = None,
        nodes: int = FEW,
        zero_ops: Collection[str] | None = None,
        identity_ops: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self.op_names = checked_ops(op_names, name, reserved="|:")
        self.nodes = checked_nodes(nodes, name)
        self.pairs = tuple(combinations(range(nodes), 2))
        self.middle = range(1, nodes - 1)
        if (
            isinstance(max_edges, bool)
            or not isinstance(max_edges, int | None)
            or (max_edges is not None and max_edges < 1)
        ):
            raise UsageError(
                f"max_edges of space {name!r} is {max_edges!r}; give a whole number, at least 1, or leave it out"
            )
        self.max_edges = len(self.pairs) if max_edges is None else max_edges
        self.zero_ops, self.identity_ops = special_ops(name, self.op_names, zero_ops, identity_ops)
        self.columns = (
            *(f"edge_{source}_{target}" for source, target in self.pairs),
            *(f"op_{node}" for node in self.middle),
        )
        self.rule = "; the output must be reached from the input"
        if self.max_edges < len(self.pairs):
            self.rule += f", by at most {max_edges} edges in all"
        self.choices = ((0, 1),) * len(self.pairs) + (self.op_names,) * len(self.middle)
        self.op_columns = tuple(range(len(self.pairs), len(self.columns)))
        support = torch.ones(nodes, nodes, dtype=torch.bool, device="cpu").triu(1)
        ends = ("input", "output")
        self.template = GraphTemplate((*ends, *self.op_names), (0,), (nodes - 1,), support)

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
        if len(bits) != len(self.pairs) or set(bits) - {"0", "1"}:
            raise self._malformed(text)
        if not 2 <= len(ops) <= self.nodes:
            raise self._malformed(text)
        edges = [pair for pair, bit in zip(self.pairs, bits, strict=True) if bit == "1"]
        for source, target in edges:
            if target >= len(ops):
                raise InvalidArchitectureError(
                    f"edge {source} -> {target} in {text!r} leaves its {len(ops)} nodes; "
                    f"name {target + 1} nodes, or set the bit to 0"
                )
        return self._row(edges, ops)

    def _unflattened(self, numbers: Sequence[int]) -> tuple[list[Sequence[int]], list[str]]:
        """Matrix and labels from NASLib's tuple: the rows of the matrix, then the numbers of the labels."""
        k = [k * k + k for k in range(self.nodes + 1)].index(len(numbers))
        rows = [numbers[k * row : k * row + k] for row in range(k)]
        return rows, [NUMBERED[number] for number in numbers[k * k :]]

    def _malformed(self, text: str) -> InvalidArchitectureError:
        return InvalidArchitectureError(
            f"malformed cell {text!r}: write {len(self.pairs)} bits and up to {self.nodes} labels as in "
            f"{self._example!r}, or a pair (matrix, labels)"
        )

    @property
    def _example(self) -> str:
        """The text of a small cell."""
        return self.format(self._row([(0, 1), (0, 2), (1, 2)], ["input", self._some_op, "output"]))

    @property
    def _some_op(self) -> str:
        return next((op for op in self.op_names if op not in self.zero_ops), self.op_names[0])

    def from_matrix(self, matrix: object, ops: object) -> tuple[int, ...]:
        """The row of an adjacency matrix and the labels of its nodes.

        Args:
            matrix: ``k x k`` of 0 and 1, strictly upper triangular, from 2 up to ``nodes`` rows.
            ops: ``k`` labels, ``input`` first and ``output`` last.

        Raises:
            InvalidArchitectureError: They are no cell of this space.
        """
        if not isinstance(ops, list | tuple) or not 2 <= len(ops) <= self.nodes:
            raise InvalidArchitectureError(
                f"labels {ops!r} of a {self.name} cell: give a list of 2 to {self.nodes}, from input to output"
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
        return self._row([(source, target) for source, target in A.nonzero().tolist()], list(ops))

    def _row(self, edges: list[tuple[int, int]], ops: list[str]) -> tuple[int, ...]:
        # In plain Python, which is fast for single cells.
        if len(ops) > self.nodes:
            raise InvalidArchitectureError(
                f"the graph has {len(ops)} nodes; cells of {self.name} have up to {self.nodes}"
            )
        if ops[0] != "input" or ops[-1] != "output":
            raise InvalidArchitectureError(
                f"labels {list(ops)} of a {self.name} cell: the first is 'input', the last 'output'"
            )
        for node, op in enumerate(ops[1:-1], 1):
            if op not in self.op_names:
                raise self._unknown_op(op, f"node {node} of a cell")
        last = len(ops) - 1
        gone = {node for node, op in enumerate(ops) if op in self.zero_ops}
        forward, backward = {0}, {last}
        for source, target in sorted(edges):
            if source in forward and target not in gone:
                forward.add(target)
        for source, target in sorted(edges, reverse=True):
            if target in backward and source not in gone:
                backward.add(source)
        live = forward & backward
        n_edges = sum(source in live and target in live for source, target in edges)
        if 0 not in live or n_edges > self.max_edges:
            raise InvalidArchitectureError(
                f"the cell with edges {list(edges)} and output {last} is not in {self.name}: it has "
                f"{n_edges} edges on paths from input to output; give 1 to {self.max_edges}"
            )
        end = self.nodes - 1
        placed = {(source, end if target == last else target) for source, target in edges}
        codes = [self.op_names.index(op) for op in ops[1:-1]] + [0] * (self.nodes - len(ops))
        return (*(int(pair in placed) for pair in self.pairs), *codes)

    def format(self, row: Sequence[int] | Tensor) -> str:
        digits = [int(value) for value in row]
        edges = [pair for pair, bit in zip(self.pairs, digits, strict=False) if bit]
        ops = digits[len(self.pairs) :]
        # Positions that hold nothing are left out at the end only, so that parsing gives the row back.
        used = {node for edge in edges for node in edge} | {n for n in self.middle if ops[n - 1]}
        k = 2 + max((node for node in self.middle if node in used), default=0)
        written = {
            (source, k - 1 if target == self.nodes - 1 else target) for source, target in edges
        }
        bits = "".join(str(int(pair in written)) for pair in self.pairs)
        return (
            f"{bits}:{'|'.join(['input', *(self.op_names[op] for op in ops[: k - 2]), 'output'])}"
        )

    # Meaning.

    def input_column(self, node: int) -> int:
        return self.pairs.index((0, node))

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.nodes
        columns = X.T
        ops = torch.empty(V, n, dtype=torch.int64, device=X.device)
        ops[0], ops[-1] = 0, 1
        ops[1:-1] = columns[len(self.pairs) :]
        ops[1:-1] += 2
        gone = torch.zeros(V, n, dtype=torch.bool, device=X.device)
        for op in self.zero_ops:
            gone |= ops == 2 + self.op_names.index(op)
        mask = torch.zeros(V, n, dtype=torch.bool, device=X.device)
        adjacency = torch.zeros(V, V, n, dtype=torch.bool, device=X.device)
        for (source, target), bit in zip(self.pairs, columns, strict=False):
            edge = torch.ne(bit, 0, out=adjacency[source, target])
            if self.zero_ops:
                edge &= ~(gone[source] | gone[target])
            mask[source] |= edge
            mask[target] |= edge
        mask[0] = mask[-1] = True
        return GraphBatch(self.template, adjacency.permute(2, 0, 1), ops.T, mask.T)

    def is_valid(self, X: Tensor) -> Tensor:
        live, edges = self._pruned(X)
        return super().is_valid(X) & live[0] & (edges.sum(0) <= self.max_edges)

    def _pruned(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """The nodes on paths from input to output, ``V x n`` bool, and their edges, by pair and ``n``."""
        graphs = self.graphs(X)
        live = graphs.connected().T.contiguous()
        edges = [graphs.adjacency[:, s, t] & live[s] & live[t] for s, t in self.pairs]
        return live, torch.stack(edges)

    def canonical(self, X: Tensor) -> Tensor:
        live, edges = self._pruned(X)
        # A dropped node takes the largest digit, hence the last of the middle positions.
        dropped = len(self.op_names)
        ops = torch.where(live[1:-1], X.T[len(self.pairs) :].long(), dropped)
        if not self._has_codes:
            return self._ordered(live, edges, ops).to(X.dtype)
        code = smallest_code(torch.cat([edges.long(), ops]).T, self._weights)
        result = torch.empty(self.n_columns, len(X), dtype=X.dtype, device=X.device)
        for column, (value, base) in enumerate(self._places):
            result[column] = code // value % base
        ops = result[len(self.pairs) :]
        ops.masked_fill_(ops == dropped, 0)
        return result.T.contiguous()

    def _ordered(self, live: Tensor, edges: Tensor, ops: Tensor) -> Tensor:
        """Rows whose middle nodes are numbered by ``canonical_order``, from what was pruned."""
        V, n = live.shape
        sources, targets = torch.tensor(self.pairs, device=edges.device).T
        adjacency = torch.zeros(n, V, V, dtype=torch.bool, device=edges.device)
        adjacency[:, sources, targets] = edges.T
        labels = torch.full((n, V), len(self.op_names) + 1, device=edges.device)
        labels[:, 1:-1] = ops.T
        order = canonical_order(adjacency, labels)
        # Dropped nodes and the output go to the end.
        late = ~live.T.gather(1, order) | (order == V - 1)
        order = order.gather(1, late.long().argsort(dim=1, stable=True))
        late = (order == V - 1).long()
        order = order.gather(1, late.argsort(dim=1, stable=True))
        adjacency = adjacency.gather(1, order.unsqueeze(2).expand(n, V, V))
        adjacency = adjacency.gather(2, order.unsqueeze(1).expand(n, V, V))
        codes = labels.gather(1, order)[:, 1:-1]
        codes = codes.where(codes < len(self.op_names), 0)
        return torch.cat([adjacency[:, sources, targets].long(), codes], 1)

    # The code of a numbered cell: operations, then bits, the first digit the most significant.

    @cached_property
    def _has_codes(self) -> bool:
        """Whether every numbering is tried: the nodes are few, and the codes small enough to be exact."""
        codes = 2 ** len(self.pairs) * (len(self.op_names) + 1) ** len(self.middle)
        return self.nodes <= FEW and codes < FORBIDDEN

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        """Value and base of the digit of each column."""
        base = len(self.op_names) + 1
        bits = [(2**exponent, 2) for exponent in reversed(range(len(self.pairs)))]
        last = 2 ** len(self.pairs)
        ops = [(last * base**exponent, base) for exponent in reversed(range(len(self.middle)))]
        return bits + ops

    @cached_property
    def _weights(self) -> Tensor:
        """The value of each column's digit (rows) when the middle nodes are renumbered (columns), double."""
        values = [value for value, _ in self._places]
        bit = dict(zip(self.pairs, values, strict=False))
        op = dict(zip(self.middle, values[len(self.pairs) :], strict=True))
        columns = []
        for numbers in permutations(self.middle):
            new = (0, *numbers, self.nodes - 1)
            edges = [
                bit.get((new[source], new[target]), FORBIDDEN) for source, target in self.pairs
            ]
            columns.append([*edges, *(op[new[node]] for node in self.middle)])
        return torch.tensor(columns, dtype=torch.double, device="cpu").T

    # Ways to get rows.

    def sample(self, n: int, *, generator: Generator, dtype: torch.dtype = torch.double) -> Tensor:
        """``n x d`` rows; every cell can be drawn.

        Up to seven nodes, each decision is drawn uniformly, and the row is kept if it is valid. Of more nodes, few such
        rows would be: there the number of nodes on paths is drawn first, then edges that join them, then others.
        """
        if self.nodes <= FEW:
            return super().sample(n, generator=generator, dtype=dtype)
        is_live = self._draw_nodes(n, generator)
        adjacency = self._draw_edges(is_live, generator)
        sources, targets = torch.tensor(self.pairs, device="cpu").T
        shape = (n, len(self.middle))
        ops = torch.randint(len(self.op_names), shape, generator=generator, device="cpu")
        alive = torch.tensor(self._alive, device="cpu")
        among = torch.randint(len(alive), shape, generator=generator, device="cpu")
        ops = alive[among].where(is_live[:, 1:-1], ops)
        return torch.cat([adjacency[:, sources, targets].long(), ops], 1).to(dtype)

    @cached_property
    def _alive(self) -> list[int]:
        """The choices of operation that do not remove their node."""
        return [code for code, op in enumerate(self.op_names) if op not in self.zero_ops]

    def _draw_nodes(self, n: int, generator: Generator) -> Tensor:
        """``n x V`` bool: which nodes are on paths, of as many as the edges can join."""
        most = min(len(self.middle), self.max_edges - 1) if self._alive else 0
        k = torch.randint(most + 1, (n, 1), generator=generator, device="cpu")
        random = torch.rand(n, len(self.middle), generator=generator, device="cpu")
        is_live = torch.ones(n, self.nodes, dtype=torch.bool, device="cpu")
        is_live[:, 1:-1] = random.argsort(1).argsort(1) < k
        return is_live

    def _draw_edges(self, is_live: Tensor, generator: Generator) -> Tensor:
        """``n x V x V`` bool: edges that put all these nodes on paths, and a random number of others."""
        n, V = is_live.shape
        graph = torch.arange(n, device="cpu")
        adjacency = torch.zeros(n, V, V, dtype=torch.bool, device="cpu")
        middle = is_live[:, 1:-1].sum(1)
        # Nodes that feed no other yet; each will need an edge, so their number is kept within what is left.
        is_leaf = torch.zeros_like(is_live)
        is_leaf[:, 0] = True
        for node in self.middle:
            must = (is_leaf.sum(1) >= self.max_edges - middle).unsqueeze(1)
            allowed = is_live[:, :node] & (is_leaf[:, :node] | ~must)
            source = torch.multinomial(allowed.double(), 1, generator=generator).squeeze(1)
            here = is_live[:, node]
            adjacency[graph[here], source[here], node] = True
            is_leaf[graph[here], source[here]] = False
            is_leaf[:, node] = here
        for node in self.middle:
            later = is_live[:, node + 1 :].double()
            target = node + 1 + torch.multinomial(later, 1, generator=generator).squeeze(1)
            here = is_leaf[:, node]
            adjacency[graph[here], node, target[here]] = True
        adjacency[middle == 0, 0, -1] = True

        free = is_live.unsqueeze(2) & is_live.unsqueeze(1) & ~adjacency
        sources, targets = torch.tensor(self.pairs, device="cpu").T
        free = free[:, sources, targets]
        room = (self.max_edges - adjacency.sum((1, 2))).minimum(free.sum(1))
        share = torch.rand(n, generator=generator, dtype=torch.double, device="cpu")
        more = (share * (room + 1)).floor()
        random = torch.rand(free.shape, generator=generator, device="cpu")
        rank = random.masked_fill(~free, 2.0).argsort(1).argsort(1)
        adjacency[:, sources, targets] |= free & (rank < more.unsqueeze(1))
        return adjacency

    @property
    def is_enumerable(self) -> bool:
        """Whether there are at most two million cells: their rows are many more."""
        return self.nodes <= FEW and self._n_cells <= ENUMERABLE

    @cached_property
    def _shapes(self) -> Tensor:
        """All shapes of at most ``max_edges`` edges and nothing to drop, up to isomorphism, as rows of bytes."""
        codes = torch.arange(2 ** len(self.pairs), device="cpu")
        places = torch.arange(len(self.pairs) - 1, -1, -1, device="cpu")
        n_edges = sum((codes >> place & 1 for place in places), torch.zeros_like(codes))
        codes = codes[n_edges <= self.max_edges]
        # Bytes suffice here and keep the largest table small.
        shapes = torch.zeros(len(codes), self.n_columns, dtype=torch.uint8, device="cpu")
        for column, place in enumerate(places):
            shapes[:, column] = codes >> place & 1
        shapes[:, len(self.pairs) :] = min(self._alive, default=0)
        live, edges = self._pruned(shapes)
        whole = live[0] & (edges.sum(0) == shapes.sum(-1) - shapes[:, len(self.pairs) :].sum(-1))
        return self.canonical(self.distinct(shapes[whole]))

    @cached_property
    def _n_cells(self) -> int:
        """At least the number of cells: every shape with every labelling."""
        sizes = self._pruned(self._shapes)[0][1:-1].sum(0)
        return sum(len(self._alive) ** size for size in sizes.tolist())

    def enumerate(self, *, dtype: torch.dtype = torch.double) -> Tensor:
        """Every cell once, as canonical rows in the order of their keys.

        First all shapes with at most ``max_edges`` edges and nothing to drop, up to isomorphism; then
        every way to label them.

        Raises:
            UsageError: There are more than seven nodes or two million cells.
        """
        if not self.is_enumerable:
            raise UsageError(f"{self.name} has {self.size:,} rows, too many to list; use sample()")
        sizes = self._pruned(self._shapes)[0][1:-1].sum(0)
        parts = []
        for size in range(len(self.middle) + 1):
            unlabelled = self._shapes[sizes == size].to(dtype)
            axes = [torch.tensor(self._alive, dtype=dtype, device="cpu")] * size
            axes += [torch.zeros(1, dtype=dtype, device="cpu")] * (len(self.middle) - size)
            labels = torch.cartesian_prod(*axes).reshape(-1, len(self.middle))
            cells = unlabelled.repeat_interleave(len(labels), 0)
            cells[:, len(self.pairs) :] = labels.repeat(len(unlabelled), 1)
            parts.append(self.canonical(self.distinct(cells)))
        cells = torch.cat(parts)
        return cells[self.row_keys(cells).argsort()]
