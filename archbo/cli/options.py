"""Options that commands share, and what their texts mean."""

import csv
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand, TyperOption

from archbo.errors import ArchboError, UsageError

if TYPE_CHECKING:
    from typer._click import Context

__all__ = ["CatalogCommand", "about", "check_files", "check_repeats", "names_of", "numbers_of"]


class CatalogCommand(TyperCommand):
    """A command whose help lists names of the catalog, which is loaded when the help is shown.

    ``{predictors}`` in the help of an option stands for the names of the predictors, and so on.
    """

    def get_help(self, ctx: "Context") -> str:
        """The help, with names for the braces."""
        from archbo import catalog

        names: dict[str, Mapping[str, object]] = {
            "predictors": catalog.PREDICTORS,
            "encodings": catalog.ENCODINGS,
            "acquisitions": catalog.ACQUISITIONS,
            "candidates": catalog.CANDIDATES,
            "strategies": catalog.STRATEGIES,
            "spaces": catalog.SPACES,
        }
        lists = {kind: ", ".join(entries) for kind, entries in names.items()}
        for parameter in self.params:
            if isinstance(parameter, TyperOption) and parameter.help:
                parameter.help = parameter.help.format_map(lists)
        return super().get_help(ctx)


# What is searched.

BenchmarkName = Annotated[
    str | None,
    typer.Argument(metavar="BENCH", help="An embedded benchmark; see 'archbo benchmarks'."),
]
TableFile = Annotated[
    Path | None, typer.Option("--table", help="A Parquet or CSV table instead of BENCH.")
]
SpaceName = Annotated[
    str | None,
    typer.Option("--space", help="The table's space: a TOML file, or one of {spaces}."),
]
ArchColumn = Annotated[
    str, typer.Option("--arch-column", help="The table's column of architectures.")
]
Where = Annotated[
    str | None,
    typer.Option("--where", metavar="COLUMN", help="Keep rows where this boolean column is true."),
]
Proxies = Annotated[
    str | None,
    typer.Option(
        "--proxies",
        metavar="COLUMNS|FILE",
        help="What the encoding zero-cost sees: columns of the table, such as 'c10_zc_*', joined with commas; "
        "or a file of 'archbo proxies compute', whose parts by decision nodewise sees.",
    ),
]

# What is wanted.

ObjectiveColumn = Annotated[
    str | None, typer.Option("--objective", metavar="COLUMN", help="The column to maximise.")
]
Objectives = Annotated[
    str | None,
    typer.Option(
        "--objective",
        metavar="COLUMN[,-COLUMN...]",
        help="The column to maximise, or several joined with commas. A minus in front minimises; a plus maximises a "
        "column whose name begins with a minus, and double quotes hold a name with commas.",
    ),
]
SubjectTo = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN<=X", help="A bound on a column, <= or >=; may be repeated."),
]
Minimize = Annotated[bool, typer.Option("--minimize", help="Minimise the one objective instead.")]
Fidelities = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN=COST,...",
        help="Cheap evaluations and full ones with their costs, such as 'val_12=12,val_200=200'. The last gives the "
        "objective, and QUERIES of it are the budget. Where several columns depend on it, each names them joined "
        "with '+'; all other columns are the same for each.",
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN=X,...",
        help="The value of each objective above which hypervolume counts; inferred by the search unless given, and "
        "the table's worst values for its score.",
    ),
]
Report = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="A column to report of what is recommended."),
]

# How it is searched.

