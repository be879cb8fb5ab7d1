"""A graph network that learns from comparisons, after ReNAS."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import final

import torch
from torch import Generator, Tensor

from archbo.encodings import Encoding
from archbo.encodings.pyg import NodeFeatures, semantic_graphs
from archbo.predictors.ranking.graph_network import (
    GraphInputs,
    GraphNetwork,
    PoolingFactory,
    SumPooling,
)
from archbo.predictors.ranking.losses import logistic
from archbo.predictors.ranking.rankers import Loss, RankerEnsemble, RankingPredictor
from archbo.spaces import SearchSpace

__all__ = ["RelativisticGNN"]


@final
class RelativisticGNN(RankingPredictor):
    """Graph networks trained on pairs of architectures: which one is better, and how surely.

    Messages run along and against the edges of the semantic graph, in which identities are edges and
    unreachable nodes are gone. The networks give utilities whose differences are logits of one
    architecture beating another (ReNAS, arXiv 1910.01523, with a margin loss; Bradley and Terry). All
    members of the ensemble are trained in one batched pass, each without some of the observations; on these
    their disagreement is calibrated to an uncertainty. Then they learn these too. An increasing map, piecewise
    linear and one per member, leads from utilities to the scale of the values.

    Args:
        space: The space that the rows belong to.
        encoding: Features to read out beside the pooled graph; none unless given.
        loss: From utilities and targets of about unit variance (``s x b`` each) to one loss per member: of
            ``archbo.predictors.ranking.losses``, RankNet's unless given.
        pooling: How the nodes of a graph become one vector: of ``archbo.predictors.ranking.graph_network``.
        node_features: Numbers about each node beside its operation, as ``archbo.encodings.pyg.cell_costs``.
        n_members: The number of networks ``s``, a multiple of 3 and at least 6. At first each observation is kept
            from three of them.
        hidden: The width of the networks.
        n_layers: The number of rounds of messages.
        n_epochs: How often a network sees each observation; twice that if they fit into one batch of 128.

    Raises:
        UsageError: ``n_members`` is no such number.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3]})
        >>> X = space.enumerate()
        >>> gnn = RelativisticGNN(space).fit(X[:8], 80 + X[:8].sum(-1), seed=0)
        >>> mean, std = gnn.predict(["width=32,depth=3", "width=8,depth=1"])
        >>> bool(mean[0] > mean[1])
        True
    """

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        loss: Loss = logistic,
        pooling: PoolingFactory = SumPooling,
        node_features: NodeFeatures | None = None,
        n_members: int = 12,
        hidden: int = 16,
        n_layers: int = 3,
        n_epochs: int = 80,
    ) -> None:
        super().__init__(space, encoding, loss=loss, n_members=n_members, n_epochs=n_epochs)
        self.node_features = node_features
        self._network = partial(
            GraphNetwork,
            template=space.template,
            hidden=hidden,
            n_layers=n_layers,
            pooling=pooling,
            n_flat=0 if encoding is None else encoding.n_features,
        )

    def _default_encoding(self, space: SearchSpace) -> None:
        """None: the graph is all that it takes."""

    def _untrained(self, generators: Sequence[Generator]) -> RankerEnsemble:
        return _Networks(
            self.space,
            self.encoding,
            self.node_features,
            self.train_X.double(),
            partial(self._network, generators),
            len(generators),
        )


@final
class _Networks(RankerEnsemble):
    """Graph networks, what they see of a row, and what they say of rows with the same graph."""

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None,
        node_features: NodeFeatures | None,
        X: Tensor,
        make: Callable[..., GraphNetwork],
        n_members: int,
    ) -> None:
        super().__init__(encoding, X, n_members)
        self.space, self.node_features = space, node_features
        self.network = make(n_node_features=self._nodes(X[:1]).shape[-1])

    def _nodes(self, X: Tensor) -> Tensor:
        if self.node_features is None:
            return X.new_empty(len(X), self.space.template.n_nodes, 0)
        return self.node_features(self.space.graphs(X)).to(X)

    def inputs(self, X: Tensor) -> GraphInputs:
        graphs, n_labels = semantic_graphs(self.space, X), len(self.space.template.op_names)
        return GraphInputs.of(graphs, n_labels, self._nodes(X), self.flat(X))

    def members(self, X: Tensor) -> Tensor:
        if self.encoding is not None or self.node_features is not None:
            return super().members(X)
        # Architectures with the same graph have the same utility.
        _, index = semantic_graphs(self.space, X.double()).codes().unique(return_inverse=True)
        place = torch.arange(len(X))
        first = torch.full_like(place, len(X)).scatter_reduce_(0, index, place, "amin")
        return super().members(X[first[first < len(X)]])[:, index]
