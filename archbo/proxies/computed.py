"""Zero-cost proxies that are computed on demand."""

from collections.abc import Sequence
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from archbo.networks import Skeleton
from archbo.proxies.base import Proxies
from archbo.proxies.measures import NAS_BENCH_SUITE_ZERO, NODEWISE, Inputs, nodes_of, score
from archbo.randomness import generator
from archbo.spaces import SearchSpace

__all__ = ["ComputedProxies"]


class ComputedProxies(Proxies):
    """Scores of networks that are built and measured the first time they are needed.

    For spaces too large for a table. An architecture has the scores of its canonical twin, so that none is
    measured twice, and is ranked among architectures sampled from the space.

    Args:
        space: The space of the architectures.
        inputs: As for ``compute``.
        targets: As for ``compute``.
        measures: Names of measures.
        nodes: Names of measures whose parts by decision are computed too.
        skeleton: Of the networks; by default that of the space's paper, which may be large.
        n_reference: The number of sampled architectures, duplicates included.
        seed: Of weights, measures and the sample.
        device: Where networks are scored.

    Example:
        >>> from archbo.proxies import NodeCellSkeleton, random_images
        >>> from archbo.spaces import NodeCellSpace
        >>> space = NodeCellSpace.nas_bench_101()
        >>> proxies = ComputedProxies(
        ...     space,
        ...     *random_images(4, resolution=8),
        ...     ["synflow", "params"],
        ...     nodes=["snip"],
        ...     skeleton=NodeCellSkeleton(channels=16, cells=1),
        ...     n_reference=10,
        ... )
        >>> X = space.sample(3, generator=torch.Generator().manual_seed(0))
        >>> proxies.ranks(X).shape, proxies.node_ranks(X).shape
        (torch.Size([3, 2]), torch.Size([3, 26, 1]))
    """

    def __init__(
        self,
        space: SearchSpace,
        inputs: Inputs,
        targets: Tensor,
        measures: Sequence[str] = NAS_BENCH_SUITE_ZERO,
        *,
        nodes: Sequence[str] = NODEWISE,
        skeleton: Skeleton | None = None,
        n_reference: int = 200,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.space, self.names, self.node_names = space, tuple(measures), tuple(nodes)
        self.inputs, self.targets, self.skeleton = inputs, targets, skeleton
        self.n_reference, self.seed, self.device = n_reference, seed, device
        self._known: dict[tuple[float, ...], tuple[Tensor, Tensor]] = {}

    def scores(self, X: Tensor) -> Tensor:
        return self._measured(X)[0]

    def nodes(self, X: Tensor) -> Tensor:
        return self._measured(X)[1]

    @cached_property
    def reference(self) -> tuple[Tensor, Tensor]:
        with torch.device("cpu"):
            X = self.space.sample(self.n_reference, generator=generator(self.seed))
        return self._measured(X)

    def _same_scores(self, other: Self) -> bool:
        return (
            (self.n_reference, self.seed, self.device, self.skeleton)
            == (other.n_reference, other.seed, other.device, other.skeleton)
            and isinstance(self.inputs, Tensor) == isinstance(other.inputs, Tensor)
            and all(map(_equal, self._batch, other._batch))
            and len(self._batch) == len(other._batch)
        )

    @property
    def _batch(self) -> tuple[Tensor, ...]:
        inputs = (self.inputs,) if isinstance(self.inputs, Tensor) else self.inputs
        return (*inputs, self.targets)

    def _measured(self, X: Tensor) -> tuple[Tensor, Tensor]:
        with torch.device("cpu"):
            return self._looked_up(X.cpu())

    def _looked_up(self, X: Tensor) -> tuple[Tensor, Tensor]:
        twins = [tuple(row) for row in self.space.canonical(X).tolist()]
        new = [row for row in dict.fromkeys(twins) if row not in self._known]
        if new:
            table = score(
                self.space,
                torch.tensor(new, dtype=torch.double),
                self.inputs,
                self.targets,
                self.names,
                nodes=self.node_names,
                skeleton=self.skeleton,
                seed=self.seed,
                device=self.device,
            )
            scores = torch.tensor(table[[*self.names]].to_numpy(copy=True))
            nodes = nodes_of(table, self.space, self.node_names)
            self._known.update(zip(new, zip(scores, nodes, strict=True), strict=True))
        if not twins:
            shape = (0, self.space.n_columns, len(self.node_names))
            return torch.zeros(0, len(self.names)), torch.zeros(shape)
        found = [self._known[row] for row in twins]
        return torch.stack([scores for scores, _ in found]), torch.stack(
            [node for _, node in found]
        )


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and bool(a.cpu().equal(b.cpu()))
