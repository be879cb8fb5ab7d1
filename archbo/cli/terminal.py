"""What people see: standard output, warnings, progress; and results on their way to files."""

import json
import math
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from archbo.cli.options import Results
from archbo.errors import ArchboError, UsageError
from archbo.files import write_whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = [
    "TerminatedError",
    "abandon_output",
    "deliver",
    "err",
    "out",
    "print_lines",
    "print_numbers",
    "progress_bar",
    "remark",
    "say",
    "show_each_warning_once",
    "terminable",
    "write_json",
]


class _Console(Console):
    """A console that lets a closed pipe be an error like any other of an output that cannot be written."""

    def on_broken_pipe(self) -> None:
        error = sys.exception()
        assert error is not None
        raise error


out, err = _Console(highlight=False), _Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print a line as it is, however long."""
    out.print(text, markup=False, soft_wrap=True)


def remark(text: str) -> None:
    """The same on standard error."""
    err.print(text, markup=False, soft_wrap=True)


def print_lines(lines: dict[str, str]) -> None:
    """Print texts behind their labels."""
    width = max(map(len, lines))
    for label, text in lines.items():
        say(f"  {label:<{width}}  {text}")


def print_numbers(frame: "pd.DataFrame", formats: Sequence[str], note: str = "") -> None:
    """Print a frame of numbers in the formats of its columns, behind the names in its index."""
    table = Table(box=None, pad_edge=False, caption=note, caption_justify="left")
    for heading in frame.index.names:
        table.add_column(str(heading))
    for heading in frame:
        table.add_column(str(heading), justify="right", no_wrap=True)
    for index, *numbers in frame.itertuples(name=None):
        names = index if isinstance(index, tuple) else (index,)
        table.add_row(*map(str, names), *map(format, numbers, formats))
    out.print(table)


def show_each_warning_once() -> None:
    """Print warnings as one line each, and the same text once, however many searches give it."""
    shown: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        text = " ".join(str(message).split())
        if text not in shown:
            shown.add(text)
            remark(f"warning: {text}")

    warnings.showwarning = show


def abandon_output() -> None:
    """Let standard output end quietly: it cannot be written, and Python would say so once more at exit."""
    stream = sys.__stdout__
    if stream is not None and sys.stdout is stream:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def progress_bar() -> Progress:
    """A progress bar on standard error; a task's field ``note`` is shown behind it."""
    return Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=err,
    )


def write_json(path: Path, content: object) -> None:
    """Write a file of strict JSON, whole; what is no finite number is null.

    Raises:
        UsageError: It cannot be written.
    """
    text = json.dumps(_strict(content), indent=1, allow_nan=False) + "\n"
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def _strict(content: object) -> object:
    if isinstance(content, dict):
        return {key: _strict(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_strict(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def deliver(
    results: Results,
    content: Callable[[], object],
    draw: "Callable[[], Figure]",
    show: Callable[[], None],
    texts: Mapping[Path, Callable[[], str]] | None = None,
) -> None:
    """Write results, draw them, and show them, in that order; each is done though another fails.

    Args:
        results: Where they go.
        content: What is written as JSON.
        draw: The picture.
        show: Prints them.
        texts: Other files, and what is written to each.

    Raises:
        UsageError: One of them failed.
    """
    from archbo.comparison import save_figure

    json_file, plot = results.json_file, results.plot
    problems: list[str] = []
    if json_file is not None:
        problems += _problems(f"write {json_file}", lambda: write_json(json_file, content()))
    for path, text in (texts or {}).items():
        problems += _problems(f"write {path}", partial(_write_text, path, text))
    undrawn: list[str] = []
    if plot is not None:
        undrawn = _problems(f"draw {plot}", lambda: save_figure(draw(), plot))

    def tell() -> None:
        show()
        if plot is not None and not undrawn:
            say(f"picture: {plot}")

    problems += [*undrawn, *_problems("show the results", tell)]
    if problems:
        raise UsageError("; ".join(problems))


def _write_text(path: Path, text: Callable[[], str]) -> None:
    content = text()
    write_whole(path, lambda part: part.write_text(content, encoding="utf-8"))


def _problems(what: str, step: Callable[[], None]) -> list[str]:
    """What keeps a step from being done, if anything does."""
    try:
        step()
    except ArchboError as error:
        return [str(error)]
    except OSError as error:
        abandon_output()
        return [f"cannot {what}: {error.strerror or error}"]
    except Exception as error:  # whatever it is, the other steps are worth doing
        return [f"cannot {what}: {type(error).__name__}: {error}"]
    return []


class TerminatedError(BaseException):
    """The process was asked to end."""


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block with an error, as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
