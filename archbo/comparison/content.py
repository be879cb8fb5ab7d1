"""A digest of an object's content, by which results are kept: what is made alike has the same in every process."""

import hashlib
import json
import sys
import types
from functools import cached_property
from typing import Any

import numpy as np
import torch

from archbo.errors import UsageError
from archbo.spaces import SearchSpace

__all__ = ["LIBRARIES", "digest"]

LIBRARIES = {
    "archbo": "archbo",
    "botorch": "botorch",
    "gpytorch": "gpytorch",
    "linear_operator": "linear-operator",
    "networkx": "networkx",
    "numpy": "numpy",
    "pandas": "pandas",
    "pyro": "pyro-ppl",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "torch_geometric": "torch-geometric",
    "xgboost": "xgboost-cpu" if sys.platform == "linux" else "xgboost",
}
"""Packages whose code their version tells, by the names that they are imported and installed under."""
BOOKKEEPING = vars(torch.nn.Module()).keys() - {"_buffers", "_modules", "_parameters"}
"""Attributes of a module that are not its content: hooks, numbered in the order of a process, and its mode."""
NAMED = (
    types.BuiltinFunctionType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodDescriptorType,
    types.ModuleType,
    types.WrapperDescriptorType,
)
"""What is told by its name: modules, and code that is not Python's."""


def digest(*values: object) -> str:
    """A SHA-256 of the content of values: settings, arrays, functions, and any object that could be pickled.

    Of code outside of the standard library and ``LIBRARIES`` the instructions count, and those of what it names in its
    own module.

    Raises:
        UsageError: A value holds what has no content that could be told, such as an open file.

    Example:
        >>> from archbo.predictors import GBDT
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> digest(GBDT(space)) == digest(GBDT(space)), digest(GBDT(space)) == digest(GBDT(space, n_members=5))
        (True, False)
    """
    reader = _Reader()
    reader.read(values)
    return reader.sha.hexdigest()


class _Reader:
    """Reads values into a hash."""

    def __init__(self) -> None:
        self.sha = hashlib.sha256()
        self._path: list[int] = []
        self._code: set[str] = set()

    def read(self, value: object) -> None:
        """A value and all that it is made of; what refers back to something that it is part of is told by the distance."""
        if id(value) in self._path:
            self._write("cycle", len(self._path) - self._path.index(id(value)))
            return
        self._path.append(id(value))
        self._write(type(value).__qualname__)
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            self._write(repr(value))
        elif isinstance(value, torch.Tensor):
            self.read(value.detach().cpu().numpy())
        elif isinstance(value, np.ndarray) and value.dtype != object:
            self._write(value.dtype, value.shape)
            self.sha.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, SearchSpace):
            self._write(json.dumps(value.content, sort_keys=True))
        elif isinstance(value, NAMED):
            self._write(getattr(value, "__module__", ""), value.__name__)
        elif isinstance(value, (type, types.FunctionType)):
            self._read_code(value)
        else:
            children = _children(value)
            self._write(len(children))
            for child in children:
                self.read(child)
        self._path.pop()

    def _write(self, *words: object) -> None:
        text = " ".join(map(str, words)).encode()
        self.sha.update(len(text).to_bytes(8, "little") + text)

    def _read_code(self, value: type | types.FunctionType) -> None:
        """The name of a class or function and, once, what it does where no version tells."""
        name = f"{value.__module__}.{value.__qualname__}"
        self._write(name)
        package = str(value.__module__).partition(".")[0]
        told = package in LIBRARIES or package in sys.stdlib_module_names - {"__main__"}
        if name in self._code or (told and "<" not in name):
            return
        self._code.add(name)
        if isinstance(value, type):
            own = {key: each for key, each in vars(value).items() if key not in UNTOLD}
            self.read((value.__bases__, own))
        else:
            closure = [cell.cell_contents for cell in value.__closure__ or ()]
            used = [value.__globals__.get(name) for name in sorted(_names(value.__code__))]
            defaults = (value.__defaults__, value.__kwdefaults__)
            self.read((value.__code__, defaults, closure, [] if told else used))


UNTOLD = {"__module__", "__doc__", "__dict__", "__weakref__", "__firstlineno__", "_abc_impl"}
"""Attributes of a class that say nothing of what it does."""


def _children(value: object) -> tuple[object, ...]:
    """What an object is made of."""
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return tuple(value)
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(map(digest, value)))
    if isinstance(value, types.CodeType):
        return value.co_code, value.co_consts, value.co_names, value.co_varnames
    if isinstance(value, types.MethodType):
        return value.__func__, value.__self__
    if isinstance(value, (staticmethod, classmethod)):
        return (value.__func__,)
    if isinstance(value, property):
        return value.fget, value.fset
    if isinstance(value, cached_property):
        return (value.func,)
    if isinstance(value, dict) and type(value) is dict:
        return tuple(value.items())
    if isinstance(value, torch.nn.Module):
        state: Any = _without_caches(value, value.__getstate__())
        return type(value), {key: each for key, each in state.items() if key not in BOOKKEEPING}
    try:
        made = value.__reduce_ex__(4)
    except TypeError as error:
        raise UsageError(
            f"results cannot be kept by the content of a {type(value).__name__}: {error}; keep none"
        ) from error
    if isinstance(made, str):
        return type(value), made
    maker, arguments, *rest = made
    state, items, pairs = (*rest, None, None, None)[:3]
    state = _without_caches(value, state)
    return maker, arguments, state, tuple(items or ()), tuple(pairs or ())


def _without_caches(value: object, state: Any) -> Any:  # noqa: ANN401 - of any object
    """A state less what an object has computed from the rest of it."""
    if not isinstance(state, dict):
        return state
    kind = type(value)
    return {
        name: each
        for name, each in state.items()
        if not isinstance(getattr(kind, str(name), None), cached_property)
    }


def _names(code: types.CodeType) -> set[str]:
    """The names that code looks up, those of functions within it included."""
    inner = [_names(each) for each in code.co_consts if isinstance(each, types.CodeType)]
    return {*code.co_names}.union(*inner)
