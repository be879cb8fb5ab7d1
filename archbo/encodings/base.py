"""What a model sees of a row: encodings as BoTorch input transforms."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self, final

import torch
from botorch.models.transforms.input import InputTransform
from torch import Tensor

from archbo.errors import UsageError
from archbo.spaces import SearchSpace
from archbo.spaces.graph import without_caches

__all__ = ["Concatenation", "Encoding"]

MEMORY = 50_000_000
"""The most features that an encoding remembers: 400 MB in double precision."""


class Encoding(InputTransform, ABC):
    """A map from rows to features, row by row; ``a + b`` puts two side by side.

    A subclass sets ``feature_names`` and ``groups`` and implements ``_encode``; shapes are handled here. One that
    has options overrides ``_same_options``, and one whose features can be differentiated sets ``differentiable``.

    There is at least one feature, if need be one that is the same for all. Features are on the device of the rows.

    Args:
        space: The space that the rows belong to.

    Attributes:
        feature_names: The names of the ``D`` features.
        groups: ``D`` integers from 0 on; features of one group are alike, and a kernel may weigh them alike.
        differentiable: Whether features change smoothly with a row's numbers, so that gradients flow back to it.
    """

    transform_on_train = True
    transform_on_eval = True
    transform_on_fantasize = True
    feature_names: Sequence[str]
    groups: Sequence[int]
    differentiable: bool = False
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
        flat = X.reshape(-1, X.shape[-1])
        if self.differentiable and X.requires_grad and torch.is_grad_enabled():
            features = self._encode(flat)
        else:
            with torch.no_grad():
                features = self._recall(flat)
        return features.reshape(*X.shape[:-1], self.n_features)

    @final
    def remember(self, X: Tensor) -> None:
        """Encode rows ``X`` (``n x d``) once and look their features up from then on.

        A search scores the same pool after each observation, and features of a graph take longer to count than
        to look up. A pool whose features would take more than 400 MB, or of a space with more than 2^63 rows, is
        not remembered: then this does nothing, and they are counted each time. Neither is one of an encoding that
        is differentiable, which is quick and may be asked for rows between the remembered ones. Another pool
        replaces the one before. What is remembered is not pickled.
        """
        if self.differentiable:
            return
        keys = self.space.row_keys(X)
        if keys.ndim == 1 and len(X) * self.n_features <= MEMORY:
            keys, order = keys.sort()
            self._memory = (keys, self._encode(X[order]))

    def _recall(self, X: Tensor) -> Tensor:
        if self._memory is None or len(X) == 0:
            return self._encode(X)
        keys, features = (part.to(X.device) for part in self._memory)
        wanted = self.space.row_keys(X)
        place = torch.searchsorted(keys, wanted).clamp_max(len(keys) - 1)
        found = features[place].to(X.dtype)
        unknown = keys[place] != wanted
        if bool(unknown.any()):
            found[unknown] = self._encode(X[unknown])
        return found

    @final
    def equals(self, other: InputTransform) -> bool:
        """Whether the other transform gives any row of an equal space the same features, by the same names."""
        return self is other or (
            type(self) is type(other)
            and isinstance(other, Encoding)
            and self.space == other.space
            and tuple(self.feature_names) == tuple(other.feature_names)
            and tuple(self.groups) == tuple(other.groups)
            and self._same_options(other)
        )

    def _same_options(self, other: Self) -> bool:
        """Whether another encoding of this class has the same options, as far as the features' names leave it open."""
        return True

    def __getstate__(self) -> dict[str, object]:
        return without_caches(self) | {"_memory": None}

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
        if not parts:
            raise UsageError("there are no encodings to join; give at least one")
        for part in parts[1:]:
            _same_space(parts[0].space, part.space)
        super().__init__(parts[0].space)
        self.parts = torch.nn.ModuleList(parts)  # type: ignore[assignment] # holds encodings only
        # Whatever else depends on reals at all is constant between jumps.
        among = all if self.space.is_finite else any
        self.differentiable = among(part.differentiable for part in parts)
        self.feature_names = tuple(name for part in parts for name in part.feature_names)
        groups: list[int] = []
        for part in parts:
            first = max(groups, default=-1) + 1
            groups.extend(first + group for group in part.groups)
        self.groups = tuple(groups)

    def _encode(self, X: Tensor) -> Tensor:
        return torch.cat([part(X) for part in self.parts], -1)

    def _same_options(self, other: "Concatenation") -> bool:
        return len(self.parts) == len(other.parts) and all(
            mine.equals(theirs) for mine, theirs in zip(self.parts, other.parts, strict=True)
        )

    def __repr__(self) -> str:
        return " + ".join(repr(part) for part in self.parts)


def _same_space(first: SearchSpace, second: SearchSpace) -> None:
    if first == second:
        return
    names = sorted({first.name, second.name})
    detail = f": {second.unlike(first)}" if len(names) == 1 else ""
    raise UsageError(f"encodings of one space can be joined; got {names}{detail}")
