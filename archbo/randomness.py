"""Seeds, and the generators that they make: all randomness is an argument, and none of it is global."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from archbo.errors import UsageError

__all__ = ["check_seed", "generator", "global_seed", "spawn"]

_GLOBAL = threading.RLock()
"""Held while the global generator of the CPU is lent out: two threads do not meet in it."""


def check_seed(seed: object) -> int:
    """The seed, if it is one.

    Raises:
        UsageError: It is no integer from 0 to 2^63 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise UsageError(f"a seed is an integer from 0 to 2^63 - 1; got {seed!r}")
    return int(seed)


def spawn(seed: int, *key: int) -> int:
    """A seed below 2^31 that is independent of those of other keys.

    Example:
        >>> spawn(0, 1) == spawn(0, 1), spawn(0, 1) == spawn(0, 2)
        (True, False)
    """
    return int(np.random.SeedSequence([check_seed(seed), *key]).generate_state(1)[0]) >> 1


def generator(seed: int, *key: int) -> torch.Generator:
    """A generator of the CPU for a seed and, if any are given, the key of a part of what is seeded."""
    made = torch.Generator("cpu")
    return made.manual_seed(spawn(seed, *key) if key else check_seed(seed))


@contextmanager
def global_seed(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """For libraries that draw from PyTorch's global generators: they start as if just seeded, and end as before.

    One thread has them at a time. The generator of no device but the given one is touched.

    Args:
        seed: Of the generator of the CPU, and of the device's.
        device: Where else numbers are drawn.

    Example:
        >>> with global_seed(0):
        ...     first = torch.rand(1)
        >>> with global_seed(0):
        ...     print(bool(first == torch.rand(1)))
        True
    """
    on_gpu = device is not None and device.type == "cuda"
    with _GLOBAL, torch.random.fork_rng(devices=[device] if on_gpu else []):
        # torch.manual_seed would seed every GPU there is.
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
