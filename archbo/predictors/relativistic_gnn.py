"""A graph network that learns from comparisons, after ReNAS."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Generator, Tensor

from archbo.encodings import Encoding
from archbo.encodings.pyg import NodeFeatures, semantic_graphs
from archbo.errors import FitError, UsageError
from archbo.predictors.base import Predictor
from archbo.predictors.ensemble import GaussianEnsemble, calibrate
from archbo.predictors.graph_network import (
    GraphInputs,
    GraphNetwork,
    PoolingFactory,
    SumPooling,
)
from archbo.predictors.losses import logistic
from archbo.spaces import SearchSpace

__all__ = ["RelativisticGNN"]

PER_FOLD = 3
BATCH = 128
MIN_BATCHES = 2  # per epoch, of the same graphs if need be
LEARNING_RATE = 0.02
PER_KNOT, MAX_KNOTS = 5, 20
PRIOR = 3.0  # what is assumed without data counts as as many values
CHUNK = 1024  # graphs at a time


class RelativisticGNN(Predictor):
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
            ``archbo.predictors.losses``, RankNet's unless given.
        pooling: How the nodes of a graph become one vector: of ``archbo.predictors.graph_network``.
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

    min_observations: ClassVar[int] = 5

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        loss: Callable[[Tensor, Tensor], Tensor] = logistic,
        pooling: PoolingFactory = SumPooling,
        node_features: NodeFeatures | None = None,
        n_members: int = 12,
        hidden: int = 16,
        n_layers: int = 3,
        n_epochs: int = 80,
    ) -> None:
        if n_members < 2 * PER_FOLD or n_members % PER_FOLD > 0:
            raise UsageError(
                f"{n_members} members cannot be divided into folds of {PER_FOLD}; "
                f"give a multiple of {PER_FOLD}, at least {2 * PER_FOLD}"
            )
        super().__init__(space)
        self.encoding, self.node_features = encoding, node_features
        self.loss, self.n_members, self.n_epochs = loss, n_members, n_epochs
        self._network = partial(
            GraphNetwork,
            template=space.template,
            hidden=hidden,
            n_layers=n_layers,
            pooling=pooling,
            n_flat=0 if encoding is None else encoding.n_features,
        )

    def _fit(self, *, seed: int) -> None:
        Z = self.to_latent(self.train_Y).flatten().double()
        self.model = model = self._untrained(seed)
        inputs = model.inputs(self.train_X.double())
        held_out = _folds(len(Z), self.n_members, seed)
        model.network.standardise(inputs)
        learn = partial(train, model.network, inputs, Z, loss=self.loss)
        learn(held_out, n_epochs=self.n_epochs, learning_rate=LEARNING_RATE)
        model.calibrate(inputs, Z, held_out)
        # What was held out is learned at last, from where the network is.
        nothing = torch.zeros_like(held_out)
        learn(nothing, n_epochs=self.n_epochs // 4, learning_rate=LEARNING_RATE / 4)
        model.map_utilities(inputs, Z, nothing)

    def _prepare(self) -> None:
        self.model = self._untrained(0)

    def _untrained(self, seed: int) -> "_Networks":
        return _Networks(
            self.space,
            self.encoding,
            self.node_features,
            self.train_X.double(),
            partial(self._network, _generators(self.n_members, seed)),
        )


class _Networks(GaussianEnsemble):
    """The networks of an ensemble, their utilities taken to the scale of warped values.

    Attributes:
        network: All members.
        knots: ``s x k``, utilities of each member, increasing.
        levels: ``s x k``, their values; between and beyond them the map is linear.
        shrink: How far predictions of unseen values keep from the mean, relative to seen ones.
    """

    knots: Tensor
    levels: Tensor
    shrink: Tensor
    flat_mean: Tensor
    flat_std: Tensor

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None,
        node_features: NodeFeatures | None,
        X: Tensor,
        make: Callable[..., GraphNetwork],
    ) -> None:
        super().__init__()
        self.space, self.encoding, self.node_features = space, encoding, node_features
        flat = self._flat(X)
        self.register_buffer("flat_mean", flat.mean(0))
        std = (flat - self.flat_mean).square().mean(0).sqrt()
        self.register_buffer("flat_std", torch.where(std > 1e-6, std, 1.0))
        self.network = make(n_node_features=self._nodes(X[:1]).shape[-1])
        s = len(self.network.generators)
        line = torch.tensor([0.0, 1.0], dtype=torch.double).repeat(s, 1)
        self.register_buffer("knots", line)
        self.register_buffer("levels", line.clone())
        self.register_buffer("shrink", torch.ones((), dtype=torch.double))

    def _flat(self, X: Tensor) -> Tensor:
        return X.new_empty(len(X), 0) if self.encoding is None else self.encoding(X)

    def _nodes(self, X: Tensor) -> Tensor:
        if self.node_features is None:
            return X.new_empty(len(X), self.space.template.n_nodes, 0)
        return self.node_features(self.space.graphs(X)).to(X)

    def inputs(self, X: Tensor) -> GraphInputs:
        """What the networks see of rows ``X`` (``n x d``)."""
        flat = (self._flat(X) - self.flat_mean) / self.flat_std
        graphs, n_labels = semantic_graphs(self.space, X), len(self.space.template.op_names)
        return GraphInputs.of(graphs, n_labels, self._nodes(X), flat)

    def utilities(self, inputs: GraphInputs) -> Tensor:
        """``s x n``."""
        with torch.no_grad():
            parts = zip(*(part.split(CHUNK) for part in inputs), strict=True)
            return torch.cat([self.network(GraphInputs(*part)) for part in parts], -1)

    def members(self, X: Tensor) -> Tensor:
        # In double throughout: batches of any size then agree, and so do rows of both precisions.
        rows, index = X.double(), torch.arange(len(X))
        if self.encoding is None and self.node_features is None:
            # Architectures with the same graph have the same utility.
            _, index = semantic_graphs(self.space, rows).codes().unique(return_inverse=True)
            place = torch.arange(len(X))
            first = torch.full_like(place, len(X)).scatter_reduce_(0, index, place, "amin")
            rows = rows[first[first < len(X)]]
        values = interpolate(self.utilities(self.inputs(rows)), self.knots, self.levels)
        return values[:, index].to(X)

    def map_utilities(self, inputs: GraphInputs, Z: Tensor, held_out: Tensor) -> Tensor:
        """Fit each member's map to the values ``Z`` (``n``) that it has seen; mapped utilities, ``s x n``."""
        self.eval()
        utilities = self.utilities(inputs)
        n_seen = int((~held_out).sum(-1).min())
        n_knots = min(max(n_seen // PER_KNOT, 2), MAX_KNOTS)
        knots = [
            _knots(u[seen], Z[seen], n_knots) for u, seen in zip(utilities, ~held_out, strict=True)
        ]
        self.knots, self.levels = (torch.stack(parts) for parts in zip(*knots, strict=True))
        self.levels = Z.mean() + self.shrink * (self.levels - Z.mean())
        return interpolate(utilities, self.knots, self.levels)

    def calibrate(self, inputs: GraphInputs, Z: Tensor, held_out: Tensor) -> None:
        """Find shrinkage, spread and noise under which held-out values (``s x n`` bool) are most probable.

        Each value is predicted by the members that have not seen it.
        """
        values = self.map_utilities(inputs, Z, held_out)
        n_out, middle = held_out.sum(0), Z.mean()
        mean = (values * held_out).sum(0) / n_out
        variance = ((values - mean).square() * held_out).sum(0) / (n_out - 1)
        # Of so few members it is a rough estimate; with few values what is missing in it would pass for noise.
        variance = (len(Z) * variance + PRIOR * variance.mean()) / (len(Z) + PRIOR)
        covariance = ((mean - middle) * (Z - middle)).sum() + PRIOR
        shrink = (covariance / ((mean - middle).square().sum() + PRIOR)).clamp_min(0.1)
        self.shrink.copy_(shrink)
        spread, noise = calibrate(middle + shrink * (mean - middle), shrink**2 * variance, Z)
        self.spread.fill_(spread)
        self.noise.fill_(noise)


def interpolate(x: Tensor, knots: Tensor, levels: Tensor) -> Tensor:
    """Increasing maps of ``x`` (``s x n``), piecewise linear through knots and levels (``s x k``, ``k >= 2``)."""
    right = torch.searchsorted(knots, x.contiguous()).clamp(1, knots.shape[-1] - 1)
    (left_knot, knot), (left_level, level) = (
        (part.gather(-1, right - 1), part.gather(-1, right)) for part in (knots, levels)
    )
    return left_level + (level - left_level) * (x - left_knot) / (knot - left_knot)


def _knots(u: Tensor, Z: Tensor, n_knots: int) -> tuple[Tensor, Tensor]:
    """Means of utilities and of values (``n``) over as many groups of neighbours, both made increasing."""
    order = u.argsort(stable=True)
    groups = order.tensor_split(n_knots)
    knots = torch.stack([u[group].mean() for group in groups])
    levels = torch.stack([Z[group].mean() for group in groups]).cummax(0).values
    rise = 0.01 * torch.arange(n_knots).to(Z) / n_knots
    return knots + u.std().clamp_min(1e-6) * rise, levels + Z.std() * rise


def train(
    network: GraphNetwork,
    inputs: GraphInputs,
    Z: Tensor,
    held_out: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    n_epochs: int,
    learning_rate: float,
) -> None:
    """Train all members, each on batches of its own, in single precision.

    Args:
        network: ``s`` members; their generators say which batches they see.
        inputs: ``n`` graphs.
        Z: ``n``, their values.
        held_out: ``s x n`` bool, what each member does not see.
        loss: From utilities and values (``s x b`` each) to ``s`` losses.
        n_epochs: How often each member sees each of its graphs, in at least two steps for each.
        learning_rate: The largest one, of a cycle.

    Raises:
        FitError: The loss is not finite.
    """
    seen = [(~held).nonzero().flatten() for held in held_out]
    size = min(len(index) for index in seen)
    batch = min(BATCH, size)
    n_steps = int(n_epochs * max(size / batch, MIN_BATCHES))
    network.float().train()
    small = GraphInputs(*(part.float() for part in inputs))
    targets = Z.float()
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=n_steps, pct_start=0.15, cycle_momentum=False
    )
    start = size
    for _ in range(n_steps):
        if start + batch > size:
            draws = zip(seen, network.generators, strict=True)
            orders = [
                index[torch.randperm(len(index), generator=generator)[:size]]
                for index, generator in draws
            ]
            order, start = torch.stack(orders), 0
        index = order[:, start : start + batch]
        start += batch
        total = loss(network(small.take(index)), targets[index]).sum()
        if not bool(total.isfinite()):
            raise FitError("its loss is not finite")
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        schedule.step()
    network.double().eval()


def _generators(n: int, seed: int) -> list[Generator]:
    """One generator per member, so that a member is the same whoever is beside it."""
    seeds = torch.randint(2**62, (n,), generator=Generator().manual_seed(seed))
    return [Generator().manual_seed(int(value)) for value in seeds]


def _folds(n: int, n_members: int, seed: int) -> Tensor:
    """Which of ``n`` observations each member does not see, ``s x n``: each is unseen by ``PER_FOLD`` members."""
    n_folds = n_members // PER_FOLD
    generator = Generator().manual_seed(seed)
    rows: list[Tensor] = []
    for _ in range(PER_FOLD):
        fold = torch.randperm(n, generator=generator) % n_folds
        rows.extend(fold == number for number in range(n_folds))
    return torch.stack(rows)
