"""Evaluations in a folder, so that what was measured once is not measured again."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

import numpy as np

from archbo.benchmarks import Tabular
from archbo.comparison.content import LIBRARIES, digest
from archbo.comparison.evaluation import ARRAYS, Evaluation
from archbo.errors import DataError, UsageError
from archbo.files import write_whole
from archbo.predictors import Predictor

__all__ = ["Job", "KeptEvaluations", "Name"]

FORMAT = 1
"""Of kept results; those of another are not found."""
Name: TypeAlias = str | tuple[str, str]
"""What a predictor is called, or what it and its encoding are."""


@dataclass(frozen=True)
class Job:
    """One evaluation to make."""

    name: Name
    size: int
    seed: int

    @property
    def names(self) -> tuple[str, str]:
        """The names of the predictor and its encoding."""
        return self.name if isinstance(self.name, tuple) else (self.name, "default")


class KeptEvaluations:
    """Evaluations in a folder, a file for each, named after the content that it follows from."""

    def __init__(
        self,
        folder: Path,
        tabular: Tabular,
        predictors: Mapping[Name, Predictor],
        hold_out_twins: bool,
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"results cannot be kept in {folder}: {error.strerror or error}; give another folder"
            ) from error
        self.folder, self.tabular = folder, tabular
        X, Y = tabular.benchmark.X[tabular.known], tabular.gains[tabular.known, :1]
        shared = digest(FORMAT, _versions(), tabular.benchmark.space, X, Y, hold_out_twins)
        self._keys = {name: digest(shared, each) for name, each in predictors.items()}

    def _path(self, job: Job) -> Path:
        return self.folder / f"{digest(self._keys[job.name], job.size, job.seed)}.json"

    def get(self, job: Job) -> Evaluation | None:
        """What is kept of a job, under the names that it has now."""
        path = self._path(job)
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))["evaluation"]
            arrays = {name: np.array(content[name], dtype=np.float64) for name in ARRAYS}
            found = Evaluation(**{**content, **arrays})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is no evaluation that archbo kept ({error}); delete it"
            ) from error
        predictor, encoding = job.names
        return replace(found, predictor=predictor, encoding=encoding)

    def put(self, job: Job, evaluation: Evaluation) -> None:
        """Keep an evaluation."""
        values = {
            key: value.tolist() if key in ARRAYS else value
            for key, value in asdict(evaluation).items()
        }
        about = {"benchmark": self.tabular.benchmark.name, "goal": str(self.tabular.goal)}
        text = json.dumps({"of": about | _versions(), "evaluation": values}, indent=1) + "\n"
        write_whole(self._path(job), lambda part: part.write_text(text, encoding="utf-8"))


def _versions() -> dict[str, str]:
    """What results may change with: Python and the packages whose code is told by their version."""
    found = {"python": platform.python_version()}
    for package in LIBRARIES.values():
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found
