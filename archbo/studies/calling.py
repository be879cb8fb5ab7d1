"""A user's function on the trials of a study: its folders, its checkpoints, its learning curve."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from archbo.errors import PrunedError
from archbo.evaluators import Request, call, metrics_of
from archbo.evaluators.function import folder_of_trial, holds_files
from archbo.log import Trial
from archbo.studies.study import Study
from archbo.studies.worker import Evaluate

__all__ = ["calling", "request_of"]


def calling(function: Callable[..., Any], study: Study, *, folder: str | Path) -> Evaluate:
    """What ``work`` evaluates trials with: a function, called in this process as the command line calls it.

    Args:
        function: Takes an architecture and, by name, what it wants of a ``Request``: ``fidelity``, ``folder``,
            ``checkpoint``, ``report``. It returns its metric, or a dict of metrics.
        study: The study that ``work`` is given.
        folder: Where trials have their folders.

    Example:
        >>> import tempfile
        >>> from archbo.bo_loop import RandomSearch
        >>> from archbo.spaces import CategoricalSpace
        >>> from archbo.studies import work
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> def train(arch, report):
        ...     for epoch in range(5):
        ...         report(epoch, arch["width"] * epoch)
        ...     return arch["width"] * 5
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     study = Study(f"{folder}/run.db", RandomSearch(space, seed=0))
        ...     log = work(study, calling(train, study, folder=folder), 3)
        >>> [len(trial.intermediate_values) for trial in study.optuna_study.trials]
        [5, 5, 5]
    """
    return partial(_called, function, study, Path(folder))


def _called(
    function: Callable[..., Any], study: Study, folder: Path, trial: Trial
) -> dict[str, float]:
    request = request_of(study, trial, folder)
    own = request.folder
    assert own is not None
    own.mkdir(parents=True, exist_ok=True)
    return metrics_of(study.goal, call(function, request))


def request_of(study: Study, trial: Trial, folder: Path) -> Request:
    """What is wanted of a user's function for a trial of a study.

    Args:
        study: The study.
        trial: A trial that this process evaluates.
        folder: Where trials have their folders. The trial's own carries the storage's number.
    """
    number = study.number(trial)
    own = folder_of_trial(folder, number)

    def report(step: int, value: float) -> None:
        if study.report(number, step, value):
            raise PrunedError

    # In a folder that is new to this study another one may have left files.
    earlier = [own] if study.attempts(number) else []
    before = study.log.predecessors(trial)
    earlier += [folder_of_trial(folder, study.number(one)) for one in before]
    checkpoint = next((path for path in earlier if holds_files(path)), None)
    return Request(trial.arch, trial.fidelity, own, checkpoint, report)
