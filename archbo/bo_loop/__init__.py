"""Search loops: ask for architectures, tell their values."""

from archbo.bo_loop.baselines import RandomSearch, RegularizedEvolution
from archbo.bo_loop.history import History
from archbo.bo_loop.optimizer import Optimizer
from archbo.bo_loop.searcher import Searcher, run

__all__ = ["History", "Optimizer", "RandomSearch", "RegularizedEvolution", "Searcher", "run"]
