"""Evaluators: what turns a trial into values."""

from archbo.evaluators.child import ChildEvaluator, EvaluationError
from archbo.evaluators.function import Report, Request, call, load_function, metrics_of
from archbo.evaluators.trials import FunctionEvaluator

__all__ = [
    "ChildEvaluator",
    "EvaluationError",
    "FunctionEvaluator",
    "Report",
    "Request",
    "call",
    "load_function",
    "metrics_of",
]
