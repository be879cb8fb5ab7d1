"""Search by weighted combinations of zero-cost proxies: RoBoT, and what archbo makes of it."""

from collections.abc import Mapping
from typing import Any

import torch
from botorch.acquisition import UpperConfidenceBound
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
from archbo.proxies import Proxies, proxies_for
from archbo.spaces import Arch, SearchSpace

__all__ = ["PublishedRoBoT", "RoBoT"]

LOOKED_AT = 2048
"""How many architectures of a space that cannot be listed are ranked before anything is observed."""


class RoBoT(Optimizer):
    """The best architecture by a signal and by the combination of zero-cost proxies that goes with it.

    It begins with what the consensus of the proxies ranks first, and then asks for what a ``ProxyGP`` expects most
    of: a Gaussian process that learns the proxies' weights, and what the structure adds to them, from all
    observations. The signal is taken for a cheap one, such as the accuracy after a few epochs: what it does not
    show yet may go the proxies' way. So the winner, too, is named by the posterior and not by the highest value,
    which is that of a lucky training run.

    RoBoT (arXiv 2403.07591) observes the first of each combination's ranking alone and knows nothing of the
    structure; it is ``PublishedRoBoT``. ``python -m perf robot`` shows what each step is worth.

    Args:
        space: The space to search.
        proxies: The scores, those that come with archbo unless given.
        signs: For some proxies by name, -1 if less of it is better, 1 if more is; as its authors mean it otherwise.
        trust: What one standard deviation of the consensus is worth beyond the signal, in standard deviations of the
            signal. 0 where the signal is all that is wanted.
        predictor: Another surrogate than that; its own ``trust`` counts then.
        acquisition: How architectures are picked; by LogEI unless given.
        candidates: Where they may come from; as for an ``Optimizer``.
        n_initial: The number of architectures that are asked for before the surrogate is: the first of the consensus,
            and the first of combinations with random weights.
        seed: The same seed gives the same search. With ``n_initial`` of 1 chance has a say in ties alone.

    Raises:
        UsageError: There are no proxies of the space, or a sign is none.

    Example:
        >>> from archbo.proxies import ProxyTable
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> X = space.enumerate()
        >>> robot = RoBoT(space, ProxyTable(space, X, X, ["width", "depth"]), seed=0)
        >>> for _ in range(3):
        ...     archs = robot.ask()
        ...     robot.tell(archs, [sum(arch.row) for arch in archs])
        >>> print(robot.recommend())
        width=32,depth=4
    """

    predictor: ProxyGP

    def __init__(
        self,
        space: SearchSpace,
        proxies: Proxies | None = None,
        *,
        signs: Mapping[str, int] | None = None,
        trust: float = 0.9,
        predictor: ProxyGP | None = None,
        acquisition: Acquisition | None = None,
        candidates: Candidates | None = None,
        n_initial: int = 1,
        seed: int,
    ) -> None:
        if predictor is None:
            predictor = ProxyGP(space, proxies=proxies, signs=signs, trust=trust)
        super().__init__(
            space, predictor, acquisition, candidates=candidates, n_initial=n_initial, seed=seed
        )

    def _next(self, q: int) -> Tensor:
        if len(self.X) and len(self.seen) >= self.n_initial:
            return super()._next(q)
        seen, rows = self.seen, self.X[:0]
        for _ in range(q):
            left = self._ranked(seen)
            if len(left) == 0:
                break
            seen, rows = torch.cat([seen, left[:1]]), torch.cat([rows, left[:1]])
        return rows

    def _ranked(self, seen: Tensor) -> Tensor:
        """What has not been seen, in the order of the consensus, or later of a combination at random."""
        rows = self.candidates.pool
        if rows is None:
            rows = self.candidates.random(LOOKED_AT, avoid=seen, generator=self.generator)
        rows = self.candidates.without(rows, seen)
        consensus = self.predictor.consensus
        weights = consensus.signs.clone()
        if len(seen):
            weights *= torch.rand(len(weights), generator=self.generator, dtype=weights.dtype)
        return rows[(consensus.proxies.ranks(rows) @ weights).argsort(descending=True, stable=True)]

    def recommend(self) -> Arch:
        """The observed architecture of which the posterior expects most.

        Raises:
            UsageError: Nothing has been told yet.
        """
        if len(self.X) == 0:
            return super().recommend()
        self.predictor.fit(self.X, self.Y, seed=self.seed)
        mean, _ = marginals(self.predictor.latent, self.X)
        return self.space.arch(self.X[mean.argmax()])


