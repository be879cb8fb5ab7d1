"""Optuna's pruners by name."""

from typing import TYPE_CHECKING

from archbo.catalog.entry import Entry, Registry

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

__all__ = ["PRUNERS"]


def _median() -> "BasePruner":
    from optuna.pruners import MedianPruner

    return MedianPruner()


def _halving() -> "BasePruner":
    from optuna.pruners import SuccessiveHalvingPruner

    return SuccessiveHalvingPruner()


def _hyperband() -> "BasePruner":
    from optuna.pruners import HyperbandPruner

    return HyperbandPruner()


PRUNERS: Registry["BasePruner"] = Registry(
    "pruner",
    "archbo.pruners",
    [
        Entry("median", _median, "stops what is below the median of earlier trainings at its step"),
        Entry(
            "successive-halving",
            _halving,
            "lets the best quarter at each rung go on",
            "arXiv 1810.05934",
        ),
        Entry("hyperband", _hyperband, "the same from several rungs on", "arXiv 1603.06560"),
    ],
)
"""Each makes a pruner of Optuna's, with its defaults."""
