"""A search that is kept in a database and goes on in any process."""

import contextlib
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.storages import BaseStorage
from optuna.study import Study as OptunaStudy
from optuna.trial import FrozenTrial, TrialState

from archbo.bo_loop import AskTell, Strategy
from archbo.bo_loop.strategy import check_q
from archbo.errors import DataError, NothingLeftError, UsageError
from archbo.goals import Bound, Goal, Objective
from archbo.log import Log, State, Trial
from archbo.spaces import file_content
from archbo.studies.sampler import ArchSampler
from archbo.studies.storage import (
    CLAIM,
    CONSTRAINT,
    ENDED,
    NOBODY,
    OWNER,
    PAST,
    PLAN,
    PROPOSER,
    RETURNED,
    TOLD,
    LogReader,
    constraints_of,
    directions_of,
    distributions_of,
    open_storage,
    params_of,
    plan_of,
    quiet,
    reachable,
    this_process,
)

__all__ = ["Header", "Study", "Waiting", "read_header", "study_names"]

HEADER = "archbo:study"
"""The attribute of a study that holds its space's content, its goal and its settings."""
FORMAT = 1
"""The version of what is kept; a study of another version is refused."""
ELSEWHERE = "go on with that, or begin another study in another file or under another name"
"""What to do about a study that is there and is another one."""
NAME = "archbo"
"""The name of a study in its storage unless another is given."""
PRUNING = threading.Lock()
"""Held while a pruner is asked: Optuna's Hyperband makes its brackets when it is first used, in one thread only."""
STATES = {
    State.ASKED: TrialState.RUNNING,
    State.TOLD: TrialState.COMPLETE,
    State.FAILED: TrialState.FAIL,
    State.PRUNED: TrialState.PRUNED,
    State.DROPPED: TrialState.FAIL,
}
"""Optuna's state of a trial."""


@dataclass(frozen=True)
class Header:
    """What a study was begun with.

    Attributes:
        space: The content of its space.
        file: What a file would say of its space; None where no file describes such a one.
        goal: Its goal.
        settings: What else is kept with it, as JSON would hold it: what its space and strategy are made from.
        n_past: The number of past trainings, which are its first trials.
        n_missing: How many of them are not there yet, since its beginning was interrupted.
    """

    space: Mapping[str, Any]
    file: Mapping[str, Any] | None
    goal: Goal
    settings: Mapping[str, Any]
    n_past: int = 0
    n_missing: int = 0


@dataclass(frozen=True)
class Waiting:
    """A trial that waits for its values, and who evaluates it.

    Attributes:
        number: Its number in the storage.
        trial_id: Its key there.
        trial: The trial of the log.
        owner: The process that evaluates it; None where its architecture was asked for by hand.
        attempt: How often it was begun again because its worker had died.
        attrs: Its attributes, which a worker changes while it evaluates it.
    """

    number: int
    trial_id: int
    trial: Trial
    owner: Mapping[str, Any] | None
    attempt: int
    attrs: Mapping[str, Any]


