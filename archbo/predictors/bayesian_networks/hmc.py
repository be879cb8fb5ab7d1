"""Hamiltonian Monte Carlo with all chains in one batch, and what to look at before believing it."""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archbo.errors import NumericalWarning
from archbo.predictors.bayesian_networks.mlp import FloatArray
from archbo.predictors.calibration import fit_of
from archbo.randomness import global_seed

__all__ = [
    "Diagnostics",
    "Draws",
    "Potential",
    "descend",
    "leapfrog",
    "sample_batched",
    "sample_pyro",
]

Potential = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""From positions ``c x p`` to negative log densities (``c``) and their gradients (``c x p``)."""

DIVERGENCE = 1000.0
"""The error in energy from which on a trajectory counts as divergent, as in Stan and Pyro."""


@dataclass(frozen=True)
class Draws:
    """Draws of several chains.

    Attributes:
        positions: ``c x s x p``.
        divergences: The number of divergent trajectories after warmup.
        acceptance: The mean probability of acceptance after warmup.
        step_size: That of the leapfrogs after warmup, averaged over chains.
        leapfrogs: The number of leapfrog steps, warmup included, summed over chains.
    """

    positions: FloatArray
    divergences: int
    acceptance: float
    step_size: float
    leapfrogs: int


@dataclass(frozen=True)
class Diagnostics:
    """How far draws can be believed.

    Attributes:
        r_hat: Split r-hat (Gelman et al., Bayesian Data Analysis, 3rd edition, 11.4) by quantity; the largest
            where the quantity has several components. Near 1 where chains agree.
        effective_samples: The effective number of independent draws by quantity; the smallest.
        divergences: The number of divergent trajectories after warmup.
        draws: The number of draws of all chains.
        acceptance: The mean probability of acceptance.
        step_size: The leapfrogs' step.
        leapfrogs: The number of leapfrog steps over all chains, warmup included.
    """

    r_hat: dict[str, float]
    effective_samples: dict[str, float]
    divergences: int
    draws: int
    acceptance: float
    step_size: float
    leapfrogs: int

    @classmethod
    def of(cls, draws: Draws, quantities: Mapping[str, npt.NDArray[Any]]) -> "Diagnostics":
        """Of draws, by named quantities (``c s x k`` or ``c s`` each) computed from them, chain by chain."""
        from pyro.ops import stats as pyro_stats

        stats: Any = pyro_stats  # without types
        shape = (*draws.positions.shape[:2], -1)
        chains = {
            name: torch.from_numpy(np.reshape(values, shape).astype(np.float64))
            for name, values in quantities.items()
        }
        return cls(
            {
                name: stats.split_gelman_rubin(values).max().item()
                for name, values in chains.items()
            },
            {
                name: stats.effective_sample_size(values).min().item()
                for name, values in chains.items()
            },
            draws.divergences,
            draws.positions.shape[0] * draws.positions.shape[1],
            draws.acceptance,
            draws.step_size,
            draws.leapfrogs,
        )

    def warn(self, *, r_hat: float, divergent: float, names: tuple[str, ...]) -> None:
        """A ``NumericalWarning`` if r-hat of a named quantity or the share of divergences is above these."""
        troubles = [
            f"chains disagree on {name} (r-hat {self.r_hat[name]:.2f}, above {r_hat:g})"
            for name in names
            if not self.r_hat[name] <= r_hat
        ]
        if self.divergences > divergent * self.draws:
            troubles.append(f"{self.divergences} of {self.draws} trajectories diverged")
        if troubles:
            warnings.warn(
                f"Hamiltonian Monte Carlo did not converge: {'; '.join(troubles)}; "
                "take more warmup steps and samples, or a higher target_acceptance",
                NumericalWarning,
                stacklevel=2,
            )


def leapfrog(
    potential: Potential,
    position: FloatArray,
    momentum: FloatArray,
    gradient: FloatArray,
    *,
    step_size: float,
    n_steps: int,
    inverse_mass: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Follow Hamilton's equations; position, momentum, potential and gradient at the end.

    Args:
        potential: The negative log density.
        position: ``c x p``.
        momentum: ``c x p``.
        gradient: ``c x p``, the potential's at ``position``.
        step_size: Of each step.
        n_steps: The number of steps, at least one; each is one call of ``potential``.
        inverse_mass: ``p``, the diagonal of the inverse mass matrix.
    """
    size, drift = np.float32(step_size), np.float32(step_size) * inverse_mass
    position, momentum = position.copy(), momentum - size / 2 * gradient
    for step in range(n_steps):
        position += drift * momentum
        energy, gradient = potential(position)
        momentum -= (size if step < n_steps - 1 else size / 2) * gradient
    return position, momentum, energy, gradient


