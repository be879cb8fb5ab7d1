"""Results are written whole: a file holds all of the new content or all of the old."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from archbo.errors import UsageError

__all__ = ["locked", "write_whole"]


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Hold a file for this process: others that ask for it wait. The lock, a hidden file beside it, ends with a process.

    Raises:
        UsageError: There can be no file beside it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder) / "scores.csv"):
        ...     print(os.listdir(folder))
        ['.scores.csv.lock']
    """
    place = Path(os.path.realpath(path))
    lock = FileLock(place.with_name(f".{place.name}.lock"))
    try:
        lock.acquire()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def write_whole(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, then rename it into place.

    Whatever fails, the file that was there before is as it was, and nothing is left beside it. A symbolic link is
    followed; anything but a regular file, such as ``/dev/stdout``, is written directly.

    Args:
        path: The file; its folder exists.
        write: Writes the content to the path that it is given, whose suffix is that of ``path``.

    Raises:
        UsageError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "scores.csv"
        ...     write_whole(file, lambda part: part.write_text("arch_str,snip"))
        ...     print(os.listdir(folder), file.read_text().strip())
        ['scores.csv'] arch_str,snip
    """
    place = Path(os.path.realpath(path))
    part = place.with_name(f".{place.stem}.{secrets.token_hex(4)}.part{place.suffix}")
    try:
        if place.exists() and not place.is_file():
            write(place)
            return
        write(part)
        if place.exists():
            shutil.copymode(place, part)
        os.replace(part, place)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
