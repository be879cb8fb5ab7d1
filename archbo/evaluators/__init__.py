"""Evaluators: what turns a trial into values."""

from archbo.evaluators.child import ChildEvaluator, EvaluationError
from archbo.evaluators.function import call, load_function

__all__ = ["ChildEvaluator", "EvaluationError", "call", "load_function"]
