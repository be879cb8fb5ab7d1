"""Search loops: ask for architectures, tell their values."""

from archbo.bo_loop.ask_tell import AskTell
from archbo.bo_loop.optimizer import Optimizer
from archbo.bo_loop.run import run
from archbo.bo_loop.stopping import Terminator
from archbo.bo_loop.strategies.bayesian import Bayesian
from archbo.bo_loop.strategies.evolution import RegularizedEvolution
from archbo.bo_loop.strategies.fidelities import FidelityBayesian
from archbo.bo_loop.strategies.guided_evolution import GuidedEvolution
from archbo.bo_loop.strategies.local import LocalSearch
from archbo.bo_loop.strategies.nsga2 import NSGA2
from archbo.bo_loop.strategies.presets import bananas, gbdt_nas, nas_bowl, weaknas
from archbo.bo_loop.strategies.random import RandomSearch
from archbo.bo_loop.strategies.robot import PublishedRoBoT, RoBoT
from archbo.bo_loop.strategy import Proposals, Strategy

__all__ = [
    "NSGA2",
    "AskTell",
    "Bayesian",
    "FidelityBayesian",
    "GuidedEvolution",
    "LocalSearch",
    "Optimizer",
    "Proposals",
    "PublishedRoBoT",
    "RandomSearch",
    "RegularizedEvolution",
    "RoBoT",
    "Strategy",
    "Terminator",
    "bananas",
    "gbdt_nas",
    "nas_bowl",
    "run",
    "weaknas",
]
