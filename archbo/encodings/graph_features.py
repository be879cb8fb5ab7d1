"""Structural features of an architecture's graph, for trees and kernels."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations

import torch
from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.randomness import generator
from archbo.spaces import GraphBatch, SearchSpace

__all__ = ["GraphFeatureEncoding"]

ALL_SUBSETS = 5
"""The most operations of which every set is looked at, as GRAF does (arXiv 2404.16551)."""

ROWS = 4096
"""The number of rows that are worked on at once."""

LISTED = 20_000
"""The most rows of a space of which a list of all features is made and kept."""

MANY = 256
"""The number of rows to encode from which on it is made."""

SAMPLE = 1000
"""The number of sampled architectures that tell which features vary."""

PATH_KINDS = (
    "shortest path",
    "longest path",
    "shortest free path",
    "longest free path",
    "paths",
    "fewest on a path",
    "most on a path",
)
"""What is measured on the paths between an input and an output."""

DEGREE_KINDS = ("in-degree", "mean in-degree", "mean out-degree")
"""What is counted around the operations that lead to an output."""


class GraphFeatureEncoding(Encoding):
    """What can be counted on the graph when only some operations are allowed (GRAF, arXiv 2404.16551).

    Operations that are on no path from an input to an output do not count. For a set of operations these are,
    for each input and output,

    - the length in operations of the shortest and the longest path over allowed operations only, once with
      identities as operations, once with identities free; without such a path the shortest is one longer
      than any path of the space, and the longest is -1;
    - the number of paths over allowed operations;
    - the fewest and the most allowed operations on any path, whatever else it leads over;
    - how many allowed operations the input feeds, and how many feed the output;
    - the numbers of operations that feed an allowed one, and that an allowed one feeds, summed and divided by the
      number of operations that lead to the output.

    Beside them stands the number of uses of each operation. The sets are all sets of up to five operations;
    of more operations, the empty set, each one alone, all but one, and all. A feature that does not vary over
    a sample of the space is left out, and so is one that is a linear function of one before.

    Args:
        space: The space that the rows belong to.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> encoding = GraphFeatureEncoding(space)
        >>> name = "shortest path (input>output) over nor_conv_3x3"
        >>> X = space.rows(["|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|"])
        >>> encoding(X)[0, encoding.feature_names.index(name)]
        tensor(3., dtype=torch.float64)
    """

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space)
        template = space.template
        ops = [op for op in space.op_names if op not in space.zero_ops]
        self._sets = [frozenset(chosen) for chosen in _sets(ops)]
        self._labels = [template.op_names.index(op) for op in ops]
        self._allowed = torch.tensor(
            [[op in s for s in self._sets] for op in template.op_names], device="cpu"
        )
        self._identity = torch.tensor(
            [op in space.identity_ops for op in template.op_names], device="cpu"
        )
        self._longest = template.longest_path
        self._reached = {node: _reached(template.successors, node) for node in template.inputs}
        names, groups = zip(*self._describe(ops), strict=True)
        sample = self._all(space.sample(SAMPLE, generator=generator(0)))
        kept = _informative(sample) or [0]  # something, where all architectures are alike
        self._kept = torch.tensor(kept, device="cpu")
        self.feature_names = tuple(names[index] for index in kept)
        kinds = sorted({groups[index] for index in kept})
        self.groups = tuple(kinds.index(groups[index]) for index in kept)

    def _describe(self, ops: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Name and group of each row that ``_all`` makes."""
        template = self.space.template
        label = self.space.graphs(self.space.sample(1, generator=generator(0))).ops[0]
        names = {node: template.op_names[label[node]] for node in self._ends}
        sets = [", ".join(op for op in ops if op in s) or "nothing" for s in self._sets]
        for op in ops:
            yield f"uses of {op}", 0
        kinds = []
        for start in template.inputs:
            kinds.append(f"out-degree ({names[start]})")
            for end in template.outputs:
                if end in self._reached[start]:
                    kinds.extend(f"{kind} ({names[start]}>{names[end]})" for kind in PATH_KINDS)
        for end in template.outputs:
            kinds.extend(f"{kind} ({names[end]})" for kind in DEGREE_KINDS)
        for group, kind in enumerate(kinds, 1):
            for s in sets:
                yield f"{kind} over {s}", group

    @property
    def _ends(self) -> tuple[int, ...]:
        return (*self.space.template.inputs, *self.space.template.outputs)

    @cached_property
    def _table(self) -> Tensor:
        """The features of each row of a small space, in the order of the rows' keys."""
        axes = [torch.arange(c, dtype=torch.double, device="cpu") for c in self.space.cardinalities]
        return self._all(torch.cartesian_prod(*axes).reshape(-1, len(axes)))[
            self._kept
        ].T.contiguous()

    def _encode(self, X: Tensor) -> Tensor:
        if self.space.size <= LISTED and ("_table" in vars(self) or len(X) >= MANY):
            return self._table[self.space.row_keys(X).cpu()].to(X)
        features = X.new_empty(len(X), self.n_features)
        for rows, out in zip(X.split(ROWS), features.split(ROWS), strict=True):
            out.copy_(self._all(rows)[self._kept.to(X.device)].T)
        return features

    def _all(self, X: Tensor) -> Tensor:
        """Every feature, ``F x n``, of rows ``X`` (``n x d``)."""
        graphs = self.space.graphs(X)
        live = graphs.connected()
        edges = (graphs.adjacency & live.unsqueeze(1) & live.unsqueeze(2)).permute(1, 2, 0).float()
        # Per node and set: is it there, and its operation allowed?  V x S x n.
        allowed = (
            (self._allowed.to(X.device)[graphs.ops] & live.unsqueeze(-1)).permute(1, 2, 0).float()
        )
        template = self.space.template
        uses = torch.where(live, graphs.ops, -1).T
        rows = [torch.stack([(uses == label).sum(0) for label in self._labels]).float()]
        for start in template.inputs:
            rows.append((edges[start].unsqueeze(1) * allowed).sum(0))
            rows.extend(self._paths(graphs, edges, allowed, start))
        for end in template.outputs:
            rows.extend(self._degrees(edges, allowed, end))
        return torch.cat(rows)

    def _paths(
        self, graphs: GraphBatch, edges: Tensor, allowed: Tensor, start: int
    ) -> Iterator[Tensor]:
        """The features of the paths from an input to each output, ``S x n`` each, in the order of their kinds."""
        template, far = self.space.template, float("inf")
        blocked = torch.where(edges > 0, 0.0, far)
        free = self._identity.to(graphs.ops.device)[graphs.ops].T.float()
        zero = torch.zeros_like(allowed[0])
        state = {start: torch.stack([zero, zero, zero, zero, zero + 1, zero, zero])}
        for node in self._reached[start]:
            sources = [source for source in state if node in template.successors[source]]
            shut = blocked[sources, node].unsqueeze(1)
            there = edges[sources, node].unsqueeze(1)
            low, high, low_free, high_free, number, few, many = torch.stack(
                [state[source] for source in sources], 1
            )
            step = allowed[node]
            passes = torch.ones_like(step) if node in template.outputs else step
            # What is not allowed costs infinity; an output costs nothing.
            toll = step.where(passes > 0, far)
            refund = free[node] * step
            state[node] = torch.stack(
                [
                    (low + shut).amin(0) + toll,
                    (high - shut).amax(0) + toll.where(passes > 0, -far),
                    (low_free + shut).amin(0) + toll - refund,
                    (high_free - shut).amax(0) + toll.where(passes > 0, -far) - refund,
                    (number * there).sum(0) * passes,
                    (few + shut).amin(0) + step,
                    (many - shut).amax(0) + step,
                ]
            )
        for end in template.outputs:
            if end in state:
                for kind, values in zip(PATH_KINDS, state[end], strict=True):
                    counts = kind == "paths"
                    yield values if counts else values.clamp(-1, self._longest + 1)

    def _degrees(self, edges: Tensor, allowed: Tensor, end: int) -> Iterator[Tensor]:
        """In-degree of an output and mean degrees of the operations that may lead to it, ``S x n`` each."""
        template = self.space.template
        yield (edges[:, end].unsqueeze(1) * allowed).sum(0)
        middle = [
            node
            for node in range(template.n_nodes)
            if node not in self._ends and end in _reached(template.successors, node)
        ]
        among, inner = edges[middle][:, middle], allowed[middle]
        number = inner.amax(1).sum(0).clamp_min(1)
        for degree in (among.sum(0), among.sum(1)):
            yield (degree.unsqueeze(1) * inner).sum(0) / number

    def __repr__(self) -> str:
        return f"GraphFeatureEncoding({self.space.name})"


def _sets(ops: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The sets of operations to allow."""
    k = len(ops)
    for size in range(k + 1) if k <= ALL_SUBSETS else (0, 1, k - 1, k):
        yield from combinations(ops, size)


def _reached(successors: Sequence[Sequence[int]], start: int) -> tuple[int, ...]:
    """The nodes that a node may lead to, in topological order."""
    found = {start}
    for node in range(start, len(successors)):
        if node in found:
            found.update(successors[node])
    return tuple(sorted(found - {start}))


def _informative(features: Tensor) -> list[int]:
    """The rows of ``features`` (``F x n``) that vary and are no linear function of one before."""
    centred = features.double() - features.double().mean(1, keepdim=True)
    norm = centred.norm(dim=1)
    direction = centred / norm.clamp_min(1e-9).unsqueeze(1)
    first = direction.gather(1, (direction.abs() > 1e-9).long().argmax(1, keepdim=True))
    code = (direction * first.sign() * 1e6).round().int().numpy()
    seen = {row.tobytes(): index for index, row in reversed(list(enumerate(code)))}
    return sorted(index for index in seen.values() if norm[index] > 1e-6)
