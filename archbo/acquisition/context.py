"""What an acquisition rule may know."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from botorch.models.model import Model
from botorch.posteriors.ensemble import EnsemblePosterior
from botorch.sampling import MCSampler
from botorch.sampling.get_sampler import get_sampler
from botorch.sampling.index_sampler import IndexSampler
from botorch.utils.multi_objective.hypervolume import infer_reference_point
from torch import Tensor

from archbo.acquisition.candidates.base import Candidates
from archbo.acquisition.candidates.likely import BOLD, CAUTIOUS, LikelyCandidates
from archbo.acquisition.joint import Believer
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.predictors import Predictor, Success, draw, marginals
from archbo.randomness import generator

__all__ = ["Context", "unsuited"]

T = TypeVar("T")

REFERENCE_MARGIN = 0.5
"""How far an inferred reference lies below the worst values observed, as a share of their distance from the best.

By choice; BoTorch's default is a tenth, of the front alone.
"""
N_SAMPLES = 128
"""The number of base samples of Monte Carlo functions; by choice, for time."""
PATIENCE = 10
"""The number of trials without a failure after which a search takes a risk; by choice: at most one in eleven fails so."""
CHUNK = 4096
"""The number of rows whose marginal posterior is computed at a time; by choice, to bound memory."""


class _MemberSampler(IndexSampler):
    """Draws members of an ensemble, the same ones for all t-batches; BoTorch's own seeds every GPU to do so."""

    def _construct_base_samples(self, posterior: EnsemblePosterior) -> None:
        shape = self.sample_shape + posterior.batch_shape
        if self.base_samples is None or self.base_samples.shape != shape:
            n, source = self.sample_shape.numel(), generator(self.seed)
            members = torch.multinomial(posterior.weights, n, replacement=True, generator=source)
            members = members.reshape(*self.sample_shape, *(1 for _ in posterior.batch_shape))
            self.register_buffer("base_samples", members.expand(shape))


