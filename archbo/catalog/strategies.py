"""Strategies by name."""

from archbo.bo_loop import (
    NSGA2,
    Bayesian,
    GuidedEvolution,
    LocalSearch,
    PublishedRoBoT,
    RandomSearch,
    RegularizedEvolution,
    RoBoT,
    Strategy,
    bananas,
    gbdt_nas,
    nas_bowl,
    weaknas,
)
from archbo.catalog.entry import PROXIES, Entry, Registry

__all__ = ["STRATEGIES"]

STRATEGIES: Registry[Strategy] = Registry(
    "strategy",
    "archbo.strategies",
    [
        Entry("bayesian", Bayesian, "random architectures, then what an acquisition rule picks"),
        Entry("random", RandomSearch, "architectures at random"),
        Entry("evolution", RegularizedEvolution, "regularised evolution", "arXiv 1802.01548"),
        Entry("local-search", LocalSearch, "local search with restarts", "arXiv 2005.02960"),
        Entry("nsga2", NSGA2, "NSGA-II, Optuna's", "Deb et al. 2002"),
        Entry(
            "guided-evolution",
            GuidedEvolution,
            "NSGA-II on surrogates' predictions",
            "NATv2, arXiv 2307.00960; DyNAS, arXiv 2202.12954",
        ),
        Entry("bananas", bananas, "networks on paths, mutations", "arXiv 1910.11858"),
        Entry("gbdt-nas", gbdt_nas, "boosted trees, pruned choices", "arXiv 2007.04785"),
        Entry("nas-bowl", nas_bowl, "Weisfeiler-Lehman Gaussian process", "arXiv 2006.07556"),
        Entry("weaknas", weaknas, "weak predictors in rounds", "arXiv 2102.10490"),
        Entry(
            "robot",
            RoBoT,
            "zero-cost proxies, their weights and the structure learned together",
            "after arXiv 2403.07591",
            PROXIES,
        ),
        Entry("robot-published", PublishedRoBoT, "RoBoT as published", "arXiv 2403.07591", PROXIES),
    ],
)
"""Each makes a strategy from a space and a goal, with ``candidates`` and ``seed``."""
