"""A mixer over the zero-cost proxies of an architecture's decisions, after ParZC."""

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, final

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import layer_norm, one_hot, silu

from archbo.encodings import (
    Encoding,
    GraphFeatureEncoding,
    NodewiseEncoding,
    ZeroCostEncoding,
)
from archbo.errors import UsageError
from archbo.predictors.ranking.losses import diff_kendall
from archbo.predictors.ranking.rankers import (
    Inputs,
    Loss,
    RankerEnsemble,
    RankerNetwork,
    RankingPredictor,
    ReadOut,
    interpolate,
    normal,
)
from archbo.proxies import Proxies
from archbo.spaces import ArchLike, SearchSpace

FEW = 50
"""The number of observations that the prior over weights counts as."""

START = 0.05
"""The initial spread of utilities: where all are alike, no pair is out of DiffKendall's reach."""

__all__ = ["MixerInputs", "MixerNetwork", "VariationalLinear", "ZeroCostMixer"]


@final
class VariationalLinear(nn.Module):
    """Linear maps whose weights are independent Gaussians: Bayes by backprop (arXiv 1505.05424, eq. 1 and 2).

    In training weights are drawn anew for each batch; afterwards they are their means.

    Args:
        generators: ``s``, one per member.
        shape: ``... x inputs x outputs``; dimensions before the last two are maps side by side.
        std: Of the initial means, and of the prior.
        start: The initial standard deviation of a weight, as a share of the prior's.
    """

    def __init__(
        self, generators: Sequence[Generator], *shape: int, std: float, start: float = 0.1
    ) -> None:
        super().__init__()
        self.generators, self.std = list(generators), std
        self.mean = normal(generators, *shape, std=std)
        self.log_ratio = nn.Parameter(torch.full_like(self.mean, math.log(start)))

    def forward(self, x: Tensor) -> Tensor:
        """``s x ... x b x outputs`` from ``s x ... x b x inputs``."""
        if not self.training:
            return x @ self.mean
        draws = [torch.randn(self.mean.shape[1:], generator=g) for g in self.generators]
        return x @ (self.mean + self.std * self.log_ratio.exp() * torch.stack(draws).to(x))

    def divergence(self) -> Tensor:
        """Kullback and Leibler's, of the weights from their prior N(0, std^2), summed, in nats."""
        ratio = self.log_ratio
        total: Tensor = 0.5 * ((self.mean / self.std).square() + (2 * ratio).exp() - 1) - ratio
        return total.sum()


class MixerInputs(NamedTuple):
    """``b`` architectures as a mixer takes them, with any leading dimensions.

    Attributes:
        nodes: ``... b x T x F``, numbers about each decision.
        flat: ``... b x D``, numbers about each architecture.
    """

    nodes: Tensor
    flat: Tensor


