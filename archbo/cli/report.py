"""``archbo report``: a study on one page."""

from dataclasses import dataclass
from pathlib import Path

from archbo.cli.options import command, option
from archbo.cli.own_code import folder_of
from archbo.cli.studies import Begun
from archbo.cli.terminal import progress_bar, say

__all__ = ["report"]


@dataclass(frozen=True)
class _Page:
    html: Path | None = option(None, "The page; beside the study unless given.", "--html")
    folder: Path | None = option(
        None, "Where trials have their folders; beside the study unless given."
    )


@command()
def report(study: Begun, page: _Page) -> None:
    """Write what a study has found, and what is to be thought of it, as an HTML page."""
    from archbo.comparison import write_report

    kept = study.load()
    folder = page.folder if page.folder is not None else folder_of(study.study)
    path = page.html if page.html is not None else folder.with_suffix(".html")
    with progress_bar() as progress:
        task = progress.add_task("report", total=None, note="")

        def show(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        verdicts = write_report(kept, path, folder=folder, callback=show)
    for title, verdict in verdicts.items():
        say(f"{title}: {verdict}")
    say(f"page: {path}")
