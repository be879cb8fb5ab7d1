"""The tables of what is there, which the README and the documents hold."""

import re
from collections.abc import Callable
from typing import Any

from archbo.catalog import (
    ACQUISITIONS,
    BENCHMARKS,
    CANDIDATES,
    ENCODINGS,
    EVALUATORS,
    IMPORTERS,
    PREDICTORS,
    PRUNERS,
    SPACES,
    STRATEGIES,
    Registry,
)
from archbo.catalog.entry import Entry
from archbo.errors import DataError

__all__ = ["DOCUMENTS", "compact", "full", "renew"]

KINDS: tuple[tuple[str, Registry[Any]], ...] = (
    ("benchmarks", BENCHMARKS),
    ("spaces", SPACES),
    ("encodings", ENCODINGS),
    ("predictors", PREDICTORS),
    ("acquisitions", ACQUISITIONS),
    ("candidates", CANDIDATES),
    ("strategies", STRATEGIES),
    ("evaluators", EVALUATORS),
    ("pruners", PRUNERS),
    ("importers", IMPORTERS),
)
"""Each kind and its registry, in the order of the tables."""
DETAILS = frozenset({"evaluators", "pruners", "importers"})
"""The kinds that are in the full tables only; the README has no room for them."""
MARKS = re.compile(r"(<!-- catalog -->\n).*?(<!-- end -->)", re.DOTALL)
"""What stands between the marks in a document is generated."""


def compact() -> str:
    """One row for each kind of which searches are made, with the names of archbo's own entries, as Markdown."""
    shown = [(kind, registry) for kind, registry in KINDS if kind not in DETAILS]
    rows = [f"| {kind} | {_names(registry)} |" for kind, registry in shown]
    return "\n".join(["| | names |", "| --- | --- |", *rows])


def _names(registry: Registry[Any]) -> str:
    """The names joined with commas; those with a common folder are one, as a shell would write it."""
    folders: dict[str, list[str]] = {}
    for entry in registry.own:
        folder, slash, name = entry.name.rpartition("/")
        folders.setdefault(folder + slash, []).append(name)
    shown = []
    for folder, names in folders.items():
        shown += [f"`{folder}{{{','.join(names)}}}`"] if folder else [f"`{n}`" for n in names]
    return ", ".join(shown)


def full() -> str:
    """A section for each kind with all entries, as Markdown."""
    return "\n\n".join(
        f"## {kind.capitalize()}\n\n{registry.markdown()}" for kind, registry in KINDS
    )


def official() -> str:
    """The official files of each importer, as Markdown."""
    rows = [
        f"| `{importer.name}` | [`{file.name}`]({file.address}) | {file.size} | {file.check} | {importer.licence} |"
        for importer in map(Entry.__call__, IMPORTERS.own)
        for file in importer.files
    ]
    heading = ["| format | file | size | check | licence |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*heading, *rows])


DOCUMENTS: dict[str, Callable[[], str]] = {
    "README.md": compact,
    "docs/catalog.md": full,
    "docs/data.md": official,
}
"""The documents that hold a table, and what makes it."""


def renew(text: str, table: str) -> str:
    r"""A document with the table between its marks.

    Raises:
        DataError: It has no marks.

    Example:
        >>> print(renew("before\n<!-- catalog -->\nold\n<!-- end -->\nafter", "new"))
        before
        <!-- catalog -->
        new
        <!-- end -->
        after
    """
    if not MARKS.search(text):
        raise DataError("the document has no lines <!-- catalog --> and <!-- end -->")
    return MARKS.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)
