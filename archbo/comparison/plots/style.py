"""How pictures look: one style sheet for all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import matplotlib as mpl

__all__ = ["DOTS", "GREY", "palette", "styled"]

GREY = "#8a8f98"
"""Guides, arrows and what the eye should pass over."""
DOTS = "#d9dce0"
"""A cloud of dots in the background."""


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


def palette(names: Sequence[str]) -> dict[str, str]:
    """A colour of the style sheet for each name; they repeat where there are more names than colours."""
    colours = _sheet()["axes.prop_cycle"].by_key()["color"]
    return dict(zip(names, islice(cycle(colours), len(names)), strict=True))
