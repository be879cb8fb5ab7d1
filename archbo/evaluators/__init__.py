"""Evaluators: what turns a trial into values."""

from archbo.evaluators.child import EvaluationError, evaluate_in_child
from archbo.evaluators.function import call, load_function

__all__ = ["EvaluationError", "call", "evaluate_in_child", "load_function"]
