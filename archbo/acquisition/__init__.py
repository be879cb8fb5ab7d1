"""Acquisition: which architecture to evaluate next."""

from archbo.acquisition.candidates import (
    Candidates,
    FixedCandidates,
    LocalCandidates,
    candidates_for,
)
from archbo.acquisition.factories import AcquisitionFactory, Observations, log_ei, qlog_nei, ucb
from archbo.acquisition.pruning import PrunedCandidates
from archbo.acquisition.select import Acquisition, Maximize, ThompsonSampling

__all__ = [
    "Acquisition",
    "AcquisitionFactory",
    "Candidates",
    "FixedCandidates",
    "LocalCandidates",
    "Maximize",
    "Observations",
    "PrunedCandidates",
    "ThompsonSampling",
    "candidates_for",
    "log_ei",
    "qlog_nei",
    "ucb",
]
