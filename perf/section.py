"""What a measurement gives: a section of ``docs/performance.md``."""

import os
import platform
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from archbo.errors import UsageError
from archbo.files import write_whole

__all__ = ["PAGE", "Grid", "Section", "conditions", "replace"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
"""The page that ``--write`` writes to."""
LIBRARIES = ("archbo", "torch", "botorch", "gpytorch", "scikit-learn", "xgboost-cpu", "xgboost")
"""The packages whose versions are told, where they are installed."""
WIDTH = 120
"""The length of the page's lines."""


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        header: The names of the columns; the first is that of the rows and may be empty.
        rows: Their cells.
        caption: What the table shows, in a sentence; nothing where the section's title says it.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def markdown(self) -> str:
        """The caption, if there is one, and the table."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"{self.caption}\n\n{table}" if self.caption else table


@dataclass(frozen=True)
class Section:
    """Tables, and what there is to say of them.

    Attributes:
        title: What is measured.
        tables: At least one.
        notes: Paragraphs below the tables.
    """

    title: str
    tables: Sequence[Grid]
    notes: Sequence[str] = field(default_factory=tuple)

    def markdown(self, command: str, conditions: str) -> str:
        """The section, with the command that gives it and the conditions that it was measured under."""
        parts = [f"### {self.title}", f"`{command}`"]
        parts += [table.markdown() for table in self.tables]
        return "\n\n".join([*parts, *map(_wrapped, [*self.notes, f"*{conditions}*"])])


def conditions(repeats: int, workers: int, threads: int = 1) -> str:
    """Seeds, processes and the threads of each, machine, versions and date, in two sentences."""
    seeds = "Seed 0" if repeats == 1 else f"Seeds 0 to {repeats - 1}"
    processes = "one process" if workers == 1 else f"{workers} processes"
    versions = [f"{name} {installed}" for name in LIBRARIES if (installed := _version(name))]
    return (
        f"{seeds}, {processes} of {'one thread' if threads == 1 else f'{threads} threads'}. {os.cpu_count()} processors ({_processor()}), {platform.system()}; "
        f"Python {platform.python_version()}, {', '.join(versions)}; {datetime.now(UTC):%Y-%m-%d} UTC."
    )


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:  # PackageNotFoundError is one
        return None


def _processor() -> str:
    """The model of the processors, as far as the system tells."""
    facts = Path("/proc/cpuinfo")
    found = (
        re.search(r"^model name\s*:\s*(.+)$", facts.read_text(), re.M) if facts.is_file() else None
    )
    return found[1].strip() if found else platform.processor() or platform.machine()


def replace(page: Path, name: str, markdown: str) -> None:
    """Put a section in the place of the one of that name.

    Raises:
        UsageError: The page cannot be read or written, or has no such section.
    """
    start, end = f"<!-- perf: {name} -->", "<!-- end -->"
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {page}: {error.strerror or error}") from error
    before, found, after = text.partition(start)
    _, closed, after = after.partition(end)
    if not (found and closed):
        raise UsageError(f"{page} has no section between {start} and {end}; add the two lines")
    content = f"{before}{start}\n{markdown}\n{end}{after}"
    write_whole(page, lambda part: part.write_text(content, encoding="utf-8"))