@dataclass(frozen=True, eq=False)
class Context:
    """What an acquisition rule may know: the log, a fitted predictor for each outcome, a seed, and what to choose from.

    Args:
        log: What has been asked and told.
        predictors: ``m + c`` of them, each fitted to one column of the gains.
        seed: Of all draws.
        fidelity: The fidelity at which rows are to be picked; the goal's target unless given.
        picked: ``p x d``, rows of the same batch that were picked before.
        choices: ``n x d``, what may be picked, for functions that look at all of it at once.
        success: How likely evaluations are to give values, fitted; None where none has failed.
    """

    log: Log
    predictors: tuple[Predictor, ...]
    seed: int = 0
    fidelity: str | None = None
    picked: Tensor | None = None
    choices: Tensor | None = None
    success: Success | None = None
    _memo: dict[str, Any] = field(default_factory=dict, repr=False)

    def with_picked(self, X: Tensor) -> "Context":
        """The same after more rows (``p x d``) of the batch were picked."""
        return replace(self, picked=X if self.picked is None else torch.cat([self.picked, X]))

    def with_choices(self, X: Tensor) -> "Context":
        """The same with other rows to choose from (``n x d``)."""
        return replace(self, choices=X, _memo={})

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once for all picks of a batch."""
        if name not in self._memo:
            self._memo[name] = make()
        made: T = self._memo[name]
        return made

    # What has been observed.

    @property
    def goal(self) -> Goal:
        """What is wanted."""
        return self.log.goal

    @cached_property
    def _at(self) -> str | None:
        return self.fidelity if self.fidelity is not None else self.goal.target

    @cached_property
    def observed(self) -> tuple[Tensor, Tensor]:
        """Rows ``n x d`` told at the fidelity, and their gains ``n x (m + c)``."""
        return self.log.observed(self._at)

    @property
    def X(self) -> Tensor:  # noqa: N802
        """``n x d``, the architectures evaluated, in the order of the log."""
        return self.observed[0]

    @cached_property
    def X_pending(self) -> Tensor:  # noqa: N802
        """``p x d``, the distinct rows that wait for their values, at any fidelity, and those picked."""
        pending = self.log.pending()
        if self.picked is not None:
            pending = torch.cat([pending, self.picked])
        return self.log.space.distinct(pending)

    @cached_property
    def avoid(self) -> Tensor:
        """Rows that are not to be picked."""
        return torch.cat([self.log.seen(self._at), self.X_pending])

    @property
    def merit(self) -> tuple[Tensor, Tensor]:
        """The distinct architectures evaluated, ``n x d``, and a number for each, ``n x 1``: the higher the better."""
        X, gains = self.log.means(self._at)
        return X, self.goal.merit(gains)

    # Whether evaluations fail.

    def p_success(self, X: Tensor) -> Tensor:
        """The probability (``n``) that evaluating each of the rows ``X`` (``n x d``) gives values; 1 where nothing failed."""
        return X.new_ones(len(X)) if self.success is None else self.success(X)

    def likely(self, candidates: Candidates) -> Candidates:
        """The candidates that are likely to give values; the same where nothing failed.

        Where none of the last ten trials has failed, they may be less likely to.
        """
        if self.success is None:
            return candidates
        last = self.log.select(State.TOLD, State.FAILED)[-PATIENCE:]
        failed = any(trial.state == State.FAILED for trial in last)
        return LikelyCandidates(candidates, self.success, least=CAUTIOUS if failed else BOLD)

    # One outcome: functions of its latent model.

    @property
    def predictor(self) -> Predictor:
        """The predictor of the one outcome.

        Raises:
            UsageError: There are several.
        """
        if len(self.predictors) > 1:
            raise unsuited("this acquisition function", self.goal)
        return self.predictors[0]

    @property
    def model(self) -> Model:
        """The predictor's latent model, on whose scale acquisition functions work."""
        return self.predictor.latent

    @property
    def gaussian(self) -> Model:
        """The same, for functions in closed form.

        Raises:
            UsageError: The predictor has no Gaussian posterior.
        """
        if not self.predictor.gaussian:
            raise UsageError(
                f"{type(self.predictor).__name__} has no Gaussian posterior, which this acquisition function needs; "
                "take qlog_ei, qlog_nei, thompson, independent_thompson or greedy instead"
            )
        return self.model

    @cached_property
    def believing(self) -> Model:
        """The Gaussian model, conditioned on its own means at pending rows.

        Raises:
            UsageError: The predictor has no Gaussian posterior.
        """
        pending = self.X_pending
        return Believer(self.gaussian, pending) if len(pending) else self.gaussian

    @property
    def best_f(self) -> Tensor:
        """The incumbent on the model's scale: the highest posterior mean at an evaluated row.

        The highest value itself would be that of a lucky training run.
        """
        return marginals(self.model, self.X)[0].max()

    def promising(self, n: int) -> Tensor:
        """At most ``n`` rows seen or to choose from: those of the highest means, and of the highest upper bounds."""
        seen = self.log.space.distinct(torch.cat([self.X, self.X_pending]))
        X = seen if self.choices is None else torch.cat([seen, self.choices])
        if len(X) <= n:
            return X
        mean, std = marginals(self.model, X, batch_size=CHUNK)
        bound = mean + 2 * std
        best = mean.topk(n // 2).indices
        bound[best] = -torch.inf
        return X[torch.cat([best, bound.topk(n - n // 2).indices])]

    @property
    def sampler(self) -> MCSampler:
        """128 base samples for the model's kind of posterior; quasi-random for a Gaussian, members of an ensemble."""
        posterior: Any = self.model.posterior(self.X[:1])
        if isinstance(posterior, EnsemblePosterior):
            return _MemberSampler(torch.Size([N_SAMPLES]), seed=self.seed)
        return get_sampler(posterior, torch.Size([N_SAMPLES]), seed=self.seed)

    # Several outcomes, on the scales of their latent models.

    @cached_property
    def latent_gains(self) -> Tensor:
        """``n x (m + c)``: what was observed, on the scale of each predictor's latent model; slacks are 0 at the bound."""
        columns = enumerate(self.observed[1].T)
        return torch.stack([self.to_latent(output, gains) for output, gains in columns], dim=-1)

    def to_latent(self, output: int, gains: Tensor) -> Tensor:
        """Gains (any shape) of one outcome on the scale of its latent model; a slack of 0 stays 0."""
        return self.predictors[output].to_latent(gains) - self.zero(output)

    def zero(self, output: int) -> Tensor:
        """What is taken off the latent values of one outcome: those of a slack are to be 0 at the bound."""
        zero = torch.zeros((), dtype=torch.double)
        is_slack = output >= self.goal.n_objectives
        return self.predictors[output].to_latent(zero) if is_slack else zero

    def latent_marginals(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (``n x (m + c)`` each) of the latent outcomes at each of the rows ``X`` (``n x d``)."""
        means, stds = [], []
        for output, predictor in enumerate(self.predictors):
            mean, std = marginals(predictor.latent, X, batch_size=CHUNK)
            means.append(mean - self.zero(output))
            stds.append(std)
        return torch.stack(means, dim=-1), torch.stack(stds, dim=-1)

    def latent_draws(self, X: Tensor, n_draws: int) -> Tensor:
        """Joint draws ``s x n x (m + c)`` of the latent outcomes at rows ``X`` (``n x d``)."""
        draws = []
        for output, predictor in enumerate(self.predictors):
            source = generator(self.seed, output)
            drawn = draw(predictor.latent, X, n_draws, generator=source)
            draws.append(drawn - self.zero(output))
        return torch.stack(draws, dim=-1)

    @cached_property
    def latent_reference(self) -> Tensor:
        """``m``: the goal's reference, or half as far below the worst values observed as these are below the best.

        From the worst values of the front, as usual, or close to them an end of the front that has not been
        seen yet would count for nothing.
        """
        given = self.goal.reference_gains
        if given is not None:
            return torch.stack(
                [self.to_latent(output, value) for output, value in enumerate(given)]
            )
        objectives = self.goal.objectives_of(self.latent_gains)
        point: Tensor = infer_reference_point(objectives, scale=REFERENCE_MARGIN)
        return point


def unsuited(what: str, goal: Goal) -> UsageError:
    """The error of what does not serve a goal, with what does."""
    if goal.is_single:
        others = "log_ei, qlog_nei or another function of one objective"
    else:
        others = "constrained_log_nei" if goal.n_objectives == 1 else "qlog_nehvi or qlog_nparego"
    return UsageError(f"{what} does not serve {goal}; take {others}")
