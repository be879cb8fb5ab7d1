"""Look one step ahead: the best expected gain at the target after one evaluation more."""

from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from torch import Tensor

from archbo.acquisition.context import Context
from archbo.acquisition.hypervolume import boxes_above, hypervolume_gain
from archbo.acquisition.knowledge_gradient import gain as standard_gain
from archbo.predictors import MultiTaskGP, marginals

__all__ = ["Gain", "Outlook", "expected_improvement", "gain_ahead"]

LEAST = 1e-12
"""The smallest variance that an evaluation leaves; it keeps divisions finite."""
N_BEST = {True: 64, False: 24}
"""The number of rows whose gain decides on an evaluation, with one outcome and with several; by choice, for time."""
N_NODES, N_DRAWS = 16, 8
"""The number of values considered for each evaluation, and of draws of its gain under each; by choice, for time."""

Gain: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From means and variances (``... x k`` each) of ``k`` outcomes to the gain (``...``) that may be expected."""


def expected_improvement(mean: Tensor, variance: Tensor, best_f: Tensor) -> Tensor:
    """``E[max(0, f - best_f)]`` of Gaussians of any shape."""
    std = variance.clamp_min(LEAST).sqrt()
    return std * standard_gain((mean - best_f) / std)


def gain_ahead(
    gain: Gain, mean: Tensor, variance: Tensor, slopes: Tensor, nodes: Tensor, costs: Tensor
) -> Tensor:
    """The highest expected gain per cost that is expected after one evaluation more.

    An evaluation moves each mean along a line in one standard normal variable and takes the square of its slope off
    the variance. The best gain after it is averaged over equally likely values of the variable. It is never below the
    best one now but for that average's error, since a maximum over what is learned is convex.

    Args:
        gain: Of an evaluation at the target.
        mean: ``n x m x k``, of ``k`` outcomes of the ``m`` rows that may be evaluated at the target after each of ``n``
            evaluations.
        variance: The same shape.
        slopes: The same shape; how far each of the evaluations moves the means, for one standard deviation of its
            value.
        nodes: ``s x k``, the values.
        costs: ``n x m``, of the two evaluations together.

    Returns:
        ``n``.

    Example:
        To settle one of two helps to choose between them; what moves both alike does not:

        >>> mean, variance = torch.zeros(3, 2, 1), torch.ones(3, 2, 1)
        >>> def gain(mean, variance):
        ...     return expected_improvement(mean, variance, torch.tensor(0.0)).squeeze(-1)
        >>> slopes = torch.tensor([[1.0, 0.0], [0.6, 0.6], [0.0, 0.0]]).unsqueeze(-1)
        >>> ahead = gain_ahead(gain, mean, variance, slopes, normal_nodes(64, 1), torch.ones(3, 2))
        >>> [round(float(value), 2) for value in ahead / gain(mean, variance).max()]
        [1.58, 1.0, 1.0]
    """
    left = variance - slopes.square()
    best = [(gain(mean + slopes * node, left) / costs).amax(-1) for node in nodes.to(mean)]
    return torch.stack(best).mean(0)


def normal_nodes(n: int, k: int, *, seed: int = 0) -> Tensor:
    """Values ``n x k`` of ``k`` independent standard normal variables, equally likely: middles of quantiles for one."""
    if k > 1:
        sobol: Tensor = draw_sobol_normal_samples(k, n, dtype=torch.double, seed=seed)
        return sobol
    middles = (torch.arange(n, dtype=torch.double) + 0.5) / n
    nodes: Tensor = torch.special.ndtri(middles)
    return (nodes / nodes.square().mean().sqrt()).unsqueeze(-1)


class Outlook:
    """The expected gains of evaluating rows at the target: now, and after one at a cheaper fidelity.

    Pending evaluations are believed to give their expected values.

    Args:
        context: Its predictors are fitted to the target; those that are ``MultiTaskGP``s have the fidelities below as
            their last sources.
        X: ``n x d``, the rows.
    """

    def __init__(self, context: Context, X: Tensor) -> None:
        self.context, self.X = context, X
        self.names = list(context.goal.fidelities)

    def _joint(self, output: int) -> MultiTaskGP | None:
        """The joint model of an outcome that differs between fidelities; None for others."""
        predictor = self.context.predictors[output]
        if not self.context.goal.depends_on_fidelity(output):
            return None
        assert isinstance(predictor, MultiTaskGP)
        return predictor

    def _tasks(self, predictor: MultiTaskGP) -> range:
        """The number of each fidelity's task."""
        return range(predictor.n_tasks - len(self.names), predictor.n_tasks)

    def _pending(self, predictor: MultiTaskGP) -> list[tuple[Tensor, int]]:
        """Rows under way, with their tasks."""
        log = self.context.log
        pairs = zip(self.names, self._tasks(predictor), strict=True)
        return [(rows, task) for name, task in pairs if len(rows := log.pending(name))]

    def _latent(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (``n x (m + c)`` each) of the target's latent outcomes at rows ``X`` (``n x d``)."""
        means, variances = [], []
        for output, predictor in enumerate(self.context.predictors):
            joint = self._joint(output)
            if joint is not None:
                mean, variance = joint.believed(X, self._pending(joint))
            else:
                mean, std = marginals(predictor.latent, X)
                variance = std.square()
            means.append(mean - self.context.zero(output))
            variances.append(variance)
        return torch.stack(means, -1), torch.stack(variances, -1)

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and variance (``n x (m + c)`` each) of the target's latent outcomes at the rows."""
        return self._latent(self.X)

    @cached_property
    def gain(self) -> Gain:
        """The gain of an evaluation at the target: improvement, or hypervolume of what is feasible."""
        context, goal = self.context, self.context.goal
        pending, _ = self._latent(context.log.pending(goal.target))
        if goal.is_single:
            means = torch.cat([marginals(context.model, context.X)[0], pending.flatten()])
            best_f = means.max()
            return lambda mean, variance: expected_improvement(
                mean.squeeze(-1), variance.squeeze(-1), best_f
            )
        known = torch.cat([context.latent_gains, pending])
        front = goal.objectives_of(known[goal.front(known)])
        lower, upper = boxes_above(front, context.latent_reference)

        def gain(mean: Tensor, variance: Tensor) -> Tensor:
            std = variance.clamp_min(LEAST).sqrt()
            return hypervolume_gain(
                goal, lower, upper, mean, std, seed=context.seed, n_draws=N_DRAWS
            )

        return gain

    @cached_property
    def now(self) -> Tensor:
        """``n``, the gain to be expected of each row at the target."""
        return self.gain(*self.moments)

    def after(self, stage: int, costs: Tensor, full: Tensor) -> Tensor:
        """``n``, the best gain per cost of the two together after an evaluation of each row at a cheaper fidelity.

        Args:
            stage: The number of the fidelity.
            costs: ``n``, of the rows there.
            full: ``n``, of the rows at the target.
        """
        mean, variance = self.moments
        n = len(self.X)
        top = (self.now / full).topk(min(N_BEST[self.context.goal.is_single], n)).indices
        # An evaluation of any row is weighed by what it does to the best ones and to itself.
        which = torch.cat([top.expand(n, -1), torch.arange(n).unsqueeze(-1)], -1)
        slopes = []
        for output in range(self.context.goal.n_outcomes):
            joint = self._joint(output)
            if joint is not None:
                task = self._tasks(joint)[stage]
                _, _, moved = joint.moves(self.X, task, self._pending(joint))
                slopes.append(moved.gather(1, which))
            else:
                slopes.append(mean.new_zeros(which.shape))
        moving = torch.stack(slopes, -1)
        nodes = normal_nodes(N_NODES, mean.shape[-1], seed=self.context.seed)
        together = costs.unsqueeze(-1) + full[which]
        return gain_ahead(self.gain, mean[which], variance[which], moving, nodes, together)
