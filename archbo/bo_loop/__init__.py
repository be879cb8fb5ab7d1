"""Search loops: ask for architectures, tell their values."""

from archbo.bo_loop.baselines import LocalSearch, RandomSearch, RegularizedEvolution
from archbo.bo_loop.fidelity import (
    FidelityHistory,
    MultiFidelityOptimizer,
    Training,
    run_fidelities,
)
from archbo.bo_loop.guided_evolution import GuidedEvolution
from archbo.bo_loop.history import History
from archbo.bo_loop.multi_objective import MultiObjectiveOptimizer
from archbo.bo_loop.nsga2 import NSGA2
from archbo.bo_loop.optimizer import Optimizer
from archbo.bo_loop.pareto_history import ParetoHistory
from archbo.bo_loop.published import bananas, gbdt_nas, nas_bowl, weaknas
from archbo.bo_loop.robot import PublishedRoBoT, RoBoT
from archbo.bo_loop.searcher import Searcher, run
from archbo.bo_loop.transfer import warm_start

__all__ = [
    "NSGA2",
    "FidelityHistory",
    "GuidedEvolution",
    "History",
    "LocalSearch",
    "MultiFidelityOptimizer",
    "MultiObjectiveOptimizer",
    "Optimizer",
    "ParetoHistory",
    "PublishedRoBoT",
    "RandomSearch",
    "RegularizedEvolution",
    "RoBoT",
    "Searcher",
    "Training",
    "bananas",
    "gbdt_nas",
    "nas_bowl",
    "run",
    "run_fidelities",
    "warm_start",
    "weaknas",
]
