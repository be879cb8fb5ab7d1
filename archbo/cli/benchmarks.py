"""``archbo benchmarks``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from archbo.cli.options import Results
from archbo.cli.terminal import err, out, say, write_json

if TYPE_CHECKING:
    from archbo.benchmarks import Benchmark


def benchmarks(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the list to this file.")
    ] = None,
) -> None:
    """List the embedded benchmarks: sizes, metrics, where the data comes from; and the spaces of other tables."""
    from archbo import catalog

    Results(json_file).check()
    with err.status("reading benchmarks"):
        found = {name: catalog.benchmark(name) for name in catalog.BENCHMARKS}
    if json_file is not None:
        write_json(json_file, {"benchmarks": [_entry(*item) for item in found.items()]})
    table = Table()
    table.add_column("benchmark", no_wrap=True)
    table.add_column("architectures", justify="right")
    table.add_column("metrics, the default objective first", overflow="fold")
    sources: dict[str, str] = {}
    for name, benchmark in found.items():
        metrics = sorted(map(str, benchmark.metrics), key=benchmark.default_objective.__ne__)
        table.add_row(name, f"{len(benchmark):,}", ", ".join(metrics))
        sources.setdefault(benchmark.source, name.partition("/")[0])
    out.print(table)
    for source, name in sources.items():
        say(f"{name}: {source}")
    out.print("Any other table: --table FILE --space NAME|FILE.toml, where NAME is one of")
    spaces = Table(box=None, pad_edge=False, show_header=False)
    for name, entry in catalog.SPACES.items():
        spaces.add_row(f"  {name}", entry.summary, entry.paper)
    out.print(spaces)


def _entry(name: str, benchmark: "Benchmark") -> dict[str, object]:
    return {
        "benchmark": name,
        "space": benchmark.space.name,
        "architectures": len(benchmark),
        "metrics": list(benchmark.metrics),
        "objective": benchmark.default_objective,
        "source": benchmark.source,
    }
