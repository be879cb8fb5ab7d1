"""Official files of benchmarks become tables: what every format shares."""

import hashlib
import io
import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, ClassVar, TypeAlias, final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import archbo
from archbo.benchmarks.safe_pickle import unpickle
from archbo.errors import DataError, DataWarning, UsageError
from archbo.files import write_whole
from archbo.spaces import SearchSpace
from archbo.spaces.frames import rows_of_frame

__all__ = [
    "ARCH",
    "CHUNK",
    "Files",
    "Imported",
    "Importer",
    "Progress",
    "Provenance",
    "Published",
    "Source",
    "read_json",
    "read_provenance",
]

ARCH = "arch_str"
"""The column of architectures."""

METADATA = b"archbo"
"""Where the metadata of a Parquet file's schema say what it was made from."""

CHUNK = 2**20
"""The number of bytes that are read at a time."""

Progress: TypeAlias = Callable[[int, int], None]
"""Takes how much is done, and of how much."""


@final
@dataclass(frozen=True)
class Published:
    """A file, or a folder of files, as the authors of a benchmark publish it.

    Attributes:
        name: Its name.
        address: Where it is.
        size: Its size in words, such as ``2.1 GB``.
        sha256: Its SHA-256, where one is published.
        md5: The last digits of its MD5, where these are published.
    """

    name: str
    address: str
    size: str
    sha256: str = ""
    md5: str = ""

    @property
    def check(self) -> str:
        """What tells whether a file is the published one, in words."""
        if self.sha256:
            return f"SHA-256 `{self.sha256}`"
        return f"MD5 ends in `{self.md5}`" if self.md5 else "none published"


@final
@dataclass(frozen=True)
class Source:
    """What a table was made from.

    Attributes:
        name: The name of the file or folder.
        size: In bytes, of all files.
        sha256: Of the file; of a folder that of the lines ``SHA-256  name``, which ``sha256sum *`` prints.
        n_files: The number of files in a folder, 1 for a file.
    """

    name: str
    size: int
    sha256: str
    n_files: int = 1

    def __str__(self) -> str:
        files = f"{self.n_files:,} files, " if self.n_files > 1 else ""
        return f"{self.name} ({files}{self.size:,} bytes, SHA-256 {self.sha256})"


@final
@dataclass(frozen=True)
class Provenance:
    """Where an imported table comes from.

    Attributes:
        format: The name of the importer.
        space: The name of the space.
        address: Where the official files are.
        licence: Of the data.
        sources: The files.
        archbo: The version that imported them.
        date: When, such as ``2026-01-31``.
    """

    format: str
    space: str
    address: str
    licence: str
    sources: tuple[Source, ...]
    archbo: str
    date: str

    def __str__(self) -> str:
        return f"{self.format}: {', '.join(map(str, self.sources))}; imported by archbo {self.archbo} on {self.date}"


@final
@dataclass(frozen=True, eq=False)
class Imported:
    """A table of official files: a row for each architecture.

    Attributes:
        space: The space of the architectures.
        frame: The architectures, in a column ``arch_str`` or in the columns of the space, and their metrics.
        provenance: What it was made from.
    """

    space: SearchSpace
    frame: pd.DataFrame = field(repr=False)
    provenance: Provenance

    @property
    def metrics(self) -> list[str]:
        """The columns that are no architectures."""
        return [str(name) for name in self.frame if name not in {ARCH, *self.space.columns}]

    def write(self, path: str | Path) -> None:
        """Write it as Parquet, whole, with its provenance in the metadata of the schema.

        Raises:
            UsageError: The file cannot be written.
        """
        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        content = json.dumps(asdict(self.provenance)).encode()
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), METADATA: content})
        write_whole(path, partial(pq.write_table, table))


def read_provenance(path: str | Path) -> Provenance | None:
    """What an imported table was made from; None where a Parquet file does not say so.

    Raises:
        DataError: The file cannot be read, or what it says is damaged.
    """
    try:
        content = (pq.read_schema(path).metadata or {}).get(METADATA)
        if content is None:
            return None
        values = json.loads(content)
        sources = tuple(Source(**source) for source in values.pop("sources"))
        return Provenance(**values, sources=sources)
    except (OSError, pa.ArrowException, ValueError, TypeError, KeyError) as error:
        raise DataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error


class _Counted(io.RawIOBase):
    """A file that says how much of it was read."""

    def __init__(self, path: Path, count: Callable[[int], None]) -> None:
        self._file, self._count = path.open("rb", buffering=0), count

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        n = self._file.readinto(buffer) or 0
        self._count(n)
        return n

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


