"""Searches of a user's own code: ``archbo search FILE.py:FUNCTION`` and ``archbo worker``."""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from archbo.cli.options import command, option
from archbo.cli.studies import Beginning, Begun, say_best
from archbo.cli.terminal import progress_bar, say
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.evaluators import ChildEvaluator
    from archbo.log import Log, Trial
    from archbo.studies import Study

__all__ = ["Evaluations", "Function", "OwnCode", "TerminatedError", "terminable", "worker"]


@dataclass(frozen=True)
class Function:
    """The argument that names a user's function."""

    function: str = option(
        "", "MODULE:FUNCTION or ./FILE.py:FUNCTION.", metavar="FUNCTION", kind=typer.Argument
    )


@dataclass(frozen=True)
class Evaluations:
    """The options that say how a user's function is called."""

    workers: int = option(1, "The number of evaluations at a time, each in a process of its own.")
    timeout: float | None = option(
        None, "The most seconds that an evaluation may take.", metavar="SECONDS"
    )
    retries: int = option(1, "How often a trial is begun again whose worker died.")
    folder: Path | None = option(
        None, "Where trials have their folders; beside the study unless given."
    )

    def check(self) -> None:
        """Raise unless the numbers make sense.

        Raises:
            UsageError: They do not.
        """
        for name, value, least in (("workers", self.workers, 1), ("retries", self.retries, 0)):
            if value < least:
                raise UsageError(f"--{name} must be at least {least}; got {value}")
        if self.timeout is not None and not self.timeout > 0:
            raise UsageError(f"--timeout must be a positive number of seconds; got {self.timeout}")


@dataclass(frozen=True)
class _Number:
    queries: int = option(100, "The number of trials that the study is to have in the end.")


class TerminatedError(BaseException):
    """The process was asked to end."""


@command()
def worker(study: Begun, function: Function, number: _Number, evaluations: Evaluations) -> None:
    """Evaluate the trials of a study, from any machine that reaches it."""
    evaluate_until(study.load(), study.study, function.function, number.queries, evaluations)


@dataclass(frozen=True)
class OwnCode(Evaluations):
    """The options of a search of a user's function, which a table has no use for."""

    strategy: str = option("bayesian", "What proposes: {strategies}.")
    independent: str | None = option(
        None, "Metrics that are the same at each fidelity.", metavar="METRIC,..."
    )

    def search(self, function: str, study: str | None, beginning: Beginning, queries: int) -> None:
        """Search in a study that is new or goes on.

        Raises:
            UsageError: No study or space is named, or there is no such function.
        """
        if study is None:
            raise UsageError("name the study with --study FILE|URL; it survives a killed process")
        begun = replace(beginning, strategy=self.strategy, independent=self.independent)
        evaluate_until(Begun(study).begin_or_load(begun), study, function, queries, self)


def evaluate_until(
    study: "Study", url: str, function: str, n_trials: int, evaluations: Evaluations
) -> None:
    """Evaluate until the study has a number of trials; SIGTERM and Ctrl-C leave it clean.

    Raises:
        UsageError: A number makes no sense, or there is no such function.
    """
    from archbo.evaluators import load_function
    from archbo.studies import work

    if n_trials < 1:
        raise UsageError(f"--queries must be at least 1; got {n_trials}")
    evaluations.check()
    load_function(function)  # a wrong name is said before anything is asked for
    folder = evaluations.folder if evaluations.folder is not None else _folder_of(url)
    children = _Children(study, function, folder, evaluations.timeout)
    with progress_bar() as progress, terminable():
        task = progress.add_task("trials", total=n_trials, note="")

        def show(log: "Log") -> None:
            progress.update(task, completed=log.n_ended - study.n_past, note=_note(log))

        show(study.log)
        try:
            work(
                study,
                children.evaluate,
                n_trials,
                n_workers=evaluations.workers,
                retries=evaluations.retries,
                callback=show,
            )
        finally:
            children.close()
    past = f", {study.n_past} of these before" if study.n_past else ""
    say(f"{url}: {study.log.n_told} told, {study.log.n_failed} failed{past}")
    say_best(study.log)


def _note(log: "Log") -> str:
    if log.goal.n_objectives > 1 or not log.winners:
        return f"{len(log.winners)} on the front" if log.winners else ""
    return f"best {log.best[1]:.6g}"


@dataclass
class _Children:
    """A child process for each thread of a search, in which a function is called."""

    study: "Study"
    function: str
    folder: Path
    timeout: float | None
    _all: list["ChildEvaluator"] = field(default_factory=list)
    _own: threading.local = field(default_factory=threading.local)

    def evaluate(self, trial: "Trial") -> dict[str, float]:
        """The metrics of a trial, by the child of this thread."""
        from archbo.evaluators import ChildEvaluator

        child: ChildEvaluator | None = getattr(self._own, "child", None)
        if child is None:
            space, goal = self.study.space, self.study.goal
            child = ChildEvaluator(self.function, space, goal, timeout=self.timeout)
            self._own.child = child
            self._all.append(child)
        folder = self.folder / f"trial-{trial.number:05d}"
        return child.evaluate(trial.arch, trial.fidelity, folder)

    def close(self) -> None:
        """End all children."""
        for child in self._all:
            child.close()


def _folder_of(url: str) -> Path:
    """Where a study's trials have their folders: beside its file, or here under the database's name."""
    if "://" not in url:
        return Path(url).with_suffix(".trials")
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", url.rpartition("/")[2].partition("?")[0])
    return Path(f"{name or 'study'}.trials")


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block with an error, as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
