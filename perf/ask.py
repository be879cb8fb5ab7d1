"""Seconds that one ask takes at 150 observations over all of NAS-Bench-201, and the peak memory."""

import time
from dataclasses import dataclass
from statistics import median

from archbo.bo_loop import Bayesian, Optimizer
from archbo.log import Log
from archbo.randomness import generator
from perf.processes import each, peak_memory
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import EMBEDDED, everything, load

__all__ = ["MEASUREMENT"]

ASKS, TIMED = 30, 10
"""The number of asks before time is taken, and of those that are timed."""
LIMIT = 0.4
"""Seconds: what an ask is to stay under."""


@dataclass(frozen=True)
class Task:
    """A search that is timed once it has its observations."""

    observations: int
    seed: int

    def __str__(self) -> str:
        return f"seed {self.seed}"


@dataclass(frozen=True)
class Asks:
    """The seconds of each timed ask, those of the processor, and the most memory of the process, in GiB."""

    seconds: tuple[float, ...]
    processor: tuple[float, ...]
    memory: float


def time_asks(task: Task) -> Asks:
    """Tell random cells, ask and tell 30 more, then time ten asks, each told before the next."""
    benchmark = load(EMBEDDED)
    space, tabular = benchmark.space, benchmark.evaluator()
    n_told = max(task.observations - ASKS, 1)
    rows = everything(benchmark).random(
        n_told, avoid=benchmark.X[:0], generator=generator(task.seed)
    )
    strategy = Bayesian(space, tabular.goal, candidates=everything(benchmark), seed=task.seed)
    optimizer = Optimizer(strategy, log=Log(space, tabular.goal))
    archs = space.archs(rows)
    optimizer.tell(archs, [tabular(arch) for arch in archs])
    seconds, processor = [], []
    for _ in range(ASKS + TIMED):
        started, busy = time.perf_counter(), time.process_time()
        asked = optimizer.ask()
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - busy)
        optimizer.tell(asked, [tabular(arch) for arch in asked])
    return Asks(tuple(seconds[ASKS:]), tuple(processor[ASKS:]), peak_memory())


def measure(settings: Settings) -> Section:
    """The median and the longest ask over several searches, each in a process of its own."""
    tasks = [Task(settings.size, seed) for seed in settings.seeds]
    found = each(time_asks, tasks, workers=settings.workers, fresh=True)
    seconds = [second for asks in found for second in asks.seconds]
    row = [
        str(settings.size),
        f"{median(seconds):.3f}",
        f"{max(seconds):.3f}",
        f"{median(second for asks in found for second in asks.processor):.3f}",
        f"{max(asks.memory for asks in found):.2f}",
    ]
    header = [
        "observations",
        "s per ask, median",
        "longest",
        "s of the processor, median",
        "peak GiB",
    ]
    return Section(
        "One ask",
        [Grid(header, [row])],
        [
            f"The default search over all 15,625 cells of the table that is shipped: {TIMED} asks are timed in each "
            f"repeat, each with its fit, after {ASKS} that are not. The median is to stay under {LIMIT:g} s; where the "
            "machine has other work to do, the processor's seconds count."
        ],
    )


MEASUREMENT = Measurement(measure, repeats=3, size=150, unit="observations", has_rows=False)
