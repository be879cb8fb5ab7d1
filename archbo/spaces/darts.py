"""Pairs of cells with two operations per node: DARTS and NAS-Bench-301."""

import ast
import re
from collections.abc import Mapping, Sequence
from itertools import combinations, combinations_with_replacement, permutations, product
from typing import Any, Self

import networkx as nx
import torch
from torch import Tensor

from archbo.errors import InvalidArchitectureError, UsageError
from archbo.spaces.base import SearchSpace, checked_ops
from archbo.spaces.graph import GraphBatch, GraphTemplate
from archbo.spaces.networkx_graphs import AnyGraph, numbered, op_of

__all__ = ["DartsSpace"]

CELLS = ("normal", "reduce")
"""The two cells of a genotype."""

NODES = range(2, 6)
"""The intermediate nodes of a cell; 0 and 1 are its inputs, the outputs of the two cells before."""

SLOTS = tuple((node, source) for node in NODES for source in range(node))
"""The fourteen places of a cell where there can be an edge."""

CONCATS = {
    *("range(2, 6)", "[2, 3, 4, 5]", "(2, 3, 4, 5)"),
    *("range(2, 7)", "[2, 3, 4, 5, 6]", "(2, 3, 4, 5, 6)"),
}
"""How it is written that a cell concatenates all its nodes; some files count a node 6 that there is not
(the README of NAS-Bench-X11, NASLib before 2022)."""

FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
"""The fields of ``Genotype`` in their order (cnn/genotypes.py of DARTS)."""

DRAWN = ("c_{k-2}", "c_{k-1}", "0", "1", "2", "3", "c_{k}")
"""The nodes of a cell as DARTS draws it, inputs first and the output last (cnn/visualize.py)."""

CONFIG = re.compile(r"(?:^|:|\.|_COLON_)((?:edge|inputs_node)_(?:normal|reduce)_\d+)$")
"""A key by which ConfigSpace describes a cell, behind the name of its selector: NAS-Bench-301 has
``NetworkSelectorDatasetInfo:darts:edge_normal_0``, YAHPO Gym ``_COLON_`` in place of the colons
(nasbench301/surrogate_models/utils.py, yahpo_gym/benchmarks/nasbench_301.py)."""

MOST_OPS = 42
"""The most operations of which the code of a cell is a 64-bit integer."""

OPS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The operations of DARTS (arXiv 1806.09055) but ``none``, in the order of NASLib's numbers."""


