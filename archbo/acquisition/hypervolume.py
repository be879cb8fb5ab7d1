"""Functions of several objectives and bounds, on joint draws of any surrogates."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from botorch.acquisition import AcquisitionFunction, qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective import logei as botorch_logei
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.acquisition.multi_objective.parego import qLogNParEGO
from botorch.acquisition.objective import GenericMCObjective
from botorch.models.ensemble import EnsembleModel
from botorch.posteriors.ensemble import EnsemblePosterior
from botorch.sampling.index_sampler import IndexSampler
from botorch.utils.multi_objective.box_decompositions.non_dominated import (
    FastNondominatedPartitioning,
)
from botorch.utils.sampling import draw_sobol_normal_samples
from torch import Tensor

from archbo.acquisition.context import Context, unsuited
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.randomness import generator

__all__ = [
    "DrawnModel",
    "boxes_above",
    "constrained_log_nei",
    "expected_gain",
    "hypervolume_gain",
    "qlog_nehvi",
    "qlog_nparego",
]

N_DRAWS = 64
"""The number of joint draws that an acquisition value is averaged over; by choice, for time."""
CHUNK = 1024
"""The number of rows whose boxes are held at a time; by choice, to bound memory."""


class DrawnModel(EnsembleModel):
    """Joint draws of several outcomes at given rows, as a BoTorch model.

    The draws of one joint posterior serve all acquisition values, where BoTorch would factorise a covariance
    for each candidate. Any surrogate that can be drawn from serves, whatever its posterior.

    Args:
        X: ``n x d``, distinct rows.
        values: ``s x n x m``, the draws.
    """

    def __init__(self, X: Tensor, values: Tensor) -> None:
        super().__init__()
        self.X, self.values = X, values
        self._num_outputs = values.shape[-1]

    @property
    def batch_shape(self) -> torch.Size:
        """The batch shape of the model: none."""
        return torch.Size([])

    def forward(self, X: Tensor) -> Tensor:
        """The draws ``b x s x q x m`` at rows ``X`` (``b x q x d``), all of them among those given.

        Raises:
            UsageError: A row is not.
        """
        rows, index = torch.unique(X.reshape(-1, X.shape[-1]), dim=0, return_inverse=True)
        same = (rows.unsqueeze(1) == self.X).all(-1)
        if not bool(same.any(-1).all()):
            raise UsageError("a row was not drawn; draw the joint posterior at all rows first")
        where = same.to(torch.uint8).argmax(-1)[index].reshape(X.shape[:-1])
        return self.values[:, where].movedim(0, -3)


class _EachDraw(IndexSampler):
    """Every draw once and in order, so that those at different rows belong together."""

    def forward(self, posterior: EnsemblePosterior) -> Tensor:  # type: ignore[override] # as its base
        """The draws ``s x b x q x m``."""
        return posterior.values.movedim(-3, 0)


class _Draws(NamedTuple):
    """What a function of several outcomes is made from; all values are latent.

    Attributes:
        model: Joint draws at all rows in question.
        X_baseline: ``n x d``, the evaluated rows that are on the front in some draw; where there are bounds also one
            that stands for nothing, at the reference and feasible in each draw.
        reference: ``m``, above which hypervolume counts.
    """

    model: DrawnModel
    X_baseline: Tensor
    reference: Tensor


def _draws(context: Context, n_draws: int) -> _Draws:
    """Those of a context, made once for all picks of a batch."""
    return context.once(f"draws {n_draws}", lambda: _drawn(context, n_draws))


def _drawn(context: Context, n_draws: int) -> _Draws:
    goal, X = context.goal, context.X
    choices = context.choices if context.choices is not None else X[:0]
    rows = torch.cat([X, context.X_pending, choices]).unique(dim=0)
    model = DrawnModel(rows, context.latent_draws(rows, n_draws))
    on_front = torch.zeros(len(X), dtype=torch.bool)
    for one in model(X):
        on_front[goal.front(one)] = True
    baseline = (X[on_front] if bool(on_front.any()) else X).unique(dim=0)
    reference = context.latent_reference
    if goal.bounds:
        # BoTorch would look for a lower bound at blends of rows, which are no architectures.
        nothing = torch.full_like(rows[:1], -1)
        value = torch.cat([reference, reference.new_ones(len(goal.bounds))])
        values = torch.cat([model.values, value.expand(n_draws, 1, -1)], dim=1)
        model = DrawnModel(torch.cat([rows, nothing]), values)
        baseline = torch.cat([baseline, nothing])
    return _Draws(model, baseline, reference)


def _options(context: Context, draws: _Draws) -> dict[str, Any]:
    """Arguments that BoTorch's noisy acquisition functions have in common."""

    def violation(i: int) -> Callable[[Tensor], Tensor]:
        return lambda samples: -samples[..., i]

    goal, pending = context.goal, context.X_pending
    return {
        "model": draws.model,
        "X_baseline": draws.X_baseline,
        "sampler": _EachDraw(torch.Size([len(draws.model.values)]), seed=context.seed),
        "constraints": [violation(i) for i in range(goal.n_objectives, goal.n_outcomes)] or None,
        "X_pending": pending if len(pending) else None,
        "prune_baseline": False,
        "cache_root": False,
    }