@np.errstate(all="ignore")  # far out numbers overflow, and trajectories are rejected
def sample_batched(
    potential: Potential,
    start: FloatArray,
    *,
    warmup: int,
    samples: int,
    generator: np.random.Generator,
    trajectory: float = math.pi / 2,
    max_steps: int = 64,
    target_acceptance: float = 0.8,
) -> Draws:
    """Hamiltonian Monte Carlo, one call of the potential for a leapfrog step of all chains.

    Warmup adapts a step size (dual averaging, Hoffman and Gelman, arXiv 1111.4246) and
    a diagonal mass matrix, both shared by the chains, so that each learns from all. The length of
    trajectories varies between half and one and a half times ``trajectory``: a quarter of a turn of a standard
    normal lets go of where it came from, and a fixed length might return there.

    Args:
        potential: The negative log density.
        start: ``c x p``, where the chains start.
        warmup: The number of trajectories that adapt and are dropped.
        samples: The number of trajectories whose ends are kept.
        generator: Where randomness comes from.
        trajectory: The mean time that trajectories follow Hamilton's equations.
        max_steps: The most leapfrog steps of a trajectory.
        target_acceptance: The mean acceptance probability that the step size aims at.
    """
    c, p = start.shape
    position = start.copy()
    energy, gradient = potential(position)
    step = _StepSize(target_acceptance, initial=0.05)
    variance = _Variance(p)
    inverse_mass: FloatArray = np.ones(p, np.float32)
    kept = np.empty((c, samples, p), np.float32)
    leapfrogs, divergences, accepted = 0, 0, 0.0
    for iteration in range(warmup + samples):
        warm = iteration < warmup
        size = step.current if warm else step.average
        n_steps = round(trajectory * generator.uniform(0.5, 1.5) / size)
        n_steps = max(1, min(max_steps, n_steps))
        normal = generator.standard_normal((c, p), np.float32)
        momentum: FloatArray = normal / np.sqrt(inverse_mass)
        end, momentum, end_energy, end_gradient = leapfrog(
            potential,
            position,
            momentum,
            gradient,
            step_size=size,
            n_steps=n_steps,
            inverse_mass=inverse_mass,
        )
        kinetic = 0.5 * (momentum * momentum * inverse_mass - normal * normal).sum(-1)
        error: FloatArray = end_energy + kinetic - energy
        error[~np.isfinite(error)] = np.inf
        probability = np.exp(-error.clip(min=0))
        take = generator.uniform(size=c) < probability
        position[take], gradient[take], energy[take] = (
            end[take],
            end_gradient[take],
            end_energy[take],
        )
        leapfrogs += n_steps * c
        if warm:
            # Their harmonic mean: a step size that suits three chains must not strand the fourth.
            step.update(float(1 / np.mean(1 / probability.clip(min=0.02))))
            if iteration >= warmup // 5:
                variance.update(position)
            if iteration in (2 * warmup // 5, 3 * warmup // 5):
                inverse_mass = variance.shrunk()
                variance, step = _Variance(p), _StepSize(target_acceptance, initial=step.average)
        else:
            kept[:, iteration - warmup] = position
            accepted += float(probability.mean()) / samples
            divergences += int((error > DIVERGENCE).sum())
    return Draws(kept, divergences, accepted, step.average, leapfrogs)


@np.errstate(all="ignore")
def sample_pyro(
    potential: Potential,
    start: FloatArray,
    *,
    warmup: int,
    samples: int,
    generator: np.random.Generator,
    nuts: bool,
    trajectory: float = math.pi / 2,
    max_steps: int = 64,
    target_acceptance: float = 0.8,
) -> Draws:
    """Pyro's HMC or NUTS on the same potential, one chain after the other; arguments as ``sample_batched``.

    Args:
        potential: The negative log density.
        start: ``c x p``, where the chains start.
        warmup: The number of trajectories that adapt and are dropped.
        samples: The number of trajectories whose ends are kept.
        generator: Where randomness comes from.
        nuts: The no-U-turn sampler instead of trajectories of a fixed length.
        trajectory: The time that plain HMC follows Hamilton's equations.
        max_steps: The most leapfrog steps of a NUTS trajectory, rounded down to a power of two.
        target_acceptance: The mean acceptance probability that the step size aims at.
    """
    from pyro.infer import mcmc

    pyro: Any = mcmc  # without types
    calls = 0

    def energy_of(parameters: dict[str, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        energy: Tensor = _Fused.apply(parameters["position"], potential)  # type: ignore[no-untyped-call]
        return energy

    chains, divergences, accepted, step_size = [], 0, 0.0, 0.0
    seeds = generator.integers(2**31, size=len(start)).tolist()
    for seed, position in zip(seeds, start.copy(), strict=True):
        options: dict[str, Any] = {
            "potential_fn": energy_of,
            "target_accept_prob": target_acceptance,
        }
        kernel = (
            pyro.NUTS(max_tree_depth=max(1, int(math.log2(max_steps))), **options)
            if nuts
            else pyro.HMC(step_size=0.05, trajectory_length=trajectory, **options)
        )
        sampler = pyro.MCMC(
            kernel,
            num_samples=samples,
            warmup_steps=warmup,
            initial_params={"position": torch.from_numpy(position)},
            disable_progbar=True,
        )
        with global_seed(seed), torch.enable_grad(), fit_of("Pyro"):
            sampler.run()
        chains.append(sampler.get_samples()["position"].numpy())
        found = sampler.diagnostics()
        divergences += len(found["divergences"]["chain 0"])
        accepted += float(found["acceptance rate"]["chain 0"]) / len(start)
        step_size += float(kernel.step_size) / len(start)
    return Draws(np.stack(chains), divergences, accepted, step_size, calls)


class _Fused(torch.autograd.Function):
    """A potential that knows its gradient, for Pyro, which asks autograd."""

    @staticmethod
    def forward(ctx: Any, position: Tensor, potential: Potential) -> Tensor:  # noqa: ANN401
        energy, gradient = potential(position.detach().numpy()[np.newaxis])
        ctx.save_for_backward(torch.from_numpy(gradient[0]))
        return torch.tensor(energy[0], dtype=position.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (gradient,) = ctx.saved_tensors
        return grad * gradient, None


@final
class _StepSize:
    """Nesterov's dual averaging (Hoffman and Gelman, arXiv 1111.4246, section 3.2)."""

    def __init__(self, target: float, initial: float) -> None:
        self._target, self._centre = target, math.log(2 * initial)
        self._count, self._error, self._log_average = 0, 0.0, math.log(initial)
        self.current = initial

    @property
    def average(self) -> float:
        return math.exp(self._log_average)

    def update(self, acceptance: float) -> None:
        self._count += 1
        self._error += (self._target - acceptance - self._error) / (self._count + 10)
        log_step = self._centre - math.sqrt(self._count) / 0.05 * self._error
        self._log_average += self._count**-0.75 * (log_step - self._log_average)
        self.current = math.exp(log_step)


@final
class _Variance:
    """Variances of what is shown, over chains and iterations."""

    def __init__(self, p: int) -> None:
        self._count = 0
        self._sum, self._square = np.zeros((2, p))

    def update(self, position: FloatArray) -> None:
        self._count += len(position)
        self._sum += position.sum(0)
        self._square += np.square(position, dtype=np.float64).sum(0)

    def shrunk(self) -> FloatArray:
        """``p``; towards 1, the variance under a standard normal prior, as if seen five times."""
        mean = self._sum / self._count
        variance = np.maximum(self._square / self._count - mean * mean, 0)
        return ((self._count * variance + 5) / (self._count + 5)).astype(np.float32)


def descend(
    potential: Potential,
    position: FloatArray,
    *,
    n_steps: int,
    fixed: slice,
    rate: float = 0.03,
) -> FloatArray:
    """Adam's steps downhill from positions ``c x p``, the chains by themselves.

    Args:
        potential: The negative log density.
        position: ``c x p``.
        n_steps: The number of steps.
        fixed: The parameters that stay as they are.
        rate: The first learning rate; it falls to zero along a cosine.
    """
    position = position.copy()
    first, second = np.zeros_like(position), np.zeros_like(position)
    for step in range(1, n_steps + 1):
        _, gradient = potential(position)
        gradient[:, fixed] = 0
        first += np.float32(0.1) * (gradient - first)
        second += np.float32(0.01) * (gradient * gradient - second)
        length = rate * (0.5 + 0.5 * math.cos(math.pi * step / n_steps))
        scale = np.sqrt(second / np.float32(1 - 0.99**step)) + np.float32(1e-8)
        position -= np.float32(length / (1 - 0.9**step)) * first / scale
    return position
