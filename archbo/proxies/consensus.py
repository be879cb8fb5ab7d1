"""The consensus of several proxies."""

from collections.abc import Mapping

import torch
from torch import Tensor

from archbo.errors import UsageError
from archbo.proxies.base import Proxies
from archbo.proxies.measures import measures_named

__all__ = ["Consensus"]


class Consensus:
    """The mean rank of an architecture by its proxies, standardised over the proxies' reference.

    Args:
        proxies: The scores.
        signs: For some proxies by name, 1 if a higher score is better, -1 if a lower one is. The others follow the
            authors of the measure, whose name may end the proxy's, as in ``c10_zc_synflow``.

    Raises:
        UsageError: A sign is neither 1 nor -1, or there is no proxy of its name.

    Example:
        >>> from archbo.proxies import ProxyTable
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32]})
        >>> X = space.enumerate()
        >>> table = ProxyTable(space, X, torch.cat([X, -X], -1), ["params", "ntk"])
        >>> Consensus(table)(X).tolist()
        [-1.0, 0.0, 1.0]
    """

    def __init__(self, proxies: Proxies, signs: Mapping[str, int] | None = None) -> None:
        given = dict(signs or {})
        for name, sign in given.items():
            if name not in proxies.names or sign not in (-1, 1):
                raise UsageError(
                    f"the sign of {name!r} is {sign}; give 1 or -1 for proxies among {', '.join(proxies.names)}"
                )
        self.proxies = proxies
        self.signs = torch.tensor(
            [given.get(name, _sign(name)) for name in proxies.names],
            dtype=torch.double,
            device="cpu",
        )
        sums = proxies.reference_ranks @ self.signs
        self.scale = max(float(sums.std()), 1e-9) if len(sums) > 1 else 1.0

    def __call__(self, X: Tensor) -> Tensor:
        """The consensus on rows ``X`` (``... x d``), ``...``; higher is better."""
        return self.of_ranks(self.proxies.ranks(X.flatten(0, -2)).reshape(*X.shape[:-1], -1)).to(X)

    def of_ranks(self, ranks: Tensor) -> Tensor:
        """The consensus of ranks ``... x P``."""
        return ranks @ self.signs.to(ranks) / self.scale


def _sign(name: str) -> int:
    return 1 if all(measure.higher_is_better for measure in measures_named(name)) else -1
