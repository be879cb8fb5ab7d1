"""Evaluators: what turns a trial into values."""

from archbo.evaluators.child import ChildEvaluator, EvaluationError
from archbo.evaluators.function import call, load_function
from archbo.evaluators.trials import FunctionEvaluator

__all__ = ["ChildEvaluator", "EvaluationError", "FunctionEvaluator", "call", "load_function"]