@final
class Files:
    """The files that are imported, each hashed before it is read; the progress counts MB of both.

    Args:
        paths: Files, or folders whose files they are.
        patterns: The names of those files of a folder that count, such as ``*.json``.
        progress: Hears of what is done.

    Attributes:
        paths: The files, those of a folder in the order of their names.

    Raises:
        DataError: One of them is not there, or a folder holds none.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        patterns: Sequence[str],
        progress: Progress | None = None,
    ) -> None:
        self._given: dict[Path, list[Path]] = {}
        for path in map(Path, paths):
            inside = {file for pattern in patterns for file in path.glob(pattern)}
            found = sorted(inside) if path.is_dir() else [path]
            if not found:
                raise DataError(
                    f"the folder {path} has no file {' or '.join(patterns)}; give the official one"
                )
            if not found[0].is_file():
                raise DataError(f"there is no file {path}; give the path of the official file")
            self._given[path] = found
        self.paths = [path for found in self._given.values() for path in found]
        self._progress, self._done = progress, 0
        self._total = 2 * sum(path.stat().st_size for path in self.paths)

    def _count(self, n: int) -> None:
        self._done += n
        if self._progress is not None:
            self._progress(min(self._done, self._total) >> 20, self._total >> 20)

    def report(self, done: int, total: int) -> None:
        """Tell of progress in other units than MB, once the files are read."""
        if self._progress is not None:
            self._progress(done, total)

    def open(self, path: Path) -> IO[bytes]:
        """A file, to be read.

        Raises:
            DataError: It cannot be opened.
        """
        try:
            return io.BufferedReader(_Counted(path, self._count), CHUNK)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error

    def load_pickle(self, path: Path) -> Any:  # noqa: ANN401
        """What a pickle holds, as ``safe_pickle.load_pickle`` reads it."""
        with self.open(path) as file:
            return unpickle(file, path)

    def load_json(self, path: Path) -> Any:  # noqa: ANN401
        """What a file of JSON holds.

        Raises:
            DataError: It is none.
        """
        with self.open(path) as file:
            return read_json(file, path)

    def sources(self, published: Sequence[Published]) -> tuple[Source, ...]:
        """What the table is made from; a ``DataWarning`` where a file has the name of a published one, but is another."""
        known = {file.name: file for file in published}
        sources = []
        for path, found in self._given.items():
            digests = {one.name: self._digests(one) for one in found}
            sha256, md5 = digests.get(path.name, ("", ""))
            if path.is_dir():
                lines = "".join(f"{sha}  {name}\n" for name, (sha, _) in digests.items())
                sha256 = hashlib.sha256(lines.encode()).hexdigest()
            size = sum(one.stat().st_size for one in found)
            official = known.get(path.name)
            if official is not None and not (
                path.is_dir() or (sha256.startswith(official.sha256) and md5.endswith(official.md5))
            ):
                warnings.warn(
                    f"{path} is not the published {official.name}, {official.check}; it has SHA-256 {sha256}, MD5 {md5}",
                    DataWarning,
                    stacklevel=2,
                )
            sources.append(Source(path.name, size, sha256, len(found)))
        return tuple(sources)

    def _digests(self, path: Path) -> tuple[str, str]:
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with self.open(path) as file:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                md5.update(chunk)
        return sha256.hexdigest(), md5.hexdigest()


def read_json(file: IO[bytes], name: object) -> Any:  # noqa: ANN401
    """What a file of JSON holds; ``name`` is what errors call it.

    Raises:
        DataError: It is none.
    """
    try:
        return json.load(file)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"cannot read {name} as JSON: {error}; it may be cut short, get it again"
        ) from error


class Importer(ABC):
    """Makes a table of the official files of one benchmark, with one row for each architecture.

    A subclass reads the files; this class finds and hashes them, checks the architectures, and types the columns:
    whole numbers as they are, other numbers in single precision where they fit.

    Attributes:
        name: In the catalog.
        files: The official files.
        patterns: The names of the files in a folder that count.
        licence: Of the data.
    """

    name: ClassVar[str]
    files: ClassVar[tuple[Published, ...]]
    patterns: ClassVar[tuple[str, ...]] = ("*",)
    licence: ClassVar[str]

    @abstractmethod
    def _read(self, files: Files) -> tuple[SearchSpace, pd.DataFrame]:
        """The space, and a frame with the column ``arch_str`` in any notation that it reads, or with its columns.

        Raises:
            DataError: A file is not what it should be.
        """

    @final
    def read(self, paths: Iterable[str | Path], progress: Progress | None = None) -> Imported:
        """The table of files.

        Args:
            paths: The official files or folders, all or some of them.
            progress: Hears of what is done, and of how much.

        Raises:
            DataError: A file is missing, damaged, or not of this format.
            UsageError: No file is given.
        """
        files = Files(paths, self.patterns, progress)
        if not files.paths:
            wanted = " or ".join(file.name for file in self.files)
            raise UsageError(f"{self.name} needs files to import; give {wanted}")
        sources = files.sources(self.files)
        space, frame = self._read(files)
        if frame.empty:
            raise DataError(f"{sources[0].name} holds no architecture; give the official file")
        X = rows_of_frame(frame, space, arch_column=ARCH, source=sources[0].name)
        columns = {str(name): _typed(frame[name]) for name in frame if name != ARCH}
        if ARCH in frame:
            columns = {ARCH: pd.Series([space.format(row) for row in X.tolist()])} | columns
        provenance = Provenance(
            self.name,
            space.name,
            self.files[0].address,
            self.licence,
            sources,
            archbo.__version__,
            datetime.now(UTC).date().isoformat(),
        )
        return Imported(space, pd.DataFrame(columns), provenance)


def _typed(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """A column of numbers in single precision, unless it holds whole numbers, flags, or what is too large for it."""
    if not pd.api.types.is_float_dtype(column.dtype):
        return column
    finite = column[np.isfinite(column)].abs()
    fits = finite.empty or finite.max() <= np.finfo(np.float32).max
    return column.astype(np.float32 if fits else np.float64)
