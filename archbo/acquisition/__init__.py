"""Acquisition: which architecture to evaluate next."""

from archbo.acquisition.candidates import (
    Candidates,
    FixedCandidates,
    LocalCandidates,
    candidates_for,
)
from archbo.acquisition.factories import AcquisitionFactory, Observations, log_ei, qlog_nei, ucb
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
from archbo.acquisition.select import Acquisition, Maximize, ThompsonSampling

__all__ = [
    "Acquisition",
    "AcquisitionFactory",
    "Candidates",
    "FixedCandidates",
    "LocalCandidates",
    "Maximize",
    "MaximizeOutcomes",
    "Observations",
    "OutcomeAcquisition",
    "OutcomeFactory",
    "OutcomeObservations",
    "Prospect",
    "PrunedCandidates",
    "ThompsonSampling",
    "candidates_for",
    "constrained_log_nei",
    "log_ei",
    "qlog_nehvi",
    "qlog_nei",
    "qlog_nparego",
    "ucb",
]
