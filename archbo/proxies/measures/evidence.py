"""What measures look at: passes over a network, each made once and only when a measure asks for it."""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from archbo.errors import NumericalWarning, UsageError
from archbo.proxies.measures.flops import count_flops
from archbo.randomness import global_seed

__all__ = [
    "COMPUTATION_ERRORS",
    "Evidence",
    "Inputs",
    "Layer",
    "Loss",
    "batch_norms",
    "first_line",
    "weights_of",
]

Inputs: TypeAlias = Tensor | tuple[Tensor, ...]
"""The arguments of a network, a batch of ``N`` samples; gradients are taken with respect to the first tensor."""

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From the network's output and the targets to a number."""

COMPUTATION_ERRORS = (RuntimeError, ValueError, IndexError, ArithmeticError)
"""What PyTorch raises where a computation fails: RuntimeError as a rule, ValueError in batch normalisations of a single
value, IndexError in embeddings."""

SWITCHES = (nn.ReLU, nn.ReLU6, nn.PReLU, nn.LeakyReLU)
"""The modules that treat negative inputs differently, whose codes NASWOT compares (arXiv 2006.04647v3)."""

IGNORED_LABEL = -100
"""The label that ``cross_entropy`` leaves out, by its default ``ignore_index``."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A module that holds weights itself, that is parameters of two dimensions or more.

    Biases, and the scales of normalisations, are not weights.

    Attributes:
        name: Of the module, as in ``named_modules``.
        weights: Of the module.
        gradients: Of the loss, one for each weight; zero where the loss does not depend on it.
        saliencies: For each call of the module ``N x C``, for each of its ``C`` output channels the sum over
            positions of the output times the loss's gradient.
    """

    name: str
    weights: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]
    saliencies: tuple[Tensor, ...] = ()


@dataclass(frozen=True, eq=False)
class _Forward:
    """One pass in training mode and its graph."""

    first: Tensor
    logits: Tensor
    parameters: tuple[nn.Parameter, ...]
    weights: Mapping[str, tuple[nn.Parameter, ...]]
    outputs: Mapping[str, Sequence[Tensor]]
    channels_second: frozenset[str]
    agreement: Tensor
    flops: float


@dataclass(frozen=True, eq=False)
class _Gradients:
    """A layer's weights, and the gradients of the loss with respect to them and to the layer's outputs."""

    name: str
    weights: tuple[nn.Parameter, ...]
    by_weights: tuple[Tensor, ...]
    by_outputs: tuple[Tensor, ...]


