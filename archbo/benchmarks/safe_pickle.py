"""Read pickles that others published, and build nothing from them but containers and numbers."""

import io
import pickle
import struct
from pathlib import Path
from typing import Any

from archbo.errors import DataError

__all__ = ["load_pickle"]


def load_pickle(path: str | Path, *, records: frozenset[tuple[str, str]] = frozenset()) -> Any:  # noqa: ANN401
    """Read a pickle of dicts, lists, tuples, strings and numbers without running any of its code.

    numpy scalars become Python numbers. Objects of the classes named in ``records`` become plain
    namespaces that hold their attributes; the classes themselves are never imported.

    Args:
        path: The file.
        records: ``(module, class)`` pairs whose instances may be read as namespaces.

    Raises:
        DataError: The file is missing, no pickle, or asks for anything else.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    try:
        return _Unpickler(content, records).load()
    except DataError as error:
        raise DataError(f"refused {path}: {error}; install the published file again") from None
    except Exception as error:
        # A broken pickle raises nearly anything: the machine it drives has no types.
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"cannot read {path}: {what}") from error


class _Unpickler(pickle.Unpickler):
    """A pickle machine whose only callables are the inert ones below."""

    def __init__(self, content: bytes, records: frozenset[tuple[str, str]]) -> None:
        super().__init__(io.BytesIO(content))

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

        def scalar(dtype: object, raw: bytes = b"") -> float | int:
            formats = {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i", "b1": "<?"}
            if not isinstance(dtype, Dtype) or dtype.code not in formats:
                raise DataError("it holds a numpy scalar that is no plain number")
            value: float | int = struct.unpack(formats[dtype.code], raw)[0]
            return value

        self._known: dict[tuple[str, str], Any] = dict.fromkeys(records, Record)
        for core in ("numpy.core.multiarray", "numpy._core.multiarray"):
            self._known[core, "scalar"] = scalar
        self._known["numpy", "dtype"] = Dtype

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        try:
            return self._known[module, name]
        except KeyError:
            raise DataError(f"it asks for {module}.{name}, which data has no need of") from None
