"""Acquisition for several objectives and constraints, on joint draws of any surrogates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

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
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from botorch.utils.sampling import draw_sobol_normal_samples, sample_simplex
from torch import Generator, Tensor

from archbo.acquisition.candidates import Candidates
from archbo.benchmarks import Outcomes
from archbo.errors import UsageError
from archbo.predictors import Predictor, marginals

__all__ = [
    "DrawnModel",
    "MaximizeOutcomes",
    "OutcomeAcquisition",
    "OutcomeFactory",
    "OutcomeObservations",
    "Prospect",
    "constrained_log_nei",
    "qlog_nehvi",
    "qlog_nparego",
]

CHUNK = 64
REFERENCE_MARGIN = 0.5


@dataclass(frozen=True)
class OutcomeObservations:
    """What the acquisition of several outcomes may know.

    Args:
        outcomes: What the columns of ``Y`` are, ``m`` objectives and ``c`` constraints.
        predictors: ``m + c`` of them, each fitted to one column of ``Y``.
        X: ``n x d``, the architectures evaluated.
        Y: ``n x (m + c)``, their values.
        X_pending: ``p x d``, asked for and not yet told; ``p`` may be 0.
        seed: For all draws.
        reference: ``m``, above which hypervolume counts; inferred from the observed front unless given.
    """

    outcomes: Outcomes
    predictors: tuple[Predictor, ...]
    X: Tensor
    Y: Tensor
    X_pending: Tensor
    seed: int
    reference: Tensor | None = None

    @property
    def seen(self) -> Tensor:
        """The rows evaluated or pending."""
        return torch.cat([self.X, self.X_pending])

    @property
    def latent_Y(self) -> Tensor:  # noqa: N802
        """``n x (m + c)``: the values on the scale of each predictor's latent model, slacks still 0 at the bound."""
        return torch.stack(
            [self.to_latent(output, values) for output, values in enumerate(self.Y.T)], dim=-1
        )

    def to_latent(self, output: int, values: Tensor) -> Tensor:
        """Values (any shape) of one output on the scale of its latent model; a slack of 0 stays 0."""
        return self.predictors[output].to_latent(values) - self._bound(output)

    def latent_marginals(self, output: int, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (``k`` each) of one latent output at each of the rows ``X`` (``k x d``)."""
        mean, std = marginals(self.predictors[output].latent, X, batch_size=4096)
        return mean - self._bound(output), std

    def latent_draws(self, X: Tensor, n_draws: int) -> Tensor:
        """Joint draws ``s x k x (m + c)`` of the latent outputs at rows ``X`` (``k x d``)."""
        draws = []
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            for output, predictor in enumerate(self.predictors):
                posterior = predictor.latent.posterior(X)
                drawn = posterior.rsample(torch.Size([n_draws])).squeeze(-1)
                draws.append(drawn - self._bound(output))
        return torch.stack(draws, dim=-1)

    def _bound(self, output: int) -> Tensor:
        """What is to be 0 on the scale of one output: the bound of a constraint, nothing of an objective."""
        zero = torch.zeros((), dtype=self.Y.dtype)
        is_slack = output >= self.outcomes.n_objectives
        return self.predictors[output].to_latent(zero) if is_slack else zero

    @property
    def latent_reference(self) -> Tensor:
        """``m``: the reference given, or half as far below the worst values observed as these are below the best.

        From the worst values of the front, as usual, or close to them an end of the front that has not been
        seen yet would count for nothing.
        """
        if self.reference is not None:
            values = [self.to_latent(output, value) for output, value in enumerate(self.reference)]
            return torch.stack(values)
        objectives = self.outcomes.objectives(self.latent_Y)
        point: Tensor = infer_reference_point(objectives, scale=REFERENCE_MARGIN)
        return point


class DrawnModel(EnsembleModel):
    """Joint draws of several outcomes at given rows, as a BoTorch model.

    The draws of one joint posterior serve all acquisition values, where BoTorch would factorise a covariance
    for each candidate; and any surrogate serves, whatever its posterior.

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


@dataclass(frozen=True)
class Prospect:
    """What an acquisition function of several outcomes is made from; all values are latent.

    Args:
        outcomes: What the model's outputs are, objectives and slacks.
        model: Joint draws at all rows in question.
        X_baseline: ``n x d``, the evaluated rows that are on the front in some draw; where there are constraints
            also one that stands for nothing, at the reference and feasible in each draw.
        X_pending: ``p x d``; ``p`` may be 0.
        reference: ``m``, above which hypervolume counts.
        seed: For further draws.
    """

    outcomes: Outcomes
    model: DrawnModel
    X_baseline: Tensor
    X_pending: Tensor
    reference: Tensor
    seed: int

    @property
    def sampler(self) -> IndexSampler:
        """Takes every draw of the model once."""
        return _EachDraw(torch.Size([len(self.model.values)]), seed=self.seed)

    @property
    def options(self) -> dict[str, Any]:
        """Arguments that BoTorch's noisy acquisition functions have in common."""
        m = self.outcomes.n_objectives

        def violation(i: int) -> Callable[[Tensor], Tensor]:
            return lambda samples: -samples[..., i]

        constraints = [violation(i) for i in range(m, self.outcomes.total)]
        return {
            "model": self.model,
            "X_baseline": self.X_baseline,
            "sampler": self.sampler,
            "constraints": constraints or None,
            "X_pending": self.X_pending if len(self.X_pending) else None,
            "prune_baseline": False,
            "cache_root": False,
        }

    @property
    def objective(self) -> IdentityMCMultiOutputObjective:
        """The objectives among the model's outputs."""
        return IdentityMCMultiOutputObjective(outcomes=list(range(self.outcomes.n_objectives)))


OutcomeFactory: TypeAlias = Callable[[Prospect], AcquisitionFunction]
"""Makes a BoTorch acquisition function whose value at ``b x 1 x d`` rows is to be maximised."""


def qlog_nehvi(prospect: Prospect) -> AcquisitionFunction:
    """Logarithm of the noisy expected hypervolume improvement (arXiv 2105.08195; 2310.20708, section 4.3).

    Under each draw the rows evaluated have another front, so that a lucky training run does not hide the
    architectures around it. With one objective it is that of the noisy expected improvement.

    Raises:
        UsageError: There is one objective only.
    """
    _require_several(prospect, "qlog_nehvi")
    # BoTorch would compile a kernel for this very machine on first use: seconds, a compiler, other digits.
    botorch_logei._load_attempted = True
    return qLogNoisyExpectedHypervolumeImprovement(
        ref_point=prospect.reference, objective=prospect.objective, **prospect.options
    )


def qlog_nparego(prospect: Prospect) -> AcquisitionFunction:
    """Logarithm of the noisy expected improvement of a random Chebyshev scalarisation (ParEGO).

    Knowles 2006; noisy and parallel in arXiv 2006.05078, logarithmic in 2310.20708. Each pick has weights of
    its own.

    Raises:
        UsageError: There is one objective only.
    """
    _require_several(prospect, "qlog_nparego")
    weights = sample_simplex(
        prospect.outcomes.n_objectives,
        seed=(prospect.seed + len(prospect.X_pending)) % 2**31,
        dtype=prospect.reference.dtype,
    ).flatten()
    return qLogNParEGO(
        objective=prospect.objective, scalarization_weights=weights, **prospect.options
    )


def constrained_log_nei(prospect: Prospect) -> AcquisitionFunction:
    """Logarithm of the noisy expected improvement on the best feasible architecture (arXiv 2310.20708).

    Raises:
        UsageError: There are several objectives.
    """
    if prospect.outcomes.n_objectives > 1:
        raise UsageError(
            f"constrained_log_nei takes one objective, got {prospect.outcomes.n_objectives}; "
            "use qlog_nehvi or qlog_nparego"
        )
    return qLogNoisyExpectedImprovement(
        objective=GenericMCObjective(_first_output), **prospect.options
    )


def _first_output(samples: Tensor, X: Tensor | None = None) -> Tensor:
    return samples[..., 0]


def _require_several(prospect: Prospect, name: str) -> None:
    if prospect.outcomes.n_objectives < 2:
        raise UsageError(f"{name} takes several objectives, got one; use constrained_log_nei")


class OutcomeAcquisition(Protocol):
    """A rule that picks rows for several objectives and constraints."""

    def select(
        self,
        observations: OutcomeObservations,
        candidates: Candidates,
        q: int,
        *,
        generator: Generator,
    ) -> Tensor:
        """The next rows, ``q x d``; fewer where fewer candidates are left."""


@dataclass(frozen=True)
class MaximizeOutcomes:
    """Take the candidates with the highest value of an acquisition function, one after the other.

    Each pick is pending for the next. Candidates come to a shortlist by the hypervolume that they would add to
    the observed front, expected over a few draws of each by itself, times their probability of being feasible;
    from there joint draws decide. All is measured on the predictors' latent scales. Their warps keep the front
    and spread it evenly; in the values' own units what little is known of bad architectures draws the search
    to where its uncertainty is widest and not to the front.

    Args:
        factory: Makes the acquisition function.
        shortlist: The number of candidates that the acquisition function looks at.
        n_draws: The number of joint draws.

    Example:
        >>> from archbo import MultiObjectiveOptimizer, Outcomes, space
        >>> rule = MaximizeOutcomes(qlog_nparego, n_draws=32)
        >>> optimizer = MultiObjectiveOptimizer(space("nb201"), Outcomes(2), acquisition=rule, seed=0)
        >>> len(optimizer.ask(3))
        3
    """

    factory: OutcomeFactory
    shortlist: int = 128
    n_draws: int = 64

    def select(
        self,
        observations: OutcomeObservations,
        candidates: Candidates,
        q: int,
        *,
        generator: Generator,
    ) -> Tensor:
        """The next rows, ``q x d``; fewer where fewer candidates are left."""
        choices = candidates.propose(
            observations.X,
            observations.outcomes.merit(observations.Y),
            avoid=observations.seen,
            generator=generator,
        )
        choices = choices[torch.randperm(len(choices), generator=generator)]
        if len(choices) > self.shortlist:
            promise = expected_gain(observations, choices)
            choices = choices[promise.topk(self.shortlist).indices]
        prospect = self._prospect(observations, choices)
        picked = choices[:0]
        for _ in range(min(q, len(choices))):
            left = candidates.without(choices, picked) if len(picked) else choices
            pending = torch.cat([prospect.X_pending, picked])
            here = Prospect(
                prospect.outcomes,
                prospect.model,
                prospect.X_baseline,
                pending,
                prospect.reference,
                prospect.seed,
            )
            function = self.factory(here)
            with torch.no_grad():
                values = torch.cat([function(part) for part in left.unsqueeze(-2).split(CHUNK)])
            picked = torch.cat([picked, left[values.argmax()].unsqueeze(0)])
        return picked

    def _prospect(self, seen: OutcomeObservations, choices: Tensor) -> Prospect:
        rows = torch.cat([seen.seen, choices]).unique(dim=0)
        model = DrawnModel(rows, seen.latent_draws(rows, self.n_draws))
        on_front = torch.zeros(len(seen.X), dtype=torch.bool)
        for draw in model(seen.X):
            on_front[seen.outcomes.front(draw)] = True
        baseline = (seen.X[on_front] if bool(on_front.any()) else seen.X).unique(dim=0)
        reference = seen.latent_reference
        if seen.outcomes.n_constraints:
            # BoTorch would look for a lower bound at blends of rows, which are no architectures.
            nothing = torch.full_like(rows[:1], -1)
            value = torch.cat([reference, reference.new_ones(seen.outcomes.n_constraints)])
            values = torch.cat([model.values, value.expand(self.n_draws, 1, -1)], dim=1)
            model = DrawnModel(torch.cat([rows, nothing]), values)
            baseline = torch.cat([baseline, nothing])
        return Prospect(seen.outcomes, model, baseline, seen.X_pending, reference, seen.seed)


def expected_gain(observations: OutcomeObservations, X: Tensor, *, n_draws: int = 16) -> Tensor:
    """The latent hypervolume that each of the rows ``X`` (``k x d``) by itself would add to the observed front.

    Expected over draws of each objective's marginal posterior, times the probability of being feasible.

    Returns:
        ``k`` values.
    """
    outcomes = observations.outcomes
    moments = [observations.latent_marginals(output, X) for output in range(outcomes.total)]
    mean, std = (torch.stack(part, dim=-1) for part in zip(*moments, strict=True))
    feasible = torch.special.ndtr(outcomes.slacks(mean) / outcomes.slacks(std)).prod(-1)
    mean, std = outcomes.objectives(mean), outcomes.objectives(std)
    known = observations.latent_Y
    lower, upper = _cells(
        outcomes.objectives(known[outcomes.front(known)]), observations.latent_reference
    )
    base = draw_sobol_normal_samples(
        outcomes.n_objectives, n_draws, dtype=mean.dtype, seed=observations.seed
    )
    gains = []
    for part, spread in zip(mean.split(1024), std.split(1024), strict=True):
        gain = torch.zeros(len(part), dtype=mean.dtype)
        for draw in base:
            sides = torch.minimum((part + draw * spread).unsqueeze(-2), upper) - lower
            gain += sides.clamp_min(0).prod(-1).sum(-1)
        gains.append(gain)
    expected: Tensor = torch.cat(gains) * feasible / n_draws
    return expected


def _cells(front: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Lower and upper corners (``k x m`` each) of boxes that make up what the front does not dominate."""
    if len(reference) == 1:
        best = torch.cat([front.flatten(), reference]).max().reshape(1, 1)
        return best, torch.full_like(best, torch.inf)
    cells = FastNondominatedPartitioning(reference, Y=front).get_hypercell_bounds()
    return cells[0], cells[1]
