"""Which architectures of a space are measured."""

import torch
from torch import Tensor

from archbo.errors import UsageError
from archbo.randomness import generator
from archbo.spaces import SearchSpace

__all__ = ["WHOLE", "distinct_architectures", "draw"]

WHOLE = 50_000
"""The largest number of architectures that are measured without being asked for by number: some hours on one core, at
0.3 s each."""

BATCH = 1000
"""The number of architectures drawn at a time. It does not depend on ``n``, so that a larger sample contains a smaller."""


def distinct_architectures(space: SearchSpace, n: int | None = None, *, seed: int = 0) -> Tensor:
    """Canonical rows of a space, each once: all of them, or a sample.

    Args:
        space: The space.
        n: The number of rows, drawn at random; all if it is not given. A larger sample contains a smaller one.
        seed: Of the sample.

    Returns:
        ``n x d``.

    Raises:
        UsageError: The space has more than 50,000 architectures and ``n`` is not given, or it has fewer than ``n``.

    Example:
        >>> from archbo.spaces import EdgeCellSpace
        >>> space = EdgeCellSpace.nas_bench_201()
        >>> len(distinct_architectures(space)), len(distinct_architectures(space, 10))
        (9445, 10)
    """
    with torch.device("cpu"):
        if space.is_enumerable:
            X = space.distinct(space.canonical(space.enumerate()))
            if n is not None:
                return X[draw(len(X), n, name=space.name, seed=seed)]
            if len(X) <= WHOLE:
                return X
        if n is None:
            raise UsageError(
                f"{space.name} has more than {WHOLE:,} architectures; give the number to measure"
            )
        if n < 1:
            raise UsageError(f"the number to measure must be at least 1; got {n}")
        return _sample(space, n, seed)


def draw(n_architectures: int, n: int, *, name: str, seed: int = 0) -> Tensor:
    """The positions of ``n`` architectures, drawn without replacement; a larger draw begins with a smaller one.

    Args:
        n_architectures: The number of architectures to draw from.
        n: The number to draw.
        name: Of the space or benchmark, for the error.
        seed: Of the draw.

    Raises:
        UsageError: ``n`` is not between 1 and the number of architectures.
    """
    if not 1 <= n <= n_architectures:
        raise UsageError(
            f"the number to measure must be between 1 and {n_architectures:,}, the number of "
            f"architectures of {name}; got {n}"
        )
    return torch.randperm(n_architectures, generator=generator(seed), device="cpu")[:n]


def _sample(space: SearchSpace, n: int, seed: int) -> Tensor:
    drawing = generator(seed)
    X = torch.empty(0, space.n_columns, dtype=torch.double)
    while len(X) < n:
        drawn = space.canonical(space.sample(BATCH, generator=drawing))
        known, X = len(X), space.distinct(torch.cat([X, drawn]))
        if len(X) == known:
            raise UsageError(
                f"{n:,} architectures are to be measured, but {space.name} hardly has more than "
                f"{known:,}; give a smaller number"
            )
    return X[:n]
