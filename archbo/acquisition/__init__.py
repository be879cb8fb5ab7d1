"""Acquisition: which architecture to evaluate next."""

from archbo.acquisition.active_learning import ivr
from archbo.acquisition.candidates.base import Candidates, FixedCandidates, exhaustive
from archbo.acquisition.candidates.moving import (
    CrossoverCandidates,
    HillClimbingCandidates,
    LocalCandidates,
    MovingCandidates,
    MutationCandidates,
    candidates_for,
)
from archbo.acquisition.candidates.pruning import PrunedCandidates
from archbo.acquisition.candidates.trust_region import TrustRegionCandidates
from archbo.acquisition.context import Context
from archbo.acquisition.cost import Cost, KnownCost, LearnedCost
from archbo.acquisition.hypervolume import constrained_log_nei, qlog_nehvi, qlog_nparego
from archbo.acquisition.improvement import (
    FunctionFactory,
    greedy,
    log_ei,
    pi,
    qlog_ei,
    qlog_nei,
    ucb,
)
from archbo.acquisition.information import gibbon, jes, mes
from archbo.acquisition.knowledge_gradient import kg
from archbo.acquisition.maximize import Maximize
from archbo.acquisition.maximizers import Climb, Maximizer, WholePool
from archbo.acquisition.regret import regret_draws
from archbo.acquisition.rule import Rule
from archbo.acquisition.thompson import (
    IndependentThompsonSampling,
    ThompsonSampling,
    TopSampling,
)

__all__ = [
    "Candidates",
    "Climb",
    "Context",
    "Cost",
    "CrossoverCandidates",
    "FixedCandidates",
    "FunctionFactory",
    "HillClimbingCandidates",
    "IndependentThompsonSampling",
    "KnownCost",
    "LearnedCost",
    "LocalCandidates",
    "Maximize",
    "Maximizer",
    "MovingCandidates",
    "MutationCandidates",
    "PrunedCandidates",
    "Rule",
    "ThompsonSampling",
    "TopSampling",
    "TrustRegionCandidates",
    "WholePool",
    "candidates_for",
    "constrained_log_nei",
    "exhaustive",
    "gibbon",
    "greedy",
    "ivr",
    "jes",
    "kg",
    "log_ei",
    "mes",
    "pi",
    "qlog_ei",
    "qlog_nehvi",
    "qlog_nei",
    "qlog_nparego",
    "regret_draws",
    "ucb",
]
