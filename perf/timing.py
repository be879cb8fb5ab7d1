"""Timing of alternatives in turn, so that a drifting machine is the same for all."""

import statistics
import time
from collections.abc import Callable, Mapping

__all__ = ["medians"]


def medians(runs: Mapping[str, Callable[[], object]], *, repeats: int = 5) -> dict[str, float]:
    """The median seconds of each run, all run in turn ``repeats`` times after one warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, call in runs.items():
            started = time.perf_counter()
            call()
            if repeat:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}
