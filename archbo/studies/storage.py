"""A log in a database: Optuna's storages, where trials carry what archbo knows of them."""

import math
import os
import socket
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from json import JSONDecodeError
from pathlib import Path
from typing import Any, Literal, final
from urllib.parse import urlsplit

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, GrpcStorageProxy, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from archbo.errors import DataError, InvalidArchitectureError
from archbo.goals import Bound, Goal
from archbo.log import Log, State, Trial
from archbo.spaces import Arch, Decision, Integer, Real, SearchSpace

__all__ = [
    "CLAIM",
    "CONSTRAINT",
    "ENDED",
    "NOBODY",
    "OWNER",
    "PAST",
    "PLAN",
    "PROPOSER",
    "RETURNED",
    "SECONDS",
    "TOLD",
    "LogReader",
    "arch_from",
    "constraints_of",
    "counts_with",
    "died",
    "directions_of",
    "distributions_of",
    "open_storage",
    "params_of",
    "plan_of",
    "quiet",
    "reachable",
    "this_process",
]

PLAN = "archbo:plan"
"""The attribute of a trial that holds its row, its fidelity and a strategy's notes, from when it is proposed."""
SECONDS = "seconds"
"""The key under which a plan says how long it took to propose it."""
TOLD = "archbo:told"
"""The attribute that holds a trial's metrics by name, and what it cost."""
ENDED = "archbo:ended"
"""The attribute that says why a trial gave no value, and whether its architecture may be proposed again."""
OWNER = "archbo:owner"
"""The attribute that says which worker evaluates a trial; none does where its architecture was asked for by hand."""
CLAIM = "archbo:claim"
"""The attribute of a failed trial that has no architecture: the number of the trial whose worker died and that its owner
evaluates again, and how often it was begun again by then."""
RETURNED = "archbo:returned"
"""The attribute that says for which attempt a worker gave a trial back."""
PROPOSER = "archbo:proposer"
"""The attribute that says which process proposes for a trial, so that nobody waits for a dead one."""
PAST = "archbo:past"
"""The attribute that numbers the trials which a study was begun with; where two processes began it, each is there twice."""
CONSTRAINT = "constraints"
"""The beginning of the attributes in which Optuna 5 keeps constraints."""
ERRORS: tuple[type[Exception], ...] = (
    OSError,
    ImportError,
    SQLAlchemyError,
    StorageInternalError,
    JSONDecodeError,
    UnicodeDecodeError,
)
"""What storages in files and databases raise that cannot be reached, read or written."""
GRPC_PORT = 13000
"""The port of Optuna's proxy unless one is given, as Optuna has it."""
PLAIN = (str, int, float, bool, type(None))
"""The types of choices that Optuna's storages keep as they are."""


def open_storage(url: str | Path | BaseStorage) -> BaseStorage:
    """The storage at a place.

    Args:
        url: A file ending in ``.db`` or ``.sqlite`` (SQLite) or in ``.log`` or ``.journal`` (a journal, for shared file
            systems), the URL of a database as SQLAlchemy reads it, that of Optuna's proxy (``grpc://host:port``), or a
            storage of Optuna's.

    Raises:
        DataError: There is no such folder, the file is no study, or the database cannot be reached.
    """
    if isinstance(url, BaseStorage):
        return url
    text = str(url)
    with reachable(text):
        if text.startswith("grpc://"):
            place = urlsplit(text)
            port = place.port if place.port is not None else GRPC_PORT
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return GrpcStorageProxy(host=place.hostname or "localhost", port=port)
        if "://" in text:
            return optuna.storages.get_storage(text)
        path = Path(text)
        if not path.absolute().parent.is_dir():
            raise DataError(f"there is no folder {path.absolute().parent}; make it first")
        if path.suffix in (".log", ".journal"):
            return JournalStorage(_Journal(text))
        return _sqlite(path)


def _errors() -> tuple[type[Exception], ...]:
    """What a storage raises that cannot be reached, read or written; a gRPC proxy has its own, where one is in use."""
    grpc = sys.modules.get("grpc")
    return ERRORS if grpc is None else (*ERRORS, grpc.RpcError)


@contextmanager
def reachable(url: object) -> Iterator[None]:
    """What goes wrong with a storage is said in one line.

    Raises:
        DataError: The storage cannot be reached, read or written.
    """
    try:
        yield
    except _errors() as error:
        # Optuna's own message speaks of the log that it has written.
        cause = error.__cause__ or error
        first = (str(cause) or type(cause).__name__).splitlines()[0]
        raise DataError(f"cannot use the study at {url}: {first}") from error


