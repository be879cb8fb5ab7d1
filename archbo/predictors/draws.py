"""Joint draws without a global generator."""

from typing import Any

import torch
from botorch.models.model import Model
from torch import Generator, Tensor


def draw(model: Model, X: Tensor, n_draws: int, *, generator: Generator) -> Tensor:
    """Joint draws ``n_draws x n`` at rows ``X`` (``n x d``)."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        posterior: Any = model.posterior(X)
        out: Tensor = posterior.rsample(torch.Size([n_draws])).squeeze(-1)
        return out
