"""Random search, to compare with."""

from typing import final

from torch import Generator

from archbo.bo_loop.strategy import Proposals, Strategy
from archbo.log import Log

__all__ = ["RandomSearch"]


@final
class RandomSearch(Strategy):
    """Architectures at random, each once.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2]})
        >>> print(*run(RandomSearch(space, seed=0), lambda arch: sum(arch.row), 6).best)
        width=32,depth=2 3.0
    """

    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        return self._random(log, q, generator)
