"""A user's own function: found by its name, called with the arguments it has, its result read."""

import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.spaces import Arch

__all__ = [
    "LOG",
    "Report",
    "Request",
    "call",
    "extras_of",
    "folder_of_trial",
    "holds_files",
    "load_function",
    "metrics_of",
]

LOG = "log.txt"
"""The file in a trial's folder that holds what was printed; it is no checkpoint."""

Report: TypeAlias = Callable[[int, float], None]
"""Takes a step, such as the epoch, and the value that the first objective has reached there, in its own unit."""


def _unheard(step: int, value: float) -> None:
    """A report that goes nowhere."""


@dataclass(frozen=True)
class Request:
    """An evaluation that is wanted of a user's function; beside ``arch`` it gets what it has arguments for.

    Attributes:
        arch: The architecture.
        fidelity: What to evaluate it at, if the goal has fidelities.
        folder: The trial's own, for checkpoints and pictures; it is the same when the trial is begun again.
        checkpoint: The folder in which an earlier training of the architecture left files, to go on from: the trial's
            own, or that of a trial at a cheaper fidelity; None where there was no such training.
        report: Keeps a point of the learning curve. It raises ``PrunedError`` where the training is to stop.
    """

    arch: Arch
    fidelity: str | None = None
    folder: Path | None = None
    checkpoint: Path | None = None
    report: Report = _unheard


def load_function(name: str) -> Callable[..., Any]:
    """The function that ``module:function`` or ``./file.py:function`` names.

    Raises:
        UsageError: There is no such file, module or function, or it is none.
    """
    place, colon, attribute = name.rpartition(":")
    if not colon or not place or not attribute:
        raise UsageError(f"a function is named MODULE:FUNCTION or ./FILE.py:FUNCTION; got {name!r}")
    module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    function = getattr(module, attribute, None)
    if not callable(function):
        raise UsageError(f"{place} has no function {attribute!r}")
    loaded: Callable[..., Any] = function
    return loaded


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    # What lies beside the file can be imported by it, as when it is run.
    folder = str(path.absolute().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _from_module(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(f"there is no module {name!r}: {error}") from error


def call(function: Callable[..., Any], request: Request) -> Any:  # noqa: ANN401 - the user's own
    """What a function gives for an architecture; it is called with the rest of the request by name, where it takes it.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> call(lambda arch, fidelity: (arch["width"], fidelity), Request(space.arch("width=8"), "short"))
        (8, 'short')
    """
    return function(request.arch, **{name: getattr(request, name) for name in extras_of(function)})


def extras_of(function: Callable[..., Any]) -> list[str]:
    """What a function takes of a request by name, beside the architecture."""
    takes = inspect.signature(function).parameters
    return [one.name for one in fields(Request) if one.name != "arch" and one.name in takes]


def metrics_of(goal: Goal, result: object) -> dict[str, float]:
    """A goal's metrics in what a function returned: a number, or metrics by name.

    Raises:
        ValueError: It is neither, a metric is missing, or one is no finite number; the message says which.
    """
    if isinstance(result, Mapping):
        named = {str(name): value for name, value in result.items()}
    elif len(goal.metrics) == 1:
        named = {goal.metrics[0]: result}
    else:
        kind = type(result).__name__
        raise ValueError(f"it returned no dict of {', '.join(goal.metrics)}, but {kind}")
    metrics = {}
    for name in goal.metrics:
        if name not in named:
            raise ValueError(f"it returned no {name!r}, but {', '.join(named) or 'nothing'}")
        try:
            number = float(named[name])
        except (TypeError, ValueError):
            raise ValueError(f"{name} is {named[name]!r}, which is no number") from None
        if not math.isfinite(number):
            raise ValueError(f"{name} is {number}")
        metrics[name] = number
    return metrics


def folder_of_trial(folder: Path, number: int) -> Path:
    """A trial's own folder among those of all trials."""
    return folder / f"trial-{number:05d}"


def holds_files(folder: Path) -> bool:
    """Whether a trial's folder has files of a training in it, beside what was printed."""
    return folder.is_dir() and any(path.name != LOG for path in folder.iterdir())
