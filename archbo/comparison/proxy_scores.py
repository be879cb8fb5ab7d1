"""Zero-cost measures in numbers: how often they fail, their medians, and their rank correlations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from archbo.comparison.metrics import spearman
from archbo.proxies import MEASURES, ranks

__all__ = ["MeasureSummary", "ProxySummary", "summarize_proxies"]


@dataclass(frozen=True)
class MeasureSummary:
    """The scores of many architectures by one measure.

    Attributes:
        name: Of the measure.
        failed: The number of scores that are NaN or infinite.
        low: The lowest of the other scores, None where there are none; likewise ``median`` and ``high``.
        median: Their median.
        high: The highest.
        objective: Spearman's rank correlation with the objective, where there is one.
    """

    name: str
    failed: int
    low: float | None
    median: float | None
    high: float | None
    objective: float | None


@dataclass(frozen=True, eq=False)
class ProxySummary:
    """The scores of many architectures by ``m`` measures.

    Attributes:
        measures: One by one.
        matrix: Spearman's rank correlations, of the objective, where there is one, and then the measures; each in the
            direction that is better, with failures as the worst.
    """

    measures: tuple[MeasureSummary, ...]
    matrix: NDArray[np.float64]

    def to_dict(self) -> dict[str, object]:
        """Plain values, as the command line writes them; the median of no numbers is None."""
        first = len(self.matrix) - len(self.measures)
        return {
            "measures": {
                measure.name: {
                    "failed": measure.failed,
                    "median": measure.median,
                    "objective": measure.objective,
                }
                for measure in self.measures
            },
            "correlations": self.matrix[first:, first:].tolist(),
        }


def summarize_proxies(
    scores: pd.DataFrame, measures: Sequence[str], values: Tensor | None = None
) -> ProxySummary:
    """Summarise a table of scores.

    Args:
        scores: ``n`` rows, as ``archbo.proxies.score`` returns them.
        measures: ``m`` names of measures among its columns.
        values: ``n`` values of an objective, higher being better.

    Example:
        >>> scores = pd.DataFrame({"arch_str": ["a", "b", "c"], "params": [1.0, 2.0, 3.0], "ntk": [3.0, 2.0, np.inf]})
        >>> summary = summarize_proxies(scores, ["params", "ntk"], torch.tensor([0.1, 0.5, 0.3]))
        >>> summary.measures[1].failed, summary.measures[1].median, summary.matrix[0].tolist()
        (1, 2.5, [1.0, 0.5, 0.5])
    """
    columns = {name: torch.from_numpy(scores[name].to_numpy(copy=True)) for name in measures}
    ranked = [
        ranks(column, higher_is_better=MEASURES[name].higher_is_better).numpy()
        for name, column in columns.items()
    ]
    if values is not None:
        ranked.insert(0, ranks(values).numpy())
    matrix = np.array([[spearman(a, b) for b in ranked] for a in ranked])
    with_objective = matrix[0, 1:].tolist() if values is not None else [None] * len(measures)
    return ProxySummary(
        tuple(
            _summary(name, columns[name].numpy(), rho)
            for name, rho in zip(measures, with_objective, strict=True)
        ),
        matrix,
    )


def _summary(name: str, scores: NDArray[np.float64], objective: float | None) -> MeasureSummary:
    good = scores[np.isfinite(scores)]
    failed = len(scores) - len(good)
    if not len(good):
        return MeasureSummary(name, failed, None, None, None, objective)
    low, median, high = float(good.min()), float(np.median(good)), float(good.max())
    return MeasureSummary(name, failed, low, median, high, objective)
