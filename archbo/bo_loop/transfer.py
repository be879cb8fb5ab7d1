"""Search that goes on from what another task has taught."""

from collections.abc import Sequence

import torch

from archbo.acquisition import Acquisition, Candidates, candidates_for
from archbo.bo_loop.optimizer import Optimizer
from archbo.encodings import Encoding
from archbo.errors import UsageError
from archbo.predictors import MultiTaskGP, marginals
from archbo.predictors.gaussian_processes.multi_task_gp import Source
from archbo.spaces import SearchSpace

__all__ = ["warm_start"]


def warm_start(
    space: SearchSpace,
    sources: Sequence[Source],
    acquisition: Acquisition | None = None,
    *,
    encoding: Encoding | None = None,
    candidates: Candidates | None = None,
    seed: int,
) -> Optimizer:
    """An optimizer whose surrogate has seen other tasks, and which begins with what the last of them ranks first.

    How far the tasks agree is learned as values come in (Swersky et al. 2013, Multi-task Bayesian optimization).
    There are no random architectures at the start.

    Args:
        space: The space to search.
        sources: For each other task its architectures and their values, higher is better.
        acquisition: How architectures are picked; by LogEI unless given.
        encoding: What the surrogate sees; the default encoding unless given.
        candidates: Where architectures may come from; as for an ``Optimizer``.
        seed: The same seed gives the same search.

    Raises:
        InvalidArchitectureError: A source holds what is no architecture of the space.
        UsageError: There is no source or the last is empty, or one does not fit together.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> seen = space.archs(space.enumerate())[1::2]
        >>> optimizer = warm_start(space, [(seen, [sum(arch.row) for arch in seen])], seed=0)
        >>> print(*optimizer.ask())
        width=32,depth=4
    """
    surrogate = MultiTaskGP(space, encoding, sources=sources)
    if not surrogate.sources or len(surrogate.sources[-1][0]) == 0:
        raise UsageError(
            "there is nothing to start from; give at least one source with observations"
        )
    candidates = candidates if candidates is not None else candidates_for(space)
    *others, (X, Y) = surrogate.sources
    last = MultiTaskGP(space, surrogate.encoding, sources=others).fit(X, Y, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    choices = candidates.propose(X, Y, avoid=X[:0], generator=generator)
    first = choices[marginals(last.latent, choices)[0].argmax()].unsqueeze(0)
    return Optimizer(
        space,
        surrogate,
        acquisition,
        candidates=candidates,
        n_initial=1,
        initial=first,
        seed=seed,
    )
