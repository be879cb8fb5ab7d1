"""Searches of a user's own code: ``archbo search FILE.py:FUNCTION`` and ``archbo worker``."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.progress import Progress

from archbo.cli.options import Stopping, about, check_timeout, command, option
from archbo.cli.studies import Beginning, Begun, say_best
from archbo.cli.terminal import TerminatedError, progress_bar, remark, say, terminable
from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.bo_loop import Terminator
    from archbo.log import Log
    from archbo.studies import Study

__all__ = [
    "Evaluations",
    "Function",
    "OwnCode",
    "folder_of",
    "worker",
]


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
    pruner: str | None = option(
        None,
        "What stops trainings early by what they report, one of Optuna's pruners; nothing unless given: {pruners}.",
    )

    def check(self) -> None:
        """Raise unless the numbers make sense.

        Raises:
            UsageError: They do not.
        """
        for name, value, least in (("workers", self.workers, 1), ("retries", self.retries, 0)):
            if value < least:
                raise UsageError(f"--{name} must be at least {least}; got {value}")
        check_timeout(self.timeout)


@dataclass(frozen=True)
class _Number:
    queries: int = option(100, "The number of trials that the study is to have in the end.")


@command()
def worker(
    study: Begun,
    function: Function,
    number: _Number,
    stopping: Stopping,
    evaluations: Evaluations,
) -> None:
    """Evaluate the trials of a study, from any machine that reaches it."""
    kept = study.load()
    evaluate_until(kept, study.study, function.function, number.queries, evaluations, stopping)


@dataclass(frozen=True)
class OwnCode(Evaluations):
    """The options of a search of a user's function, which a table has no use for."""

    strategy: str = option("bayesian", "What proposes: {strategies}.")
    independent: str | None = option(
        None, "Metrics that are the same at each fidelity.", metavar="METRIC,..."
    )

    def search(
        self,
        function: str,
        study: str | None,
        beginning: Beginning,
        queries: int,
        stopping: Stopping,
    ) -> None:
        """Search in a study that is new or goes on.

        Raises:
            UsageError: No study or space is named, or there is no such function.
        """
        if study is None:
            raise UsageError("name the study with --study FILE|URL; it survives a killed process")
        begun = replace(beginning, strategy=self.strategy, independent=self.independent)
        here = Begun(study).begin_or_load(begun)
        evaluate_until(here, study, function, queries, self, stopping)


def evaluate_until(
    study: "Study",
    url: str,
    function: str,
    n_trials: int,
    evaluations: Evaluations,
    stopping: Stopping,
) -> None:
    """Evaluate until the study has a number of trials; SIGTERM and Ctrl-C leave it clean.

    Raises:
        UsageError: A number makes no sense, or there is no such function.
    """
    from archbo import catalog
    from archbo.evaluators import FunctionEvaluator
    from archbo.studies import request_of, work

    if n_trials < 1:
        raise UsageError(f"--queries must be at least 1; got {n_trials}")
    evaluations.check()
    stop = stopping.terminator(study.strategy)
    folder = evaluations.folder if evaluations.folder is not None else folder_of(url)
    evaluator = FunctionEvaluator(
        function, study.space, study.goal, folder=folder, timeout=evaluations.timeout
    )
    takes = evaluator.load()  # a wrong name is said before anything is asked for
    if evaluations.pruner is not None:
        if "report" not in takes:
            evaluator.close()
            raise UsageError(
                f"--pruner has no use: {function} takes no argument report, so that it reports nothing"
            )
        with about("--pruner"):
            study.pruner = catalog.PRUNERS[evaluations.pruner]()
    with progress_bar() as progress, terminable():
        show = _shown(progress, study, folder, n_trials, stop)
        show(study.log)
        try:
            work(
                study,
                lambda trial: evaluator.evaluate(request_of(study, trial, folder)),
                n_trials,
                n_workers=evaluations.workers,
                retries=evaluations.retries,
                stop=stop,
                callback=show,
            )
        except (KeyboardInterrupt, TerminatedError):
            remark(f"interrupted; the same command goes on with {url}")
            raise
        finally:
            evaluator.close()
    say(f"{url}: {_ending(study, n_trials, stop)}")
    say_best(study.log)


def _shown(
    progress: Progress, study: "Study", folder: Path, n_trials: int, stop: "Terminator | None"
) -> Callable[["Log"], None]:
    """A callback that moves a bar of trials, and says each new reason of failures once."""
    from archbo.log import State

    task = progress.add_task("trials", total=n_trials, note="")
    told = {trial.reason for trial in study.log.select(State.FAILED)}

    def show(log: "Log") -> None:
        for trial in log.select(State.FAILED):
            if trial.reason not in told:  # seen before all trials have failed of a typing error
                told.add(trial.reason)
                remark(f"failed: {trial.reason}; what was printed is in {folder}")
        progress.update(task, completed=log.n_ended - study.n_past, note=_note(log, stop))

    return show


def _ending(study: "Study", n_trials: int, stop: "Terminator | None") -> str:
    """How many trials came to what, and why there are no more where there are fewer than wanted."""
    log = study.log
    past = f", {study.n_past} of these known before" if study.n_past else ""
    pruned = f", {log.n_pruned} pruned" if log.n_pruned else ""
    ending = ""
    if stop is not None and stop(log):
        ending = f"; stopped at {stop.text(log)}"
    elif log.n_ended - study.n_past < n_trials:
        ending = f"; no architecture of {study.space.name} is left to try"
    return f"{log.n_told} told, {log.n_failed} failed{pruned}{past}{ending}"


def _note(log: "Log", stop: "Terminator | None") -> str:
    if log.goal.n_objectives > 1 or not log.winners:
        return f"{len(log.winners)} on the front" if log.winners else ""
    bound = stop.text(log) if stop is not None else ""
    return ", ".join(filter(None, [f"best {log.best[1]:.6g}", bound]))


def folder_of(url: str) -> Path:
    """Where a study's trials have their folders: beside its file, or here under the database's name."""
    if "://" not in url:
        return Path(url).with_suffix(".trials")
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", url.rpartition("/")[2].partition("?")[0])
    return Path(f"{name or 'study'}.trials")
