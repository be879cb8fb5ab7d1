"""Several objectives and constraints at once: who dominates whom, and the volume that is dominated."""

from dataclasses import dataclass

import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from torch import Tensor

from archbo.errors import UsageError

__all__ = ["Outcomes"]


@dataclass(frozen=True)
class Outcomes:
    """What the columns of told values are: first objectives, to be maximised, then slacks of constraints.

    An architecture is feasible if all its slacks are at least 0. It is on the front if it is feasible and no
    feasible one is at least as good in each objective and better in one; equals are on it together.

    Args:
        n_objectives: The number of objectives ``m``.
        n_constraints: The number of constraints ``c``.

    Raises:
        UsageError: There is no objective.

    Example:
        >>> Y = torch.tensor([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [2.0, 2.0]])
        >>> Outcomes(2).front(Y).tolist(), Outcomes(2).hypervolume(Y, torch.zeros(2))
        ([0, 1, 3], 5.0)
    """

    n_objectives: int = 1
    n_constraints: int = 0

    def __post_init__(self) -> None:
        if self.n_objectives < 1 or self.n_constraints < 0:
            raise UsageError(
                "a search needs at least one objective and no negative number of constraints; "
                f"got {self.n_objectives} and {self.n_constraints}"
            )

    @property
    def total(self) -> int:
        """The number of columns, ``m + c``."""
        return self.n_objectives + self.n_constraints

    def objectives(self, Y: Tensor) -> Tensor:
        """The objectives, ``... x m``, of values ``... x (m + c)``."""
        return Y[..., : self.n_objectives]

    def slacks(self, Y: Tensor) -> Tensor:
        """The constraints' slacks, ``... x c``, of values ``... x (m + c)``."""
        return Y[..., self.n_objectives :]

    def feasible(self, Y: Tensor) -> Tensor:
        """Which values (``... x (m + c)``) satisfy all constraints, ``...`` bool."""
        return (self.slacks(Y) >= 0).all(-1)

    def front(self, Y: Tensor) -> Tensor:
        """The rows of ``Y`` (``n x (m + c)``) on the Pareto front, as ascending numbers; maybe none."""
        rows = self.feasible(Y).nonzero().flatten()
        return rows[is_non_dominated(self.objectives(Y[rows]), deduplicate=False)]

    def merit(self, Y: Tensor) -> Tensor:
        """``n x 1``: minus the number of fronts to peel off before each row of ``Y`` is on one.

        Infeasible rows come after all feasible ones, the more violated the later.
        """
        merit = torch.zeros(len(Y), 1, dtype=Y.dtype)
        left = torch.arange(len(Y))
        while len(left):
            front = left[self.front(Y[left])]
            if len(front) == 0:
                break
            left = left[~torch.isin(left, front)]
            merit[left] -= 1
        if len(left):
            violation = -self.slacks(Y[left]).clamp_max(0).sum(-1)
            merit[left] -= violation.argsort().argsort().unsqueeze(-1).to(Y)
        return merit

    def hypervolume(self, Y: Tensor, reference: Tensor) -> float:
        """The volume that the front of ``Y`` (``n x (m + c)``) dominates above the reference (``m``).

        With one objective it is the best value's distance from the reference. (Zitzler and Thiele 1998; the
        algorithm of Fonseca et al. 2006.)
        """
        values = self.objectives(Y[self.front(Y)]).unique(dim=0)
        values = values[(values > reference).all(-1)]
        if len(values) == 0:
            return 0.0
        if self.n_objectives == 1:
            return float(values.max() - reference)
        return float(Hypervolume(reference.to(values)).compute(values))

    def running_hypervolume(self, Y: Tensor, reference: Tensor) -> Tensor:
        """``n``, the hypervolume of the first row of ``Y`` (``n x (m + c)``), of the first two, and so on."""
        volumes: list[float] = []
        front = Y[:0]
        for row in Y.split(1):
            joined = torch.cat([front, row])
            front = joined[self.front(joined)]
            new = bool((front == row).all(-1).any())
            volumes.append(
                self.hypervolume(front, reference) if new or not volumes else volumes[-1]
            )
        return torch.tensor(volumes, dtype=torch.double)
