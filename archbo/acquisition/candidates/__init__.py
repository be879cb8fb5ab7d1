"""Candidates: where the rows come from that an acquisition function chooses among."""

from archbo.acquisition.candidates.base import Candidates, FixedCandidates, exhaustive
from archbo.acquisition.candidates.likely import LikelyCandidates
from archbo.acquisition.candidates.moving import (
    CrossoverCandidates,
    HillClimbingCandidates,
    LocalCandidates,
    MovingCandidates,
    MutationCandidates,
    candidates_for,
    mutations,
)
from archbo.acquisition.candidates.pruning import PrunedCandidates, bad_choices
from archbo.acquisition.candidates.trust_region import TrustRegion, TrustRegionCandidates

__all__ = [
    "Candidates",
    "CrossoverCandidates",
    "FixedCandidates",
    "HillClimbingCandidates",
    "LikelyCandidates",
    "LocalCandidates",
    "MovingCandidates",
    "MutationCandidates",
    "PrunedCandidates",
    "TrustRegion",
    "TrustRegionCandidates",
    "bad_choices",
    "candidates_for",
    "exhaustive",
    "mutations",
]
