"""Pictures become files."""

from pathlib import Path

from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from archbo.comparison.plots.style import styled
from archbo.errors import UsageError
from archbo.files import write_whole

__all__ = ["check_format", "save_figure"]


def check_format(path: str | Path) -> None:
    """Raise unless a figure can be written in the format that the ending of the path names.

    Raises:
        UsageError: It cannot.
    """
    formats = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.removeprefix(".").lower() not in formats:
        raise UsageError(
            f"cannot tell the format of the picture {path}; end it in one of {', '.join(formats)}"
        )


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure whole, then rename it into place; the ending of the path tells the format.

    Raises:
        UsageError: The format is unknown, or the file cannot be written.
    """
    check_format(path)
    with styled():
        write_whole(path, figure.savefig)
