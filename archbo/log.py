"""The record of a search: every trial that was ever asked for."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import count
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from archbo.errors import DataError, UsageError
from archbo.goals import Goal
from archbo.spaces import Arch, ArchLike, CategoricalSpace, MixedSpace, SearchSpace
from archbo.spaces.frames import arch_column_of, carried_over, rows_of_frame

__all__ = ["FINISHED", "Log", "State", "Trial"]

FORMAT = 1
"""The version of what ``Log.frame`` writes."""
RESERVED = ("arch", "fidelity", "state", "spent", "replicate", "reason", "notes")
"""The columns of ``Log.frame`` beside the metrics."""


class State(StrEnum):
    """What has become of a trial."""

    ASKED = "asked"
    TOLD = "told"
    FAILED = "failed"
    """It gave no value, and its architecture is not proposed again."""
    PRUNED = "pruned"
    """It was stopped early, since its learning curve was no good; its architecture is not proposed again."""
    DROPPED = "dropped"
    """It was given up before it ended; its architecture may be proposed again."""


FINISHED = (State.TOLD, State.FAILED, State.PRUNED)
"""The states of trials that were evaluated, and paid for."""


@dataclass(frozen=True)
class Trial:
    """One evaluation of an architecture.

    Attributes:
        number: Its place in the log.
        arch: The architecture.
        fidelity: What it is evaluated at; None where a goal has no fidelities.
        state: What has become of it.
        values: The goal's metrics in their own units; empty unless told.
        cost: What the evaluation costs.
        replicate: The number of earlier trials of the same architecture at the same fidelity.
        reason: Why it failed.
        notes: What a strategy wrote on it, as JSON would hold it.
    """

    number: int
    arch: Arch
    fidelity: str | None = None
    state: State = State.ASKED
    values: tuple[float, ...] = ()
    cost: float = 1.0
    replicate: int = 0
    reason: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return str(self.arch) if self.fidelity is None else f"{self.arch} at {self.fidelity}"


@dataclass(frozen=True)
class Log:
    """Every trial ever asked for, in order. It is a value: what is asked or told makes another log.

    Args:
        space: The space that the architectures belong to.
        goal: What is told of each.
        trials: The trials, numbered from 0.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> log = Log(space, Goal.parse("-latency")).asked(space.rows(["width=8", "width=32"]))
        >>> log = log.told(log.trials[0], [3.0]).failed(log.trials[1], "out of memory")
        >>> log.frame()[["arch", "state", "latency"]].values.tolist()
        [['width=8', 'told', 3.0], ['width=32', 'failed', nan]]
        >>> print(*log.best)
        width=8 3.0
    """

    space: SearchSpace
    goal: Goal
    trials: tuple[Trial, ...] = ()

    def __post_init__(self) -> None:
        taken = [metric for metric in self.goal.metrics if metric in RESERVED]
        if taken:
            raise UsageError(
                f"a log has a column {taken[0]!r} of its own; give the metric another name"
            )

    def __len__(self) -> int:
        return len(self.trials)

    # What happens to trials.

    def asked(
        self,
        X: Tensor,
        fidelities: Sequence[str | None] | None = None,
        notes: Sequence[Mapping[str, Any]] = (),
    ) -> "Log":
        """The log after rows were asked for.

        Args:
            X: ``q x d``.
            fidelities: That of each; the goal's target unless given.
            notes: What to write on each; nothing unless given.
        """
        names = fidelities if fidelities is not None else [self.goal.target] * len(X)
        written = list(notes) if notes else [{}] * len(X)
        counts = dict(self._counts)
        trials: list[Trial] = []
        archs, ids = self.space.archs(X), self.space.ids(X)
        for arch, id_, fidelity, note in zip(archs, ids, names, written, strict=True):
            key = (id_, fidelity)
            trials.append(
                Trial(
                    len(self) + len(trials),
                    arch,
                    fidelity,
                    cost=self.goal.cost_of(fidelity),
                    replicate=counts.get(key, 0),
                    notes=note,
                )
            )
            counts[key] = counts.get(key, 0) + 1
        return replace(self, trials=(*self.trials, *trials))

    def told(self, trial: Trial, values: Sequence[float], cost: float | None = None) -> "Log":
        """The log after a trial's values (``k`` metrics in their own units) came in, and maybe what it cost."""
        numbers = tuple(map(float, values))
        spent = trial.cost if cost is None else float(cost)
        return self._with(replace(trial, state=State.TOLD, values=numbers, cost=spent))

    def failed(self, trial: Trial, reason: str = "", cost: float | None = None) -> "Log":
        """The log after a trial gave no value."""
        spent = trial.cost if cost is None else float(cost)
        return self._with(replace(trial, state=State.FAILED, reason=reason, cost=spent))

    def pruned(self, trial: Trial, cost: float | None = None) -> "Log":
        """The log after a trial was stopped early, since its learning curve was no good."""
        spent = trial.cost if cost is None else float(cost)
        return self._with(replace(trial, state=State.PRUNED, cost=spent))

    def dropped(self, trial: Trial, reason: str = "") -> "Log":
        """The log after a trial was given up; its architecture may be asked for again."""
        return self._with(replace(trial, state=State.DROPPED, reason=reason, cost=0.0))

    def _with(self, trial: Trial) -> "Log":
        trials = list(self.trials)
        trials[trial.number] = trial
        return replace(self, trials=tuple(trials))

    @cached_property
    def _counts(self) -> dict[tuple[object, str | None], int]:
        """The number of trials of each architecture at each fidelity."""
        counts: dict[tuple[object, str | None], int] = {}
        for key, trial in zip(self.space.ids(self.rows()), self.trials, strict=True):
            counts[key, trial.fidelity] = counts.get((key, trial.fidelity), 0) + 1
        return counts

    def waiting(self, arch: ArchLike, fidelity: str | None = None) -> Trial | None:
        """The oldest trial of an architecture that waits for its values, if there is one."""
        key = self.space.ids(self.space.rows([arch]))[0]
        open_ = [t for t in self.trials if t.state == State.ASKED and t.fidelity == fidelity]
        keys = self.space.ids(self._rows_of(open_))
        return next((t for t, other in zip(open_, keys, strict=True) if other == key), None)

    def predecessors(self, trial: Trial) -> list[Trial]:
        """The earlier trainings of an architecture that a trial may go on from, the furthest first.

        They are those at cheaper fidelities that were not failures, and those at its own that were given up.
        """
        costs = {name: self.goal.cost_of(name) for name in (*self.goal.fidelities, None)}

        def leads_to(other: Trial) -> bool:
            if other.fidelity == trial.fidelity:
                return other.state == State.DROPPED
            cheaper = costs[other.fidelity] < costs[trial.fidelity]
            return cheaper and other.state in (State.TOLD, State.PRUNED, State.DROPPED)

        *keys, own = self.space.ids(self._rows_of(self.trials[: trial.number + 1]))
        same = [t for t, key in zip(self.trials, keys, strict=False) if key == own and leads_to(t)]
        return sorted(same, key=lambda t: (costs[t.fidelity], t.number), reverse=True)

    def first(self, n: int | None) -> "Log":
        """The log as it was with its first ``n`` trials; as it is for None."""
        return replace(self, trials=self.trials[:n])

    def since(self, n: int) -> "Log":
        """The trials after the first ``n``, to be read; their numbers stay."""
        return replace(self, trials=self.trials[n:])

    # What can be read off.

    def rows(self, *states: State, fidelity: str | None = None) -> Tensor:
        """Rows ``n x d`` of the trials in any of these states (all unless given), at a fidelity or at any."""
        return self._rows_of(self.select(*states, fidelity=fidelity))

    def select(self, *states: State, fidelity: str | None = None) -> list[Trial]:
        """The trials in any of these states (all unless given), at a fidelity or at any."""
        return [
            trial
            for trial in self.trials
            if (not states or trial.state in states) and fidelity in (None, trial.fidelity)
        ]

    def _rows_of(self, trials: Iterable[Trial]) -> Tensor:
        rows = [trial.arch.row for trial in trials]
        return torch.tensor(rows, dtype=torch.double).reshape(len(rows), self.space.n_columns)

    def observed(self, fidelity: str | None = None) -> tuple[Tensor, Tensor]:
        """Rows ``n x d`` and gains ``n x (m + c)`` of the trials told at a fidelity, or at any."""
        trials = self.select(State.TOLD, fidelity=fidelity)
        values = torch.tensor([trial.values for trial in trials], dtype=torch.double)
        values = values.reshape(len(trials), len(self.goal.metrics))
        return self._rows_of(trials), self.goal.gains(values)

    def means(self, fidelity: str | None = None) -> tuple[Tensor, Tensor]:
        """The distinct architectures told at a fidelity, ``n x d`` in their order, and their mean gains."""
        X, gains = self.observed(fidelity)
        place: dict[object, int] = {}
        index = [place.setdefault(key, len(place)) for key in self.space.ids(X)]
        if len(place) == len(X):
            return X, gains
        groups = torch.tensor(index)
        first = torch.tensor([index.index(group) for group in range(len(place))])
        total = torch.zeros(len(place), gains.shape[-1], dtype=gains.dtype)
        total = total.index_add(0, groups, gains)
        return X[first], total / groups.bincount().unsqueeze(-1)

    def pending(self, fidelity: str | None = None) -> Tensor:
        """Rows ``p x d`` that were asked for at a fidelity, or at any, and wait for their values."""
        return self.rows(State.ASKED, fidelity=fidelity)

    def seen(self, fidelity: str | None = None) -> Tensor:
        """Rows that are not proposed again at a fidelity, or at any: all that were asked for and not dropped."""
        return self.rows(State.ASKED, *FINISHED, fidelity=fidelity)

    @property
    def n_told(self) -> int:
        """The number of trials told, at any fidelity."""
        return len(self.select(State.TOLD))

    @property
    def n_ended(self) -> int:
        """The number of trials told, failed or pruned, at any fidelity."""
        return len(self.select(*FINISHED))

    @property
    def n_failed(self) -> int:
        """The number of trials that failed, at any fidelity."""
        return len(self.select(State.FAILED))

    @property
    def n_pruned(self) -> int:
        """The number of trials that were stopped early, at any fidelity."""
        return len(self.select(State.PRUNED))

    @property
    def spent(self) -> float:
        """The cost of all trials that ended."""
        return sum(trial.cost for trial in self.select(*FINISHED))

    @property
    def best(self) -> tuple[Arch, float]:
        """The best architecture that keeps all bounds, the first where several are, and its value in its own unit.

        An architecture evaluated several times counts with its mean.

        Raises:
            UsageError: There are several objectives, or nothing feasible has been told at the target yet.
        """
        if self.goal.n_objectives > 1:
            raise UsageError(
                f"{self.goal.n_objectives} objectives have no single best architecture; ask for the front"
            )
        winners = self.winners
        if not winners:
            what = "feasible " if self.goal.bounds else ""
            where = f" at {self.goal.target!r}" if self.goal.fidelities else ""
            raise UsageError(
                f"nothing {what}has been told{where} yet, so there is no best architecture"
            )
        arch, values = winners[0]
        return arch, values[0]

    @property
    def winners(self) -> list[tuple[Arch, tuple[float, ...]]]:
        """The best architecture, or all on the Pareto front, with their objectives in their own units; maybe none."""
        X, gains = self.means(self.goal.target)
        front = self.goal.front(gains)
        if self.goal.n_objectives == 1:
            front = front[:1]
        values = self.goal.own_units(gains[front]).tolist()
        return list(zip(self.space.archs(X[front]), map(tuple, values), strict=True))

    @property
    def front(self) -> list[Arch]:
        """The architectures told at the target that are on the Pareto front."""
        X, gains = self.means(self.goal.target)
        return self.space.archs(X[self.goal.front(gains)])

    # To pandas and back.

    def frame(self) -> pd.DataFrame:
        """One row per trial: ``arch``, a column per metric, and all else that a trial is.

        Its ``attrs`` hold the content of the space, and go into Parquet files with it.
        """
        told = [t.values or (math.nan,) * len(self.goal.metrics) for t in self.trials]
        frame = pd.DataFrame(
            {
                "arch": [str(trial.arch) for trial in self.trials],
                **{name: [v[i] for v in told] for i, name in enumerate(self.goal.metrics)},
                "fidelity": [trial.fidelity for trial in self.trials],
                "state": [str(trial.state) for trial in self.trials],
                "spent": [trial.cost for trial in self.trials],
                "replicate": [trial.replicate for trial in self.trials],
                "reason": [trial.reason for trial in self.trials],
                "notes": [json.dumps(dict(trial.notes)) for trial in self.trials],
            }
        )
        frame.attrs["archbo"] = {"format": FORMAT, "space": self.space.content}
        return frame

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, space: SearchSpace, goal: Goal, *, arch_column: str = "arch"
    ) -> "Log":
        """A log from what ``frame`` gave, or from past trainings.

        Of past trainings only the architectures and the metrics need to be there; other columns are left alone.
        An architecture that repeats was evaluated several times. A row in which a metric is missing is a trial that
        failed.

        Args:
            frame: One row per trial.
            space: The space of its architectures.
            goal: Its metrics are columns.
            arch_column: The column of architectures in the space's notation; where it is missing, the columns of
                the space hold their choices.

        Raises:
            DataError: A column is missing, a row is no architecture of the space, or the frame was made in a space
                that has since changed in more than the choices that were added.
        """
        saved = frame.attrs.get("archbo", {})
        changed = space.difference(saved["space"]) if "space" in saved else ""
        if changed:
            raise DataError(f"the log was kept in another space than {space.name}: {changed}")
        missing = [metric for metric in goal.metrics if metric not in frame]
        if missing:
            raise DataError(
                f"the frame has no column {missing[0]!r}; it has {', '.join(map(str, frame))}"
            )
        X = rows_of_frame(frame, space, arch_column=arch_column, source="the frame")
        fidelities = [_known(goal, name) for name in _column(frame, "fidelity", goal.target)]
        notes = list(map(_notes, count(1), _column(frame, "notes", "{}")))
        log = cls(space, goal).asked(X, fidelities, notes)
        values = list(zip(*(_numbers(frame, metric) for metric in goal.metrics), strict=True))
        states, reasons = _column(frame, "state", ""), _column(frame, "reason", "")
        costs = _column(frame, "spent", None)
        cells = zip(log.trials, values, states, reasons, costs, strict=True)
        return replace(log, trials=tuple(_restored(goal, *row) for row in cells))

    @classmethod
    def from_past(
        cls,
        frame: pd.DataFrame,
        space: SearchSpace,
        goal: Goal,
        *,
        fill: Mapping[str, object] | None = None,
    ) -> "Log":
        """A log for a new search to begin with, from past trainings or from what ``frame`` gave of another search.

        It holds what was told and what failed; trials that wait for their values belong to the other search. Where
        both spaces are categorical they need not be the same: columns of the same name are carried over, columns that
        the space lacks are dropped, so that trainings may repeat, and trainings with a choice that it lacks are left
        out, with a ``DataWarning`` that counts them.

        Args:
            frame: One row per training, as ``from_frame`` takes it, with architectures in a column ``arch`` or
                ``arch_str``, or in the columns of the space.
            space: The space of the new search.
            goal: Its metrics are columns.
            fill: The choice that all past trainings had in columns which only the new space has.

        Raises:
            DataError: A metric or a column of the space is missing, a row cannot be read, or the frame was kept in
                another space and one of the two is not categorical.
            UsageError: ``fill`` does not fit the spaces.

        Example:
            >>> from archbo.spaces import CategoricalSpace
            >>> past = pd.DataFrame({"width": [8, 8, 16], "seed": [0, 1, 0], "acc": [0.8, 0.9, math.nan]})
            >>> space = CategoricalSpace("s", {"width": [8, 16], "depth": [2, 4]})
            >>> log = Log.from_past(past, space, Goal.parse("acc"), fill={"depth": 2})
            >>> [(str(trial), str(trial.state), trial.replicate) for trial in log.trials]
            [('width=8,depth=2', 'told', 0), ('width=8,depth=2', 'told', 1), ('width=16,depth=2', 'failed', 0)]
        """
        column = arch_column_of(frame)
        if "state" in frame:
            frame = frame[~frame["state"].isin([State.ASKED, State.DROPPED])]
        frame = frame.drop(columns="notes", errors="ignore")  # another strategy's
        kind = frame.attrs.get("archbo", {}).get("space", space.content)["kind"]
        if isinstance(space, MixedSpace) and kind in (
            CategoricalSpace.__name__,
            MixedSpace.__name__,
        ):
            if len(frame):
                frame = carried_over(
                    frame, space, arch_column=column, fill=fill, source="the past trainings"
                )
        elif fill:
            raise UsageError(
                f"fill is for categorical spaces, whose columns may differ; {space.name} takes none"
            )
        return cls.from_frame(frame, space, goal, arch_column=column)


