"""Acquisition: which architecture to evaluate next."""

from archbo.acquisition.candidates import Candidates, FixedCandidates, exhaustive
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
from archbo.acquisition.moving import (
    CrossoverCandidates,
    HillClimbingCandidates,
    LocalCandidates,
    MovingCandidates,
    MutationCandidates,
    candidates_for,
)
from archbo.acquisition.pruning import PrunedCandidates
from archbo.acquisition.select import (
    Acquisition,
    IndependentThompsonSampling,
    Maximize,
    ThompsonSampling,
    TopSampling,
)
from archbo.acquisition.trust_region import TrustRegion, TrustRegionCandidates

__all__ = [
    "Acquisition",
    "AcquisitionFactory",
    "Candidates",
    "Cost",
    "CrossoverCandidates",
    "FixedCandidates",
    "HillClimbingCandidates",
    "IndependentThompsonSampling",
    "KnownCost",
    "LearnedCost",
    "LocalCandidates",
    "Maximize",
    "MovingCandidates",
    "MutationCandidates",
    "Observations",
    "PrunedCandidates",
    "ThompsonSampling",
    "TopSampling",
    "TrustRegion",
    "TrustRegionCandidates",
    "candidates_for",
    "exhaustive",
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
