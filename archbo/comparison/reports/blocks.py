"""What a page is made of: sections of sentences, pictures and tables."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

__all__ = ["Link", "Picture", "Section", "Table", "on_page"]

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


@dataclass(frozen=True)
class Link:
    """A text that leads to a file."""

    text: str
    url: str


@dataclass(frozen=True)
class Table:
    """Rows of texts, each as long as the columns; texts in ``code`` columns are architectures or names."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Sequence[Link]]]
    code: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Picture:
    """A picture as SVG, and what it shows for those who do not see it."""

    svg: Markup
    alt: str

    @classmethod
    def of(cls, figure: Figure, name: str, alt: str) -> "Picture":
        """A figure that was drawn ``on_page``; its name is unique on the page."""
        file = StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
            figure.savefig(file, format="svg", transparent=True, metadata=nothing)
        svg = file.getvalue()
        svg = re.sub(r"<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
        # All pictures share one page, and so the names of their parts.
        svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
        for colour, variable in COLOURS.items():
            svg = svg.replace(colour, variable)
        return cls(Markup(svg), alt)


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


@contextmanager
def on_page() -> Iterator[None]:
    """Figures made within have lines and letters in the colour of the page's text; no text is read as mathematics."""
    parts = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    with mpl.rc_context({**dict.fromkeys(parts, INK), "text.parse_math": False}):
        yield
