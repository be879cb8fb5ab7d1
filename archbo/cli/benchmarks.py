"""``archbo benchmarks``."""

from rich.table import Table

from archbo.cli.common import JsonFile, err, out, write_json


def benchmarks(json_file: JsonFile = None) -> None:
    """List the embedded benchmarks: sizes, metrics, where the data comes from."""
    from archbo import catalog

    with err.status("reading benchmarks"):
        found = {name: catalog.benchmark(name) for name in catalog.BENCHMARKS}
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
        out.print(f"{name}: {source}", markup=False, soft_wrap=True)
    spaces = ", ".join(catalog.SPACES)
    out.print(
        f"Any other table: --table FILE --space NAME, where NAME is one of {spaces}, or a .toml file.",
        markup=False,
        soft_wrap=True,
    )
    if json_file:
        rows = [
            {
                "benchmark": name,
                "space": benchmark.space.name,
                "architectures": len(benchmark),
                "metrics": list(benchmark.metrics),
                "objective": benchmark.default_objective,
                "source": benchmark.source,
            }
            for name, benchmark in found.items()
        ]
        write_json(json_file, {"benchmarks": rows})
