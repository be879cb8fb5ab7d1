"""A fit and a prediction are the same, whatever modes of PyTorch the caller is in."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

__all__ = ["ordinary", "ordinary_tensor"]

HOST = torch.device("cpu")
"""Where tensors are made that are then moved to the data."""


@contextmanager
def ordinary() -> Iterator[None]:
    """Tensors made within are ordinary ones of the CPU.

    Those of ``torch.inference_mode`` could not be differentiated through later, and those that
    ``torch.set_default_device`` puts elsewhere would not go together with the data.

    Example:
        >>> with torch.inference_mode(), ordinary():
        ...     print(torch.zeros(1).is_inference())
        False
    """
    with ExitStack() as modes:
        if torch.is_inference_mode_enabled():
            modes.enter_context(torch.inference_mode(False))
            modes.enter_context(torch.no_grad())  # which leaving the mode has undone
        # The default device that PyTorch tells of knows no `with torch.device(...)` before 2.8, and fails after a reset.
        if torch.empty(0).device != HOST:
            modes.enter_context(HOST)
        yield


def ordinary_tensor(X: Tensor) -> Tensor:
    """The tensor, or a copy of one that was made in inference mode; to be called within ``ordinary``."""
    return X.clone() if X.is_inference() else X