def _restored(
    goal: Goal, trial: Trial, values: Sequence[float], state: str, reason: str, cost: float | None
) -> Trial:
    """The trial of a frame's row; without a state it was told, or failed where a metric is missing."""
    missing = [m for m, v in zip(goal.metrics, values, strict=True) if not math.isfinite(v)]
    if not state:
        state = State.FAILED if missing else State.TOLD
        reason = f"no value of {', '.join(missing)}" if missing else ""
    elif state not in list(State):
        raise DataError(
            f"row {trial.number + 1} of the frame: there is no state {state!r}; it is one of {', '.join(State)}"
        )
    elif state == State.TOLD and missing:
        raise DataError(f"row {trial.number + 1} of the frame was told, but has no {missing[0]}")
    return replace(
        trial,
        state=State(state),
        values=tuple(values) if state == State.TOLD else (),
        reason=reason,
        cost=trial.cost if cost is None else float(cost),
    )


def _column(frame: pd.DataFrame, name: str, default: Any) -> list[Any]:  # noqa: ANN401 - cells
    """The cells of a column, the default where it or one of them is missing."""
    if name not in frame:
        return [default] * len(frame)
    cells = frame[name]
    return [default if gone else cell for cell, gone in zip(cells, cells.isna(), strict=True)]


def _numbers(frame: pd.DataFrame, metric: str) -> list[float]:
    """The values of a metric, NaN where it is missing."""
    numbers: list[float] = []
    for cell in _column(frame, metric, math.nan):
        try:
            numbers.append(float(cell))
        except (TypeError, ValueError) as error:
            raise DataError(
                f"row {len(numbers) + 1} of the frame: {metric} is {cell!r}, no number"
            ) from error
    return numbers


def _notes(row: int, text: str) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except (TypeError, ValueError) as error:
        raise DataError(f"row {row} of the frame: its notes are no JSON: {text!r}") from error


def _known(goal: Goal, fidelity: str | None) -> str | None:
    if fidelity is not None and fidelity not in goal.fidelities:
        raise DataError(
            f"there is no fidelity {fidelity!r}; the goal has {', '.join(goal.fidelities) or 'none'}"
        )
    return fidelity
