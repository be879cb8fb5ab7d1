"""Files of tables: their kinds, and their cells as they were meant."""

import codecs
import csv
import gzip
import zlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from io import BytesIO, TextIOWrapper
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from archbo.errors import DataError

__all__ = ["is_table", "numbers_of", "read_frame"]

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The encodings that files tell of themselves by their first bytes; all others are UTF-8."""


def read_frame(path: str | Path, texts: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of a Parquet, CSV or TSV file; CSV may be in UTF-16, separated by ``;``, or packed by gzip.

    Args:
        path: The file; its ending tells the format, in capitals too.
        texts: Columns whose cells are texts in a CSV file, whatever they look like: ``None``, ``01`` and ``1e-3`` are
            kept as they are written, and only an empty cell is missing.

    Raises:
        DataError: It cannot be read.
    """
    path = Path(path)
    reader = _reader(path)
    if reader is None:
        raise DataError(
            f"cannot tell the format of {path}; give a .parquet or .csv file, or .tsv, .csv.gz or .tsv.gz"
        )
    if not path.is_file():
        raise DataError(f"no table at {path}; give the path of a .parquet or .csv file")
    try:
        return reader(path, frozenset(texts))
    # pyarrow's and pandas' parse errors are ValueErrors
    except (OSError, EOFError, zlib.error, csv.Error, ValueError) as error:
        raise DataError(f"cannot read table {path}: {str(error).splitlines()[0]}") from error


def is_table(path: str | Path) -> bool:
    """Whether a name ends as that of a file which ``read_frame`` reads."""
    return _reader(Path(path)) is not None


def _reader(path: Path) -> Callable[[Path, frozenset[str]], pd.DataFrame] | None:
    readers: dict[str, Callable[[Path, frozenset[str]], pd.DataFrame]] = {
        ".parquet": lambda path, _: pd.read_parquet(path),
        ".csv": _read_csv,
        ".tsv": partial(_read_csv, delimiters="\t"),
    }
    name = path.name.lower()
    packed = name.removesuffix(".gz")
    suffix = Path(packed).suffix
    return None if packed != name and suffix == ".parquet" else readers.get(suffix)


def _read_csv(path: Path, texts: frozenset[str], delimiters: str = ",;\t") -> pd.DataFrame:
    content = path.read_bytes()
    if path.suffix.lower() == ".gz":
        content = gzip.decompress(content)
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    with TextIOWrapper(BytesIO(content), encoding) as lines:
        header = lines.readline()
    # The one that makes the most columns of the header; the first of these where several do.
    found = [len(next(csv.reader([header], delimiter=one), [])) for one in delimiters]
    sep = delimiters[found.index(max(found))]
    frame = pd.read_csv(BytesIO(content), sep=sep, encoding=encoding, low_memory=False)
    there = [column for column in frame if column in texts]
    if there:
        cells = pd.read_csv(
            BytesIO(content),
            sep=sep,
            encoding=encoding,
            dtype=str,
            usecols=there,
            keep_default_na=False,
            na_values=[""],
        )
        frame[there] = cells[there].astype(object)
    return frame


def numbers_of(column: "pd.Series[Any]") -> "pd.Series[float] | str":
    """The numbers of a column, NaN where they are missing; or why it holds none, on one line.

    Flags are 0 and 1, and times are in seconds.

    Example:
        >>> numbers_of(pd.Series(["70.1", "71.2%"]))
        "its row 2 is '71.2%', no number"
        >>> numbers_of(pd.Series(pd.to_timedelta([90, None], unit="s"))).tolist()
        [90.0, nan]
    """
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return pd.Series(column.to_numpy() / np.timedelta64(1, "s"), column.index)
    missing = column.isna()
    if pd.api.types.is_numeric_dtype(column.dtype) or all(
        isinstance(cell, Real | Decimal) for cell in column[~missing]
    ):
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), column.index)
    for number, (cell, gone) in enumerate(zip(column, missing, strict=True), 1):
        if not gone and not _is_number(cell):
            return f"its row {number} is {str(cell)!r}, no number"
    return f"its numbers are stored as text, such as {str(column[~missing].iloc[0])!r}"


def _is_number(cell: object) -> bool:
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
