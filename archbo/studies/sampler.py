"""archbo as a sampler of Optuna's."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study as OptunaStudy
from optuna.trial import BaseTrial, FrozenTrial, TrialState

from archbo.bo_loop import Strategy
from archbo.bo_loop.strategies.fidelities import bayesian
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log, Trial
from archbo.spaces import Arch, SearchSpace
from archbo.studies.storage import (
    ENDED,
    PLAN,
    PROPOSER,
    SECONDS,
    LogReader,
    arch_from,
    counts_with,
    died,
    directions_of,
    distributions_of,
    params_of,
    plan_of,
    this_process,
)

__all__ = ["ArchSampler", "arch_of"]

FIXED = "fixed_params"
"""The attribute in which Optuna keeps the parameters of a trial that was enqueued."""
POLL = 0.02
"""Seconds between two looks at a trial that another worker is proposing for."""
GRACE = 60.0
"""Seconds after which a worker that began a trial and proposed nothing is given up."""


class ArchSampler(BaseSampler):
    """Proposes architectures in an Optuna study: any strategy, several objectives, bounds, fidelities.

    What was proposed for earlier trials and not told yet is pending. Several workers propose one after the other, in
    the order of their trials' numbers, so that no architecture is proposed twice. Parameters that are no decisions of
    the space are drawn at random.

    Args:
        space: The space to search.
        goal: What is wanted; its directions must be the study's. One metric called ``value`` is maximised unless given.
        strategy: What to propose; ``Bayesian``, or ``FidelityBayesian`` where the goal has fidelities, unless given.
        seed: Of the default strategy. A strategy has its own.

    Raises:
        UsageError: The strategy is of another space or goal, or a seed comes with a strategy.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> def objective(trial):
        ...     return trial.suggest_categorical("width", [8, 16, 32]) * trial.suggest_categorical("depth", [1, 2, 3, 4])
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(direction="maximize", sampler=ArchSampler(space, seed=0))
        >>> study.optimize(objective, n_trials=12)
        >>> study.best_params
        {'width': 32, 'depth': 4}
    """

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        strategy: Strategy | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        if strategy is None:
            strategy = bayesian(space, goal, seed=seed if seed is not None else 0)
        elif seed is not None:
            raise UsageError("the strategy has its own seed; leave the seed out")
        if strategy.space != space or (goal is not None and strategy.goal != goal):
            raise UsageError(
                f"the strategy is of {strategy.goal} in {strategy.space.name!r}; give it the space and goal of the study"
            )
        self.strategy = strategy
        self._distributions = distributions_of(space)
        self._reader = LogReader(space, strategy.goal)
        self._independent = RandomSampler(seed=strategy.seed % 2**32)

    def infer_relative_search_space(
        self, study: OptunaStudy, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The decisions of the space."""
        return dict(self._distributions)

    def before_trial(self, study: OptunaStudy, trial: FrozenTrial) -> None:
        """Propose at once, so that no trial that was begun later has to wait until the objective asks for parameters.

        Raises:
            UsageError: The directions of the study are not those of the goal.
            NothingLeftError: Every architecture has been asked for.
        """
        if PLAN in trial.system_attrs:
            return
        try:
            study._storage.set_trial_system_attr(trial._trial_id, PROPOSER, this_process())
            self.proposed(study, trial._trial_id)
        except BaseException:
            _give_up(study, trial, "nothing was proposed")
            raise

    def sample_relative(
        self, study: OptunaStudy, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the architecture that was proposed for the trial.

        Raises:
            UsageError: The directions of the study are not those of the goal.
            NothingLeftError: Every architecture has been asked for.
        """
        if not search_space:
            return {}
        plan = study._storage.get_trial(trial._trial_id).system_attrs.get(PLAN)
        if plan is None:
            plan = plan_of(self.proposed(study, trial._trial_id)[1])
        return params_of(self.strategy.space.arch(plan["arch"]))

    def proposed(self, study: OptunaStudy, trial_id: int) -> tuple[FrozenTrial, Trial]:
        """A trial of the storage, and what is proposed for it, which is written on it.

        Raises:
            UsageError: The directions of the study are not those of the goal.
            NothingLeftError: Every architecture has been asked for.
        """
        wanted = directions_of(self.strategy.goal)
        directions = [direction.name.lower() for direction in study.directions]
        if directions != wanted:
            raise UsageError(
                f"the study has the directions {directions}, the goal {self.strategy.goal} wants {wanted}"
            )
        trial, log = self.log_before(study, trial_id)
        start = time.monotonic()
        proposal = self._with_fixed(trial, self.strategy.propose(log, 1).trials[-1])
        plan = {**plan_of(proposal), SECONDS: round(time.monotonic() - start, 3)}
        study._storage.set_trial_system_attr(trial_id, PLAN, plan)
        return trial, proposal

    def _with_fixed(self, trial: FrozenTrial, proposal: Trial) -> Trial:
        """A proposal with the parameters that ``enqueue_trial`` fixed."""
        fixed = trial.system_attrs.get(FIXED, {})
        cells = zip(self.strategy.space.finders.items(), proposal.arch.row, strict=True)
        wanted = {column: fixed.get(column, d.value(cell)) for (column, d), cell in cells}
        return replace(proposal, arch=arch_from(wanted, self.strategy.space))

    def log_before(self, study: OptunaStudy, trial_id: int) -> tuple[FrozenTrial, Log]:
        """A trial, and the log of all trials before it, once each of them has an architecture.

        A trial that was begun by a process that died, or that was given none for a minute, is ended.
        """
        patience: dict[int, float] = {}
        while True:
            trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
            this = next(trial for trial in trials if trial._trial_id == trial_id)
            earlier = [trial for trial in trials if trial.number < this.number]
            empty = [trial for trial in earlier if _is_empty(trial)]
            for trial in empty:
                begun = patience.setdefault(trial.number, time.monotonic())
                proposer = trial.system_attrs.get(PROPOSER)
                dead = proposer is not None and died(proposer)
                if dead or time.monotonic() - begun > GRACE:
                    _give_up(study, trial, "its worker proposed nothing")
            if not empty:
                return this, self._reader.read(earlier)[1]
            time.sleep(POLL)

    def sample_independent(
        self,
        study: OptunaStudy,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - as Optuna has it
        """A random value of a parameter that is no decision of the space."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: OptunaStudy,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Nothing: all that a proposal depends on is in the study."""

    def reseed_rng(self) -> None:
        """Reseed what draws parameters beside the space; proposals follow from the study alone."""
        self._independent.reseed_rng()


def arch_of(trial: BaseTrial, space: SearchSpace) -> Arch:
    """The architecture of a trial, in an objective function of Optuna's.

    Args:
        trial: A trial, running or ended.
        space: The space that ``ArchSampler`` was given.

    Raises:
        DataError: The trial's parameters are no architecture of the space.

    Example:
        >>> from archbo import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(direction="maximize", sampler=ArchSampler(space, seed=0))
        >>> study.optimize(lambda trial: arch_of(trial, space).row.count(3), n_trials=3)
        >>> len(study.trials)
        3
    """
    params: dict[str, Any] = {}
    for column, distribution in distributions_of(space).items():
        if counts_with(column, params, space):
            params[column] = trial._suggest(column, distribution)  # type: ignore[attr-defined] # as suggest_float does
    return arch_from(params, space)


def _is_empty(trial: FrozenTrial) -> bool:
    """Whether a trial was begun and has no architecture yet."""
    running = trial.state == TrialState.RUNNING
    return running and PLAN not in trial.system_attrs and not trial.params


def _give_up(study: OptunaStudy, trial: FrozenTrial, reason: str) -> None:
    ended: dict[str, Any] = {"again": True, "reason": reason}
    try:
        study._storage.set_trial_system_attr(trial._trial_id, ENDED, ended)
        study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except optuna.exceptions.UpdateFinishedTrialError:
        pass  # Another worker gave it up, or it came back to life and ended.
