"""Hyperparameters of a Gaussian process at their maximum a posteriori."""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, final

import torch
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from archbo.predictors.gaussian_model import cholesky
from archbo.predictors.gaussian_processes.pool_gp import PoolModel

__all__ = [
    "Objective",
    "climb",
    "fit_posterior_mode",
    "gradient_of",
    "log_priors",
    "negative_log_posterior",
]

MAX_ITERATIONS = 50
"""Of L-BFGS and BFGS; fits to a hundred observations take some 20."""

ATTEMPTS = 4
"""How often a climb starts, from its best point after a bad factor."""

SHORTER = 0.1
"""By how much steps are shorter after one that ended at a bad factor at once."""

PART = 300
"""The number of observations used to locate the optimum of more than twice as many."""

MAX_CURVED = 60
"""The largest number of parameters whose second derivatives are worth their cost."""

ENOUGH = 1e-2
"""Of the log posterior; smaller differences mean nothing."""

DIFFERENCE = 1e-3
"""The step of differences of gradients."""

LONGEST_STEP, SHORTEST_STEP = 3.0, 1e-4
"""Of hyperparameters' logarithms: a factor of 20, and nothing."""

BAD_FACTOR = (NanError, NotPSDError)
"""What a covariance without a Cholesky factor raises."""

Objective: TypeAlias = Callable[[Tensor], tuple[float, Tensor]]
"""Value and gradient (``p``) at a point (``p``)."""


def fit_posterior_mode(model: PoolModel, observations: slice = slice(None)) -> None:
    """Set the hyperparameters to their maximum a posteriori, the constant mean to its closed form.

    Small dense matrices straight through autograd and L-BFGS; GPyTorch's general machinery takes some ten
    times as long at a hundred observations. Where there are many, a part of them tells cheaply where about
    the optimum is and how the posterior bends there, which leaves a few steps with all of them.

    Args:
        model: The Gaussian process.
        observations: Those to fit the hyperparameters to; the mean is that of all.

    Raises:
        NanError, NotPSDError: There is no step from where the parameters are that ends at a covariance with a Cholesky
            factor; they are as they were.
    """
    model.train()
    parameters = [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and not name.startswith("mean_module")
    ]
    with torch.no_grad():
        features = model.transform_inputs(model.train_inputs[0])
        # A mean function may have more to it than its constant.
        known = model.mean_module(features) - model.mean_module.constant
        residual = model.train_targets - known
    inputs, targets = features[observations], residual[observations]

    def loss(every: int) -> Tensor:
        """What is to be minimised, given each ``every``-th observation."""
        return negative_log_posterior(model, inputs[::every], targets[::every])[0]

    start = parameters_to_vector(parameters).detach().double()
    every = math.ceil(len(targets) / PART) if len(targets) > 2 * PART else 1
    part = gradient_of(partial(loss, every), parameters)
    whole = gradient_of(partial(loss, 1), parameters)
    try:
        x = climb(part, start)
        if every > 1:
            # What the part has found is worth keeping.
            with suppress(*BAD_FACTOR):
                if len(x) <= MAX_CURVED:
                    x = _newton(whole, x, every * _curvature(part, x))
                else:
                    x = climb(whole, x)
        vector_to_parameters(x.to(targets), parameters)
    except BAD_FACTOR:
        vector_to_parameters(start.to(targets), parameters)
        raise
    finally:
        with torch.no_grad():
            mean = negative_log_posterior(model, features, residual)[1]
        model.mean_module.initialize(constant=mean)


def gradient_of(loss: Callable[[], Tensor], parameters: list[torch.nn.Parameter]) -> Objective:
    """A scalar function of some parameters as a function of one vector of double precision."""

    def objective(x: Tensor) -> tuple[float, Tensor]:
        vector_to_parameters(x.to(parameters[0]), parameters)
        value = loss()
        gradients = torch.autograd.grad(value, parameters)
        return value.item(), parameters_to_vector(gradients).double()

    return objective


def climb(objective: Objective, x: Tensor, *, max_iterations: int = MAX_ITERATIONS) -> Tensor:
    """The minimum (``p``) of an objective next to ``x`` (``p``), by L-BFGS.

    A line search may try a point where the covariance has no factor. Then the climb starts again from the best point so
    far, or with shorter steps where there is none, and in the end leaves it at that.

    Raises:
        NanError, NotPSDError: No point was better than the first.
    """
    rate, climbed = 1.0, False
    for attempt in range(ATTEMPTS):
        best = _Best(objective)
        moving = x.clone()
        optimizer = torch.optim.LBFGS(
            [moving],
            lr=rate,
            max_iter=max_iterations,
            tolerance_grad=1e-3,
            tolerance_change=1e-5,
            line_search_fn="strong_wolfe",
        )
        try:
            optimizer.step(partial(best.evaluate, moving))
        except BAD_FACTOR:
            if best.improved:
                x, climbed = best.x, True
            elif attempt == ATTEMPTS - 1 and not climbed:
                raise
            else:
                rate *= SHORTER
        else:
            return moving
    return x