class DartsSpace(SearchSpace):
    """A normal and a reduction cell, each of four nodes that add up two operations on earlier nodes.

    The two operations of a node read distinct earlier nodes, or any two; the output of a cell is the concatenation
    of all four nodes (arXiv 1806.09055). A row has three columns per node: which pair of earlier nodes it
    reads, and the operations on the first and on the second of the pair.

    The notation is the official ``Genotype(normal=[(op, source), ...], normal_concat=range(2, 6), ...)``;
    the order of the two edges of a node means nothing, ``format`` writes the earlier source first. Read are also
    fields in their order, edges nested by node, the pairs (source, number of the operation) of NASLib and BANANAS, the
    dictionaries of ConfigSpace for NAS-Bench-301, whose other keys are ignored, and the graphs of ``to_networkx``. A
    mapping of ``normal`` and ``reduce`` has the edges of the cells, or graphs of networkx with ``op`` on their edges and
    nodes 0 to 5, or as DARTS draws them, ``c_{k-2}``, ``c_{k-1}``, ``0``, ``1``, ``2``, ``3``.

    ``canonical`` numbers the nodes of each cell such that isomorphic cells get the same row. Operations
    that receive nothing but zeros become ``none``, and what a ``none`` reads is forgotten.

    In ``graphs`` the two cells lie side by side, each operation is a node that is fed by all operations
    of the node it reads, and feeds the output. Whether two operations are added up or concatenated can
    only be seen there from what their sum feeds.

    Args:
        name: The name in the catalog.
        op_names: The operations, at most 42; by default those of DARTS with ``none``, which real tables use.
        any_sources: Whether both operations of a node may read the same earlier node, as they may in ENAS (arXiv
            1802.03268) and NASNet (arXiv 1707.07012) and do in some people's tables.

    Raises:
        UsageError: There are more than 42 operations.

    Example:
        >>> space = DartsSpace()
        >>> space.template.n_nodes, space.n_columns, space.size < 2**63
        (22, 24, True)
        >>> row = space.sample(1, generator=torch.Generator().manual_seed(0))[0]
        >>> space.parse(space.format(row)) == tuple(row.tolist())
        True
    """

    merges_isomorphs = True

    def __init__(
        self,
        name: str = "darts",
        op_names: Sequence[str] = ("none", *OPS),
        *,
        any_sources: bool = False,
    ) -> None:
        self.name = name
        self.op_names = checked_ops(op_names, name)
        if len(self.op_names) > MOST_OPS:
            raise UsageError(
                f"space {name!r} has {len(self.op_names)} operations; give at most {MOST_OPS}"
            )
        self.any_sources = any_sources
        pairs = combinations_with_replacement if any_sources else combinations
        # For each node the pairs of earlier nodes that may feed it.
        self.pairs = {node: tuple(pairs(range(node), 2)) for node in NODES}
        self.zero_ops = frozenset({"none"}) & set(self.op_names)
        # In a reduction cell a skip from a cell input halves the resolution with a strided convolution; it is
        # counted as identity there too, because what it passes on is still its input.
        self.identity_ops = frozenset({"skip_connect"}) & set(self.op_names)
        self.columns = tuple(
            f"{cell}_{what}_{node}"
            for cell in CELLS
            for node in NODES
            for what in ("inputs", "first_op", "second_op")
        )
        self.choices = 2 * tuple(
            choices
            for node in NODES
            for choices in (self.pairs[node], self.op_names, self.op_names)
        )
        self.op_columns = tuple(
            index for index, column in enumerate(self.columns) if "_op_" in column
        )
        # Per cell: nodes 0 and 1 are the inputs, 2(k - 1) and 2(k - 1) + 1 the operations of node k, node
        # 10 is the output.
        support = torch.zeros(22, 22, dtype=torch.bool, device="cpu")
        for cell in (support[:11, :11], support[11:, 11:]):
            for node, source in SLOTS:
                for start in _positions(source):
                    cell[start, 2 * node - 2 : 2 * node] = True
            cell[2:10, 10] = True
        ends = tuple(f"{cell} {end}" for cell in CELLS for end in ("c_{k-2}", "c_{k-1}", "output"))
        self.template = GraphTemplate((*ends, *self.op_names), (0, 1, 11, 12), (10, 21), support)

    @classmethod
    def nas_bench_301(cls) -> Self:
        """The cells of DARTS without the operation ``none`` (NAS-Bench-301, arXiv 2008.09777)."""
        return cls("nas-bench-301", OPS)

    @classmethod
    def with_any_sources(cls) -> Self:
        """The cells of DARTS with those in which a node reads the same node twice."""
        return cls("darts-any-sources", any_sources=True)

    # Notation.

    def parse(self, text: str) -> tuple[int, ...]:
        try:
            # A log has "genotype = Genotype(...)", a script "gt.Genotype(...)".
            value = ast.parse(re.sub(r"^\s*\w+\s*=(?!=)", "", text).strip(), mode="eval").body
            if isinstance(value, ast.Call):
                return self._genotype(value, text)
            if isinstance(value, ast.Dict):
                return self.arch(ast.literal_eval(value)).row
            fields = ast.literal_eval(value)
            if len(fields) == len(FIELDS):  # as JSON has a Genotype
                return self.row_of(dict(zip(FIELDS, fields, strict=True)))
            cells = [self._named(pairs) for pairs in fields]
        except InvalidArchitectureError:
            raise
        except (
            *(KeyError, ValueError, TypeError, IndexError),
            *(SyntaxError, MemoryError, RecursionError),
        ) as error:
            raise self._malformed(text) from error
        if len(cells) != len(CELLS):
            raise self._malformed(text)
        return tuple(
            value for pair in zip(cells, CELLS, strict=True) for value in self._cell(*pair)
        )

    def _genotype(self, call: ast.Call, text: str) -> tuple[int, ...]:
        """The row of ``Genotype(...)``, its fields by name or in their order."""
        fields = dict(zip(FIELDS, call.args, strict=False))
        fields |= {str(field.arg): field.value for field in call.keywords}
        if ast.unparse(call.func).rpartition(".")[2] != "Genotype" or set(fields) != set(FIELDS):
            raise self._malformed(text)
        row: list[int] = []
        for cell in CELLS:
            concat = ast.unparse(fields[f"{cell}_concat"])
            if concat not in CONCATS:
                raise InvalidArchitectureError(
                    f"{cell}_concat is {concat}; cells of {self.name} concatenate all their nodes, so write range(2, 6)"
                )
            row += self._cell(ast.literal_eval(fields[cell]), cell)
        return tuple(row)

    def row_of(self, values: Mapping[str, object]) -> tuple[Any, ...]:
        named = {match[1]: values[key] for key in values if (match := CONFIG.search(str(key)))}
        if named:
            cells = {cell: self._edges_of_config(named, cell) for cell in CELLS}
        elif set(values) == set(CELLS):
            cells = {cell: self._edges_of_graph(values[cell], cell) for cell in CELLS}
        elif set(values) == set(FIELDS):
            fields = ", ".join(f"{field}={value!r}" for field, value in values.items())
            return self.parse(f"Genotype({fields})")
        else:
            return super().row_of(values)
        return tuple(digit for cell in CELLS for digit in self._cell(cells[cell], cell))

    def _edges_of_graph(self, drawn: Any, cell: str) -> Any:  # noqa: ANN401
        """The edges of a cell; of a graph with the operations on its edges, in the order of its nodes."""
        if not isinstance(drawn, nx.Graph):
            return drawn
        numbered(drawn, self.name)  # it has a direction and no cycle
        place: dict[Any, int] = {name: number for number, name in enumerate(DRAWN)}
        place |= {number: number for number in place.values()}
        nodes = [place.get(node, -1) for node in drawn]
        if -1 in nodes or len(set(nodes)) < len(nodes):
            raise InvalidArchitectureError(
                f"the graph of the {cell} cell has the nodes {', '.join(map(repr, drawn))}; name them 0 to 5, or "
                f"{', '.join(DRAWN)}"
            )
        ops = {(place[b], place[a]): values for a, b, values in drawn.edges(data=True)}
        output = len(DRAWN) - 1
        targets = sorted(target for target, _ in ops if target != output)
        last = [source for target, source in ops if target == output]
        if targets != sorted([*NODES, *NODES]) or sorted(last) not in ([], [*NODES]):
            raise InvalidArchitectureError(
                f"the graph of the {cell} cell is none of {self.name}; give each of nodes 2 to 5 two edges from earlier "
                "ones, and the output, if it is there, one from each of them"
            )
        return [
            (op_of(ops[target, source], f"edge {source} -> {target}", self.name), source)
            for target, source in sorted(ops)
            if target != output
        ]

    def _edges_of_config(self, named: Mapping[str, object], cell: str) -> list[tuple[object, int]]:
        """The edges of a cell that ConfigSpace describes: what nodes read, and the operations of the edges between."""
        edges, used, first = [], set(), 0
        for node in NODES:
            inputs = named.get(f"inputs_node_{cell}_{node}", "0_1" if node == NODES[0] else None)
            match = re.fullmatch(r"(\d)_(\d)", str(inputs))
            sources = list(map(int, match.groups())) if match else [node]
            if max(sources) >= node:
                raise InvalidArchitectureError(
                    f"inputs_node_{cell}_{node} is {inputs!r}; give two earlier nodes, as in '0_1'"
                )
            for source in sources:
                used.add(f"edge_{cell}_{first + source}")
                edges.append((named.get(f"edge_{cell}_{first + source}"), source))
            first += node
        for key, op in named.items():
            if key.startswith(f"edge_{cell}_") and op in self.op_names and key not in used:
                raise InvalidArchitectureError(
                    f"{key} is {op!r}, but no node reads along this edge by inputs_node_{cell}_3 to 5; leave it out"
                )
        return edges

    def _parse_graph(self, graph: AnyGraph) -> tuple[int, ...]:
        """Read what ``to_networkx`` makes, whose numbers tell which two operations are added up."""
        numbered(graph, self.name)  # it has a direction and no cycle
        ops = {node: op_of(graph.nodes[node], f"node {node!r}", self.name) for node in graph}
        edges = set(graph.edges)

        def may_read(place: int, source: int) -> bool:
            start = place - place % 11
            sources = {start + position for position in _positions(source)} & ops.keys()
            return place not in ops or sources == {a for a, b in edges if b == place}

        row: list[int] = []
        for start, node in product((0, 11), NODES):
            places = [start + position for position in _positions(node)]
            pairs = [pair for pair in self.pairs[node] if all(map(may_read, places, pair))]
            names = [ops.get(place, "none") for place in places]
            if pairs and set(names) <= set(self.op_names):
                row += [self.pairs[node].index(pairs[0]), *map(self.op_names.index, names)]
        found = self.to_networkx(row) if len(row) == self.n_columns else None
        named = {} if found is None else {node: found.nodes[node]["op"] for node in found}
        if found is None or named != ops or set(found.edges) != edges:
            raise InvalidArchitectureError(
                f"the graph is none of {self.name} with the operations and numbers of nodes of Arch.to_networkx, which "
                "tell the operations that are added up from those that are concatenated; give a Genotype"
            )
        return tuple(row)

    @staticmethod
    def _named(pairs: Sequence[Sequence[int]]) -> list[tuple[str, int]]:
        """The edges of a cell that NASLib writes as pairs (source, number of the operation among those but none)."""
        return [(OPS[op], source) for source, op in pairs]

    def _malformed(self, text: str) -> InvalidArchitectureError:
        return InvalidArchitectureError(
            f"malformed genotype {text!r}: write Genotype(normal=[(op, source), ...], "
            "normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6)), or a cell each as pairs "
            "(source, number of the operation)"
        )

    def _cell(self, edges: object, cell: str) -> list[int]:
        """The row of one cell, whose edges may be nested by node."""
        if isinstance(edges, list | tuple) and len(edges) == len(NODES):
            edges = [edge for pair in edges for edge in pair]
        if (
            not isinstance(edges, list | tuple)
            or len(edges) != 8
            or not all(isinstance(edge, list | tuple) and len(edge) == 2 for edge in edges)
        ):
            raise InvalidArchitectureError(
                f"the {cell} cell is {edges!r}; give eight pairs (op, source), two for each of nodes 2 to 5"
            )
        row = []
        for node in NODES:
            here = f"node {node} of the {cell} cell"
            pair = edges[2 * node - 4 : 2 * node - 2]
            for op, source in pair:
                if op not in self.op_names:
                    raise self._unknown_op(op, here)
                if type(source) is not int or not 0 <= source < node:
                    raise InvalidArchitectureError(
                        f"source {source!r} of {here}; give an earlier node, 0 to {node - 1}"
                    )
            (op_a, a), (op_b, b) = sorted(pair, key=lambda edge: edge[1])
            if a == b and not self.any_sources:
                raise InvalidArchitectureError(
                    f"both edges of {here} read node {a}; give two distinct sources, or take the space "
                    "darts-any-sources"
                )
            ops = (self.op_names.index(op_a), self.op_names.index(op_b))
            row += [self.pairs[node].index((a, b)), *ops]
        return row

    def format(self, row: Sequence[int] | Tensor) -> str:
        digits = [int(value) for value in row]
        fields = []
        for cell in CELLS:
            edges = []
            for node in NODES:
                pair, *ops = digits[:3]
                del digits[:3]
                edges += [
                    (self.op_names[op], source)
                    for op, source in zip(ops, self.pairs[node][pair], strict=True)
                ]
            fields.append(f"{cell}={edges}, {cell}_concat=range(2, 6)")
        return f"Genotype({', '.join(fields)})"

    # Meaning.

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.template.n_nodes
        ops = torch.empty(V, n, dtype=torch.int64, device=X.device)
        mask = torch.ones(V, n, dtype=torch.bool, device=X.device)
        adjacency = torch.zeros(V, V, n, dtype=torch.bool, device=X.device)
        none = self.op_names.index("none") if self.zero_ops else -1
        for index in range(len(CELLS)):
            columns = X.T[12 * index : 12 * index + 12].reshape(len(NODES), 3, n)
            cell = slice(11 * index, 11 * index + 11)
            ends = torch.arange(3 * index, 3 * index + 3, device=X.device)[:, None]
            ops[cell][[0, 1, 10]] = ends.expand(3, n)
            for node, (pair, *codes) in zip(NODES, columns, strict=True):
                sources = torch.tensor(self.pairs[node], device=X.device)[pair.long()].T
                for position, source, code in zip(_positions(node), sources, codes, strict=True):
                    ops[cell][position] = code + 6  # after the six labels of inputs and outputs
                    present = mask[cell][position]
                    torch.ne(code, none, out=present)
                    for earlier in range(node):
                        reads = (source == earlier) & present
                        for start in _positions(earlier):
                            edge = adjacency[cell, cell][start, position]
                            torch.logical_and(reads, mask[cell][start], out=edge)
                    adjacency[cell, cell][position, 10] = present
        return GraphBatch(self.template, adjacency.permute(2, 0, 1), ops.T, mask.T)

    def canonical(self, X: Tensor) -> Tensor:
        n = len(X)
        # From here on each cell is a row of its own.
        live = self.graphs(X).connected().reshape(2 * n, 11)[:, 2:10].T.contiguous()
        columns = X.long().reshape(2 * n, 12).T.contiguous()
        edges = []
        for node in NODES:
            pair, *ops = columns[3 * node - 6 : 3 * node - 3]
            sources = torch.tensor(self.pairs[node], device=X.device)[pair].T
            edges += [
                (node, *edge) for edge in zip(sources, ops, live[2 * node - 4 :], strict=False)
            ]
        code = torch.stack([self._code(edges, numbers) for numbers in permutations(NODES)]).amin(0)
        columns = torch.cat([torch.stack(self._decoded(code, node)) for node in NODES])
        return columns.T.reshape(n, self.n_columns).to(X.dtype)

    # The code of a numbered cell has a digit per node: the smaller and the larger of its edges, each 0 if nothing flows,
    # else 1 + source * operations + operation.

    @property
    def _base(self) -> int:
        return 1 + NODES[-1] * len(self.op_names)

    def _value(self, node: int) -> int:
        """The value of a node's digit; the first is the most significant."""
        return int(self._base ** (2 * (NODES[-1] - node)))

    def _code(
        self, edges: Sequence[tuple[int, Tensor, Tensor, Tensor]], numbers: Sequence[int]
    ) -> Tensor:
        """The code of each cell when its nodes get other numbers, or more than any if an edge points backwards.

        Args:
            edges: Two for each node: the node, its source, its operation, and whether something flows, ``n`` each.
            numbers: Of nodes 2 to 5.
        """
        new = torch.tensor((0, 1, *numbers), device=edges[0][1].device)
        code = torch.zeros_like(edges[0][1])
        backwards = torch.zeros_like(code, dtype=torch.bool)
        digits = []
        for node, source, op, flows in edges:
            moved = new[source]
            backwards |= flows & (moved >= new[node])
            digits.append((1 + moved * len(self.op_names) + op) * flows)
        for node, first, second in zip(NODES, digits[::2], digits[1::2], strict=True):
            pair = first.minimum(second) * self._base + first.maximum(second)
            code += pair * self._value(int(new[node]))
        return code.masked_fill(backwards, torch.iinfo(torch.int64).max)

    def _decoded(self, code: Tensor, node: int) -> list[Tensor]:
        """The three columns of a node; where nothing flows, a ``none`` reads the earliest node that it may."""
        pair = code // self._value(node) % self._base**2
        first, second = pair // self._base, pair % self._base
        sources, ops = [], []
        for digit in (first, second):
            flows = digit > 0
            none = self.op_names.index("none") if self.zero_ops else 0
            sources.append(((digit - 1) // len(self.op_names)).where(flows, 0))
            ops.append(((digit - 1) % len(self.op_names)).where(flows, none))
        if not self.any_sources:
            sources[1] = sources[1].where(second > 0, 1)
            sources[0] = sources[0].where(first > 0, (sources[1] == 0).long())
        table = torch.zeros(node, node, dtype=torch.int64, device=code.device)
        for index, (a, b) in enumerate(self.pairs[node]):
            table[a, b] = table[b, a] = index
        swap = sources[0] > sources[1]
        return [
            table[sources[0], sources[1]],
            ops[1].where(swap, ops[0]),
            ops[0].where(swap, ops[1]),
        ]


def _positions(node: int) -> tuple[int, ...]:
    """The graph nodes whose sum is a node of the cell: an input, or two operations."""
    return (node,) if node < 2 else (2 * node - 2, 2 * node - 1)
