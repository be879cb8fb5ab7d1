"""The best of a pool."""

from dataclasses import dataclass
from typing import final

from torch import Tensor

from archbo.acquisition.candidates import Candidates
from archbo.acquisition.maximizers.base import Maximizer, Score

__all__ = ["WholePool"]


@final
@dataclass(frozen=True)
class WholePool(Maximizer):
    """Looks at every row of the pool and at nothing else."""

    def maximize(
        self, score: Score, pool: Tensor, n: int, *, candidates: Candidates, avoid: Tensor
    ) -> Tensor:
        return pool[score(pool).topk(min(n, len(pool))).indices]
