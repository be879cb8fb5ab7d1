"""``archbo benchmarks``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from archbo.cli.options import Results
from archbo.cli.terminal import err, out, print_lines, say, write_json
from archbo.errors import DataError

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark


def benchmarks(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the list to this file.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Tell what this table of 'archbo data import' was made from instead."),
    ] = None,
) -> None:
    """List the embedded benchmarks: sizes, metrics, where the data comes from; and the spaces of other tables."""
    from archbo import catalog

    Results(json_file).check({"--table": table})
    if table is not None:
        _tell(table, json_file)
        return
    with err.status("reading benchmarks"):
        found = {name: catalog.benchmark(name) for name in catalog.BENCHMARKS}
    if json_file is not None:
        write_json(json_file, {"benchmarks": [_entry(*item) for item in found.items()]})
    shown = Table()
    shown.add_column("benchmark", no_wrap=True)
    shown.add_column("architectures", justify="right")
    shown.add_column("metrics, the default objective first", overflow="fold")
    sources: dict[str, str] = {}
    for name, benchmark in found.items():
        metrics = sorted(map(str, benchmark.metrics), key=benchmark.default_objective.__ne__)
        shown.add_row(name, f"{len(benchmark):,}", ", ".join(metrics))
        sources.setdefault(benchmark.source, name.partition("/")[0])
    out.print(shown)
    for source, name in sources.items():
        say(f"{name}: {source}")
    out.print("Any other table: --table FILE --space NAME|FILE.toml, where NAME is one of")
    spaces = Table(box=None, pad_edge=False, show_header=False)
    for name, entry in catalog.SPACES.items():
        spaces.add_row(f"  {name}", entry.summary, entry.paper)
    out.print(spaces)


def _tell(table: Path, json_file: Path | None) -> None:
    """What a table was made from."""
    from archbo.benchmarks.importers import read_provenance

    found = read_provenance(table)
    if found is None:
        raise DataError(
            f"{table} does not say what it was made from; 'archbo data import' makes tables that do"
        )
    if json_file is not None:
        write_json(json_file, asdict(found))
    files = {file.name: str(file).removeprefix(f"{file.name} ") for file in found.sources}
    made = {"format": found.format, "space": found.space, "address": found.address}
    said = {"licence": found.licence, "imported": f"by archbo {found.archbo} on {found.date}"}
    say(str(table))
    print_lines(made | files | said)


def _entry(name: str, benchmark: "Benchmark") -> dict[str, object]:
    return {
        "benchmark": name,
        "space": benchmark.space.name,
        "architectures": len(benchmark),
        "metrics": list(benchmark.metrics),
        "objective": benchmark.default_objective,
        "source": benchmark.source,
    }