class Evidence:
    """Passes over a network, made on copies of it.

    Copies are in training mode, so that batch normalisation takes the statistics of the batch, as it does in
    the published measurements.

    Args:
        network: Any module whose output is one tensor.
        inputs: A batch of ``N`` samples; a tuple for a network of several arguments.
        targets: What the loss compares the output with.
        loss: From output and targets to a number.
        seed: Of whatever is random.
        curvature: Whether second derivatives will be asked for. Attention is then computed without fused
            kernels, which have none.
    """

    def __init__(
        self,
        network: nn.Module,
        inputs: Inputs,
        targets: Tensor,
        *,
        loss: Loss,
        seed: int,
        curvature: bool = False,
    ) -> None:
        self.network = network
        self.inputs = tuple(map(_ordinary, inputs if isinstance(inputs, tuple) else (inputs,)))
        self.one_input = isinstance(inputs, Tensor)
        self.targets = _ordinary(targets)
        self.loss = loss
        self.seed = seed
        self.curvature = curvature

    def copy(self) -> nn.Module:
        """A copy of the network in training mode with all parameters trainable."""
        return copy.deepcopy(self.network).train().requires_grad_(True)

    def seeded(self) -> AbstractContextManager[None]:
        """Draws that are the same for every pass, whichever came before."""
        return global_seed(self.seed, self.inputs[0].device)

    def require_real(self, measures: str) -> None:
        """Refuse integer inputs, such as tokens.

        Raises:
            UsageError: The first input is not a tensor of real numbers.
        """
        if not self.inputs[0].is_floating_point():
            raise UsageError(
                f"{measures} need inputs that are real numbers, got {self.inputs[0].dtype}"
            )

    def loss_of(self, output: Tensor, targets: Tensor) -> Tensor:
        """The loss of an output.

        Raises:
            UsageError: A label is not among the classes, or the loss fails on this output and these targets.
        """
        if self.loss is cross_entropy:
            _check_labels(output, targets)
        try:
            return self.loss(output, targets)
        except (*COMPUTATION_ERRORS, TypeError) as error:
            raise UsageError(
                f"the loss fails on outputs {_described(output)} and targets {_described(targets)}: "
                f"{first_line(error)}; give targets that fit the loss, or another loss, such as "
                "torch.nn.functional.mse_loss for regression"
            ) from error

    # The pass that most measures share.

    @cached_property
    def forward(self) -> _Forward:
        """One pass, with the modules' inputs and outputs on the way.

        Raises:
            UsageError: The network fails on the inputs, or its output is not a tensor.
        """
        network = self.copy()
        first = self.inputs[0].detach().clone()
        first.requires_grad_(first.is_floating_point())
        weights = weights_of(network)
        N = len(first)
        outputs: dict[str, list[Tensor]] = {name: [] for name in weights}
        agreement = torch.zeros(N, N, dtype=torch.double, device=first.device)
        flops = [0.0]

        def keep(name: str) -> Callable[[nn.Module, object, object], None]:
            def hook(module: nn.Module, arguments: object, output: object) -> None:
                if isinstance(output, Tensor) and output.requires_grad:
                    outputs[name].append(output)

            return hook

        def compare(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            if len(arguments[0]) == N:
                on = (arguments[0] > 0).flatten(1).float()
                both, ones = (on @ on.T).double(), on.sum(-1).double()
                agreement.add_(2 * both - ones - ones.unsqueeze(-1) + on.shape[1])

        def count(module: nn.Module, arguments: tuple[Tensor, ...], output: object) -> None:
            flops[0] += count_flops(module, arguments, output)

        modules = dict(network.named_modules())
        hooks = [modules[name].register_forward_hook(keep(name)) for name in weights]
        hooks += [
            module.register_forward_hook(compare)
            for module in modules.values()
            if isinstance(module, SWITCHES)
        ]
        hooks += [module.register_forward_hook(count) for module in modules.values()]
        logits = self._output(network, first)
        for hook in hooks:
            hook.remove()
        return _Forward(
            first=first,
            logits=logits,
            parameters=tuple(network.parameters()),
            weights=weights,
            outputs=outputs,
            channels_second=frozenset(
                name for name in weights if isinstance(modules[name], _ConvNd)
            ),
            agreement=agreement,
            flops=flops[0] / N,
        )

    def _output(self, network: nn.Module, first: Tensor) -> Tensor:
        # Fused attention kernels have no second derivatives (https://github.com/pytorch/pytorch/issues/116350).
        attention = sdpa_kernel(SDPBackend.MATH) if self.curvature else nullcontext()
        try:
            with self.seeded(), attention:
                logits = network(first, *self.inputs[1:])
        except (*COMPUTATION_ERRORS, TypeError) as error:
            shapes = ", ".join(_described(tensor) for tensor in self.inputs)
            raise UsageError(
                f"this {type(network).__name__} fails on the inputs {shapes}: {first_line(error)}; "
                "give inputs that it takes, on its device"
            ) from error
        if not isinstance(logits, Tensor):
            raise UsageError(
                f"the network gives a {type(logits).__name__}; measures need a module that gives one tensor"
            )
        return logits

    @cached_property
    def layers(self) -> list[Layer]:
        """All layers with the gradients of the loss.

        Raises:
            UsageError: The network has no weights.
        """
        return [
            Layer(
                layer.name,
                detached(layer.weights),
                detached(layer.by_weights),
                self._saliencies(layer),
            )
            for layer in self._gradients
        ]

    @cached_property
    def _gradients(self) -> list[_Gradients]:
        passed = self.forward
        require_weights(passed.weights)
        loss = self.loss_of(passed.logits, self.targets)
        wanted = [
            (name, weights, tuple(passed.outputs[name])) for name, weights in passed.weights.items()
        ]
        flat = [tensor for _, weights, outputs in wanted for tensor in (*weights, *outputs)]
        by_output, *rest = derivatives(loss, [passed.logits, *flat], create_graph=self.curvature)
        if not bool(by_output.detach().any()):
            warnings.warn(
                "the gradient of the loss with respect to the network's output is zero, so grad_norm, snip, "
                "grasp, fisher and plain are zero too; cross_entropy is constant for a single output: for "
                "regression give another loss, such as torch.nn.functional.mse_loss",
                NumericalWarning,
                stacklevel=2,
            )
        found = iter(rest)
        return [
            _Gradients(
                name,
                weights,
                tuple(next(found) for _ in weights),
                tuple(next(found) for _ in outputs),
            )
            for name, weights, outputs in wanted
        ]

    def _saliencies(self, layer: _Gradients) -> tuple[Tensor, ...]:
        result = []
        outputs = self.forward.outputs[layer.name]
        for output, gradient in zip(outputs, layer.by_outputs, strict=True):
            product = output.detach() * gradient.detach()
            if layer.name in self.forward.channels_second:
                product = product.flatten(2).sum(-1)
            elif product.ndim > 2:
                product = product.flatten(1, -2).sum(1)
            result.append(product)
        return tuple(result)

    @cached_property
    def curvatures(self) -> list[Layer]:
        """All layers with ``H g`` in place of gradients: the loss's Hessian times its gradient ``g``.

        Raises:
            UsageError: The evidence was gathered without curvature, or the network has no weights.
        """
        if not self.curvature:
            raise UsageError("second derivatives need Evidence(..., curvature=True)")
        gradients = [gradient for layer in self._gradients for gradient in layer.by_weights]
        squares = torch.stack([(g.detach() * g).sum() for g in gradients]).sum()
        flat = [weight for layer in self._gradients for weight in layer.weights]
        found = iter(derivatives(squares, flat))
        return [
            Layer(layer.name, detached(layer.weights), tuple(next(found) for _ in layer.weights))
            for layer in self._gradients
        ]

    @cached_property
    def jacobian(self) -> Tensor:
        """``N x P``: the gradient of the summed outputs with respect to each sample's ``P`` input values.

        Raises:
            UsageError: The inputs are not real numbers.
        """
        self.require_real("jacov and epe_nas")
        (gradient,) = derivatives(self.forward.logits.sum(), [self.forward.first])
        return gradient.flatten(1).double()

    @cached_property
    def tangent_kernel(self) -> Tensor:
        """``N x N``: inner products of the gradients of each sample's summed outputs with respect to all parameters.

        Raises:
            UsageError: The network has no weights.
        """
        passed = self.forward
        require_weights(passed.weights)
        rows = [
            torch.cat([g.flatten() for g in derivatives(output.sum(), passed.parameters)])
            for output in passed.logits
        ]
        gradients = torch.stack(rows).double()
        return gradients @ gradients.T

    # Passes of their own.

    @cached_property
    def batch_gradients(self) -> list[tuple[str, Tensor]]:
        """For each layer ``2 x P``: the gradients of the loss on either half of the batch.

        A network of several arguments, such as a graph, sees all samples in both passes.

        Raises:
            UsageError: The network has no weights.
        """
        network = self.copy()
        weights = weights_of(network)
        require_weights(weights)
        flat = [weight for group in weights.values() for weight in group]
        halves = []
        for half in (slice(0, len(self.targets) // 2), slice(len(self.targets) // 2, None)):
            with self.seeded():
                logits = (
                    network(self.inputs[0][half]) if self.one_input else network(*self.inputs)[half]
                )
            found = iter(derivatives(self.loss_of(logits, self.targets[half]), flat))
            halves.append(
                [torch.cat([next(found).flatten() for _ in group]) for group in weights.values()]
            )
        return [(name, torch.stack(pair)) for name, *pair in zip(weights, *halves, strict=True)]

    @cached_property
    def flow(self) -> list[Layer]:
        """All layers, in double precision, of the network made linear: the gradients of its summed output.

        Parameters are replaced by their absolute values, batch normalisations are taken out, and the input
        is one sample of ones. A network of several arguments gets ones in place of the first.

        Raises:
            UsageError: The network has no weights.
        """
        network = self.copy().double().eval()
        for module in network.modules():
            for name, child in list(module.named_children()):
                if isinstance(child, _BatchNorm):
                    setattr(module, name, nn.Identity())
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.abs_()
        first, *others = (t.double() if t.is_floating_point() else t for t in self.inputs)
        weights = weights_of(network)
        require_weights(weights)
        ones = torch.ones_like(first[:1] if self.one_input else first)
        output = network(ones, *others)
        flat = [weight for group in weights.values() for weight in group]
        found = iter(derivatives(output.sum(), flat))
        return [
            Layer(name, detached(group), tuple(next(found) for _ in group))
            for name, group in weights.items()
        ]


def weights_of(network: nn.Module) -> dict[str, tuple[nn.Parameter, ...]]:
    """The weights of each module that holds some, shared ones with the first module only."""
    seen: set[int] = set()
    result = {}
    for name, module in network.named_modules():
        weights = tuple(
            p for p in module.parameters(recurse=False) if p.ndim > 1 and id(p) not in seen
        )
        seen.update(map(id, weights))
        if weights:
            result[name] = weights
    return result


def require_weights(weights: Mapping[str, object]) -> None:
    """Refuse a network without weights.

    Raises:
        UsageError: There are none.
    """
    if not weights:
        raise UsageError(
            "the network has no weights (parameters of two dimensions or more), and only params, flops, jacov, "
            "epe_nas, nwot and zen can do without; give a network that has some"
        )


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """All batch normalisations."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def derivatives(
    value: Tensor, by: Sequence[Tensor], *, create_graph: bool = False
) -> tuple[Tensor, ...]:
    """Derivatives of a number; zero with respect to what it does not depend on."""
    if not value.requires_grad:
        return tuple(torch.zeros_like(tensor) for tensor in by)
    return torch.autograd.grad(
        value,
        list(by),
        retain_graph=True,
        create_graph=create_graph,
        allow_unused=True,
        materialize_grads=True,
    )


def detached(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The tensors without their graph."""
    return tuple(tensor.detach() for tensor in tensors)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, behind the name of its class."""
    return f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}"


def _check_labels(output: Tensor, targets: Tensor) -> None:
    """Refuse labels beyond the classes: on a GPU they would end the process's use of it."""
    if targets.is_floating_point() or not targets.numel() or not output.ndim:
        return
    classes = output.shape[1] if output.ndim > 1 else output.shape[0]
    bad = targets[((targets < 0) | (targets >= classes)) & (targets != IGNORED_LABEL)]
    if bad.numel():
        raise UsageError(
            f"the network has {classes} outputs, but a label is {int(bad.flatten()[0])}; "
            f"give labels from 0 to {classes - 1}, or a network with more outputs"
        )


def _ordinary(tensor: Tensor) -> Tensor:
    """The tensor, or a copy of one made in inference mode, which no gradient could pass."""
    with torch.inference_mode(False):
        return tensor.clone() if tensor.is_inference() else tensor


def _described(tensor: Tensor) -> str:
    return f"{tensor.dtype} of shape {tuple(tensor.shape)}"
