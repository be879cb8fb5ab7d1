"""The options of a measurement, and what a measurement is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from archbo.errors import UsageError
from perf.section import Section

__all__ = ["Measurement", "Settings"]


@dataclass(frozen=True)
class Settings:
    """How much to measure.

    Attributes:
        table: The path of NAS-Bench-201's table.
        repeats: The number of repeats, with the seeds from 0 on.
        workers: The number of processes.
        size: How large one repeat is, as the measurement says; 0 where it has one size only.
        only: Patterns of the rows to measure.
        cache: A folder in which scores are kept and looked up, if any.
    """

    table: Path
    repeats: int
    workers: int = 1
    size: int = 0
    only: tuple[str, ...] = ("*",)
    cache: Path | None = None

    @property
    def seeds(self) -> range:
        """The seeds of the repeats."""
        return range(self.repeats)

    def wanted(self, rows: Iterable[str]) -> list[str]:
        """The rows to measure, in their order.

        Raises:
            UsageError: There are none.
        """
        names = list(rows)
        found = [name for name in names if any(fnmatchcase(name, each) for each in self.only)]
        if not found:
            raise UsageError(
                f"no row is called {' or '.join(self.only)}; there are {', '.join(names)}"
            )
        return found


@dataclass(frozen=True)
class Measurement:
    """A measurement and its usual settings.

    Attributes:
        measure: Gives the section.
        repeats: The number of repeats unless given.
        size: How large one repeat is unless given; 0 where it has one size only.
        unit: What ``size`` is the number of.
        has_rows: Whether it can be made of some of its rows only.
        has_workers: Whether its repeats can run in several processes; otherwise it runs in this one, with all of its
            threads.
        has_cache: Whether its scores can be kept.
    """

    measure: Callable[[Settings], Section]
    repeats: int
    size: int = 0
    unit: str = ""
    has_rows: bool = True
    has_workers: bool = True
    has_cache: bool = False
