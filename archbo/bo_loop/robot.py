"""Search by weighted combinations of zero-cost proxies: RoBoT, and what archbo makes of it."""

from collections.abc import Mapping
from typing import Any

import torch
from botorch.acquisition import UpperConfidenceBound
from botorch.exceptions.warnings import BotorchWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

from archbo.acquisition import Acquisition, Candidates
from archbo.bo_loop.optimizer import Optimizer
from archbo.bo_loop.searcher import Searcher
from archbo.errors import UsageError
from archbo.predictors import ProxyGP, marginals
from archbo.proxies import Proxies, shipped
from archbo.spaces import Arch, SearchSpace

__all__ = ["PublishedRoBoT", "RoBoT"]
