"""The base classes of networks and of the skeletons that build them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from archbo.errors import UsageError
from archbo.spaces import SearchSpace

__all__ = ["Skeleton", "SpaceNetwork", "require_positive", "total"]


class SpaceNetwork(nn.Module):
    """A trainable network of an architecture, with a record of which decision chose which of its modules.

    Attributes:
        columns: For the name of a module (as in ``named_modules``) the column of the space that chose it and all
            modules inside it. Modules that are the same in all architectures (stem, classifier, ...) are not
            listed.
    """

    columns: dict[str, int]

    def column_of(self, module: str) -> int | None:
        """The column that chose the module of this name, or None for a part of the skeleton."""
        parts = module.split(".")
        names = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        return next((self.columns[name] for name in names if name in self.columns), None)


class Skeleton(ABC):
    """The part of a network that is the same for all architectures of a space.

    A subclass is a frozen dataclass of plain values, fully described by its ``repr``. Write one to score
    architectures of a space of your own.

    Attributes:
        space_type: The kind of space whose architectures it builds.
        classes: The number of outputs of its networks.
    """

    space_type: ClassVar[type[SearchSpace]]
    classes: int

    @abstractmethod
    def build(self, space: Any, row: Sequence[int]) -> SpaceNetwork:  # noqa: ANN401 - a space_type
        """The network of a valid row, with weights drawn from PyTorch's global generator."""


def total(tensors: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape, at least one."""
    result, *others = tensors
    for tensor in others:
        result = result + tensor
    return result


def require_positive(skeleton: Skeleton, **numbers: int) -> None:
    """Refuse a skeleton that is too small.

    Raises:
        UsageError: One of the numbers is below 1.
    """
    for name, number in numbers.items():
        if number < 1:
            raise UsageError(f"{skeleton!r} is too small; give more {name.replace('_', ' ')}")
