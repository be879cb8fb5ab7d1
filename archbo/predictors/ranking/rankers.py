"""Surrogates that learn an order: ensembles of networks whose utilities are taken to the scale of the values."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, TypeAlias, final

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import silu

from archbo.encodings import Encoding
from archbo.errors import FitError, UsageError
from archbo.predictors.base import Predictor
from archbo.predictors.calibration import calibrate, value_slope
from archbo.predictors.gaussian_model import GaussianEnsemble
from archbo.predictors.warps import on_grid
from archbo.randomness import generator
from archbo.spaces import SearchSpace

__all__ = [
    "Inputs",
    "Loss",
    "RankerEnsemble",
    "RankerNetwork",
    "RankingPredictor",
    "ReadOut",
    "interpolate",
    "normal",
    "train",
    "zeros",
]

PER_FOLD = 3
"""Members that hold an observation out: enough for a variance, and not all."""

BATCH = 128
"""Observations of a step."""

LEARNING_RATE = 0.02
"""The largest of Adam's cycle."""

PER_KNOT, MAX_KNOTS = 5, 20
"""Observations by knot of an increasing map, and the most knots."""

PRIOR = 3.0
"""The number of values that the assumption made without data counts as."""

CHUNK = 1024
"""Architectures that are predicted at a time."""

Inputs: TypeAlias = tuple[Tensor, ...]
"""What a network sees of architectures, each part ``b x ...``, or ``s x b x ...`` where members see their own."""

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From utilities and targets (``s x b`` each) to one loss per member."""


class RankerNetwork(nn.Module, ABC):
    """``s`` networks of one shape, every weight with a leading dimension of members.

    Attributes:
        generators: One per member, for its initial weights and whatever else is random in it.
    """

    generators: Sequence[Generator]

    @abstractmethod
    def forward(self, inputs: Inputs) -> Tensor:
        """Utilities ``s x b``."""

    @abstractmethod
    def standardise(self, inputs: Inputs) -> None:
        """Take the scales of what is inside from architectures to be fitted to."""

    def penalty(self, n: int) -> Tensor:
        """What is added to the sum of the members' losses over batches of ``n`` observations."""
        return torch.zeros(())


