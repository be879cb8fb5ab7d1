"""Any product of named choices, from Python or from a TOML file."""

from collections.abc import Iterable, Mapping, Sequence, Set
from numbers import Real
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from archbo.errors import DataError, InvalidArchitectureError
from archbo.spaces.base import SearchSpace
from archbo.spaces.choices import python_value, text_of
from archbo.spaces.graph import GraphBatch, GraphTemplate

__all__ = ["CategoricalSpace"]


class CategoricalSpace(SearchSpace):
    """A product of named choices; architectures are written ``width=16,op=conv3x3``.

    Its graph has one node per decision between an input and an output, so that a path is a choice.

    Args:
        name: The name of the space.
        choices: For each column its choices, of any types. Numbers are found as numbers and all else by its
            text, so no two may be equal as numbers or have one text. Scalars of NumPy and PyTorch become
            Python's own.

    Raises:
        DataError: A column without choices or with one twice, or a name that the notation cannot hold.

    Example:
        >>> space = CategoricalSpace("my-space", {"width": [8, 16, 32], "op": ["conv3x3", "identity"]})
        >>> space.parse("width=16,op=identity")
        (1, 1)
        >>> space.format((2, 0))
        'width=32,op=conv3x3'
        >>> space.arch({"op": "conv3x3", "width": 16.0})["width"]
        16
    """

    def __init__(self, name: str, choices: Mapping[str, Sequence[object]]) -> None:
        if not isinstance(name, str):
            raise DataError(f"the name of a space is a text; got {name!r}")
        if not isinstance(choices, Mapping) or not choices:
            raise DataError(
                f"space {name!r} has no columns; give at least one, each with a list of choices"
            )
        self.name = name
        self.columns = tuple(choices)
        self.choices = tuple(_checked(column, values, name) for column, values in choices.items())
        self.op_names = tuple(
            f"{column}={choice}"
            for column, names in zip(self.columns, self.choice_names, strict=True)
            for choice in names
        )
        d = len(self.columns)
        support = torch.zeros(d + 2, d + 2, dtype=torch.bool, device="cpu")
        support[0, 1:-1] = support[1:-1, -1] = True
        self.template = GraphTemplate(("input", "output", *self.op_names), (0,), (d + 1,), support)

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a space file: ``kind = "categorical"``, ``name``, and a table ``[columns]`` of lists.

        Raises:
            DataError: The file is missing, no TOML, lacks one of these, or describes another kind of space.
        """
        from archbo.spaces.files import read_space  # which knows this class

        space = read_space(path)
        if not isinstance(space, cls):
            raise DataError(f'{path}: its kind is another; write kind = "categorical"')
        return space

    def parse(self, text: str) -> tuple[int, ...]:
        parts = [part.partition("=") for part in text.split(",")]
        given = {key.strip(): value.strip() for key, _, value in parts}
        if set(given) != set(self.columns) or len(parts) != len(self.columns):
            raise InvalidArchitectureError(
                f"malformed architecture {text!r}: give each of {', '.join(self.columns)} once, "
                f"as in {self.format([0] * self.n_columns)!r}"
            )
        return self.row_of(given)

    def format(self, row: Sequence[int] | Tensor) -> str:
        names = zip(self.columns, self.choice_names, row, strict=True)
        return ",".join(f"{column}={texts[int(value)]}" for column, texts, value in names)

    def graphs(self, X: Tensor) -> GraphBatch:
        n, V = len(X), self.template.n_nodes
        offsets = torch.tensor([0, *self.cardinalities[:-1]], device=X.device).cumsum(0)
        ops = torch.zeros(n, V, dtype=torch.int64, device=X.device)
        ops[:, 1:-1] = X.long() + offsets + 2
        ops[:, -1] = 1
        adjacency = self.template.support.to(X.device).expand(n, V, V)
        mask = torch.ones(n, V, dtype=torch.bool, device=X.device)
        return GraphBatch(self.template, adjacency, ops, mask)


def _checked(column: object, values: object, space: str) -> tuple[object, ...]:
    """The choices of a column, if the notation can hold them and tell them apart."""
    if not isinstance(column, str):
        raise DataError(f"the columns of space {space!r} are named by texts; got {column!r}")
    # A set has another order in each process.
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise DataError(
            f"column {column!r} of space {space!r} needs a list of choices; got {values!r}"
        )
    choices = tuple(map(python_value, values))
    texts = [text_of(choice) for choice in choices]
    numbers = [choice for choice in choices if isinstance(choice, Real)]
    if not choices or len(set(texts)) < len(texts) or len(set(numbers)) < len(numbers):
        raise DataError(
            f"column {column!r} of space {space!r} needs distinct choices, at least one; got {texts}"
        )
    for text in (column, *texts):
        if set(text) & {",", "="} or text != text.strip() or not text:
            raise DataError(
                f"{text!r} in column {column!r} of space {space!r}: names may not be empty, "
                "hold ',' or '=', or begin or end with a space"
            )
    return choices