@final
class MixerNetwork(RankerNetwork):
    """Utilities from numbers about decisions by mixing across decisions and across channels, for ``s`` members.

    An MLP-Mixer (arXiv 2105.01601) on an embedding that is each decision's own, as ParZC's; all weights up to
    the read-out are variational.

    Args:
        generators: One per member.
        n_nodes: The number of decisions ``T``.
        n_numbers: Numbers about each, ``F``.
        n_flat: Numbers about each architecture, read out beside what is mixed.
        hidden: The number of channels ``h``.
        n_blocks: How often both are mixed.
        dropout: The probability with which a feature is left out of the read-out in training.
        temperature: How much the prior over weights counts; divided by the square of the number of observations and
            50 more.
    """

    def __init__(
        self,
        generators: Sequence[Generator],
        n_nodes: int,
        n_numbers: int,
        *,
        n_flat: int = 0,
        hidden: int = 16,
        n_blocks: int = 1,
        dropout: float = 0.1,
        temperature: float = 25.0,
    ) -> None:
        super().__init__()
        self.generators, self.temperature = list(generators), temperature
        self.embedding = VariationalLinear(
            generators, n_nodes, n_numbers, hidden, std=n_numbers**-0.5
        )
        self.across_nodes = nn.ModuleList(
            _Perceptron(generators, n_nodes, 2 * hidden) for _ in range(n_blocks)
        )
        self.across_channels = nn.ModuleList(
            _Perceptron(generators, hidden, 2 * hidden) for _ in range(n_blocks)
        )
        width = (1 + n_blocks) * hidden + n_nodes * hidden + n_flat
        self.read_out = ReadOut(generators, width, 4 * hidden, dropout=dropout, start=START)

    def features(self, inputs: Inputs) -> Tensor:
        """What is read out of architectures (``b``, or ``s x b`` of each member's own), ``s x b x R``."""
        s = len(self.generators)
        nodes, flat = inputs
        if nodes.ndim == 3:
            nodes, flat = nodes.expand(s, *nodes.shape), flat.expand(s, *flat.shape)
        x = self.embedding(nodes.transpose(1, 2))
        parts = [x.mean(1)]
        for across_nodes, across_channels in zip(
            self.across_nodes, self.across_channels, strict=True
        ):
            _, T, b, h = x.shape
            mixed = across_nodes(layer_norm(x, (h,)).permute(0, 2, 3, 1).reshape(s, b * h, T))
            x = x + mixed.reshape(s, b, h, T).permute(0, 3, 1, 2)
            mixed = across_channels(layer_norm(x, (h,)).reshape(s, T * b, h))
            x = x + mixed.reshape(s, T, b, h)
            parts.append(x.mean(1))
        return torch.cat([*parts, x.transpose(1, 2).flatten(2), flat], -1)

    def forward(self, inputs: Inputs) -> Tensor:
        utilities: Tensor = self.read_out(self.features(inputs))
        return utilities

    def standardise(self, inputs: Inputs) -> None:
        self.eval()
        with torch.no_grad():
            self.read_out.standardise(self.features(inputs))

    def penalty(self, n: int) -> Tensor:
        layers = [layer for layer in self.modules() if isinstance(layer, VariationalLinear)]
        divergence = torch.stack([layer.divergence() for layer in layers]).sum()
        return self.temperature / (n + FEW) ** 2 * divergence