@final
class Study(AskTell):
    """A strategy, and a log that is kept in one of Optuna's storages: it survives what happens to processes.

    Any number of processes on any machines may ask and tell at once; they propose one after the other, and no
    architecture is proposed twice. The study is Optuna's too: its dashboard, plots and commands read it.

    Args:
        url: A file (``run.db``), the URL of a database, or a storage of Optuna's.
        strategy: What to ask for next. Its space and goal are the study's.
        name: The name of the study in its storage.
        settings: What else to keep with a new study, as JSON would hold it.
        log: Past trainings that a new study begins with, such as ``Log.from_past`` gives; a study that was begun with
            some goes on with those.

    Attributes:
        url: Where it is kept.
        name: Its name there.
        n_past: The number of past trainings, which are the first trials of its log.

    Raises:
        DataError: The study cannot be opened, is of another space or goal, was begun without past trainings where some
            are given, or its beginning with some was interrupted and they are not given again.
        UsageError: It is no strategy, or the log is of another space or goal.

    Example:
        >>> from archbo.bo_loop import RandomSearch, run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> storage = optuna.storages.InMemoryStorage()
        >>> study = Study(storage, RandomSearch(space, seed=0))
        >>> _ = run(study, lambda arch: sum(arch.row), 5)
        >>> Study(storage, RandomSearch(space, seed=0)).log == study.log
        True
    """

    def __init__(
        self,
        url: str | Path | BaseStorage,
        strategy: Strategy,
        *,
        name: str = NAME,
        settings: Mapping[str, Any] | None = None,
        log: Log | None = None,
    ) -> None:
        super().__init__(strategy)
        if log is not None:
            strategy.check(log)
        self.url, self.name = url, name
        self._pruner: BasePruner = NopPruner()
        self._reader = LogReader(self.space, self.goal)
        self._study = self._opened(dict(settings or {}), 0 if log is None else len(log))
        self.n_past = self.header.n_past
        if log is not None and len(log) > 0 and self.n_past == 0:
            raise DataError(
                f"the study {name!r} at {url} was begun without past trainings; begin another one with them"
            )
        with reachable(url):
            self._begin_with(log)

    def _begin_with(self, log: Log | None) -> None:
        """Tell a new study its past trainings: those that are not there yet, since a process may die on the way."""
        storage, study_id = self._study._storage, self._study._study_id
        missing = _missing_past(self._study, self.n_past)
        if not missing:
            return
        if log is None or len(log) != self.n_past:
            raise DataError(
                f"the study {self.name!r} at {self.url} lacks {len(missing)} of the {self.n_past} past trainings that it "
                "is to begin with; repeat the call that began it"
            )
        for number in missing:
            storage.create_new_trial(study_id, self._frozen(log.trials[number], {PAST: number}))

    def _opened(self, settings: dict[str, Any], n_past: int = 0) -> OptunaStudy:
        storage, goal = open_storage(self.url), self.goal
        sampler = ArchSampler(self.space, goal, self.strategy)
        with quiet(), reachable(self.url):
            try:  # one that may only be read is loaded, too
                study = optuna.load_study(
                    study_name=self.name, storage=storage, sampler=sampler, pruner=self._pruner
                )
            except KeyError:
                study = optuna.create_study(
                    storage=storage,
                    sampler=sampler,
                    pruner=self._pruner,
                    study_name=self.name,
                    directions=directions_of(goal),
                    load_if_exists=True,
                )
        content = study.user_attrs.get(HEADER)
        if content is None:
            if study.get_trials(deepcopy=False):
                raise DataError(
                    f"the study {self.name!r} was not begun by archbo; give it another name"
                )
            kept = {
                "format": FORMAT,
                "space": self.space.content,
                "file": file_content(self.space),
                "goal": _goal_to_dict(goal),
                "settings": settings,
                "past": n_past,
            }
            study.set_user_attr(HEADER, kept)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names([objective.metric for objective in goal.objectives])
            return study
        header = _header(study, self.name)
        changed = self.space.difference(dict(header.space))
        if changed:
            raise DataError(f"the study {self.name!r} is of another space: {changed}; {ELSEWHERE}")
        if header.goal != goal:
            raise DataError(
                f"the study {self.name!r} is for {header.goal}, not for {goal}; {ELSEWHERE}"
            )
        return study

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_study"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._study = self._opened({})

    @property
    def optuna_study(self) -> OptunaStudy:
        """Optuna's view of the study, with archbo as its sampler."""
        return self._study

    @property
    def pruner(self) -> BasePruner:
        """What stops trainings early whose reported curve is no good, one of Optuna's; nothing unless set.

        Raises:
            UsageError: There are several objectives, of which no single curve tells.
        """
        return self._pruner

    @pruner.setter
    def pruner(self, pruner: BasePruner) -> None:
        if self.goal.n_objectives > 1:
            raise UsageError(
                f"a pruner wants a single objective; {self.goal} has {self.goal.n_objectives}"
            )
        self._pruner = self._study.pruner = pruner

    @property
    def header(self) -> Header:
        """What the study was begun with."""
        return _header(self._study, self.name)

    def _read(self) -> Log:
        return self._numbered()[1]

    def _numbered(self) -> tuple[list[FrozenTrial], Log]:
        """The log, and each of its trials as the storage has it, with another number where one was begun in vain."""
        with self._lock:
            return self._reader.read(self._trials())

    def _trials(self) -> list[FrozenTrial]:
        with reachable(self.url):
            return self._study._storage.get_all_trials(self._study._study_id, deepcopy=False)

    def _propose(self, q: int, *, promote: bool = False) -> list[Trial]:
        check_q(q)
        if promote:
            before = self._read()
            after = self.strategy.promote(before)
            self._write(before, after)
            return list(after.trials[len(before) :])
        asked: list[Trial] = []
        for _ in range(q):
            try:
                asked.append(self._begun({})[1])
            except NothingLeftError:
                if not asked:
                    raise
                break
        return asked

    # What workers need.

    def begin(self) -> tuple[int, Trial]:
        """A new trial that this thread evaluates, with the storage's number.

        Raises:
            NothingLeftError: Every architecture has been asked for.
        """
        with self._lock:
            return self._begun({OWNER: this_process()})

    def number(self, trial: Trial) -> int:
        """The storage's number of a trial, which is the one that Optuna's dashboard shows."""
        return self._numbered()[0][trial.number].number

    def attempts(self, number: int) -> int:
        """How often the trial with a number of the storage's was begun again because its worker had died."""
        claim = _claims(self._trials()).get(number)
        return 0 if claim is None else int(claim.system_attrs[CLAIM][1])

    def report(self, number: int, step: int, value: float) -> bool:
        """Keep a point of a trial's learning curve, and ask the pruner.

        Args:
            number: The storage's number of a trial that is being evaluated.
            step: Such as the epoch, from 0. A step that is reported again replaces the earlier one.
            value: The first objective at this step, in its own unit.

        Returns:
            Whether the training is to stop: the pruner says so, or the trial has ended otherwise.

        Raises:
            UsageError: The step is negative.
        """
        if step < 0:
            raise UsageError(f"a step is an integer from 0; got {step}")
        storage, trial_id = self._study._storage, self._id_of(number)
        with reachable(self.url):
            try:
                storage.set_trial_intermediate_value(trial_id, step, value)
            except optuna.exceptions.UpdateFinishedTrialError:
                return True
            with PRUNING:
                return self._pruner.prune(self._study, storage.get_trial(trial_id))

    def _id_of(self, number: int) -> int:
        """What the storage calls a trial with a number of its own."""
        storage, study_id = self._study._storage, self._study._study_id
        return storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def snapshot(self) -> tuple[Log, list[Waiting]]:
        """The log, and the trials that wait for their values with who evaluates them, as they are at one moment."""
        with self._lock:
            trials = self._trials()
            known, log = self._reader.read(trials)
        claims = _claims(trials)
        places = (place for place, trial in enumerate(log.trials) if trial.state == State.ASKED)
        return log, [_waiting(known[place], log.trials[place], claims) for place in places]

    def note(self, number: int, name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Write an attribute on a trial; nothing where it has ended."""
        with reachable(self.url), contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._study._storage.set_trial_system_attr(self._id_of(number), name, value)

    def take_over(self, orphan: Waiting) -> bool:
        """Make this thread the owner of a trial whose worker died; False where another one was faster.

        What all storages do atomically is to number trials. So whoever takes a trial over adds one that says so, and
        the first to say so for this attempt has it. It is a failed trial, for a worker died.
        """
        attrs = {CLAIM: [orphan.number, orphan.attempt + 1], OWNER: this_process()}
        claim = optuna.trial.create_trial(
            state=TrialState.FAIL,
            system_attrs={**attrs, ENDED: {"reason": f"the worker of trial {orphan.number} died"}},
        )
        with reachable(self.url):
            trial_id = self._study._storage.create_new_trial(self._study._study_id, claim)
            if _claims(self._trials())[orphan.number]._trial_id != trial_id:
                return False
            try:  # its worker may have died before it did so
                self._describe(orphan.trial_id, orphan.trial)
            except optuna.exceptions.UpdateFinishedTrialError:
                return False  # it lived
        return True

    def give_back(self, number: int) -> None:
        """Leave a trial, by the storage's number, to whoever asks next, as if this worker had died."""
        self.note(number, RETURNED, self.attempts(number))

    def give_up(self) -> None:
        """Drop all that this thread began or took over and that has not ended; it may be asked for again."""
        claims, me = _claims(trials := self._trials()), this_process()
        ending = {"again": True, "reason": "interrupted"}
        for frozen in trials:
            if frozen.state == TrialState.RUNNING and _held(frozen, claims)[0] == me:
                self._end(frozen._trial_id, ending)

    def _begun(self, attrs: Mapping[str, Any]) -> tuple[int, Trial]:
        """A new trial with what the strategy proposes, and the storage's number."""
        storage, study = self._study._storage, self._study
        begun = optuna.trial.create_trial(
            state=TrialState.RUNNING, system_attrs={PROPOSER: this_process(), **attrs}
        )
        with reachable(self.url):
            trial_id = storage.create_new_trial(study._study_id, begun)
            try:
                sampler: Any = study.sampler
                frozen, proposal = sampler.proposed(study, trial_id)
                self._describe(trial_id, proposal)
            except BaseException:
                self._end(trial_id, {"again": True, "reason": "nothing was proposed"})
                raise
        return frozen.number, proposal

    def _describe(self, trial_id: int, trial: Trial) -> None:
        """Write on a trial of the storage what its architecture is, as Optuna reads it."""
        storage = self._study._storage
        distributions = distributions_of(self.space)
        for column, choice in params_of(trial.arch).items():
            internal = distributions[column].to_internal_repr(choice)
            storage.set_trial_param(trial_id, column, internal, distributions[column])
        for name, text in _readable(trial).items():
            storage.set_trial_user_attr(trial_id, name, text)

    def _write(self, before: Log, after: Log) -> None:
        storage, study_id = self._study._storage, self._study._study_id
        known = self._reader.last  # as it was read together with ``before``
        with reachable(self.url):
            for trial in after.trials:
                if trial.number >= len(before):
                    storage.create_new_trial(study_id, self._frozen(trial))
                elif trial != before.trials[trial.number]:
                    self._ended(known[trial.number]._trial_id, trial)

    def _frozen(self, trial: Trial, attrs: Mapping[str, Any] | None = None) -> FrozenTrial:
        """A trial of the log as a trial of Optuna's, written at once."""
        told, ended = trial.state == State.TOLD, trial.state not in (State.TOLD, State.ASKED)
        metrics = dict(zip(self.goal.metrics, trial.values, strict=True)) if told else {}
        result = {TOLD: {"metrics": metrics, "cost": trial.cost}} if told else {}
        return optuna.trial.create_trial(
            state=STATES[trial.state],
            values=[metrics[o.metric] for o in self.goal.objectives] if told else None,
            params=(params := params_of(trial.arch)),
            distributions={c: d for c, d in distributions_of(self.space).items() if c in params},
            user_attrs={**_readable(trial), **result},
            system_attrs={
                PLAN: plan_of(trial),
                **({ENDED: _ending(trial)} if ended else {}),
                **(attrs or {}),
            },
            constraints=constraints_of(self.goal, metrics) if told else None,
        )

    def _ended(self, trial_id: int, trial: Trial) -> None:
        """Record the end of a trial; what another process recorded before stands."""
        storage = self._study._storage
        if trial.state != State.TOLD:
            self._end(trial_id, _ending(trial), STATES[trial.state])
            return
        metrics = dict(zip(self.goal.metrics, trial.values, strict=True))
        values = [metrics[objective.metric] for objective in self.goal.objectives]
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            for bound, excess in constraints_of(self.goal, metrics).items():
                storage.set_trial_system_attr(trial_id, f"{CONSTRAINT}:{bound}", excess)
            told = {"metrics": metrics, "cost": trial.cost}
            storage.set_trial_user_attr(trial_id, TOLD, told)
            storage.set_trial_state_values(trial_id, TrialState.COMPLETE, values)

    def _end(
        self, trial_id: int, ending: Mapping[str, Any], state: TrialState = TrialState.FAIL
    ) -> None:
        storage = self._study._storage
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            storage.set_trial_system_attr(trial_id, ENDED, dict(ending))
            storage.set_trial_state_values(trial_id, state)


def _claims(trials: Sequence[FrozenTrial]) -> dict[int, FrozenTrial]:
    """For each trial that was taken over, by its number, the claim that holds: the first of the last attempt."""
    claims: dict[int, FrozenTrial] = {}
    attempts: dict[int, int] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        number, attempt = trial.system_attrs.get(CLAIM, (-1, 0))
        if attempt > attempts.get(number, 0):
            claims[number], attempts[number] = trial, attempt
    return claims


def _held(
    frozen: FrozenTrial, claims: Mapping[int, FrozenTrial]
) -> tuple[Mapping[str, Any] | None, int]:
    """Who evaluates a trial, and how often it was begun again."""
    claim = claims.get(frozen.number, frozen)
    _, attempt = claim.system_attrs.get(CLAIM, (-1, 0))
    returned = frozen.system_attrs.get(RETURNED) == attempt
    return NOBODY if returned else claim.system_attrs.get(OWNER), int(attempt)


def _waiting(frozen: FrozenTrial, trial: Trial, claims: Mapping[int, FrozenTrial]) -> Waiting:
    owner, attempt = _held(frozen, claims)
    return Waiting(frozen.number, frozen._trial_id, trial, owner, attempt, frozen.system_attrs)


def _readable(trial: Trial) -> dict[str, str]:
    """What a dashboard shows of a trial beside its parameters."""
    at = {} if trial.fidelity is None else {"fidelity": trial.fidelity}
    return {"arch": str(trial.arch), **at}


def _ending(trial: Trial) -> dict[str, Any]:
    """Why a trial gave no value, and whether its architecture may be asked for again; what it cost, if it did."""
    return {"again": trial.state == State.DROPPED, "reason": trial.reason, "cost": trial.cost}


def read_header(url: str | Path | BaseStorage, *, name: str = NAME) -> Header:
    """What a study was begun with, before anything is made for it.

    Raises:
        DataError: There is no such study, or it was not begun by archbo.
    """
    storage = _existing(url)
    try:
        with quiet(), reachable(url):
            study = optuna.load_study(study_name=name, storage=storage, sampler=None)
    except KeyError as error:
        raise DataError(f"there is no study {name!r} at {url}") from error
    if HEADER not in study.user_attrs:
        raise DataError(f"the study {name!r} at {url} was not begun by archbo")
    return _header(study, name)


def study_names(url: str | Path | BaseStorage) -> list[str]:
    """The names of the studies in a storage.

    Raises:
        DataError: There is no such storage, or it cannot be read.
    """
    storage = _existing(url)
    with quiet(), reachable(url):
        return sorted(optuna.get_all_study_names(storage))


def _existing(url: str | Path | BaseStorage) -> BaseStorage:
    """The storage at a place where nothing is made if there is none."""
    if isinstance(url, (str, Path)) and "://" not in str(url) and not Path(url).is_file():
        raise DataError(f"there is no study at {url}")
    return open_storage(url)


def _goal_to_dict(goal: Goal) -> dict[str, Any]:
    return {
        "objectives": [asdict(objective) for objective in goal.objectives],
        "bounds": [asdict(bound) for bound in goal.bounds],
        "fidelities": dict(goal.fidelities),
        "independent": sorted(goal.independent),
        "reference": goal.reference,
    }


def _missing_past(study: OptunaStudy, n_past: int) -> list[int]:
    """The numbers of the past trainings that a study is to begin with and has not been told yet."""
    trials = study.get_trials(deepcopy=False) if n_past else []
    there = {trial.system_attrs.get(PAST) for trial in trials}
    return [number for number in range(n_past) if number not in there]


def _header(study: OptunaStudy, name: str) -> Header:
    content = study.user_attrs[HEADER]
    if content.get("format") != FORMAT:
        raise DataError(
            f"the study {name!r} is kept in format {content.get('format')!r}; this archbo reads {FORMAT}"
        )
    kept = content["goal"]
    goal = Goal(
        tuple(Objective(**part) for part in kept["objectives"]),
        tuple(Bound(**part) for part in kept["bounds"]),
        kept["fidelities"],
        frozenset(kept["independent"]),
        tuple(kept["reference"]) if kept["reference"] is not None else None,
    )
    n_past = content.get("past", 0)
    n_missing = len(_missing_past(study, n_past))
    return Header(
        content["space"], content.get("file"), goal, content["settings"], n_past, n_missing
    )