@final
class _Best:
    """An objective that remembers its best point.

    Attributes:
        x: ``p``, the best point.
        improved: Whether it is better than the first.
    """

    x: Tensor

    def __init__(self, objective: Objective) -> None:
        self._objective, self._value, self.improved = objective, math.inf, False

    def evaluate(self, x: Tensor) -> float:
        """The value at ``x`` (``p``), its gradient left where an optimizer looks for it."""
        value, x.grad = self._objective(x)
        if value < self._value:
            self.improved = self._value < math.inf
            self._value, self.x = value, x.detach().clone()
        return value


def log_priors(model: torch.nn.Module) -> Tensor | float:
    """The log density of the hyperparameters under their priors."""
    total: Tensor | float = 0.0
    for _, module, prior, value_of, _ in model.named_priors():  # type: ignore[operator]
        total = total + prior.log_prob(value_of(module)).sum()
    return total


def negative_log_posterior(
    model: PoolModel, inputs: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Up to a constant, at features ``n x D``; and the generalised-least-squares mean."""
    noise = model.noise_at(inputs) * torch.eye(len(targets)).to(targets)
    covariance = model.covar_module(inputs).to_dense() + noise
    value, mean = _MarginalLikelihood.apply(covariance, targets)  # type: ignore[no-untyped-call]
    return value - log_priors(model), mean


class _MarginalLikelihood(torch.autograd.Function):
    """The negative log density of ``n`` Gaussian values of covariance ``n x n`` at the most probable mean.

    Its gradient ``(K^-1 - a a^T) / 2``, ``a = K^-1 (z - mean)``, costs one inverse; autograd through a
    Cholesky factor takes three times as long.
    """

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        L = cholesky(covariance)
        both = torch.stack([torch.ones_like(targets), targets], -1)
        ones, solved = torch.cholesky_solve(both, L).unbind(-1)
        mean = solved.sum() / ones.sum()
        weights = solved - mean * ones
        ctx.save_for_backward(L, weights)
        ctx.mark_non_differentiable(mean)
        value = 0.5 * (targets - mean) @ weights + L.diagonal().log().sum()
        return value, mean

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        L, weights = ctx.saved_tensors
        inverse = torch.cholesky_inverse(L)
        return (0.5 * gradients[0]) * inverse.sub_(weights.outer(weights)), None


def _curvature(objective: Objective, x: Tensor) -> Tensor:
    """The second derivatives (``p x p``) at ``x`` (``p``), by differences."""
    steps = DIFFERENCE * torch.eye(len(x)).to(x)
    rows = torch.stack([objective(x + step)[1] for step in steps]) - objective(x)[1]
    return (rows + rows.T) / (2 * DIFFERENCE)


def _newton(objective: Objective, x: Tensor, second: Tensor) -> Tensor:
    """The minimum (``p``) next to ``x`` (``p``), given about the second derivatives there (``p x p``).

    The BFGS method (Nocedal and Wright, algorithm 6.1) with a backtracking line search.
    """
    values, vectors = torch.linalg.eigh(second)
    inverse = (vectors / values.clamp_min(1.0)) @ vectors.T
    identity = torch.eye(len(x)).to(x)
    value, gradient = objective(x)
    for _ in range(MAX_ITERATIONS):
        direction = -inverse @ gradient
        slope = (gradient @ direction).item()
        if -slope < ENOUGH:  # twice what is still to be gained
            break
        length = 1.0 / max(1.0, direction.norm().item() / LONGEST_STEP)
        while True:
            try:
                next_value, next_gradient = objective(x + length * direction)
            except BAD_FACTOR:
                next_value = math.inf
            if next_value <= value + 1e-4 * length * slope:
                break
            if length < SHORTEST_STEP:
                return x
            length /= 3
        step, change = length * direction, next_gradient - gradient
        x, value, gradient = x + step, next_value, next_gradient
        bend = step @ change
        if bend > 1e-10:
            project = identity - step.outer(change) / bend
            inverse = project @ inverse @ project.T + step.outer(step) / bend
    return x