class PublishedRoBoT(Searcher):
    """RoBoT as published: Bayesian optimization over the weights of zero-cost proxies (arXiv 2403.07591, algorithm 1).

    A combination of the proxies' ranks with weights in [-1, 1] is worth what the architecture is worth that it ranks
    first; an architecture is evaluated once. A Gaussian process over the weights and an upper confidence bound
    choose the next combination, the first at random. After ``n_iterations`` combinations, many of which rank
    the same architecture first, the rest of the budget goes down the best combination's ranking.

    Args:
        space: The space to search.
        proxies: The scores, those that come with archbo unless given.
        n_iterations: The number of combinations; in the paper the budget of queries.
        beta: Of the upper confidence bound ``mean + sqrt(beta) std``.
        candidates: The architectures to rank; the whole space unless given.
        seed: The same seed gives the same search.

    Raises:
        UsageError: There are no proxies of the space, its architectures cannot be listed, or ``n_iterations`` is
            not positive.

    Example:
        >>> from archbo.proxies import ProxyTable
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> X = space.enumerate()
        >>> robot = PublishedRoBoT(space, ProxyTable(space, X, X, ["width", "depth"]), seed=0)
        >>> for _ in range(6):
        ...     archs = robot.ask()
        ...     robot.tell(archs, [sum(arch.row) for arch in archs])
        >>> print(robot.recommend())
        width=32,depth=4
    """

    def __init__(
        self,
        space: SearchSpace,
        proxies: Proxies | None = None,
        *,
        n_iterations: int = 20,
        beta: float = 2.576**2,
        candidates: Candidates | None = None,
        seed: int,
    ) -> None:
        super().__init__(space, candidates=candidates, seed=seed)
        if n_iterations < 1:
            raise UsageError(f"n_iterations must be at least 1; got {n_iterations}")
        if self.candidates.pool is None:
            raise UsageError(
                f"{space.name} is too large to rank; give candidates with a list, such as FixedCandidates"
            )
        self.proxies = proxies_for(space, proxies)
        self.pool = self.candidates.pool
        self.n_iterations, self.beta = n_iterations, beta
        self.weights = torch.empty(0, len(self.proxies.names), dtype=torch.double)
        self._first = torch.empty(0, dtype=torch.long)
        self._ranks = self.proxies.ranks(self.pool).double()

    def _next(self, q: int) -> Tensor:
        rows = self.pool[:0]
        while len(rows) < q:
            seen = torch.cat([self.seen, rows])
            fresh = self._explored(seen)
            if fresh is None:
                best = self._best_weights()
                left = self.candidates.without(self.pool[self._ranking(best)], seen)
                if len(left) == 0 and len(rows) == 0:
                    self.candidates.propose(self.X, self.Y, avoid=seen, generator=self.generator)
                rows = torch.cat([rows, left[: q - len(rows)]])
                break
            rows = torch.cat([rows, fresh])
        return rows

    def _explored(self, seen: Tensor) -> Tensor | None:
        """The first row (``1 x d``) of another combination that has not been seen; none once there were enough."""
        while len(self.weights) < self.n_iterations:
            weights = self._propose()
            first = self._ranking(weights)[:1]
            self.weights = torch.cat([self.weights, weights.unsqueeze(0)])
            self._first = torch.cat([self._first, first])
            fresh = self.candidates.without(self.pool[first], seen)
            if len(fresh):
                return fresh
        return None

    def _ranking(self, weights: Tensor) -> Tensor:
        """The pool's rows in the order of a combination (``P``), the best first."""
        return (self._ranks @ weights).argsort(descending=True, stable=True)

    def _told(self) -> tuple[Tensor, Tensor]:
        """The combinations (``k x P``) of which the first architecture has been told, and its values (``k``)."""
        values = dict(zip(self.space.ids(self.X), self.Y.flatten().tolist(), strict=True))
        firsts = self.space.ids(self.pool[self._first])
        known = [row for row, key in enumerate(firsts) if key in values]
        return self.weights[known], self.Y.new_tensor([values[firsts[row]] for row in known])

    def _best_weights(self) -> Tensor:
        weights, values = self._told()
        return weights[values.argmax()] if len(weights) else self.weights[0]

    def _propose(self) -> Tensor:
        weights, values = self._told()
        P = self.weights.shape[-1]
        if len(values.unique()) < 2:
            return 2 * torch.rand(P, generator=self.generator, dtype=torch.double) - 1
        seed = int(torch.randint(2**31, (), generator=self.generator))
        # Fit and maximisation draw from the global generator.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            unit = (weights + 1) / 2  # the cube that BoTorch's priors are for
            model = SingleTaskGP(unit, values.unsqueeze(-1), outcome_transform=Standardize(1))
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            bounds = torch.tensor([[0.0], [1.0]], dtype=torch.double).expand(2, P)
            found, _ = optimize_acqf(
                UpperConfidenceBound(model, beta=self.beta),
                bounds,
                q=1,
                num_restarts=5,
                raw_samples=256,
            )
        return 2 * found.squeeze(0).detach() - 1

    def state_dict(self) -> dict[str, Any]:
        """As for any method, with the combinations."""
        return {**super().state_dict(), "weights": self.weights, "first": self._first}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.weights, self._first = state["weights"].clone(), state["first"].clone()