@final
class ReadOut(nn.Module):
    """Utilities from features, standardised: a linear map and a hidden layer beside it.

    Args:
        generators: One per member, for its initial weights and its dropout.
        width: The number of features ``R``.
        hidden: The width of the hidden layer.
        dropout: The probability with which a feature is left out in training.
        start: The initial spread of utilities.
    """

    centre: Tensor
    scale: Tensor

    def __init__(
        self,
        generators: Sequence[Generator],
        width: int,
        hidden: int,
        *,
        dropout: float,
        start: float = 1.0,
    ) -> None:
        super().__init__()
        self.generators, self.dropout = list(generators), dropout
        s = len(self.generators)
        self.register_buffer("centre", torch.zeros(s, 1, width, dtype=torch.double))
        self.register_buffer("scale", torch.ones(s, 1, width, dtype=torch.double))
        self.linear = zeros(s, width, 1)
        self.first = normal(generators, width, hidden, std=(2 / width) ** 0.5)
        self.first_bias = zeros(s, 1, hidden)
        self.second = normal(generators, hidden, 1, std=start * hidden**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        """Utilities ``s x b`` from features ``s x b x R``."""
        features = (features - self.centre) / self.scale
        if self.training and self.dropout > 0:
            shape = features.shape[1:]
            draw = [torch.rand(shape, generator=own) for own in self.generators]
            kept = (torch.stack(draw) >= self.dropout).to(features)
            features = features * kept / (1 - self.dropout)
        inner = silu(torch.baddbmm(self.first_bias, features, self.first))
        return (inner @ self.second + features @ self.linear).squeeze(-1)

    def standardise(self, features: Tensor) -> None:
        """Let each feature have mean zero and variance one over ``s x b x R``."""
        with torch.no_grad():
            std = features.std(1, keepdim=True)
            self.centre.copy_(features.mean(1, keepdim=True))
            self.scale.copy_(torch.where(std > 1e-6, std, 1.0))


class RankingPredictor(Predictor, ABC):
    """An ensemble of networks trained by a loss of utilities, most of which know only the order of values.

    All members are trained in one batched pass, each without some of the observations; on these their
    disagreement is calibrated to an uncertainty. Then they learn these too. An increasing map, piecewise linear
    and one per member, leads from utilities to the scale of the values. A subclass implements ``_untrained``.

    Args:
        space: The space that the rows belong to.
        encoding: Features to read out beside what the networks see; there need not be any.
        loss: From utilities and targets of about unit variance to one loss per member.
        n_members: The number of networks ``s``, a multiple of 3 and at least 6. At first each observation is kept
            from three of them.
        n_epochs: How often a network sees each observation, or more often if ``min_batches`` of 128 want more.

    Raises:
        UsageError: ``n_members`` is no such number.
    """

    min_observations: ClassVar[int] = 5
    min_batches: ClassVar[int] = 2
    """Per epoch, of the same architectures if need be."""

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        loss: Loss,
        n_members: int,
        n_epochs: int,
    ) -> None:
        if n_members < 2 * PER_FOLD or n_members % PER_FOLD > 0:
            raise UsageError(
                f"{n_members} members cannot be divided into folds of {PER_FOLD}; "
                f"give a multiple of {PER_FOLD}, at least {2 * PER_FOLD}"
            )
        super().__init__(space, encoding)
        self.loss, self.n_members, self.n_epochs = loss, n_members, n_epochs

    @abstractmethod
    def _untrained(self, generators: Sequence[Generator]) -> "RankerEnsemble":
        """Members with their initial weights, each from its generator."""

    @final
    def _fit(self, *, seed: int) -> None:
        Z = on_grid(self.to_latent(self.train_Y).flatten().double())
        self.model = model = self._untrained(_generators(self.n_members, seed))
        inputs = model.inputs(self.train_X.double())
        held_out = _folds(len(Z), self.n_members, seed)
        model.network.standardise(inputs)
        learn = partial(
            train, model.network, inputs, Z, loss=self.loss, min_batches=self.min_batches
        )
        learn(held_out, n_epochs=self.n_epochs, learning_rate=LEARNING_RATE)
        model.calibrate(inputs, Z, held_out)
        # What was held out is learned at last, from where the network is.
        nothing = torch.zeros_like(held_out)
        learn(nothing, n_epochs=max(self.n_epochs // 4, 1), learning_rate=LEARNING_RATE / 4)
        model.map_utilities(inputs, Z, nothing)

    @final
    def _prepare(self) -> None:
        self.model = self._untrained(_generators(self.n_members, 0))


class RankerEnsemble(GaussianEnsemble, ABC):  # type: ignore[misc] # as its base
    """The networks of an ensemble, their utilities taken to the scale of warped values.

    A subclass sets ``network`` and implements ``inputs``.

    Args:
        encoding: Features to read out beside what the networks see; there need not be any.
        X: ``n x d``, rows whose features set the scales.
        n_members: The number of networks ``s``.

    Attributes:
        network: All members.
        knots: ``s x k``, utilities of each member, increasing.
        levels: ``s x k``, their values; between and beyond them the map is linear.
        shrink: How far predictions of unseen values keep from the mean, relative to seen ones.
    """

    network: RankerNetwork
    knots: Tensor
    levels: Tensor
    shrink: Tensor
    flat_mean: Tensor
    flat_std: Tensor

    def __init__(self, encoding: Encoding | None, X: Tensor, n_members: int) -> None:
        super().__init__()
        self.encoding = encoding
        features = self._features(X)
        self.register_buffer("flat_mean", features.mean(0))
        std = (features - self.flat_mean).square().mean(0).sqrt()
        self.register_buffer("flat_std", torch.where(std > 1e-6, std, 1.0))
        line = torch.tensor([0.0, 1.0], dtype=torch.double).repeat(n_members, 1)
        self.register_buffer("knots", line)
        self.register_buffer("levels", line.clone())
        self.register_buffer("shrink", torch.ones((), dtype=torch.double))

    @abstractmethod
    def inputs(self, X: Tensor) -> Inputs:
        """What the networks see of rows ``X`` (``n x d``)."""

    def _features(self, X: Tensor) -> Tensor:
        return X.new_empty(len(X), 0) if self.encoding is None else self.encoding(X)

    def flat(self, X: Tensor) -> Tensor:
        """Standardised features ``n x D`` of rows ``X`` (``n x d``)."""
        return (self._features(X) - self.flat_mean) / self.flat_std

    @final
    def utilities(self, inputs: Inputs) -> Tensor:
        """``s x n``."""
        with torch.no_grad():
            parts = zip(*(part.split(CHUNK) for part in inputs), strict=True)
            return torch.cat([self.network(part) for part in parts], -1)

    def members(self, X: Tensor) -> Tensor:
        # In double throughout: batches of any size then agree, and so do rows of both precisions.
        return interpolate(self.utilities(self.inputs(X.double())), self.knots, self.levels).to(X)

    @final
    def map_utilities(self, inputs: Inputs, Z: Tensor, held_out: Tensor) -> Tensor:
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

    @final
    def calibrate(self, inputs: Inputs, Z: Tensor, held_out: Tensor) -> None:
        """Find shrinkage, spread and noise under which held-out values (``s x n`` bool) are most probable.

        Each value is predicted by the members that have not seen it.
        """
        values = self.map_utilities(inputs, Z, held_out)
        n_out, middle = held_out.sum(0), Z.mean()
        mean = (values * held_out).sum(0) / n_out
        variance = ((values - mean).square() * held_out).sum(0) / (n_out - 1)
        # Of so few members it is a rough estimate; with few values what is missing in it would pass for noise.
        variance = (len(Z) * variance + PRIOR * variance.mean()) / (len(Z) + PRIOR)
        shrink = value_slope((mean - middle).numpy(), (Z - middle).numpy(), prior=PRIOR)
        self.shrink.fill_(shrink)
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
    network: RankerNetwork,
    inputs: Inputs,
    Z: Tensor,
    held_out: Tensor,
    *,
    loss: Loss,
    n_epochs: int,
    learning_rate: float,
    min_batches: int = 2,
) -> None:
    """Train all members, each on batches of its own, in single precision.

    Args:
        network: ``s`` members; their generators say which batches they see.
        inputs: Of ``n`` architectures.
        Z: ``n``, their values.
        held_out: ``s x n`` bool, what each member does not see.
        loss: From utilities and values (``s x b`` each) to ``s`` losses.
        n_epochs: How often each member sees each of its architectures.
        learning_rate: The largest one, of a cycle.
        min_batches: The fewest steps of an epoch.

    Raises:
        FitError: The loss is not finite.
    """
    seen = [(~held).nonzero().flatten() for held in held_out]
    size = min(len(index) for index in seen)
    batch = min(BATCH, size)
    n_steps = int(n_epochs * max(size / batch, min_batches))
    network.float().train()
    small, targets = [part.float() for part in inputs], Z.float()
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=n_steps, pct_start=0.15, cycle_momentum=False
    )
    start = size
    for _ in range(n_steps):
        if start + batch > size:
            draws = zip(seen, network.generators, strict=True)
            orders = [
                index[torch.randperm(len(index), generator=own)[:size]] for index, own in draws
            ]
            order, start = torch.stack(orders), 0
        index = order[:, start : start + batch]
        start += batch
        utilities = network(tuple(part[index] for part in small))
        total = loss(utilities, targets[index]).sum() + network.penalty(size)
        if not bool(total.isfinite()):
            raise FitError("its loss is not finite")
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        schedule.step()
    network.double().eval()


def normal(generators: Sequence[Generator], *shape: int, std: float) -> nn.Parameter:
    """Normal initial weights ``s x shape``, each member's from its own generator, double."""
    draws = [torch.randn(shape, generator=own, dtype=torch.double) for own in generators]
    return nn.Parameter(std * torch.stack(draws))


def zeros(*shape: int) -> nn.Parameter:
    """Initial weights that are zero, double."""
    return nn.Parameter(torch.zeros(shape, dtype=torch.double))


def _generators(n: int, seed: int) -> list[Generator]:
    """One generator per member, so that a member is the same whoever is beside it."""
    seeds = torch.randint(2**62, (n,), generator=generator(seed))
    return [generator(int(value)) for value in seeds]


def _folds(n: int, n_members: int, seed: int) -> Tensor:
    """Which of ``n`` observations each member does not see, ``s x n``: each is unseen by ``PER_FOLD`` members."""
    n_folds = n_members // PER_FOLD
    draws, rows = generator(seed), list[Tensor]()
    for _ in range(PER_FOLD):
        fold = torch.randperm(n, generator=draws) % n_folds
        rows.extend(fold == number for number in range(n_folds))
    return torch.stack(rows)
