"""What a model sees of a row: encodings as BoTorch input transforms."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import torch
from botorch.models.transforms.input import InputTransform
from torch import Tensor

from archbo.errors import UsageError
from archbo.spaces import SearchSpace

__all__ = ["Concatenation", "Encoding"]

MEMORY = 50_000_000
"""The most features that an encoding remembers."""


class Encoding(InputTransform, ABC):
    """A map from rows to features, row by row; ``a + b`` puts two side by side.

    A subclass sets ``feature_names`` and ``groups`` and implements ``_encode``; shapes are handled here.

    Args:
        space: The space that the rows belong to.

    Attributes:
        feature_names: The names of the ``D`` features.
        groups: ``D`` integers from 0 on; features of one group are alike, and a kernel may weigh them alike.
    """

    transform_on_train = True
    transform_on_eval = True
    transform_on_fantasize = True
    feature_names: Sequence[str]
    groups: Sequence[int]
    _memory: tuple[Tensor, Tensor] | None = None

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self.space = space

    @property
    def n_features(self) -> int:
        """The number of features ``D``."""
        return len(self.feature_names)

    @abstractmethod
    def _encode(self, X: Tensor) -> Tensor:
        """Features ``n x D`` of rows ``X`` (``n x d``), in the dtype of ``X``."""

    @final
    def transform(self, X: Tensor) -> Tensor:
        """Features ``... x n x D`` of rows ``X`` (``... x n x d``).

        Raises:
            UsageError: ``X`` has not as many columns as the space.
        """
        if X.shape[-1] != self.space.n_columns:
            raise UsageError(
                f"{self!r} takes rows of {self.space.n_columns} columns, got {tuple(X.shape)}"
            )
        with torch.no_grad():
            flat = self._recall(X.reshape(-1, X.shape[-1]))
        return flat.reshape(*X.shape[:-1], self.n_features)

    @final
    def remember(self, X: Tensor) -> None:
        """Encode rows ``X`` (``n x d``) once and look their features up from then on.

        A search scores the same pool after each observation, and features of a graph take longer to count than
        to look up. A pool is not remembered if it would take more than 400 MB.
        """
        keys = self.space.row_keys(X)
        if keys.ndim == 1 and len(X) * self.n_features <= MEMORY:
            keys, order = keys.sort()
            self._memory = (keys, self._encode(X[order]))

    def _recall(self, X: Tensor) -> Tensor:
        if self._memory is None or len(X) == 0:
            return self._encode(X)
        keys, features = self._memory
        wanted = self.space.row_keys(X)
        place = torch.searchsorted(keys, wanted).clamp_max(len(keys) - 1)
        found = features[place].to(X.dtype)
        unknown = keys[place] != wanted
        if bool(unknown.any()):
            found[unknown] = self._encode(X[unknown])
        return found

    def equals(self, other: InputTransform) -> bool:
        """Whether the other transform is the same encoding of the same space."""
        return type(self) is type(other) and repr(self) == repr(other)

    def __add__(self, other: "Encoding") -> "Concatenation":
        sides = (
            side.parts if isinstance(side, Concatenation) else (side,) for side in (self, other)
        )
        return Concatenation(*(part for side in sides for part in side))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.space.name})"


class Concatenation(Encoding):
    """Several encodings of one space side by side.

    Attributes:
        parts: The encodings.

    Raises:
        UsageError: They encode different spaces, or there are none.
    """

    parts: Sequence[Encoding]

    def __init__(self, *parts: Encoding) -> None:
        spaces = {part.space.name for part in parts}
        if len(spaces) != 1:
            raise UsageError(f"encodings of one space can be joined; got {sorted(spaces)}")
        super().__init__(parts[0].space)
        self.parts = torch.nn.ModuleList(parts)  # type: ignore[assignment] # holds encodings only
        self.feature_names = tuple(name for part in parts for name in part.feature_names)
        groups: list[int] = []
        for part in parts:
            first = max(groups, default=-1) + 1
            groups.extend(first + group for group in part.groups)
        self.groups = tuple(groups)

    def _encode(self, X: Tensor) -> Tensor:
        return torch.cat([part(X) for part in self.parts], -1)

    def __repr__(self) -> str:
        return " + ".join(repr(part) for part in self.parts)