@final
class _Journal(JournalFileBackend):
    """A journal that goes on after a line was cut off, by a full disk or a loss of power.

    Optuna's own would append the next line to the rest of that one, and could not be read any more.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with get_lock_file(self._lock), open(self._file_path, "r+b") as file:
            if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        super().append_logs(logs)


def _sqlite(path: Path) -> BaseStorage:
    """A file that several processes write to.

    With a write-ahead log a commit waits for no disk. It survives the death of any process; when a machine loses its
    power, what was committed in the last moments may be lost, and nothing else.
    """
    storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 60}})

    def prepare(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(storage.engine, "connect", prepare)
    storage.engine.dispose()
    return optuna.storages.get_storage(storage)


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna's messages about what archbo does with it are not the user's affair; its warnings are."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def this_process() -> dict[str, Any]:
    """The machine, the process and the thread that this is."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "thread": threading.get_ident()}


NOBODY: Mapping[str, Any] = {"host": None}
"""The owner of a trial that its worker gave back."""


def died(process: Mapping[str, Any]) -> bool:
    """Whether a process of this machine is no more; False for those of other machines, which cannot be seen."""
    if process == NOBODY:
        return True
    if process.get("host") != socket.gethostname():
        return False
    try:
        os.kill(int(process["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # It is somebody else's, and alive.
    return False


def directions_of(goal: Goal) -> list[Literal["minimize", "maximize"]]:
    """Optuna's direction of each objective."""
    return ["minimize" if objective.minimize else "maximize" for objective in goal.objectives]


def distributions_of(space: SearchSpace) -> dict[str, BaseDistribution]:
    """A parameter for each decision of a space, in its order: a range, or the choices as they read."""
    return {column: _distribution(space.finders[column]) for column in space.in_order}


def _distribution(decision: Decision) -> BaseDistribution:
    match decision:
        case Real():
            return FloatDistribution(decision.low, decision.high, log=decision.log)
        case Integer():
            return IntDistribution(int(decision.low), int(decision.high), log=decision.log)
    return CategoricalDistribution(_plain(decision.choices))


def _plain(choices: Sequence[object]) -> tuple[Any, ...]:
    """Choices as Optuna keeps them: as they are, or as their text."""
    if all(isinstance(choice, PLAIN) for choice in choices):
        return tuple(choices)
    return tuple(map(str, choices))


def params_of(arch: Arch) -> dict[str, Any]:
    """The parameters of an architecture: of those decisions that count, in their order."""
    space, params = arch.space, {}
    cells = dict(
        zip(space.columns, zip(arch.row, space.counting(arch.row), strict=True), strict=True)
    )
    for column in space.in_order:
        cell, counts = cells[column]
        decision = space.finders[column]
        if counts and decision.names:
            params[column] = _plain(decision.choices)[cell]
        elif counts:
            params[column] = decision.value(cell)
    return params


def counts_with(column: str, params: Mapping[str, Any], space: SearchSpace) -> bool:
    """Whether a decision counts with the parameters of those before it in the space's order."""
    conditions = space.finders[column].active_if.items()
    return all(
        parent in params
        and space.finders[parent].find(params[parent])
        in [space.finders[parent].find(value) for value in values]
        for parent, values in conditions
    )


def plan_of(trial: Trial) -> dict[str, Any]:
    """What is kept of a proposal: its architecture, its fidelity and a strategy's notes."""
    return {"arch": str(trial.arch), "fidelity": trial.fidelity, "notes": dict(trial.notes)}


def constraints_of(goal: Goal, metrics: Mapping[str, float]) -> dict[str, float]:
    """For each bound how far it is exceeded; not above 0 where it holds, as Optuna has it."""
    return {str(bound): _excess(bound, metrics[bound.metric]) for bound in goal.bounds}


def _excess(bound: Bound, value: float) -> float:
    excess = value - bound.limit
    return -excess if bound.at_least else excess


@final
class LogReader:
    """Reads the log of one study again and again; only what has changed since is read anew.

    Args:
        space: The space of the study.
        goal: Its goal.
    """

    def __init__(self, space: SearchSpace, goal: Goal) -> None:
        self._last: tuple[list[FrozenTrial], Log] = [], Log(space, goal)

    @property
    def last(self) -> list[FrozenTrial]:
        """The trials that were read last."""
        return self._last[0]

    def read(self, trials: Sequence[FrozenTrial]) -> tuple[list[FrozenTrial], Log]:
        """The trials that have an architecture, and the log that they are.

        Raises:
            DataError: A trial is of another space or goal.
        """
        before, log = self._last
        space, goal = log.space, log.goal
        known = _logged(trials, space)
        pairs = zip(before, known, log.trials, strict=False)
        if len(before) > len(known) or not all(_continues(*pair) for pair in pairs):
            before, log = [], Log(space, goal)
        new = known[len(before) :]
        if new:
            plans = [trial.system_attrs.get(PLAN, {}) for trial in new]
            X = space.rows([_arch_of(trial, space) for trial in new])
            fidelities = [plan.get("fidelity", goal.target) for plan in plans]
            log = log.asked(X, fidelities, [plan.get("notes", {}) for plan in plans])
        changed = {
            place: _ended(log.trials[place], frozen, goal)
            for place, frozen in enumerate(known)
            if place >= len(before) or before[place] is not frozen
        }
        if any(trial is not log.trials[place] for place, trial in changed.items()):
            kept = enumerate(log.trials)
            log = replace(log, trials=tuple(changed.get(place, trial) for place, trial in kept))
        self._last = known, log
        return known, log


def _continues(before: FrozenTrial, now: FrozenTrial, trial: Trial) -> bool:
    """Whether what was read as a trial of the log is the same one still, which may have ended since."""
    if before is now:  # storages keep what has ended
        return True
    if before.number != now.number or before.state.is_finished():
        return False
    same = before.system_attrs.get(PLAN) == now.system_attrs.get(PLAN)
    return same and (before.params == now.params or _arch_of(now, trial.arch.space) == trial.arch)


def _logged(trials: Sequence[FrozenTrial], space: SearchSpace) -> list[FrozenTrial]:
    """The trials that belong in a log, in its order: those that have an architecture, past trainings once each."""
    known: list[FrozenTrial] = []
    past: set[int] = set()
    for trial in sorted(trials, key=lambda trial: trial.number):
        number = trial.system_attrs.get(PAST)
        if _has_arch(trial, space) and (number is None or number not in past):
            known.append(trial)
            if number is not None:
                past.add(number)
    return known


def _has_arch(trial: FrozenTrial, space: SearchSpace) -> bool:
    """Whether a trial belongs in the log: it was planned, or another sampler drew all that makes an architecture."""
    if PLAN in trial.system_attrs or trial.state == TrialState.COMPLETE:
        return True
    return _are_whole(trial.params, space)


def _are_whole(params: Mapping[str, Any], space: SearchSpace) -> bool:
    """Whether parameters make an architecture: no decision that counts lacks one."""
    return all(c in params or not counts_with(c, params, space) for c in space.in_order)


def arch_from(params: Mapping[str, Any], space: SearchSpace) -> Arch:
    """The architecture that parameters make.

    Raises:
        DataError: They make none of the space.
    """
    try:
        given = {column: params[column] for column in space.columns if column in params}
        gaps = {c: None for c in space.columns if c not in given and space.finders[c].active_if}
        return space.arch(space.row_of(given | gaps))
    except InvalidArchitectureError as error:
        raise DataError(f"{dict(params)} is no architecture of {space.name}: {error}") from error


def _arch_of(trial: FrozenTrial, space: SearchSpace) -> Arch:
    """A trial's architecture, from its parameters, or from its plan while it has none."""
    try:
        planned = PLAN in trial.system_attrs
        if all(column in trial.params for column in space.columns) or not planned:
            return arch_from(trial.params, space)
        return space.arch(trial.system_attrs[PLAN]["arch"])
    except (DataError, InvalidArchitectureError, KeyError) as error:
        raise DataError(
            f"trial {trial.number} of the study is of another space than {space.name}: {error}"
        ) from error


def _ended(trial: Trial, frozen: FrozenTrial, goal: Goal) -> Trial:
    """A trial with what has become of it."""
    if frozen.state == TrialState.COMPLETE:
        told = frozen.user_attrs.get(TOLD, {})
        metrics = told.get("metrics") or _metrics_of(frozen, goal)
        missing = [name for name in goal.metrics if name not in metrics]
        if missing:
            raise DataError(f"trial {frozen.number} of the study was told no {missing[0]!r}")
        values = tuple(float(metrics[name]) for name in goal.metrics)
        if not all(map(math.isfinite, values)):
            return replace(trial, state=State.FAILED, reason="a metric was not finite")
        cost = float(told.get("cost", trial.cost))
        return replace(trial, state=State.TOLD, values=values, cost=cost)
    if frozen.state in (TrialState.FAIL, TrialState.PRUNED):
        ended = frozen.system_attrs.get(ENDED, {})
        reason, cost = ended.get("reason", ""), float(ended.get("cost", trial.cost))
        if ended.get("again"):
            return replace(trial, state=State.DROPPED, reason=reason, cost=0.0)
        state = State.PRUNED if frozen.state == TrialState.PRUNED else State.FAILED
        return replace(trial, state=state, reason=reason, cost=cost)
    return trial


def _metrics_of(frozen: FrozenTrial, goal: Goal) -> dict[str, float]:
    """The metrics of a trial that somebody else than archbo told: values, and constraints as Optuna keeps them."""
    values = frozen.values or []
    metrics = dict(zip((o.metric for o in goal.objectives), values, strict=False))
    excesses = {name.replace(" ", ""): excess for name, excess in frozen.constraints.items()}
    for bound in goal.bounds:
        excess = excesses.get(str(bound).replace(" ", ""))
        if bound.metric in metrics:
            continue
        if excess is None:
            raise DataError(
                f"trial {frozen.number} of the study has no constraint {str(bound)!r}; give it by set_constraint"
            )
        metrics[bound.metric] = bound.limit + (-excess if bound.at_least else excess)
    return metrics
