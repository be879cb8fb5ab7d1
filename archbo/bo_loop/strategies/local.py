"""Local search."""

from typing import final

import torch
from torch import Generator, Tensor

from archbo.bo_loop.strategy import Proposals, Strategy
from archbo.log import Log, State

__all__ = ["LocalSearch"]


@final
class LocalSearch(Strategy):
    """Evaluate all neighbours, move to the best if it is better, else start again at random (arXiv 2005.02960).

    Where the walk stands follows from the log: it begins at the first architecture told, and a new walk at the first
    one that was asked for after a local optimum was recognised. Where more is asked for than there are
    neighbours to evaluate, the rest is random. With several objectives or bounds an architecture is better than another
    if it is on an earlier front of all that were told.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> print(*run(LocalSearch(space, seed=0), lambda arch: sum(arch.row), 12).best)
        width=32,depth=4 5.0
    """

    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        around = self.candidates.without(self._around(log), log.seen(self.goal.target))
        if len(around) == 0:
            return self._random(log, q, generator)
        return Proposals(around[torch.randperm(len(around), generator=generator)[:q]])

    def _around(self, log: Log) -> Tensor:
        """The rows (``m x d``) around where the walk stands; none where a new one is to begin."""
        X, gains = log.means(self.goal.target)
        merit = self.goal.merit(gains).flatten().tolist()
        told = {key: index for index, key in enumerate(self.space.ids(X))}
        without_value = log.rows(State.FAILED, State.PRUNED, fidelity=self.goal.target)
        barred = set(self.space.ids(without_value))
        here = latest = 0
        while here < len(X):
            around = self.candidates.restrict(self.space.neighbours(X[here]))
            keys = [key for key in self.space.ids(around) if key in told or key not in barred]
            known = [told[key] for key in keys if key in told]
            if len(known) < len(keys):
                return around
            latest = max(latest, here, *known)
            best = max(known, key=merit.__getitem__, default=here)
            here = best if merit[best] > merit[here] else latest + 1
        return X[:0]