@final
class _Perceptron(nn.Module):
    """``width -> inner -> width``."""

    def __init__(self, generators: Sequence[Generator], width: int, inner: int) -> None:
        super().__init__()
        self.first = VariationalLinear(generators, width, inner, std=width**-0.5)
        self.second = VariationalLinear(generators, inner, width, std=inner**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.second(silu(self.first(x)))
        return mixed


@final
class ZeroCostMixer(RankingPredictor):
    """Mixers over the zero-cost proxies of decisions, trained for Kendall's tau: ParZC (arXiv 2402.02105).

    A mixer sees for each decision the parts that it has in proxies and which operation it is. The proxies of the whole
    architecture, and the features of an encoding, are read out beside what is mixed. Its weights are Gaussians,
    trained by variational inference with DiffKendall's loss (arXiv 2307.15317) for a likelihood.

    Args:
        space: The space that the rows belong to.
        encoding: Features to read out beside what is mixed; those of the graph unless given.
        proxies: With parts by decision; those that come with archbo unless given.
        loss: From utilities and targets of about unit variance (``s x b`` each) to one loss per member: of
            ``archbo.predictors.ranking.losses``, DiffKendall's unless given.
        alone: Whether the mixer sees the parts of proxies and nothing else.
        pooled: Whether decisions are averaged before they are mixed, to see what telling them apart is worth.
        n_members: The number of mixers ``s``, a multiple of 3 and at least 6. At first each observation is kept
            from three of them.
        hidden: The number of channels.
        n_blocks: How often decisions and channels are mixed.
        n_epochs: How often a mixer sees each observation.
        temperature: How much the prior over weights counts; divided by the square of the number of observations and
            50 more, for a loss of pairs has about as many terms.

    Raises:
        UsageError: ``n_members`` is no such number, there are no parts of this space's proxies, or an encoding is given
            to what is ``alone``.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> X = space.sample(40, generator=torch.Generator().manual_seed(0))
        >>> Y = (X == 3).sum(-1) + (X == 2).sum(-1) / 2  # 3 x 3 and 1 x 1 convolutions
        >>> mixer = ZeroCostMixer(space, n_members=6).fit(X, Y, seed=0)
        >>> mean, std = mixer.predict(["(3, 3, 3, 3, 3, 3)", "(1, 1, 1, 1, 1, 1)"])
        >>> bool(mean[0] > mean[1])
        True
    """

    min_batches: ClassVar[int] = 1

    def __init__(
        self,
        space: SearchSpace,
        encoding: Encoding | None = None,
        *,
        proxies: Proxies | None = None,
        loss: Loss = diff_kendall,
        alone: bool = False,
        pooled: bool = False,
        n_members: int = 12,
        hidden: int = 16,
        n_blocks: int = 1,
        n_epochs: int = 160,
        temperature: float = 25.0,
    ) -> None:
        if alone and encoding is not None:
            raise UsageError(
                "alone leaves out all but the parts of proxies; give no encoding with it"
            )
        super().__init__(space, encoding, loss=loss, n_members=n_members, n_epochs=n_epochs)
        self.nodes, self.alone, self.pooled = NodewiseEncoding(space, proxies), alone, pooled
        self.flat: Encoding | None = None
        if alone:
            self.encoding = None
        elif self.encoding is not None:
            self.flat = self.encoding + ZeroCostEncoding(space, self.nodes.proxies)
        self.hidden, self.n_blocks, self.temperature = hidden, n_blocks, temperature

    def _default_encoding(self, space: SearchSpace) -> Encoding:
        return GraphFeatureEncoding(space)

    def _untrained(self, generators: Sequence[Generator]) -> RankerEnsemble:
        return _Mixers(self, self.train_X.double(), generators)

    def attributions(self, X: Sequence[ArchLike] | Tensor) -> Tensor:
        """How much the part of each decision in each proxy moves the prediction of ``n`` architectures.

        The derivative of the mean by a part, times how far the part is from its mean over the observations
        (gradient times input); on the scale of ``latent``.

        Returns:
            ``n x d x k``, or ``n x 1 x k`` of decisions that are pooled.
        """
        self._require_fit()
        model, k = self.model, len(self.nodes.proxies.node_names)
        if not isinstance(model, _Mixers):
            raise UsageError("the mixers could not be fitted, so there is nothing to attribute")
        seen = model.inputs(self.train_X.double()).nodes.mean(0)
        nodes, flat = model.inputs(self.space.rows(X).double())
        with torch.enable_grad():
            nodes.requires_grad_()
            utilities = model.network(MixerInputs(nodes, flat))
            total = interpolate(utilities, model.knots, model.levels).mean(0).sum()
            (slope,) = torch.autograd.grad(total, nodes)
        return (slope * (nodes - seen)).detach()[..., :k]


@final
class _Mixers(RankerEnsemble):
    """Mixers, and what they see of a row."""

    network: MixerNetwork

    def __init__(self, mixer: ZeroCostMixer, X: Tensor, generators: Sequence[Generator]) -> None:
        super().__init__(mixer.flat, X, len(generators))
        self.space, self.nodes = mixer.space, mixer.nodes
        self.alone, self.pooled = mixer.alone, mixer.pooled
        nodes, flat = self.inputs(X)
        self.network = MixerNetwork(
            generators,
            nodes.shape[-2],
            nodes.shape[-1],
            n_flat=flat.shape[-1],
            hidden=mixer.hidden,
            n_blocks=mixer.n_blocks,
            temperature=mixer.temperature,
        )

    def inputs(self, X: Tensor) -> MixerInputs:
        # By way of the encoding, which remembers pools.
        parts = self.nodes(X).unflatten(-1, (self.space.n_columns, -1))
        numbers = [parts, torch.ones_like(parts[..., :1])]
        if not self.alone:
            choices = max(self.space.cardinalities)
            numbers.append(one_hot(self.space.canonical(X).long(), choices).to(X))
        nodes = torch.cat(numbers, -1)
        return MixerInputs(nodes.mean(-2, keepdim=True) if self.pooled else nodes, self.flat(X))
