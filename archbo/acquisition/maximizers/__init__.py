"""Maximizers: how the best rows by a score are found among candidates."""

from archbo.acquisition.maximizers.base import Maximizer, Score
from archbo.acquisition.maximizers.climb import Climb
from archbo.acquisition.maximizers.pool import WholePool

__all__ = ["Climb", "Maximizer", "Score", "WholePool"]
