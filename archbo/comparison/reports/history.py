"""What failed and why, and where the time went."""

import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from archbo.comparison.reports.blocks import ARCHS, Link, Section, Table
from archbo.comparison.reports.evidence import Evidence, number
from archbo.evaluators.function import LOG
from archbo.log import Trial
from archbo.studies import Study
from archbo.studies.storage import CLAIM, PLAN, SECONDS

__all__ = ["failures", "time_spent"]

LONGEST_REASON, MOST_LINKS, MOST_REASONS = 300, 5, 20
"""The letters of a reason, the trials linked for it, and the reasons, that are shown at most; by choice, to be read."""


ENDS = {"COMPLETE": "told", "PRUNED": "pruned", "FAIL": "gave no value"}
"""What Optuna's states of ended trials are called here."""


def failures(evidence: Evidence) -> Section:
    """Trials that gave no value, by reason."""
    title, lost, n = "Failures", evidence.lost, len(evidence.ended)
    if not lost:
        return Section(title, f"None of {n} trials failed." if n else "No trial has ended yet.")
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in lost:
        groups.setdefault((str(trial.state), trial.reason or "no reason given"), []).append(trial)
    ranked = sorted(groups.items(), key=lambda item: -len(item[1]))
    rows: list[list[str | Sequence[Link]]] = [
        [_cut(reason), state, str(len(trials)), [_link(evidence, t) for t in trials[:MOST_LINKS]]]
        for (state, reason), trials in ranked[:MOST_REASONS]
    ]
    more = []
    if len(ranked) > MOST_REASONS:
        more.append(f"The {MOST_REASONS} most frequent of {len(ranked)} reasons are shown.")
    table = Table(
        "Trials that gave no value", ["reason", "state", "times", "first trials"], rows, ARCHS
    )
    verdict = f"{len(lost)} of {n} trials gave no value ({len(lost) / n:.0%})."
    return Section(title, verdict, more, tables=[table])


def _cut(reason: str) -> str:
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} ..."


def _link(evidence: Evidence, trial: Trial) -> Link:
    """The trial's number; it leads to the trial's folder where there is one."""
    name = str(trial.number)
    if evidence.folder is None or evidence.near is None:
        return Link(name, "")
    search = evidence.search
    number = search.number(trial) if isinstance(search, Study) else trial.number
    folder = evidence.folder / f"trial-{number:05d}"
    if not folder.is_dir():
        return Link(name, "")
    log = folder / LOG
    path = os.path.relpath(log if log.is_file() else folder, evidence.near)
    return Link(name, quote(Path(path).as_posix()))


def time_spent(evidence: Evidence) -> Section:
    """How long trials took, and what they cost."""
    title, log, goal = "Time and cost", evidence.log, evidence.goal
    tables = []
    if goal.fidelities:
        rows = [
            [name, number(cost), str(len(trials)), number(sum(t.cost for t in trials))]
            for name, cost in goal.fidelities.items()
            for trials in [[t for t in evidence.ended if t.fidelity == name]]
        ]
        tables.append(
            Table("Cost by fidelity", ["fidelity", "cost of one", "trials", "spent"], rows)
        )
    spent = f"{len(evidence.ended)} trials ended, at a cost of {number(log.spent)} in all."
    if not isinstance(evidence.search, Study):
        return Section(title, spent, ["The log is in memory and holds no times."], tables=tables)
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    proposing: dict[str, timedelta] = {}
    for trial in evidence.search.optuna_study.get_trials(deepcopy=False):
        name = trial.state.name
        if CLAIM in trial.system_attrs:
            continue  # It says that the worker of another trial died.
        if trial.datetime_start is not None and trial.datetime_complete is not None:
            spans.setdefault(name, []).append((trial.datetime_start, trial.datetime_complete))
            took = timedelta(seconds=trial.system_attrs.get(PLAN, {}).get(SECONDS, 0.0))
            proposing[name] = proposing.get(name, timedelta()) + took
    every = sorted(span for part in spans.values() for span in part)
    if not every:
        return Section(title, spent, tables=tables)
    whole = max(end for _, end in every) - every[0][0]
    busy, total = _busy(every), _total(every)
    searching = sum(proposing.values(), timedelta())
    verdict = (
        f"{spent} From the first trial's start to the last one's end {_span(whole)} passed; a trial was under way for "
        f"{_span(busy)} of it. Trials took {_span(total)} in all, of which {_span(searching)} went into proposing them."
    )
    rows = [
        [
            ENDS[state],
            str(len(part)),
            _span(_total(part)),
            _span(proposing[state]),
            _span(_total(part) / len(part)),
            _span(max(end - start for start, end in part)),
        ]
        for state, part in spans.items()
    ]
    columns = ["state", "trials", "together", "of it proposing", "mean", "longest"]
    tables.append(Table("Trials by how they ended", columns, rows))
    more = []
    if busy:
        more.append(
            f"On average {total / busy:.1f} trials were under way at a time, while there were any."
        )
    source = (
        "By the clocks of the storage. A trial lasts from when it was begun to when its values came in: the time to "
        "propose it is part of that, and so is any wait for whoever was asked. What was told without having been asked "
        "for took no time."
    )
    return Section(title, verdict, more, tables=tables, source=source)


def _total(spans: Iterable[tuple[datetime, datetime]]) -> timedelta:
    return sum((end - start for start, end in spans), timedelta())


def _busy(spans: Sequence[tuple[datetime, datetime]]) -> timedelta:
    """The time that spans, ordered by their start, cover together."""
    covered, until = timedelta(), spans[0][0]
    for start, end in spans:
        covered += max(end - max(start, until), timedelta())
        until = max(until, end)
    return covered


def _span(time: timedelta) -> str:
    """A time for people.

    Example:
        >>> _span(timedelta(seconds=90)), _span(timedelta(days=2, hours=3))
        ('1.5 min', '51 h')
    """
    seconds = time.total_seconds()
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s"
