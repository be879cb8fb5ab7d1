"""Surrogate predictors and Bayesian optimization for neural architectures.

The public page: every name that ``__init__.pyi`` lists can be imported from ``archbo`` itself, and is loaded on first
use.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
