"""Search loops: ask for architectures, tell their values."""

from archbo.bo_loop.optimizer import Optimizer
from archbo.bo_loop.run import run
from archbo.bo_loop.strategies.bayesian import Bayesian
from archbo.bo_loop.strategies.fidelities import FidelityBayesian
from archbo.bo_loop.strategy import Proposals, Strategy

__all__ = [
    "Bayesian",
    "FidelityBayesian",
    "Optimizer",
    "Proposals",
    "Strategy",
    "run",
]
