"""Goals: what is wanted of an architecture, and who is better than whom."""

from archbo.goals.goal import Bound, Goal, Objective

__all__ = ["Bound", "Goal", "Objective"]
