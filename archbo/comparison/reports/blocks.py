"""What a page is made of: sections of sentences, pictures and tables."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from archbo.comparison.plots.style import styled

__all__ = ["ARCHS", "Link", "Picture", "Section", "Table", "breakable", "on_page"]

INK = "#010203"
"""Stands for the colour of the page's text while a picture is drawn."""
COLOURS = {
    INK: "currentColor",
    "#000000": "currentColor",
    "#1b6ca8": "var(--blue)",
    "#8a8f98": "var(--grey)",
    "#d1495b": "var(--red)",
    "#d9dce0": "var(--dots)",
}
"""The colours of pictures, which the page's style sheet sets for light and for dark."""


ARCHS = frozenset({0})
"""The columns of a table that begins with architectures."""


@dataclass(frozen=True)
class Link:
    """A text that leads to a file."""

    text: str
    url: str


@dataclass(frozen=True)
class Table:
    """Rows of texts, each as long as the columns; texts in ``code`` columns are long ones of machines."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Sequence[Link]]]
    code: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A picture as SVG, and what it shows for those who do not see it; a wide one is not made smaller but moved."""

    svg: Markup
    alt: str
    is_wide: bool = False

    @classmethod
    def of(cls, figure: Figure, name: str, alt: str, *, is_wide: bool = False) -> "Picture":
        """A figure that was drawn ``on_page``; its name is unique on the page."""
        file = StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with styled(), mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
            figure.savefig(file, format="svg", transparent=True, metadata=nothing)
        svg = file.getvalue()
        svg = re.sub(r"<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
        # All pictures share one page, and so the names of their parts.
        svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
        for colour, variable in COLOURS.items():
            svg = svg.replace(colour, variable)
        return cls(Markup(svg), alt, is_wide)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: The heading.
        verdict: What there is to say in a sentence or two.
        more: Further paragraphs.
        pictures: Drawn side by side where there is room.
        tables: Below the pictures.
        source: How it was computed, and after whom.
    """

    title: str
    verdict: str
    more: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    source: str = ""

    @property
    def anchor(self) -> str:
        """The name by which the page links to the section."""
        return re.sub(r"\W+", "-", self.title.lower())


def breakable(text: str) -> Markup:
    """A long text without spaces, which may be broken after commas and bars.

    Example:
        >>> breakable("width=8,op=<conv>")
        Markup('width=8,<wbr>op=&lt;conv&gt;')
    """
    return Markup(re.sub(r"([,|])", r"\1<wbr>", str(escape(text))))


@contextmanager
def on_page() -> Iterator[None]:
    """Figures made within have lines and letters in the colour of the page's text; no text is read as mathematics."""
    parts = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    settings: dict[Any, Any] = {**dict.fromkeys(parts, INK), "text.parse_math": False}
    with mpl.rc_context(settings):
        yield
