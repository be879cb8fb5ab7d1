"""Strategies by name."""

from archbo import bo_loop
from archbo.bo_loop import Strategy
from archbo.catalog.entry import PROXIES, Entry, Registry

__all__ = ["STRATEGIES"]

STRATEGIES: Registry[Strategy] = Registry(
    "strategy",
    "archbo.strategies",
    [
        Entry("bayesian", bo_loop.Bayesian),
        Entry("random", bo_loop.RandomSearch),
        Entry("evolution", bo_loop.RegularizedEvolution),
        Entry("local-search", bo_loop.LocalSearch),
        Entry("nsga2", bo_loop.NSGA2),
        Entry(
            "guided-evolution",
            bo_loop.GuidedEvolution,
            paper="NATv2, arXiv 2307.00960; DyNAS, arXiv 2202.12954",
        ),
        Entry("bananas", bo_loop.bananas),
        Entry("gbdt-nas", bo_loop.gbdt_nas),
        Entry("nas-bowl", bo_loop.nas_bowl),
        Entry("weaknas", bo_loop.weaknas),
        Entry("robot", bo_loop.RoBoT, paper="after arXiv 2403.07591", needs=PROXIES),
        Entry("robot-published", bo_loop.PublishedRoBoT, needs=PROXIES),
    ],
)
"""Each makes a strategy from a space and a goal, with ``candidates`` and ``seed``."""
