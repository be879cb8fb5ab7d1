"""What it costs to keep a search in a study."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from archbo import catalog
from archbo.bo_loop import Optimizer, RandomSearch
from archbo.log import Trial
from archbo.studies import Study
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings

__all__ = ["MEASUREMENT"]

MEMORY = "in memory"
KEPT = {MEMORY: "", "a SQLite file": "run.db", "a journal": "run.journal"}
TIMED = 50
"""The number of trials that are timed, the last ones."""
LIMIT = 50
"""Milliseconds: what a trial in a SQLite file is to take more than one in memory."""


@dataclass(frozen=True)
class Task:
    """A search whose last trials are timed."""

    kept: str
    trials: int
    seed: int

    def __str__(self) -> str:
        return f"{self.kept}, seed {self.seed}"


def milliseconds(task: Task) -> tuple[float, float]:
    """The median time of a trial that takes none itself, and that of the processor."""
    strategy = RandomSearch(catalog.space("nb201"), seed=task.seed)
    with tempfile.TemporaryDirectory() as folder:
        if task.kept == MEMORY:
            optimizer = Optimizer(strategy)
            return _timed(lambda: optimizer.ask_trials()[0], optimizer.tell, task.trials)
        study = Study(Path(folder) / KEPT[task.kept], strategy)
        return _timed(lambda: study.begin()[1], study.tell, task.trials)


def _timed(
    ask: Callable[[], Trial], tell: Callable[[list[Trial], list[float]], None], n_trials: int
) -> tuple[float, float]:
    seconds, processor = [], []
    for _ in range(n_trials):
        started, busy = time.perf_counter(), time.process_time()
        trial = ask()
        tell([trial], [sum(trial.arch.row)])
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - busy)
    return 1000 * median(seconds[-TIMED:]), 1000 * median(processor[-TIMED:])


def measure(settings: Settings) -> Section:
    """The median time per trial, over the repeats, kept in memory and in studies."""
    tasks = [Task(kept, settings.size, seed) for kept in KEPT for seed in settings.seeds]
    found = dict(zip(tasks, each(milliseconds, tasks, workers=settings.workers), strict=True))
    medians = {
        kept: [median(found[Task(kept, settings.size, s)][i] for s in settings.seeds) for i in (0, 1)]
        for kept in KEPT
    }  # fmt: skip
    rows = [
        [kept, f"{wall:.1f}", f"{wall - medians[MEMORY][0]:.1f}", f"{busy:.1f}"]
        for kept, (wall, busy) in medians.items()
    ]
    header = ["kept", "ms per trial", "more than in memory", "ms of the processor"]
    return Section(
        "Overhead of a study",
        [Grid(header, rows)],
        [
            f"Asking for a trial and telling its value, in NAS-Bench-201's space of six columns, by random search; the "
            f"median of the last {TIMED} of {settings.size} trials. In a SQLite file a trial is to take less than {LIMIT} ms "
            "more than in memory."
        ],
    )


MEASUREMENT = Measurement(measure, repeats=3, size=500, unit="trials", has_rows=False)
