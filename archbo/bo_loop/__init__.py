"""Search loops: ask for architectures, tell their values."""

from archbo.bo_loop.baselines import LocalSearch, RandomSearch, RegularizedEvolution
from archbo.bo_loop.history import History
from archbo.bo_loop.optimizer import Optimizer
from archbo.bo_loop.published import bananas, gbdt_nas, nas_bowl, weaknas
from archbo.bo_loop.searcher import Searcher, run

__all__ = [
    "History",
    "LocalSearch",
    "Optimizer",
    "RandomSearch",
    "RegularizedEvolution",
    "Searcher",
    "bananas",
    "gbdt_nas",
    "nas_bowl",
    "run",
    "weaknas",
]
