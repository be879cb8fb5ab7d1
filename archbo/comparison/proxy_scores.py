"""Zero-cost measures in numbers: how often they fail, their medians, and their rank correlations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from archbo.proxies import MEASURES, ranks

__all__ = ["ProxySummary", "summarize_proxies"]


@dataclass(frozen=True, eq=False)
class ProxySummary:
    """The scores of many architectures by ``m`` measures.

    Attributes:
        measures: A row for each measure: the number of scores that ``failed`` (NaN or infinite), the lowest of the
            others (``min``), their ``median``, and the highest (``max``), NaN where there are none; and Spearman's rank correlation
            with the ``objective``, NaN where there is none.
        correlations: Spearman's rank correlations, of the objective, where there is one, and then the measures; each
            in the direction that is better, with failures as the worst.
    """

    measures: pd.DataFrame
    correlations: pd.DataFrame

    def to_dict(self) -> dict[str, object]:
        """Plain values, as the command line writes them."""
        names = self.measures.index
        return {
            "measures": self.measures[["failed", "median", "objective"]].to_dict("index"),
            "correlations": self.correlations.loc[names, names].to_numpy().tolist(),
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
        >>> summary.measures[["failed", "median", "objective"]].loc["ntk"].tolist()
        [1.0, 2.5, 0.5]
    """
    columns = scores[list(measures)]
    ranked = {
        name: ranks(
            torch.tensor(columns[name].to_numpy()), higher_is_better=MEASURES[name].higher_is_better
        )
        for name in measures
    }
    if values is not None:
        ranked = {"objective": ranks(values)} | ranked
    # A measure that tells nothing apart correlates with nothing.
    correlations = pd.DataFrame(ranked).corr("spearman").fillna(0.0)
    finite = columns.where(np.isfinite(columns))
    summary = pd.DataFrame(
        {
            "failed": finite.isna().sum(),
            "min": finite.min(),
            "median": finite.median(),
            "max": finite.max(),
            "objective": correlations["objective"] if values is not None else math.nan,
        },
        index=pd.Index(measures, name="measure"),
    )
    return ProxySummary(summary, correlations)
