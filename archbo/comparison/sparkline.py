"""A picture of one line of text."""

from collections.abc import Sequence

import numpy as np

__all__ = ["sparkline"]

BLOCKS = " ▁▂▃▄▅▆▇█"
"""Nine heights; Unicode's lower block elements, U+2581 to U+2588."""
ASCII = " .:-=+*#@"
"""The same where a terminal has no blocks, by the ink of a character."""


def sparkline(
    values: Sequence[float], *, ceiling: float, width: int = 50, encoding: str = "utf-8"
) -> str:
    """Values as a line of block characters, for a terminal.

    Heights are logarithmic over three decades below the ceiling; zero is blank.

    Args:
        values: ``n`` numbers, at least 0.
        ceiling: The value of a full block.
        width: The most characters; more values are thinned out.
        encoding: The terminal's; ASCII characters are taken where it has no blocks.

    Example:
        >>> sparkline([10.0, 1.0, 0.1, 0.0], ceiling=10.0)
        '█▆▃ '
    """
    if len(values) > width:
        values = [values[round(i)] for i in np.linspace(0, len(values) - 1, width)]
    levels = []
    for value in values:
        decades = np.log10(max(value, 1e-300) / max(ceiling, 1e-300))
        levels.append(0 if value <= 0 else round(1 + 7 * min(1.0, max(0.0, 1 + decades / 3))))
    try:
        BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return "".join(ASCII[level] for level in levels)
    return "".join(BLOCKS[level] for level in levels)
