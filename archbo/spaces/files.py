"""Spaces in TOML files."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archbo.errors import ArchboError, DataError, UsageError
from archbo.spaces.base import SearchSpace
from archbo.spaces.categorical import CategoricalSpace
from archbo.spaces.dag import DagSpace
from archbo.spaces.decisions import decision_of
from archbo.spaces.edge_cell import EdgeCellSpace
from archbo.spaces.mixed import MixedSpace
from archbo.spaces.node_cell import NodeCellSpace
from archbo.spaces.product import ProductSpace
from archbo.spaces.stages import StageSpace

__all__ = ["KINDS", "Key", "Kind", "file_content", "kind_of", "read_space", "space_of"]


@dataclass(frozen=True)
class Key:
    """A key of a space file.

    Args:
        fits: Whether a value may stand there.
        remedy: What to write instead of one that may not.
        is_required: Whether every file of the kind has it.
    """

    fits: Callable[[object], bool]
    remedy: str
    is_required: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of space that a file can describe.

    Args:
        keys: Those that a file of this kind may have beside ``kind`` and ``name``.
        make: Makes the space of the name and of the values of the other keys.
        values: The values of the keys, of such types as TOML and JSON know, from a space.
    """

    keys: Mapping[str, Key]
    make: Callable[..., SearchSpace]
    values: Callable[[Any], dict[str, object]]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_lists(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(choices, list) for choices in value.values())


def _is_columns(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(column, list | dict) for column in value.values()
    )


def _categorical(name: str, columns: Mapping[str, list[object]]) -> CategoricalSpace:
    return CategoricalSpace(name, columns)


def _mixed(name: str, columns: Mapping[str, Any]) -> MixedSpace:
    return MixedSpace(name, columns)


def _is_stages(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_columns, value))


def _is_parts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(part, dict) for part in value.values())


def _stages(
    name: str, stages: list[dict[str, Any]], overall: dict[str, Any] | None = None
) -> StageSpace:
    return StageSpace(name, stages, overall)


def _product(name: str, parts: Mapping[str, Mapping[str, Any]]) -> ProductSpace:
    made = {}
    for part, content in parts.items():
        try:
            made[part] = space_of({"name": part} | dict(content))
        except ArchboError as error:
            raise DataError(f"part {part!r}: {error}") from error
    return ProductSpace(name, made)


