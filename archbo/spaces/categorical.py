"""Any product of named choices, from Python or from a TOML file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from archbo.errors import DataError
from archbo.spaces.decisions import Choice
from archbo.spaces.mixed import MixedSpace

__all__ = ["CategoricalSpace"]


class CategoricalSpace(MixedSpace):
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

    merges_isomorphs: ClassVar[bool] = False  # no two rows are one architecture

    def __init__(self, name: str, choices: Mapping[str, Sequence[object]]) -> None:
        super().__init__(name, choices)
        for column, decision in self.finders.items():
            if not isinstance(decision, Choice) or decision.active_if:
                raise DataError(
                    f"column {column!r} of space {name!r} needs a list of choices; got {choices[column]!r}"
                )

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
