"""archbo's sampler in OptunaHub's registry."""

from archbo import ArchSampler, CategoricalSpace, EdgeCellSpace, Goal
from archbo.studies import arch_of

__all__ = ["ArchSampler", "CategoricalSpace", "EdgeCellSpace", "Goal", "arch_of"]
