"""Search loops: ask for architectures, tell their values."""

from archbo.bo_loop.baselines import RandomSearch, RegularizedEvolution
from archbo.bo_loop.guided_evolution import GuidedEvolution
from archbo.bo_loop.history import History
from archbo.bo_loop.multi_objective import MultiObjectiveOptimizer
from archbo.bo_loop.nsga2 import NSGA2
from archbo.bo_loop.optimizer import Optimizer
from archbo.bo_loop.pareto_history import ParetoHistory
from archbo.bo_loop.searcher import Searcher, run

__all__ = [
    "NSGA2",
    "GuidedEvolution",
    "History",
    "MultiObjectiveOptimizer",
    "Optimizer",
    "ParetoHistory",
    "RandomSearch",
    "RegularizedEvolution",
    "Searcher",
    "run",
]
