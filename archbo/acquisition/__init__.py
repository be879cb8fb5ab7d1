"""Acquisition: which architecture to evaluate next."""

from archbo.acquisition.candidates import (
    Candidates,
    FixedCandidates,
    LocalCandidates,
    candidates_for,
)
from archbo.acquisition.cost import Cost, KnownCost, LearnedCost
from archbo.acquisition.factories import (
    AcquisitionFactory,
    Observations,
    greedy,
    log_ei,
    pi,
    qlog_ei,
    qlog_nei,
    ucb,
)
from archbo.acquisition.information import gibbon, jes, mes
from archbo.acquisition.knowledge_gradient import kg
from archbo.acquisition.pruning import PrunedCandidates
from archbo.acquisition.select import (
    Acquisition,
    IndependentThompsonSampling,
    Maximize,
    ThompsonSampling,
)

__all__ = [
    "Acquisition",
    "AcquisitionFactory",
    "Candidates",
    "Cost",
    "FixedCandidates",
    "IndependentThompsonSampling",
    "KnownCost",
    "LearnedCost",
    "LocalCandidates",
    "Maximize",
    "Observations",
    "PrunedCandidates",
    "ThompsonSampling",
    "candidates_for",
    "gibbon",
    "greedy",
    "jes",
    "kg",
    "log_ei",
    "mes",
    "pi",
    "qlog_ei",
    "qlog_nei",
    "ucb",
]
