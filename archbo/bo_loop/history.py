"""What a search has seen."""

from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from archbo.errors import UsageError
from archbo.spaces import Arch, SearchSpace

__all__ = ["History"]


@dataclass(frozen=True)
class History:
    """Evaluated architectures in the order in which they were told.

    Args:
        space: The space that the rows belong to.
        X: ``n x d``.
        Y: ``n x 1``, higher is better.
    """

    space: SearchSpace
    X: Tensor
    Y: Tensor

    def __len__(self) -> int:
        return len(self.X)

    @property
    def archs(self) -> list[Arch]:
        """The architectures."""
        return self.space.archs(self.X)

    @property
    def running_best(self) -> Tensor:
        """``n``, the best value after each evaluation."""
        return self.Y.flatten().cummax(0).values

    @property
    def best(self) -> tuple[Arch, float]:
        """The best architecture, the first where several are, and its value.

        Raises:
            UsageError: Nothing has been told yet.
        """
        if len(self) == 0:
            raise UsageError("nothing has been told yet, so there is no best architecture")
        index = int(self.Y.argmax())
        return self.archs[index], float(self.Y[index])

    def to_frame(self) -> pd.DataFrame:
        """One row per evaluation: ``arch``, ``value``, ``best``."""
        return pd.DataFrame(
            {
                "arch": [str(arch) for arch in self.archs],
                "value": self.Y.flatten().tolist(),
                "best": self.running_best.tolist(),
            }
        )
