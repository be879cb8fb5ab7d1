"""``archbo space``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from archbo.cli.options import Results, command, option
from archbo.cli.terminal import deliver, out, print_lines, say

if TYPE_CHECKING:
    from archbo.spaces import Arch, SearchSpace

__all__ = ["space"]

SAMPLES = 3
"""The number of architectures that are drawn at random and shown, which fit on a screen."""


@dataclass(frozen=True)
class _Which:
    space: str = option(
        "",
        "The space: a TOML file, or one of the catalog.",
        metavar="NAME|FILE",
        kind=typer.Argument,
    )
    seed: int = option(0, "Of the architectures that are shown.")


@command()
def space(which: _Which, results: Results) -> None:
    """Tell what a space is: its size, its decisions, and some of its architectures; --plot draws the first of these."""
    from archbo import catalog
    from archbo.comparison import draw_arch
    from archbo.randomness import generator

    file = which.space if which.space.endswith(".toml") else None
    results.check({"SPACE": file})
    found = catalog.space(which.space)
    archs = found.archs(found.sample(SAMPLES, generator=generator(which.seed)))
    deliver(
        results,
        lambda: _content(found, archs),
        lambda: draw_arch(archs[0]),
        lambda: _show(found, archs),
    )


def _kind(space: "SearchSpace") -> str:
    from archbo.spaces import kind_of

    return kind_of(space) or type(space).__name__


def _content(space: "SearchSpace", archs: "list[Arch]") -> dict[str, object]:
    return {
        "space": space.name,
        "kind": _kind(space),
        "size": space.size if space.is_finite else "infinite",
        "columns": {
            column: list(decision.names) or decision.content
            for column, decision in space.finders.items()
        },
        "active_if": {
            column: {parent: list(values) for parent, values in decision.active_if.items()}
            for column, decision in space.finders.items()
            if decision.active_if
        },
        "zero": sorted(space.zero_ops),
        "identity": sorted(space.identity_ops),
        "samples": list(map(str, archs)),
    }


def _show(space: "SearchSpace", archs: "list[Arch]") -> None:
    lines = {
        "space": space.name,
        "kind": _kind(space),
        "size": (space.extent if space.is_finite else "infinite") + space.rule,
        "zero": ", ".join(sorted(space.zero_ops)),
        "identity": ", ".join(sorted(space.identity_ops)),
    }
    print_lines({label: text for label, text in lines.items() if text})
    heads = ["only if"] if any(decision.active_if for decision in space.decisions) else []
    table = Table("column", "choices", *heads, box=None, pad_edge=False)
    for column, decision in space.finders.items():
        conditions = " and ".join(
            f"{parent} is {' or '.join(map(str, values))}"
            for parent, values in decision.active_if.items()
        )
        texts = [column, decision.described, conditions]
        table.add_row(*map(escape, texts[: 2 + len(heads)]))
    out.print(table)
    for arch in archs:
        say(str(arch))
