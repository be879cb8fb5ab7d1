"""Surrogate predictors and Bayesian optimization for neural architectures.

The public page: every name that ``__init__.pyi`` lists can be imported from ``archbo`` itself, and is loaded on first
use.
"""

import warnings

import lazy_loader

__version__ = "0.1.0"

# GPyTorch's linear_operator calls torch.jit.script when it is imported, of which newer torch warns every user:
# https://github.com/cornellius-gp/linear_operator/pull/129
warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", module=r"torch\.jit\.")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
