"""Who dominates whom, and the volume that is dominated; more is better in every column."""

from bisect import bisect_right

import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from torch import Tensor

__all__ = ["crowding", "hypervolume", "merit", "non_dominated"]


def non_dominated(objectives: Tensor) -> Tensor:
    """``n`` bool: the rows (``n x m``) than which none is as good in each column and better in one.

    Equal rows are on the front together.

    Example:
        >>> Y = torch.tensor([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0], [2.0, 2.0]])
        >>> non_dominated(Y).tolist()
        [True, True, False, True]
    """
    return is_non_dominated(objectives, deduplicate=False)


def merit(objectives: Tensor, slacks: Tensor) -> Tensor:
    """``n x 1``: minus the number of fronts to peel off before each row is on one.

    Args:
        objectives: ``n x m``.
        slacks: ``n x c``; a row is feasible if none is negative. Infeasible rows come after all feasible ones, the
            more violated the later.
    """
    result = objectives.new_zeros(len(objectives), 1)
    feasible = (slacks >= 0).all(-1)
    left = feasible.nonzero().flatten()
    peeled = 0
    if objectives.shape[-1] == 2 and len(left):
        fronts = _fronts_of_two(objectives[left])
        result[left] = -torch.tensor(fronts).to(result).unsqueeze(-1)
        left, peeled = left[:0], 1 + max(fronts)
    while len(left):
        front = non_dominated(objectives[left])
        result[left[front]] = -float(peeled)
        left, peeled = left[~front], peeled + 1
    bad = (~feasible).nonzero().flatten()
    if len(bad):
        violation = -slacks[bad].clamp_max(0).sum(-1)
        order = violation.argsort(stable=True).argsort()
        result[bad] = -(peeled + order.to(result)).unsqueeze(-1)
    return result


def _fronts_of_two(objectives: Tensor) -> list[int]:
    """The number of the front, from 0, that each row of two objectives is on, without peeling (Jensen 2003)."""
    rows = objectives.tolist()
    fronts = [0] * len(rows)
    lowest: list[float] = []  # minus the best second objective of each front so far, ascending
    before: int | None = None
    for place in sorted(range(len(rows)), key=lambda place: rows[place], reverse=True):
        if before is not None and rows[place] == rows[before]:
            fronts[place] = fronts[before]
        else:
            fronts[place] = bisect_right(lowest, -rows[place][1])
            lowest[fronts[place] : fronts[place] + 1] = [-rows[place][1]]
        before = place
    return fronts


def hypervolume(front: Tensor, reference: Tensor) -> float:
    """The volume that rows (``n x m``) dominate above the reference (``m``).

    Zitzler and Thiele 1998; the algorithm of Fonseca et al. 2006.

    Example:
        >>> hypervolume(torch.tensor([[1.0, 3.0], [2.0, 2.0]]), torch.zeros(2))
        5.0
    """
    values = front.unique(dim=0)
    values = values[(values > reference).all(-1)]
    if len(values) == 0:
        return 0.0
    if values.shape[-1] == 1:
        return float(values.max() - reference)
    return float(Hypervolume(reference.to(values)).compute(values))


def crowding(objectives: Tensor) -> Tensor:
    """``n``, how lonely each row (``n x m``) is: the sum of its neighbours' distances (Deb et al. 2002).

    The ends of each objective are infinitely lonely.
    """
    distance = objectives.new_zeros(len(objectives))
    for column in objectives.T:
        order = column.argsort(stable=True)
        ascending = column[order]
        extent = (ascending[-1] - ascending[0]).clamp_min(1e-12)
        gap = torch.full_like(ascending, torch.inf)
        gap[1:-1] = (ascending[2:] - ascending[:-2]) / extent
        distance[order] += gap
    return distance