Predictor = Annotated[
    str,
    typer.Option(
        help="The surrogate, or one for each objective and bound joined with commas: {predictors}."
    ),
]
EncodingNames = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        help="What it sees, joined with '+'; its own default unless given: {encodings}.",
    ),
]
Acquisition = Annotated[
    str | None,
    typer.Option(
        help="How architectures are picked: {acquisitions}. Unless given log_ei, with bounds constrained_log_nei, with "
        "several objectives qlog_nehvi."
    ),
]
CandidateNames = Annotated[
    str,
    typer.Option("--candidates", help="Where architectures of the table come from: {candidates}."),
]
Cost = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Pick what is worth the most per unit of this column."),
]
WarmStart = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN[:N]",
        help="N random architectures (50) are known beforehand by this column in place of the first objective; or by "
        "columns joined with '+' in place of the first objectives and bounds. All others are known as they are.",
    ),
]
Baseline = Annotated[
    str, typer.Option(help="Methods beside it, joined with commas, or none: {strategies}.")
]
Queries = Annotated[int, typer.Option(help="The number of architectures to evaluate per search.")]
Repeats = Annotated[
    int, typer.Option(help="The number of searches, with seeds SEED, SEED + 1, ...")
]
Seed = Annotated[int, typer.Option(help="The first seed.")]
Batch = Annotated[
    int, typer.Option(metavar="Q", help="The number of architectures to ask for at a time.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the results to this file.")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="Draw the results to this file.")]


# What their texts mean.


@contextmanager
def about(option: str) -> Iterator[None]:
    """Errors name the option whose value they are about; the library knows arguments only."""
    try:
        yield
    except ArchboError as error:
        error.args = (f"{option}: {error}",)
        raise


def names_of(text: str, option: str, *, once: bool = True) -> list[str]:
    """The names that an option joins with commas.

    Raises:
        UsageError: One is empty, or is there twice where each is wanted once.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"{option} takes names joined with commas; got {text!r}")
    twice = {name for name in names if names.count(name) > 1}
    if once and twice:
        raise UsageError(f"{option} names {', '.join(sorted(twice))} twice; name each once")
    return names


def numbers_of(text: str | None, option: str, example: str) -> dict[str, float]:
    """The numbers that an option gives to names, such as ``a=1,b=2``; none where there is no text.

    Raises:
        UsageError: It is not that.
    """
    numbers: dict[str, float] = {}
    for part in next(csv.reader([text], skipinitialspace=True)) if text is not None else ():
        name, _, number = (piece.strip() for piece in part.rpartition("="))
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not name or name in numbers or not math.isfinite(value):
            raise UsageError(
                f"{option} takes each name once with a number, such as {example!r}; got {part!r} in {text!r}"
            )
        numbers[name] = value
    if text is not None and not numbers:
        raise UsageError(f"{option} takes names with numbers, such as {example!r}; got {text!r}")
    return numbers


def check_repeats(repeats: int, seed: int) -> None:
    """Raise unless there are that many seeds from ``seed`` on.

    Raises:
        UsageError: There are not.
    """
    if repeats < 1:
        raise UsageError(f"--repeats must be at least 1; got {repeats}")
    if not 0 <= seed < 2**31:
        raise UsageError(f"--seed must be between 0 and 2^31 - 1; got {seed}")


def check_files(
    json_file: Path | None, plot: Path | None, read: Mapping[str, Path | str | None] | None = None
) -> None:
    """Raise unless results can be written where they are wanted.

    Args:
        json_file: For the results.
        plot: For the picture.
        read: Files that are read, by their options; none of them is written over.

    Raises:
        UsageError: A folder is missing, a file cannot be written or is read or written twice, or the picture's format
            is unknown.
    """
    taken = {option: Path(file) for option, file in (read or {}).items() if file is not None}
    for option, file in (("--json", json_file), ("--plot", plot)):
        if file is None:
            continue
        folder = file.absolute().parent
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}; make it first")
        if file.is_dir():
            raise UsageError(f"cannot write {file}: it is a folder; give {option} a file")
        if not os.access(file if file.exists() else folder, os.W_OK):
            raise UsageError(f"cannot write {file}: permission denied; give {option} another file")
        for other, used in taken.items():
            if file.resolve() == used.resolve():
                raise UsageError(
                    f"{option} would write over {used}, the file of {other}; give another"
                )
        taken[option] = file
    if plot is not None:
        from archbo.comparison import check_format

        check_format(plot)
