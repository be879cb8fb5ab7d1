"""What the commands share: options, reading a benchmark, progress, writing results."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from archbo.errors import UsageError

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark
    from archbo.proxies import ProxyTable

out, err = Console(highlight=False), Console(stderr=True, highlight=False)

BenchmarkName = Annotated[
    str | None,
    typer.Argument(metavar="BENCH", help="An embedded benchmark; see 'archbo benchmarks'."),
]
TableFile = Annotated[
    Path | None, typer.Option("--table", help="A Parquet or CSV table instead of BENCH.")
]
SpaceName = Annotated[
    str | None, typer.Option("--space", help="The table's space: a name, or a TOML file.")
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
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the results to this file.")]
PlotFile = Annotated[Path | None, typer.Option("--plot", help="Draw the results to this file.")]
Minimize = Annotated[bool, typer.Option("--minimize", help="Minimise it instead.")]


def names_of(text: str, option: str) -> list[str]:
    """The names that an option joins with commas.

    Raises:
        UsageError: One is empty, or is there twice.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f"{option} takes names joined with commas; got {text!r}")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"{option} names {', '.join(sorted(twice))} twice; name each once")
    return names


def check_repeats(repeats: int, seed: int) -> None:
    """Raise unless there are that many seeds from ``seed`` on.

    Raises:
        UsageError: There are not.
    """
    if repeats < 1:
        raise UsageError(f"--repeats must be at least 1; got {repeats}")
    if not 0 <= seed < 2**31:
        raise UsageError(f"--seed must be between 0 and 2^31 - 1; got {seed}")


def check_files(json_file: Path | None, plot: Path | None) -> None:
    """Raise unless results can be written where they are wanted.

    Raises:
        UsageError: A folder is missing, or the picture's format is unknown.
    """
    from archbo.comparison import check_format

    for file in (json_file, plot):
        if file and not file.absolute().parent.is_dir():
            raise UsageError(f"there is no folder {file.absolute().parent}; make it first")
    if plot:
        check_format(plot)


def load_benchmark(
    bench: str | None, table: Path | None, space: str | None, arch_column: str, where: str | None
) -> "Benchmark":
    """The benchmark that the options name.

    Raises:
        ArchboError: They name none, or it cannot be read.
    """
    from archbo import catalog
    from archbo.benchmarks import read_table

    if (bench is None) == (table is None):
        raise UsageError(
            "give either an embedded benchmark (see 'archbo benchmarks') or --table FILE --space NAME"
        )
    if bench is not None:
        if where or space:
            option = "--where" if where else "--space"
            raise UsageError(
                f"{option} belongs to --table FILE; {bench!r} is an embedded benchmark"
            )
        return catalog.benchmark(bench)
    assert table is not None
    if space is None:
        raise UsageError(
            f"--table {table} needs --space: one of {', '.join(catalog.SPACES)}, or a .toml file"
        )
    return read_table(table, catalog.space(space), arch_column=arch_column, where=where)


def load_proxies(benchmark: "Benchmark", text: str | None) -> "ProxyTable | None":
    """What ``--proxies`` names: columns of a benchmark's table, or a file of scores.

    Raises:
        UsageError: A file is named beside other things.
        DataError: There is no such column, or the file is no file of scores.
    """
    from archbo.proxies import ProxyTable

    if text is None:
        return None
    names = names_of(text, "--proxies")
    files = [name for name in names if Path(name).suffix in (".parquet", ".csv")]
    if not files:
        return ProxyTable.from_benchmark(benchmark, names)
    if len(names) > 1:
        raise UsageError(
            f"--proxies takes one file of scores or columns of the table; got {text!r}, "
            f"give {files[0]} alone or leave it out"
        )
    return ProxyTable.read(files[0], benchmark.space)


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


def milestones(queries: int) -> list[int]:
    """After how many queries a table tells where searches of so many stand."""
    return [n for n in (10, 20, 30, 50, 100, 200, 500, 1000) if n < queries] + [queries]


def write_json(path: Path, content: object) -> None:
    """Write a file of strict JSON.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
