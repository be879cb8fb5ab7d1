"""Counts of Weisfeiler-Lehman subtree labels."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.errors import UsageError
from archbo.randomness import generator
from archbo.spaces import GraphBatch, SearchSpace
from archbo.spaces.relabel import mixed

__all__ = ["WLEncoding"]

LISTED = 20_000
"""The most rows of a space that are listed for its labels; larger ones are sampled."""

SAMPLE = 5000
"""The number of rows of a larger space that are sampled for its labels."""

CHUNK_BYTES = 2**24
"""How much is written at a time: what fits into the caches of a processor."""


class WLEncoding(Encoding):
    """How often each rooted subtree pattern occurs (Weisfeiler-Lehman; NAS-BOWL, arXiv 2006.07556).

    In iteration 0 the label of a node is its operation; in each further one it is its label together with
    the multiset of its predecessors' labels (and, if asked for, that of its successors'). Operations that
    are on no path from an input to an output do not count. The feature ``1:conv<-(input, pool)`` counts the
    nodes with operation ``conv`` that are fed by the input and a pooling: label ``conv<-(input, pool)`` of
    iteration 1. Each iteration is a group.

    The labels are those of the space's architectures, or of 5,000 of them drawn with a fixed seed where
    there are more than 20,000. Labels that are the same number of times in all of them are left out, so are those
    of a single architecture, and of the others the most frequent are kept; if nothing tells architectures apart,
    their operations are counted all the same. A label that is not kept counts nowhere: what it has in common with
    others is in the labels of the iterations before.

    Args:
        space: The space that the rows belong to.
        iterations: How many steps along the edges a label sees.
        semantic: Contract identity operations first; then two ways through identities are two edges.
        successors: Look along the edges too, not only against them.
        max_labels: The number of labels to keep per iteration.

    Raises:
        UsageError: ``iterations`` is negative or ``max_labels`` is not positive.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> encoding = WLEncoding(space, iterations=1)
        >>> X = space.rows(["|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|"])
        >>> [(encoding.feature_names[i], int(encoding(X)[0, i])) for i in encoding(X)[0].nonzero()][2:5:2]
        [('0:nor_conv_3x3', 2), ('1:nor_conv_3x3<-(input)', 1)]
    """

    def __init__(
        self,
        space: SearchSpace,
        iterations: int = 2,
        *,
        semantic: bool = True,
        successors: bool = False,
        max_labels: int = 500,
    ) -> None:
        super().__init__(space)
        if iterations < 0 or max_labels < 1:
            raise UsageError(
                f"iterations must be at least 0 and max_labels at least 1; "
                f"got {iterations} and {max_labels}"
            )
        self.iterations, self.semantic, self.successors = iterations, semantic, successors
        self.max_labels = max_labels
        self._identity = torch.tensor(
            [semantic and op in space.identity_ops for op in space.template.op_names],
            device="cpu",
        )
        X = (
            space.enumerate()
            if space.size <= LISTED
            else space.sample(SAMPLE, generator=generator(0))
        )
        graph = self._graph(space.graphs(X))
        names = _Names(space.template.op_names, graph, list(self._labels(graph)), successors)
        kept = [
            _frequent(labels, graph.live, max_labels, at_least=2 if iteration else 1)
            for iteration, labels in enumerate(names.labels)
        ]
        if not any(len(codes) for codes, _ in kept):
            kept[0] = _frequent(names.labels[0], graph.live, max_labels, at_least=0)
        self._codes = [codes.sort() for codes, _ in kept]
        self.feature_names = tuple(
            f"{iteration}:{names(iteration, node, arch)}"
            for iteration, (_, places) in enumerate(kept)
            for node, arch in places.tolist()
        )
        self.groups = tuple(
            group
            for group, codes in enumerate(codes for codes, _ in kept if len(codes))
            for _ in codes
        )

    def _graph(self, graphs: GraphBatch) -> "_Graph":
        return _Graph(
            *graphs.contracted(self._identity.to(graphs.ops.device)), graphs.ops.T.contiguous()
        )

    def _labels(self, graph: "_Graph") -> Iterator[Tensor]:
        """For each iteration the nodes' labels, ``V x n`` int64 hashes of 64 bits."""
        labels = mixed(graph.ops + 1)
        yield labels
        for _ in range(self.iterations):
            seen = (graph.edges * mixed(labels + 1).unsqueeze(1)).sum(0)
            if self.successors:
                seen = seen + (graph.edges * mixed(labels + 2).unsqueeze(0)).sum(1)
            labels = mixed(3 * labels + seen)
            yield labels

    def _encode(self, X: Tensor) -> Tensor:
        features = X.new_zeros(len(X), self.n_features)
        V = self.space.template.n_nodes
        rows = max(256, CHUNK_BYTES // (8 * V * V))
        for part, out in zip(X.split(rows), features.split(rows), strict=True):
            graph = self._graph(self.space.graphs(part))
            offset = 0
            for labels, (codes, order) in zip(self._labels(graph), self._codes, strict=True):
                if len(codes):
                    codes, order = codes.to(X.device), order.to(X.device)
                    place = torch.searchsorted(codes, labels).clamp_max(len(codes) - 1)
                    known = (codes[place] == labels) & graph.live
                    out.scatter_add_(1, (order[place] + offset).T, known.T.to(X.dtype))
                    offset += len(codes)
        return features

    def _same_options(self, other: "WLEncoding") -> bool:
        mine, theirs = (
            (side.iterations, side.semantic, side.successors, side.max_labels)
            for side in (self, other)
        )
        return mine == theirs

    def __repr__(self) -> str:
        options = (
            f"semantic={self.semantic}, successors={self.successors}, max_labels={self.max_labels}"
        )
        return f"WLEncoding({self.space.name}, {self.iterations}, {options})"


class _Graph(NamedTuple):
    """Graphs, the batch last so that slices by node are contiguous.

    Attributes:
        edges: ``V x V x n`` int64, how many edges lead from one node to another.
        live: ``V x n`` bool, the nodes that count.
        ops: ``V x n`` int64, their operations.
    """

    edges: Tensor
    live: Tensor
    ops: Tensor


class _Names:
    """What labels look like written out, as ``op<-(predecessors)->(successors)``."""

    def __init__(
        self, op_names: Sequence[str], graph: _Graph, labels: list[Tensor], along: bool
    ) -> None:
        self.op_names, self.graph, self.labels, self.along = op_names, graph, labels, along
        self._known: dict[tuple[int, int], str] = {}

    def __call__(self, iteration: int, node: int, arch: int) -> str:
        """The label of a node of an architecture."""
        key = (iteration, int(self.labels[iteration][node, arch]))
        if key not in self._known:
            name = self.op_names[int(self.graph.ops[node, arch])]
            if iteration:
                edges = self.graph.edges[..., arch]
                name += self._list("<-", edges[:, node], iteration - 1, arch)
                if self.along:
                    name += self._list("->", edges[node], iteration - 1, arch)
            self._known[key] = name
        return self._known[key]

    def _list(self, arrow: str, number: Tensor, iteration: int, arch: int) -> str:
        others = number.nonzero().flatten().tolist()
        names = [
            self(iteration, other, arch) for other in others for _ in range(int(number[other]))
        ]
        return f"{arrow}({', '.join(sorted(names))})" if names else ""


def _frequent(labels: Tensor, live: Tensor, limit: int, *, at_least: int) -> tuple[Tensor, Tensor]:
    """The labels that most architectures have, of those that tell architectures apart.

    Args:
        labels: ``V x n``.
        live: ``V x n``, the nodes that count.
        limit: How many labels to return at most.
        at_least: The number of architectures that a label must be found in; with 0 those that are the same in
            all count too.

    Returns:
        The labels (``k``), the most frequent first, and a place ``(node, arch)`` of each (``k x 2``).
    """
    n = labels.shape[1]
    where = live.nonzero()
    codes, index = labels[live].unique(return_inverse=True)
    pairs, number = (index * n + where[:, 1]).unique(return_counts=True)
    owner = pairs // n
    archs = owner.bincount(minlength=len(codes))
    low = torch.full_like(codes, n).scatter_reduce_(0, owner, number, "amin")
    high = torch.zeros_like(codes).scatter_reduce_(0, owner, number, "amax")
    first = torch.full_like(codes, len(where)).scatter_reduce_(
        0, index, torch.arange(len(where), device=index.device), "amin"
    )
    telling = (archs < n) | (low < high) | (at_least == 0)
    telling &= archs >= at_least
    order = torch.argsort(-archs, stable=True)
    order = order[telling[order]][:limit]
    return codes[order], where[first[order]]
