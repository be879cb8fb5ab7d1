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

__all__ = ["Evaluations", "Function", "OwnCode", "TerminatedError", "worker"]


@dataclass(frozen=True)
class Function:
    """The argument that names a user's function."""

    function: str = option(
        "", "MODULE:FUNCTION or ./FILE.py:FUNCTION.", metavar="FUNCTION", kind=typer.Argument
    )


@dataclass(frozen=True)
class Evaluations:
    """The options that say how a user's function is called."""

    queries: int = option(100, "The number of trials that the study is to have in the end.")
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
        for name, value, least in (
            ("queries", self.queries, 1),
            ("workers", self.workers, 1),
            ("retries", self.retries, 0),
        ):
            if value < least:
                raise UsageError(f"--{name} must be at least {least}; got {value}")
        if self.timeout is not None and not self.timeout > 0:
            raise UsageError(f"--timeout must be a positive number of seconds; got {self.timeout}")


class TerminatedError(BaseException):
    """The process was asked to end."""


@command()
def worker(study: Begun, function: Function, evaluations: Evaluations) -> None:
    """Evaluate the trials of a study, from any machine that reaches it."""
    evaluations.check()
    evaluate_until(study.load(), study.study, function.function, evaluations)


@dataclass(frozen=True)
class OwnCode:
    """The options of a search of a user's function, which a table has no use for."""

    study: str | None = option(
        None,
        "With a function: the file or URL of the study that keeps the search; it goes on where there is one.",
        metavar="FILE|URL",
    )
    strategy: str = option("bayesian", "With a function: what proposes.")
    independent: str | None = option(
        None, "With a function: metrics that are the same at each fidelity.", metavar="METRIC,..."
    )
    workers: int = option(1, "With a function: the number of evaluations at a time.")
    timeout: float | None = option(
        None, "With a function: the most seconds that an evaluation may take.", metavar="SECONDS"
    )
    retries: int = option(1, "With a function: how often a trial is begun again whose worker died.")
    folder: Path | None = option(None, "With a function: where trials have their folders.")

    def search(self, function: str, beginning: Beginning, queries: int) -> None:
        """Search in a study that is new or goes on.

        Raises:
            UsageError: No study or space is named, or there is no such function.
        """
        if self.study is None:
            raise UsageError("name the study with --study FILE|URL; it survives a killed process")
        begun = replace(beginning, strategy=self.strategy, independent=self.independent)
        how = Evaluations(queries, self.workers, self.timeout, self.retries, self.folder)
        how.check()
        evaluate_until(Begun(self.study).begin_or_load(begun), self.study, function, how)


def evaluate_until(study: "Study", url: str, function: str, evaluations: Evaluations) -> None:
    """Evaluate until the study has its number of trials; SIGTERM and Ctrl-C leave it clean."""
    from archbo.evaluators import load_function
    from archbo.studies import work

    load_function(function)  # a wrong name is said before anything is asked for
    folder = evaluations.folder if evaluations.folder is not None else _folder_of(url)
    children = _Children(study, function, folder, evaluations.timeout)
    with progress_bar() as progress, _terminable():
        task = progress.add_task("trials", total=evaluations.queries, note="")

        def show(log: "Log") -> None:
            progress.update(task, completed=log.n_ended, note=_note(log))

        show(study.log)
        try:
            work(
                study,
                children.evaluate,
                evaluations.queries,
                n_workers=evaluations.workers,
                retries=evaluations.retries,
                callback=show,
            )
        finally:
            children.close()
    say(f"{url}: {study.log.n_told} told, {study.log.n_failed} failed")
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
def _terminable() -> Iterator[None]:
    """SIGTERM ends the block with an error, as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
