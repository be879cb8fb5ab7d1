"""Acquisition: which architecture to evaluate next."""

from archbo.acquisition.candidates import Candidates, FixedCandidates, exhaustive
from archbo.acquisition.factories import (
    AcquisitionFactory,
    Observations,
    log_ei,
    posterior_mean,
    qlog_nei,
    ucb,
)
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
    IndependentThompson,
    Maximize,
    ThompsonSampling,
    TopSampling,
)
from archbo.acquisition.trust_region import TrustRegion, TrustRegionCandidates

__all__ = [
    "Acquisition",
    "AcquisitionFactory",
    "Candidates",
    "CrossoverCandidates",
    "FixedCandidates",
    "HillClimbingCandidates",
    "IndependentThompson",
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
    "log_ei",
    "posterior_mean",
    "qlog_nei",
    "ucb",
]
