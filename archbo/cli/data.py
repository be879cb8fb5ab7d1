"""``archbo data``: official files of benchmarks become tables."""

from dataclasses import dataclass
from pathlib import Path

import typer

from archbo.cli.options import CatalogCommand, check_output, command, option
from archbo.cli.terminal import progress_bar, say
from archbo.errors import UsageError

__all__ = ["data"]

data = typer.Typer(help="Files of published benchmarks.", no_args_is_help=True)


@data.callback()
def _group() -> None:
    """Files of published benchmarks."""


@dataclass(frozen=True)
class _Asked:
    format: str = option("", "One of {importers}.", metavar="FORMAT", kind=typer.Argument)
    files: list[Path] | None = option(
        None, "The official files, or a folder of them.", metavar="FILES...", kind=typer.Argument
    )
    out: Path | None = option(
        None, "The table, a .parquet file; FORMAT.parquet unless given.", metavar="FILE"
    )


@data.command("import", cls=CatalogCommand)
@command()
def import_files(asked: _Asked) -> None:
    """Make a table of the official files of a benchmark, for --table; docs/data.md says where they are.

    The table keeps the names, sizes and SHA-256 of the files, which 'archbo benchmarks --table FILE' shows.
    """
    from archbo import catalog
    from archbo.spaces.frames import few

    importer = catalog.IMPORTERS[asked.format]()
    out = asked.out if asked.out is not None else Path(f"{asked.format}.parquet")
    if out.suffix != ".parquet":
        raise UsageError(f"the table is a .parquet file; got {out}, give --out another name")
    check_output("--out", out)
    with progress_bar() as progress:
        task = progress.add_task(importer.name, total=None, note="")
        table = importer.read(
            asked.files or [],
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    table.write(out)
    say(f"{out}: {len(table.frame):,} architectures with {few(table.metrics, 6)}")
    say(str(table.provenance))
    say(f"use it: --table {out} --space {table.space.name}")
