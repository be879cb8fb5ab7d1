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
from archbo.acquisition.look_ahead import expected_improvement, improvement_ahead
from archbo.acquisition.moving import (
    CrossoverCandidates,
    HillClimbingCandidates,
    LocalCandidates,
    MovingCandidates,
    MutationCandidates,
    candidates_for,
)
from archbo.acquisition.multi_objective import (
    MaximizeOutcomes,
    OutcomeAcquisition,
    OutcomeFactory,
    OutcomeObservations,
    Prospect,
    constrained_log_nei,
    qlog_nehvi,
    qlog_nparego,
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
    "MaximizeOutcomes",
    "MovingCandidates",
    "MutationCandidates",
    "Observations",
    "OutcomeAcquisition",
    "OutcomeFactory",
    "OutcomeObservations",
    "Prospect",
    "PrunedCandidates",
    "ThompsonSampling",
    "TopSampling",
    "TrustRegion",
    "TrustRegionCandidates",
    "candidates_for",
    "constrained_log_nei",
    "exhaustive",
    "expected_improvement",
    "gibbon",
    "greedy",
    "improvement_ahead",
    "jes",
    "kg",
    "log_ei",
    "mes",
    "pi",
    "qlog_ei",
    "qlog_nehvi",
    "qlog_nei",
    "qlog_nparego",
    "ucb",
]
