"""Any product of named choices, from Python or from a TOML file."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from archbo.errors import DataError, InvalidArchitectureError
from archbo.spaces.base import SearchSpace
from archbo.spaces.graph import GraphBatch, GraphTemplate

__all__ = ["CategoricalSpace"]


class CategoricalSpace(SearchSpace):
    """A product of named choices; architectures are written ``width=16,op=conv3x3``.

    Its graph has one node per decision between an input and an output, so that a path is a choice.

    Args:
        name: The name of the space.
        choices: For each column its choices; they are told apart by their text.

    Raises:
        DataError: A column without choices, or a choice named twice.

    Example:
        >>> space = CategoricalSpace("my-space", {"width": [8, 16, 32], "op": ["conv3x3", "identity"]})
        >>> space.parse("width=16,op=identity")
        (1, 1)
        >>> space.format((2, 0))
        'width=32,op=conv3x3'
    """

    def __init__(self, name: str, choices: Mapping[str, Sequence[object]]) -> None:
        if not choices:
            raise DataError(f"space {name!r} has no columns; give at least one")
        self.name = name
        self.columns = tuple(choices)
        self.choices = {
            column: tuple(_text(value) for value in values) for column, values in choices.items()
        }
        for column, values in self.choices.items():
            if not values or len(set(values)) < len(values):
                raise DataError(
                    f"column {column!r} of space {name!r} needs distinct choices, at least one; "
                    f"got {list(values)}"
                )
            for text in (column, *values):
                if set(text) & {",", "="} or text != text.strip() or not text:
                    raise DataError(
                        f"{text!r} in column {column!r} of space {name!r}: names may not be empty, "
                        "hold ',' or '=', or begin or end with a space"
                    )
        self.cardinalities = tuple(len(values) for values in self.choices.values())
        self.op_names = tuple(
            f"{column}={value}" for column, values in self.choices.items() for value in values
        )
        d = len(self.columns)
        support = torch.zeros(d + 2, d + 2, dtype=torch.bool)
        support[0, 1:-1] = support[1:-1, -1] = True
        self.template = GraphTemplate(("input", "output", *self.op_names), (0,), (d + 1,), support)

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a space file: ``kind = "categorical"``, ``name``, and a table ``[columns]`` of lists.

        Raises:
            DataError: The file is missing, no TOML, or lacks one of these.
        """
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(f"no space file {path}; give the path of a .toml file") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise DataError(f"cannot read space file {path}: {error}") from error
        if content.get("kind") != "categorical":
            raise DataError(f'{path}: kind is {content.get("kind")!r}; write kind = "categorical"')
        columns = content.get("columns")
        if not isinstance(columns, dict) or not all(isinstance(v, list) for v in columns.values()):
            raise DataError(f"{path}: write a table [columns] with a list of choices per column")
        return cls(str(content.get("name", Path(path).stem)), columns)

    @property
    def choice_names(self) -> tuple[tuple[str, ...], ...]:
        return tuple(self.choices.values())

    def parse(self, text: str) -> tuple[int, ...]:
        parts = [part.partition("=") for part in text.split(",")]
        given = {key.strip(): value.strip() for key, _, value in parts}
        if set(given) != set(self.columns) or len(parts) != len(self.columns):
            raise InvalidArchitectureError(
                f"malformed architecture {text!r}: give each of {', '.join(self.columns)} once, "
                f"as in {self.format([0] * self.n_columns)!r}"
            )
        return self.row_of(given)

    def row_of(self, values: Mapping[str, object]) -> tuple[int, ...]:
        """The row of a choice per column.

        Raises:
            InvalidArchitectureError: A value is not among its column's choices.
        """
        row = []
        for column, choices in self.choices.items():
            text = _text(values[column])
            if text not in choices:
                raise InvalidArchitectureError(
                    f"unknown choice {text!r} in column {column!r}; "
                    f"{self.name} has {', '.join(choices)}"
                )
            row.append(choices.index(text))
        return tuple(row)

    def format(self, row: Sequence[int] | Tensor) -> str:
        pairs = zip(self.choices.items(), row, strict=True)
        return ",".join(f"{column}={values[int(value)]}" for (column, values), value in pairs)

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.template.n_nodes
        offsets = torch.tensor([0, *self.cardinalities[:-1]]).cumsum(0)
        ops = torch.zeros(n, V, dtype=torch.int64)
        ops[:, 1:-1] = X.long() + offsets + 2
        ops[:, -1] = 1
        adjacency = self.template.support.expand(n, V, V)
        return GraphBatch(self.template, adjacency, ops, torch.ones(n, V, dtype=torch.bool))


def _text(value: object) -> str:
    """Choices are compared by text; a table may hold 16 where the space file says 16.0."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
