"""How pictures look: one style sheet for all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import matplotlib as mpl

__all__ = ["DOTS", "GREY", "Look", "looks", "styled"]

GREY = "#8a8f98"
"""Guides, arrows and what the eye should pass over."""
DOTS = "#d9dce0"
"""A cloud of dots in the background."""

LINES = ("-", "--", "-.", ":")
"""Line styles in turn; as many as share no divisor with the number of colours."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Markers in turn, likewise."""


@cache
def _sheet() -> mpl.RcParams:
    path = Path(__file__).with_name("archbo.mplstyle")
    return mpl.rc_params_from_file(path, use_default_template=False)


@contextmanager
def styled() -> Iterator[None]:
    """Pictures made within look as the style sheet says; matplotlib's settings are the caller's own again afterwards.

    It serves as a decorator of functions that draw, too.
    """
    with mpl.rc_context(_sheet()):
        yield


@dataclass(frozen=True)
class Look:
    """How one of several methods is drawn: in print, too, it is told from the others.

    Attributes:
        color: Of the style sheet.
        linestyle: Of lines.
        marker: Of points.
    """

    color: str
    linestyle: str
    marker: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each name; those of 28 names differ."""
    colours = _sheet()["axes.prop_cycle"].by_key()["color"]
    each = map(Look, cycle(colours), cycle(LINES), cycle(MARKERS))
    return dict(zip(names, islice(each, len(names)), strict=True))
