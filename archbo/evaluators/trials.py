"""Evaluations of trials by a user's function, in this process or in any that it is sent to."""

from functools import lru_cache
from pathlib import Path
from typing import final

from archbo.errors import UsageError
from archbo.evaluators.child import ChildEvaluator, EvaluationError
from archbo.evaluators.function import Request, folder_of_trial, holds_files
from archbo.goals import Goal
from archbo.log import Trial
from archbo.spaces import SearchSpace

__all__ = ["FunctionEvaluator"]


@final
class FunctionEvaluator:
    """Evaluates trials by a user's function, each in a child process with a log and a timeout.

    It may be called from several threads, and sent to other processes and machines: children start where it is called,
    and are kept there for later trials.

    Args:
        function: The function, as ``load_function`` takes it. Other machines find a file at the same path.
        space: The space of the architectures.
        goal: Its metrics are wanted.
        folder: Where trials have their folders, ``trial-00000`` and so on; other machines use the same path.
        timeout: The most seconds that an evaluation may take; no limit unless given.

    Attributes:
        function: The function's name.

    Raises:
        UsageError: The timeout is not positive.
    """

    def __init__(
        self,
        function: str,
        space: SearchSpace,
        goal: Goal,
        *,
        folder: str | Path,
        timeout: float | None = None,
    ) -> None:
        self.function = function
        place, _, attribute = function.rpartition(":")
        if place.endswith(".py"):  # another process may have another working directory
            function = f"{Path(place).absolute()}:{attribute}"
        self._settings = function, space, goal, Path(folder).absolute(), timeout
        self._all: list[ChildEvaluator] = []
        self._idle = [self._new()]

    def __reduce__(self) -> tuple[object, ...]:
        return _in_this_process, self._settings

    def __call__(self, trial: Trial) -> dict[str, float]:
        """The metrics of a trial, wherever this is called; a learning curve goes nowhere.

        Raises:
            EvaluationError: As of ``evaluate``.
        """
        folder = folder_of_trial(self._settings[3], trial.number)
        checkpoint = folder if holds_files(folder) else None
        return self.evaluate(Request(trial.arch, trial.fidelity, folder, checkpoint))

    def evaluate(self, request: Request) -> dict[str, float]:
        """The metrics that are wanted, by a child that has nothing to do.

        Raises:
            EvaluationError: The function raised, returned no such metrics, took too long, or its process died.
            PrunedError: It was stopped by what ``report`` raised.
        """
        try:
            child = self._idle.pop()
        except IndexError:
            child = self._new()
        try:
            return child.evaluate(request)
        finally:
            self._idle.append(child)

    def load(self) -> tuple[str, ...]:
        """Start a child, so that a wrong name is said early; the names of the arguments that the function takes.

        Raises:
            UsageError: The function cannot be loaded.
        """
        child = self._idle[-1]
        try:
            return child.load()
        except EvaluationError as error:
            raise UsageError(f"cannot load {self.function}: {error}") from error

    def close(self) -> None:
        """End all children of this process; evaluations under way raise."""
        for child in self._all:
            child.close()

    def _new(self) -> ChildEvaluator:
        function, space, goal, _, timeout = self._settings
        child = ChildEvaluator(function, space, goal, timeout=timeout)
        self._all.append(child)
        return child


@lru_cache(maxsize=1)  # children of another search that used this process end
def _in_this_process(
    function: str, space: SearchSpace, goal: Goal, folder: Path, timeout: float | None
) -> FunctionEvaluator:
    """The evaluator that is used here, so that the next trial that is sent here finds its children."""
    return FunctionEvaluator(function, space, goal, folder=folder, timeout=timeout)