def _read_parts(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The content of a file, with that of the files in place of the paths of the parts of a product."""
    parts = content.get("parts")
    if content.get("kind") != "product" or not isinstance(parts, dict):
        return content
    read = {
        part: file_content(read_space(folder / given)) if isinstance(given, str) else given
        for part, given in parts.items()
    }
    return content | {"parts": read}


def _edge_cell(
    name: str,
    ops: list[str],
    nodes: int = 4,
    zero: list[str] | None = None,
    identity: list[str] | None = None,
    notation: Any = "nb201",  # noqa: ANN401 - the space checks it
) -> EdgeCellSpace:
    return EdgeCellSpace(
        name, ops, nodes=nodes, notation=notation, zero_ops=zero, identity_ops=identity
    )


def _node_cell(
    name: str,
    ops: list[str],
    nodes: int = 7,
    max_edges: int | None = None,
    zero: list[str] | None = None,
    identity: list[str] | None = None,
) -> NodeCellSpace:
    return NodeCellSpace(
        name, ops, nodes=nodes, max_edges=max_edges, zero_ops=zero, identity_ops=identity
    )


def _dag(
    name: str,
    ops: list[str],
    nodes: int,
    inputs: int | None = None,
    zero: list[str] | None = None,
    identity: list[str] | None = None,
) -> SearchSpace:
    if inputs is None:
        return _node_cell(name, ops, nodes, zero=zero, identity=identity)
    if zero:
        raise UsageError(
            f"space {name!r} has zero operations, which would leave nodes with fewer than {inputs} inputs; leave out "
            "zero, or inputs"
        )
    return DagSpace(name, ops, nodes=nodes, inputs=inputs, identity_ops=identity)


def _contents(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {column: decision_of(given).content for column, given in columns.items()}


NAME = Key(_is_text, "write it in quotes")
NODES = Key(_is_integer, "write a whole number, such as 5")
OPS = 'write a list of names, such as ["none", "conv_3x3"]'

KINDS: Mapping[str, Kind] = {
    "categorical": Kind(
        {
            "columns": Key(
                _is_lists, "write a table [columns] with a list of choices per column", True
            )
        },
        _categorical,
        lambda space: {"columns": dict(zip(space.columns, map(list, space.choices), strict=True))},
    ),
    "edge-cell": Kind(
        {
            "ops": Key(_is_texts, OPS, True),
            "nodes": NODES,
            "zero": Key(_is_texts, OPS),
            "identity": Key(_is_texts, OPS),
            "notation": Key(_is_text, 'write "nb201" or "tnb101"'),
        },
        _edge_cell,
        lambda space: {
            "ops": list(space.op_names),
            "nodes": space.nodes,
            "zero": sorted(space.zero_ops),
            "identity": sorted(space.identity_ops),
            "notation": space.notation,
        },
    ),
    "node-cell": Kind(
        {
            "ops": Key(_is_texts, OPS, True),
            "nodes": NODES,
            "max_edges": Key(_is_integer, "write a whole number, such as 9"),
            "zero": Key(_is_texts, OPS),
            "identity": Key(_is_texts, OPS),
        },
        _node_cell,
        lambda space: {
            "ops": list(space.op_names),
            "nodes": space.nodes,
            "max_edges": space.max_edges,
            "zero": sorted(space.zero_ops),
            "identity": sorted(space.identity_ops),
        },
    ),
    "dag": Kind(
        {
            "ops": Key(_is_texts, OPS, True),
            "nodes": replace(NODES, is_required=True),
            "inputs": Key(_is_integer, "write how many nodes each node reads, such as 2"),
            "zero": Key(_is_texts, OPS),
            "identity": Key(_is_texts, OPS),
        },
        _dag,
        lambda space: {
            "ops": list(space.op_names),
            "nodes": space.nodes,
            "inputs": space.inputs,
            "identity": sorted(space.identity_ops),
        },
    ),
    "mixed": Kind(
        {
            "columns": Key(
                _is_columns,
                "write a table [columns] with a list of choices or a range, such as { low = 1, high = 200 }, per column",
                True,
            )
        },
        _mixed,
        lambda space: {
            "columns": {column: decision.content for column, decision in space.finders.items()}
        },
    ),
    "stages": Kind(
        {
            "stages": Key(
                _is_stages,
                "write a table [[stages]] per stage, with depth = [2, 3, 4] and the choices of each block",
                True,
            ),
            "overall": Key(
                _is_columns, "write a table [overall] with a list of choices or a range per column"
            ),
        },
        _stages,
        lambda space: {
            "stages": [_contents(stage) for stage in space.stages],
            "overall": _contents(space.overall),
        },
    ),
    "product": Kind(
        {
            "parts": Key(
                _is_parts,
                'write a table [parts.NAME], or NAME = "FILE.toml" in [parts], per part',
                True,
            )
        },
        _product,
        lambda space: {"parts": {name: file_content(part) for name, part in space.parts.items()}},
    ),
}
"""What the key ``kind`` of a space file can say."""

TYPES: Mapping[type[SearchSpace], str] = {
    CategoricalSpace: "categorical",
    EdgeCellSpace: "edge-cell",
    NodeCellSpace: "node-cell",
    DagSpace: "dag",
    MixedSpace: "mixed",
    ProductSpace: "product",
    StageSpace: "stages",
}
"""The kind of file for each type of space; of other types there are no files."""


def read_space(path: str | Path) -> SearchSpace:
    """The space that a TOML file describes: its ``kind``, its ``name``, and the keys of that kind.

    Without ``name`` the space has the name of the file.

    Raises:
        DataError: The file is missing, is no TOML, or does not describe a space.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "cells.toml"
        >>> lines = ['kind = "edge-cell"', "nodes = 5", 'ops = ["none", "skip_connect", "conv"]']
        >>> _ = file.write_text(chr(10).join(lines))
        >>> read_space(file)
        EdgeCellSpace('cells', d=10, size=59,049)
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"no space file {path}; give the path of a .toml file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"cannot read space file {path}: {error}") from error
    except RecursionError as error:
        raise DataError(
            f"cannot read space file {path}: its lists are nested too deeply; "
            "write a plain list of choices per column"
        ) from error
    try:
        return space_of({"name": Path(path).stem} | _read_parts(content, Path(path).parent))
    except ArchboError as error:
        raise DataError(f"{path}: {error}") from error


def space_of(content: Mapping[str, Any]) -> SearchSpace:
    """The space that the content of a file describes.

    Raises:
        DataError: Its kind is unknown, or a key is missing, unknown, or of the wrong type.
        UsageError: Its values make no space.
    """
    values = dict(content)
    name, kind = values.pop("name", None), values.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        kinds = " or ".join(f'"{known}"' for known in KINDS)
        raise DataError(f"kind is {kind!r}; write kind = {kinds}")
    keys = {"name": NAME} | dict(KINDS[kind].keys)
    for key, value in {"name": name, **values}.items():
        if key not in keys:
            known = ", ".join(["kind", *keys])
            raise DataError(f"unknown key {key!r}; a space of the kind {kind!r} has {known}")
        if not keys[key].fits(value):
            raise DataError(f"{key} is {value!r}; {keys[key].remedy}")
    for key, wanted in KINDS[kind].keys.items():
        if wanted.is_required and key not in values:
            raise DataError(f"there is no {key!r}; {wanted.remedy}")
    return KINDS[kind].make(name, **values)


def kind_of(space: SearchSpace) -> str | None:
    """The kind of file that describes a space, None where there is none."""
    return TYPES.get(type(space))


def file_content(space: SearchSpace) -> dict[str, object] | None:
    """What a file would say of a space, of such types as JSON knows; ``space_of`` makes an equal one of it.

    None where there are no files of its kind or of a part's, or where a choice has a type that files do not know.
    """
    kind = kind_of(space)
    parts = space.parts.values() if isinstance(space, ProductSpace) else ()
    if kind is None or any(file_content(part) is None for part in parts):
        return None
    content = {"kind": kind, "name": space.name, **KINDS[kind].values(space)}
    return content if _is_plain(content) else None


def _is_plain(value: object) -> bool:
    """Whether JSON gives a value back as it is."""
    if isinstance(value, dict):
        return all(map(_is_text, value)) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (str, int, float, bool)
