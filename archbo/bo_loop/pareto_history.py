"""What a search for several objectives, or under constraints, has seen."""

from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from archbo.benchmarks import Outcomes
from archbo.bo_loop.history import History
from archbo.errors import UsageError
from archbo.spaces import Arch

__all__ = ["ParetoHistory"]


@dataclass(frozen=True)
class ParetoHistory(History):
    """Evaluated architectures in the order in which they were told, with several values each.

    Args:
        space: The space that the rows belong to.
        X: ``n x d``.
        Y: ``n x (m + c)``: objectives, higher is better, then the slacks of constraints.
        outcomes: How many of each.
    """

    outcomes: Outcomes

    @property
    def feasible(self) -> Tensor:
        """``n`` bool: which architectures satisfy all constraints."""
        return self.outcomes.feasible(self.Y)

    @property
    def front(self) -> Tensor:
        """The numbers of the evaluations on the Pareto front; none where nothing is feasible."""
        return self.outcomes.front(self.Y)

    @property
    def front_archs(self) -> list[Arch]:
        """The architectures on the front."""
        return self.space.archs(self.X[self.front])

    def hypervolume(self, reference: Tensor) -> float:
        """The volume that the front dominates above the reference (``m``)."""
        return self.outcomes.hypervolume(self.Y, reference)

    def running_hypervolume(self, reference: Tensor) -> Tensor:
        """``n``, the hypervolume after each evaluation."""
        return self.outcomes.running_hypervolume(self.Y, reference)

    @property
    def running_best(self) -> Tensor:
        """``n``, the best feasible value after each evaluation, minus infinity before the first.

        Raises:
            UsageError: There are several objectives.
        """
        self._require_one()
        return self.Y[:, 0].where(self.feasible, -float("inf")).cummax(0).values

    @property
    def best(self) -> tuple[Arch, float]:
        """The best feasible architecture of the one objective, the first where several are, and its value.

        Raises:
            UsageError: There are several objectives, or nothing feasible has been told yet.
        """
        self._require_one()
        if not bool(self.feasible.any()):
            raise UsageError("nothing feasible has been told yet, so there is no best architecture")
        index = int(self.Y[:, 0].where(self.feasible, -float("inf")).argmax())
        return self.archs[index], float(self.Y[index, 0])

    def _require_one(self) -> None:
        if self.outcomes.n_objectives > 1:
            raise UsageError(
                f"{self.outcomes.n_objectives} objectives have no single best architecture; ask for the front"
            )

    def to_frame(self) -> pd.DataFrame:
        """One row per evaluation: ``arch``, ``value_1`` ..., ``slack_1`` ..., ``feasible``, ``on_front``."""
        values, slacks = self.outcomes.objectives(self.Y), self.outcomes.slacks(self.Y)
        on_front = set(self.front.tolist())
        return pd.DataFrame(
            {
                "arch": [str(arch) for arch in self.archs],
                **{f"value_{i}": column.tolist() for i, column in enumerate(values.T, 1)},
                **{f"slack_{i}": column.tolist() for i, column in enumerate(slacks.T, 1)},
                "feasible": self.feasible.tolist(),
                "on_front": [row in on_front for row in range(len(self))],
            }
        )