def _objectives(goal: Goal) -> IdentityMCMultiOutputObjective:
    """The objectives among the outputs of a model."""
    return IdentityMCMultiOutputObjective(outcomes=list(range(goal.n_objectives)))


def qlog_nehvi(context: Context, *, n_draws: int = N_DRAWS) -> AcquisitionFunction:
    """Logarithm of the noisy expected hypervolume improvement (arXiv 2105.08195; 2310.20708, section 4.3).

    Under each draw the rows evaluated have another front, so that a lucky training run does not hide the
    architectures around it.

    Raises:
        UsageError: There is one objective only.
    """
    if context.goal.n_objectives == 1:
        raise unsuited("qlog_nehvi", context.goal)
    draws = _draws(context, n_draws)
    # BoTorch would compile a kernel for this very machine on first use: seconds, a compiler, other digits.
    botorch_logei._load_attempted = True
    return qLogNoisyExpectedHypervolumeImprovement(
        ref_point=draws.reference, objective=_objectives(context.goal), **_options(context, draws)
    )


def qlog_nparego(context: Context, *, n_draws: int = N_DRAWS) -> AcquisitionFunction:
    """Logarithm of the noisy expected improvement of a random Chebyshev scalarisation (ParEGO, arXiv 2006.05078).

    Knowles 2006; noisy and parallel in that paper, logarithmic in arXiv 2310.20708. Each pick has weights of its
    own.

    Raises:
        UsageError: There is one objective only.
    """
    if context.goal.n_objectives == 1:
        raise unsuited("qlog_nparego", context.goal)
    draws = _draws(context, n_draws)
    m, source = context.goal.n_objectives, generator(context.seed, len(context.X_pending))
    # The gaps between sorted uniform numbers are uniform on the simplex. BoTorch's sample_simplex seeds every GPU.
    cuts = torch.rand(m - 1, generator=source, dtype=draws.reference.dtype).sort().values
    weights = torch.cat([cuts.new_zeros(1), cuts, cuts.new_ones(1)]).diff()
    return qLogNParEGO(
        objective=_objectives(context.goal),
        scalarization_weights=weights,
        **_options(context, draws),
    )


def constrained_log_nei(context: Context, *, n_draws: int = N_DRAWS) -> AcquisitionFunction:
    """Logarithm of the noisy expected improvement on the best feasible architecture (arXiv 2310.20708).

    Raises:
        UsageError: There are several objectives, or no bounds.
    """
    if context.goal.n_objectives > 1 or not context.goal.bounds:
        raise unsuited("constrained_log_nei", context.goal)
    draws = _draws(context, n_draws)
    return qLogNoisyExpectedImprovement(
        objective=GenericMCObjective(_first_output), **_options(context, draws)
    )


def _first_output(samples: Tensor, X: Tensor | None = None) -> Tensor:
    return samples[..., 0]


def expected_gain(context: Context, X: Tensor) -> Tensor:
    """The latent hypervolume (``n``) that each row of ``X`` (``n x d``) alone is expected to add to the observed front.

    The expectation is over draws of each objective's marginal posterior, times the probability of being feasible.
    """
    mean, std = context.latent_marginals(X)
    known = context.latent_gains
    front = context.goal.objectives_of(known[context.goal.front(known)])
    boxes = boxes_above(front, context.latent_reference)
    return hypervolume_gain(context.goal, *boxes, mean, std, seed=context.seed)


def hypervolume_gain(
    goal: Goal,
    lower: Tensor,
    upper: Tensor,
    mean: Tensor,
    std: Tensor,
    *,
    seed: int,
    n_draws: int = 16,
) -> Tensor:
    """The hypervolume that Gaussian outcomes are expected to add to a front, if they are feasible.

    Args:
        goal: What the outcomes are, objectives and slacks.
        lower: ``k x m``, lower corners of boxes that make up what the front does not dominate.
        upper: ``k x m``, their upper corners.
        mean: ``... x (m + c)``.
        std: ``... x (m + c)``.
        seed: Of the draws.
        n_draws: The number of draws of each.

    Returns:
        ``...`` values.
    """
    feasible = torch.special.ndtr(goal.slacks_of(mean) / goal.slacks_of(std)).prod(-1)
    mean, std = goal.objectives_of(mean), goal.objectives_of(std)
    base = draw_sobol_normal_samples(goal.n_objectives, n_draws, dtype=mean.dtype, seed=seed)
    shape = mean.shape[:-1]
    gains = []
    parts = zip(
        mean.reshape(-1, goal.n_objectives).split(CHUNK),
        std.reshape(-1, goal.n_objectives).split(CHUNK),
        strict=True,
    )
    for part, spread in parts:
        gain = torch.zeros(len(part), dtype=mean.dtype)
        for one in base:
            sides = torch.minimum((part + one * spread).unsqueeze(-2), upper) - lower
            gain += sides.clamp_min(0).prod(-1).sum(-1)
        gains.append(gain)
    expected: Tensor = torch.cat(gains).reshape(shape) * feasible / n_draws
    return expected


def boxes_above(front: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper corners (``k x m`` each) of boxes that make up what a front (``n x m``) does not dominate."""
    if len(reference) == 1:
        best = torch.cat([front.flatten(), reference]).max().reshape(1, 1)
        return best, torch.full_like(best, torch.inf)
    cells = FastNondominatedPartitioning(reference, Y=front).get_hypercell_bounds()
    return cells[0], cells[1]
