"""Paths from input to output as features."""

from itertools import product
from typing import Self

import torch
from torch import Tensor

from archbo.encodings.base import Encoding
from archbo.errors import UsageError
from archbo.spaces import SearchSpace

__all__ = ["PathEncoding"]

MAX_FEATURES = 100_000
"""The most features of an encoding; far beyond it a pool of a few thousand rows fills the memory."""

CHUNK_BYTES = 2**24
"""How much is written at a time: what fits into the caches of a processor."""

WALKED = 1000
"""The most paths that are walked one by one; of more, those to each node are summed up, which takes as long as a few
hundred walks."""


class PathEncoding(Encoding):
    """Which sequences of operations lead from an input to an output, or how often (BANANAS, arXiv 1910.11858).

    A sequence over ``R`` operations is numbered in bijective base ``R``: the empty one is 0, and appending
    operation ``r`` (1..R) to sequence ``s`` gives ``R s + r``. Shorter sequences thus come first, and dropping
    an identity costs nothing: it leaves the number as it is.

    Args:
        space: The space that the rows belong to.
        counts: Count each path instead of telling whether there is one.
        semantic: Contract identity operations, so that networks that compute the same look the same.
        max_length: Drop the paths of more operations than this (the truncation of BANANAS).

    Raises:
        UsageError: There would be more than 100,000 features, or ``max_length`` is negative.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> encoding = PathEncoding(space, counts=True, semantic=True)
        >>> X = space.rows(["|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|nor_conv_1x1~1|skip_connect~2|"])
        >>> [(encoding.feature_names[i], int(encoding(X)[0, i])) for i in encoding(X)[0].nonzero()]
        [('input>nor_conv_3x3>output', 1), ('input>nor_conv_3x3>nor_conv_1x1>output', 1)]
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        counts: bool = False,
        semantic: bool = False,
        max_length: int | None = None,
    ) -> None:
        super().__init__(space)
        self.counts, self.semantic, self.max_length = counts, semantic, max_length
        template = space.template
        ops, longest = _alphabet(space, semantic)
        length = longest if max_length is None else min(max_length, longest)
        if length < 0:
            raise UsageError(f"max_length counts operations, at least 0; got {max_length}")
        self._block = sum(len(ops) ** k for k in range(length + 1))
        if self._block * len(template.inputs) > MAX_FEATURES:
            raise UsageError(
                f"{space.name} has {self._block * len(template.inputs):,} paths of up to {length} "
                f"operations; give a smaller max_length"
            )
        self.feature_names = tuple(
            ">".join((start, *names, "output"))
            for start in [template.op_names[self._label(node)] for node in template.inputs]
            for k in range(length + 1)
            for names in product(ops, repeat=k)
        )
        self.groups = tuple(
            k for _ in template.inputs for k in range(length + 1) for _ in range(len(ops) ** k)
        )
        letter = {op: number for number, op in enumerate(ops, 1)}
        self._digit = torch.tensor([letter.get(op, 0) for op in template.op_names], device="cpu")
        self._factor = torch.where(self._digit > 0, len(ops), 1)
        self._paths = template.n_paths

    @classmethod
    def at_most(
        cls, space: SearchSpace, n_features: int, *, counts: bool = False, semantic: bool = False
    ) -> Self:
        """The least truncated encoding with no more than ``n_features``.

        Raises:
            UsageError: Even the empty path is too much.
        """
        ops, longest = _alphabet(space, semantic)
        inputs = len(space.template.inputs)
        for length in range(longest, -1, -1):
            if inputs * sum(len(ops) ** k for k in range(length + 1)) <= n_features:
                return cls(space, counts=counts, semantic=semantic, max_length=length)
        raise UsageError(
            f"{space.name} has {inputs} inputs, so at least as many path features; "
            f"{n_features} are too few"
        )

    def _label(self, node: int) -> int:
        """The label of an input node, the same in every architecture of the space."""
        return int(
            self.space.graphs(torch.zeros(1, self.space.n_columns, device="cpu")).ops[0, node]
        )

    def _encode(self, X: Tensor) -> Tensor:
        features = X.new_empty(len(X), self.n_features)
        if self._paths > WALKED:
            for rows, out in zip(X.split(256), features.split(256), strict=True):
                out.copy_(self._summed(rows))
            return features if self.counts else features.clamp(max=1.0)
        rows = max(256, CHUNK_BYTES // (X.element_size() * max(self.n_features, 4 * self._paths)))
        for start in range(0, len(X), rows):
            part = slice(start, start + rows)
            index, alive = self._walk(X[part])
            features[part].zero_()
            if self.counts:
                features[part].scatter_add_(1, index, alive.to(X.dtype))
            else:
                features[part].scatter_reduce_(1, index, alive.to(X.dtype), "amax")
        return features

    def _summed(self, X: Tensor) -> Tensor:
        """The number of paths by feature, from those that lead to each node."""
        graphs, template = self.space.graphs(X), self.space.template
        factor, digit = (table.to(X.device)[graphs.ops] for table in (self._factor, self._digit))
        n, V = graphs.ops.shape
        shorter = (self._block - 1) // max(int(self._factor.max()), 1)
        codes = torch.arange(shorter, device=X.device)
        blocks = []
        for start in template.inputs:
            ways = X.new_zeros(n, V, self._block)
            ways[:, start, 0] = graphs.mask[:, start].to(X.dtype)
            for node in range(start + 1, V):
                if node in template.inputs:
                    continue
                reads = graphs.adjacency[:, :node, node].to(X.dtype)
                arriving = torch.bmm(reads.unsqueeze(1), ways[:, :node]).squeeze(1)
                if node in template.outputs:
                    ways[:, node] = arriving
                    continue
                longer = torch.zeros_like(arriving)
                index = codes * factor[:, node, None] + digit[:, node, None]
                longer.scatter_(1, index, arriving[:, :shorter])
                is_letter = digit[:, node, None] > 0
                ways[:, node] = longer.where(is_letter, arriving)
            blocks.append(ways[:, list(template.outputs)].sum(1))
        return torch.cat(blocks, -1)

    def _walk(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """For each path of the template: its feature (``n x P`` int64), and whether it is there (bool)."""
        graphs = self.space.graphs(X)
        adjacency = graphs.adjacency.permute(1, 2, 0)
        factor, digit = (table.to(X.device)[graphs.ops.T] for table in (self._factor, self._digit))
        index = torch.empty(self._paths, len(X), dtype=torch.int64, device=X.device)
        alive = torch.empty(self._paths, len(X), dtype=torch.bool, device=X.device)
        template = self.space.template

        def walk(node: int, code: Tensor, there: Tensor, offset: int) -> None:
            for successor in template.successors[node]:
                reached = there & adjacency[node, successor]
                if successor in template.outputs:
                    kept = reached & (code < self._block)
                    path = next(number)
                    index[path] = (code + offset) * kept
                    alive[path] = kept
                else:
                    walk(successor, code * factor[successor] + digit[successor], reached, offset)

        number = iter(range(self._paths))
        for block, node in enumerate(template.inputs):
            walk(
                node,
                torch.zeros(len(X), dtype=torch.int64, device=X.device),
                graphs.mask[:, node],
                block * self._block,
            )
        return index.T, alive.T

    def _same_options(self, other: "PathEncoding") -> bool:
        return (self.counts, self.semantic) == (other.counts, other.semantic)

    def __repr__(self) -> str:
        options = f"counts={self.counts}, semantic={self.semantic}, max_length={self.max_length}"
        return f"PathEncoding({self.space.name}, {options})"


def _alphabet(space: SearchSpace, semantic: bool) -> tuple[list[str], int]:
    """The operations that paths are made of, and the length of the longest path."""
    gone = space.zero_ops | (space.identity_ops if semantic else frozenset())
    return [op for op in space.op_names if op not in gone], space.template.longest_path
