"""Read pickles that others published, and build nothing from them but containers and numbers."""

import bz2
import math
import pickle
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

from archbo.errors import DataError

__all__ = ["load_pickle", "unpickle"]

TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""What a file of ``torch.save`` before version 1.6 begins with: a pickle of its magic number."""


def load_pickle(path: str | Path, *, records: frozenset[tuple[str, str]] = frozenset()) -> Any:  # noqa: ANN401
    """Read a pickle of dicts, lists, tuples, sets, strings and numbers without running any of its code.

    numpy scalars become Python numbers, and numpy arrays of numbers lists of these. Objects of the classes named in
    ``records`` become plain namespaces that hold their attributes; the classes themselves are never imported.

    Args:
        path: The file. It may be packed by bzip2, or be a file of ``torch.save`` that holds no tensor.
        records: ``(module, class)`` pairs whose instances may be read as namespaces.

    Raises:
        DataError: The file is missing, no pickle, or asks for anything else.
    """
    try:
        with Path(path).open("rb") as file:
            return unpickle(file, path, records=records)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def unpickle(
    file: IO[bytes], path: str | Path, *, records: frozenset[tuple[str, str]] = frozenset()
) -> Any:  # noqa: ANN401
    """The same of a file that is open; ``path`` is what errors call it.

    Raises:
        DataError: It is no pickle, or asks for anything else.
    """
    try:
        return _load(file, records)
    except DataError as error:
        raise DataError(f"refused {path}: {error}; install the published file again") from None
    except Exception as error:
        # A broken pickle raises nearly anything: the machine it drives has no types.
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"cannot read {path}: {what}") from error


def _load(file: IO[bytes], records: frozenset[tuple[str, str]]) -> Any:  # noqa: ANN401
    start = file.read(len(TORCH))
    file.seek(0)
    if start.startswith(b"BZh"):
        return _Unpickler(bz2.open(file), records).load()
    if start.startswith(b"PK"):
        with zipfile.ZipFile(file) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(name) as member:
                return _Unpickler(member, records).load()
    if start == TORCH:
        for _ in ("magic number", "version", "machine"):
            _Unpickler(file, records).load()
    return _Unpickler(file, records).load()


class _Unpickler(pickle.Unpickler):
    """A pickle machine whose only callables are the inert ones below."""

    def __init__(self, file: Any, records: frozenset[tuple[str, str]]) -> None:  # noqa: ANN401
        super().__init__(file)

        # Made anew for each file: a pickle can set attributes on the classes it is given.
        class Record:
            pass

        class Dtype:
            def __init__(self, code: str, *_: object) -> None:
                self.code = code

            def __setstate__(self, state: tuple[object, ...]) -> None:
                """The byte order is the only news in it."""
                if state[1] not in ("<", "|"):
                    raise DataError("it holds a numpy scalar that is not little-endian")

        class Array(list[Any]):
            """A numpy array as the list of its numbers, or of its rows."""

            def __setstate__(self, state: tuple[Any, ...]) -> None:
                _, shape, dtype, is_fortran, raw = state
                if not shape or (is_fortran and len(shape) > 1):
                    raise DataError("it holds a numpy array that is not stored row by row")
                self[:] = _rows(_numbers(dtype, raw, math.prod(shape)), shape)

        def scalar(dtype: object, raw: bytes = b"") -> float | int:
            number: float | int = _numbers(dtype, raw, 1)[0]
            return number

        def _numbers(dtype: object, raw: bytes, count: int) -> list[Any]:
            formats = {"f8": "d", "f4": "f", "i8": "q", "i4": "i", "b1": "?"}
            if not isinstance(dtype, Dtype) or dtype.code not in formats:
                raise DataError("it holds a numpy scalar that is no plain number")
            return list(struct.unpack(f"<{count}{formats[dtype.code]}", raw))

        def array(*_: object) -> Array:
            return Array()

        def encode(text: str, encoding: str) -> bytes:
            """How bytes are pickled by older protocols."""
            return text.encode("latin1")

        self._known: dict[tuple[str, str], Any] = dict.fromkeys(records, Record)
        for core in ("numpy.core.multiarray", "numpy._core.multiarray"):
            self._known[core, "scalar"] = scalar
            self._known[core, "_reconstruct"] = array
        self._known["numpy", "ndarray"] = Record  # an argument of _reconstruct
        self._known["numpy", "dtype"] = Dtype
        self._known["_codecs", "encode"] = encode
        self._known["collections", "OrderedDict"] = dict
        for builtins in ("builtins", "__builtin__"):
            self._known[builtins, "set"] = set

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        try:
            return self._known[module, name]
        except KeyError:
            raise DataError(f"it asks for {module}.{name}, which data has no need of") from None


def _rows(numbers: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Numbers in the nested lists of a shape."""
    for width in reversed(shape[1:]):
        numbers = [numbers[start : start + width] for start in range(0, len(numbers), width)]
    return numbers
