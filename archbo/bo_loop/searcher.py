"""Ask and tell: what every search method has in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor

from archbo.acquisition import Candidates, candidates_for
from archbo.benchmarks import Outcomes
from archbo.bo_loop.history import History
from archbo.bo_loop.pareto_history import ParetoHistory
from archbo.errors import NothingLeftError, UsageError
from archbo.spaces import Arch, ArchLike, SearchSpace

__all__ = ["Searcher", "run"]


class Searcher(ABC):
    """A search method as a state machine: ``ask`` for architectures, evaluate them anywhere, ``tell`` the values.

    Several architectures may be asked for before any is told, and told in any order. Architectures that
    were never asked for may be told too. A subclass implements ``_next``.

    Args:
        space: The space to search.
        candidates: Where architectures may come from; the whole space by default.
        seed: The same seed gives the same search.
        outcomes: What is told of each architecture; one value to be maximised unless given.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        candidates: Candidates | None = None,
        seed: int,
        outcomes: Outcomes | None = None,
    ) -> None:
        self.space = space
        self.outcomes = outcomes if outcomes is not None else Outcomes()
        self.candidates = candidates if candidates is not None else candidates_for(space)
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)
        self.X = torch.empty(0, space.n_columns, dtype=torch.double)
        self.Y = torch.empty(0, self.outcomes.total, dtype=torch.double)
        self.X_pending = self.X.clone()

    @abstractmethod
    def _next(self, q: int) -> Tensor:
        """The next rows (``q x d``), none of them in ``X`` or ``X_pending``; fewer where fewer are left."""

    @final
    def ask(self, q: int = 1) -> list[Arch]:
        """The next architectures to evaluate, never one that was asked for or told before.

        Args:
            q: How many; fewer come back where fewer are left.

        Raises:
            UsageError: ``q`` is not positive.
            NothingLeftError: Every architecture has been asked for.
        """
        if q < 1:
            raise UsageError(f"q is the number of architectures to ask for, at least 1; got {q}")
        rows = self._next(q)
        self.X_pending = torch.cat([self.X_pending, rows])
        return self.space.archs(rows)

    @final
    def tell(
        self,
        archs: Sequence[ArchLike] | Tensor,
        Y: Sequence[float] | Sequence[Sequence[float]] | Tensor,
    ) -> None:
        """Record values.

        Args:
            archs: ``n`` architectures in any form, or their rows (``n x d``).
            Y: ``n`` or ``n x 1`` values, to be maximised; with several outcomes ``n x (m + c)``, the
                objectives, to be maximised, and the slacks of constraints.

        Raises:
            InvalidArchitectureError: One of them is no architecture of the space.
            UsageError: The lengths differ, or a value is a NaN or an infinity; nothing is recorded then.
        """
        X = self.space.rows(archs)
        values = self._values(Y)
        if len(X) != len(values):
            raise UsageError(f"{len(X)} architectures but {len(values)} values; tell one for each")
        bad = (~values.isfinite()).nonzero()
        if len(bad):
            row = int(bad[0, 0])
            raise UsageError(
                f"the value of {self.space.format(X[row])} is {float(values[tuple(bad[0])])}; "
                "tell a number, for a failed training that of a bad architecture"
            )
        self.X, self.Y = torch.cat([self.X, X]), torch.cat([self.Y, values])
        told = set(self.space.ids(X))
        waiting = [key not in told for key in self.space.ids(self.X_pending)]
        self.X_pending = self.X_pending[torch.tensor(waiting, dtype=torch.bool)]

    def _values(self, Y: Sequence[float] | Sequence[Sequence[float]] | Tensor) -> Tensor:
        """What was told, ``n x (m + c)``."""
        if self.outcomes.total == 1:
            return torch.as_tensor(Y, dtype=torch.double).reshape(-1, 1)
        try:
            values = torch.as_tensor(Y, dtype=torch.double)
            if values.numel() == 0 or values.shape[1:] == (self.outcomes.total,):
                return values.reshape(-1, self.outcomes.total)
        except (TypeError, ValueError):
            pass  # ragged, or single numbers
        raise UsageError(
            f"this search is of {self.outcomes.n_objectives} objectives and "
            f"{self.outcomes.n_constraints} constraints; tell {self.outcomes.total} values of each architecture"
        )

    @property
    def seen(self) -> Tensor:
        """Rows that were told or are pending."""
        return torch.cat([self.X, self.X_pending])

    @property
    def history(self) -> History:
        """What has been told so far; a ``ParetoHistory`` with several outcomes."""
        if self.outcomes.total == 1:
            return History(self.space, self.X, self.Y)
        return ParetoHistory(self.space, self.X, self.Y, self.outcomes)

    def recommend(self) -> Arch:
        """The architecture to take in the end: that of the highest value, unless the method knows better.

        Raises:
            UsageError: Nothing has been told yet.
        """
        return self.history.best[0]

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next ``ask`` depends on, as tensors; ``torch.save`` keeps it."""
        return {
            "space": self.space.name,
            "X": self.X,
            "Y": self.Y,
            "X_pending": self.X_pending,
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state_dict`` was taken, in any process; the arguments of the method must be the same.

        Raises:
            UsageError: The state is of another space.
        """
        if state["space"] != self.space.name:
            raise UsageError(
                f"the state is of a search in {state['space']!r}, this one is in {self.space.name!r}"
            )
        self.X, self.Y, self.X_pending = (state[k].clone() for k in ("X", "Y", "X_pending"))
        self.generator.set_state(state["generator"])


def run(
    searcher: Searcher,
    objective: Callable[[Arch], float | Sequence[float]],
    n_queries: int,
    *,
    q: int = 1,
    callback: Callable[[History], None] | None = None,
) -> History:
    """Evaluate ``n_queries`` architectures one batch after the other.

    Args:
        searcher: The method; what it was told before counts as seen, not as a query.
        objective: The value of an architecture, to be maximised; its values, where the search is of several.
        n_queries: How many architectures to evaluate.
        q: How many to ask for at a time.
        callback: Called with the history after each batch.

    Returns:
        All that the searcher has been told. It ends early where no architecture is left.

    Raises:
        UsageError: ``n_queries`` or ``q`` is not positive.

    Example:
        >>> from archbo.bo_loop import RandomSearch
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2]})
        >>> history = run(RandomSearch(space, seed=0), lambda arch: sum(arch.row), 6)
        >>> print(*history.best)
        width=32,depth=2 3.0
    """
    if n_queries < 1:
        raise UsageError(f"a search needs at least one query; got {n_queries}")
    target = len(searcher.history) + n_queries
    while (left := target - len(searcher.history)) > 0:
        try:
            archs = searcher.ask(min(q, left))
        except NothingLeftError:
            break
        values: Any = [objective(arch) for arch in archs]
        searcher.tell(archs, values)
        if callback is not None:
            callback(searcher.history)
    return searcher.history
