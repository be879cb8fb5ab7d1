"""Search by weighted combinations of zero-cost proxies: RoBoT, and what archbo makes of it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, final

import torch
from botorch.acquisition import UpperConfidenceBound
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Generator, Tensor

from archbo.acquisition import Candidates, Rule
from archbo.bo_loop.strategies.bayesian import Bayesian, check_counts
from archbo.bo_loop.strategy import Proposals, Strategy
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import ProxyGP, marginals
from archbo.proxies import Proxies, proxies_for
from archbo.randomness import global_seed
from archbo.spaces import Arch, SearchSpace

__all__ = ["PublishedRoBoT", "RoBoT"]

LOOKED_AT = 2048
"""The number of architectures of a space that cannot be listed which are ranked before anything is observed."""
TRUST = 0.9
"""How far the proxies are trusted beyond the signal unless said otherwise; ``python -m perf robot`` compares values."""
RESTARTS, RAW_SAMPLES = 5, 256
"""The starts from which the acquisition function is maximised over weights, and the draws that they are picked from."""


@final
class RoBoT(Bayesian):
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
        goal: The signal, one objective; one metric called ``value`` is maximised unless given.
        proxies: The scores, those that come with archbo unless given.
        signs: For some proxies by name, -1 if less of it is better, 1 if more is; as its authors mean it otherwise.
        trust: What one standard deviation of the consensus is worth beyond the signal, in standard deviations of the
            signal; 0.9 unless given, 0 where the signal is all that is wanted.
        predictor: Another surrogate than that, which has its own proxies, signs and trust.
        acquisition: How architectures are picked; by LogEI unless given.
        candidates: Where they may come from; as for ``Bayesian``.
        n_initial: The number of architectures that are asked for before the surrogate is: the first of the consensus,
            and the first of combinations with random weights.
        seed: The same seed gives the same search. With ``n_initial`` of 1 chance has a say in ties alone.

    Raises:
        UsageError: There are no proxies of the space, a sign is none, the goal has several objectives or bounds, or
            proxies, signs or trust come with a predictor.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.proxies import ProxyTable
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> X = space.enumerate()
        >>> robot = RoBoT(space, proxies=ProxyTable(space, X, X, ["width", "depth"]), seed=0)
        >>> log = run(robot, lambda arch: sum(arch.row), 3)
        >>> print(robot.recommend(log))
        width=32,depth=4
    """

    serves_several: ClassVar[bool] = False

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        *,
        proxies: Proxies | None = None,
        signs: Mapping[str, int] | None = None,
        trust: float | None = None,
        predictor: ProxyGP | None = None,
        acquisition: Rule | None = None,
        candidates: Candidates | None = None,
        n_initial: int = 1,
        seed: int = 0,
    ) -> None:
        options = {"proxies": proxies, "signs": signs, "trust": trust}
        given = [name for name, option in options.items() if option is not None]
        if predictor is not None and given:
            raise UsageError(
                f"the predictor has its own {' and '.join(given)}; give them to the predictor"
            )
        if predictor is None:
            trust = TRUST if trust is None else trust
            predictor = ProxyGP(space, proxies=proxies, signs=signs, trust=trust)
        elif not isinstance(predictor, ProxyGP):
            raise UsageError(f"RoBoT learns from proxies with a ProxyGP; got {predictor!r}")
        self.consensus = predictor.consensus
        super().__init__(
            space,
            goal,
            predictor,
            acquisition,
            candidates=candidates,
            n_initial=n_initial,
            seed=seed,
        )

    def _start(
        self, log: Log, q: int, generator: Generator, fidelity: str | None = None
    ) -> Proposals:
        """The first row of the consensus, or later of a combination at random, among those that are left."""
        at = fidelity if fidelity is not None else self.goal.target
        seen, rows = log.seen(at), self.candidates.pool
        if rows is None:
            rows = self.candidates.random(LOOKED_AT, avoid=seen, generator=generator)
        rows = self._likely(log).preferred(_left(self.candidates, rows, seen))
        weights = self.consensus.signs
        if len(seen):
            weights = weights * torch.rand(len(weights), generator=generator, dtype=weights.dtype)
        # The first of equals, as in a stable ranking.
        first = _ranking(self.consensus.proxies.ranks(rows), weights)[:1]
        return Proposals(rows[first], [at])

    def recommend(self, log: Log) -> Arch:
        """The architecture told of which the posterior expects most.

        Raises:
            UsageError: Nothing has been told yet.
        """
        self.check(log)
        X, _ = log.means(self.goal.target)
        if len(X) == 0:
            return super().recommend(log)
        mean, _ = marginals(self.context(log).model, X)
        return self.space.arch(X[mean.argmax()])


@final
class PublishedRoBoT(Strategy):
    """RoBoT as published: Bayesian optimization over the weights of zero-cost proxies (arXiv 2403.07591, algorithm 1).

    A combination of the proxies' ranks with weights in [-1, 1] is worth what the architecture is worth that it ranks
    first; an architecture is evaluated once. A Gaussian process over the weights and an upper confidence bound
    choose the next combination, the first at random. After ``n_iterations`` combinations, many of which rank
    the same architecture first, the rest of the budget goes down the best combination's ranking.

    The combinations tried on the way to a trial are its note ``weights``.

    Args:
        space: The space to search.
        goal: What is wanted, one objective; one metric called ``value`` is maximised unless given.
        proxies: The scores, those that come with archbo unless given.
        n_iterations: The number of combinations; in the paper the budget of queries.
        beta: Of the upper confidence bound ``mean + sqrt(beta) std``.
        candidates: The architectures to rank; the whole space unless given.
        seed: The same seed gives the same search.

    Raises:
        UsageError: There are no proxies of the space, its architectures cannot be listed, the goal has several
            objectives or bounds, or ``n_iterations`` is not positive.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.proxies import ProxyTable
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> X = space.enumerate()
        >>> robot = PublishedRoBoT(space, proxies=ProxyTable(space, X, X, ["width", "depth"]), seed=0)
        >>> print(*run(robot, lambda arch: sum(arch.row), 6).best)
        width=32,depth=4 5.0
    """

    serves_several: ClassVar[bool] = False

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        *,
        proxies: Proxies | None = None,
        n_iterations: int = 20,
        beta: float = 2.576**2,
        candidates: Candidates | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(space, goal, candidates=candidates, seed=seed)
        check_counts(n_iterations=n_iterations)
        if self.candidates.pool is None:
            raise UsageError(
                f"{space.name} is too large to rank; give candidates with a list, such as FixedCandidates"
            )
        self.proxies = proxies_for(space, proxies)
        self.pool = self.candidates.pool
        self.n_iterations, self.beta = n_iterations, beta

    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        seen, tried = log.seen(self.goal.target), self.tried(log)
        # What heads a ranking and was dropped is still to be evaluated.
        waiting = self.candidates.without(self._firsts(tried), seen)
        if len(waiting):
            return Proposals(waiting[:q])
        n_before = len(tried)
        while len(tried) < self.n_iterations:
            tried = torch.cat([tried, self._next_weights(log, tried, generator)])
            fresh = self.candidates.without(self._firsts(tried[-1:]), seen)
            if len(fresh):
                return Proposals(fresh, notes=[{"weights": tried[n_before:].tolist()}])
        ranking = self.pool[_ranking(self._ranks, self._best_weights(log, tried))]
        rows = _left(self.candidates, ranking, seen)[:q]
        first: dict[str, Any] = (
            {"weights": tried[n_before:].tolist()} if len(tried) > n_before else {}
        )
        return Proposals(rows, notes=[first, *({} for _ in rows[1:])])

    def tried(self, log: Log) -> Tensor:
        """The combinations (``k x P``) that a log tells of, in their order.

        Raises:
            UsageError: They are of another number of proxies.
        """
        notes = [weights for trial in log.trials for weights in trial.notes.get("weights", ())]
        n_proxies = len(self.proxies.names)
        other = [len(weights) for weights in notes if len(weights) != n_proxies]
        if other:
            raise UsageError(
                f"the log tells of combinations of {other[0]} proxies, not of {n_proxies}; give the proxies that it "
                "began with"
            )
        return torch.tensor(notes, dtype=torch.double).reshape(-1, n_proxies)

    @cached_property
    def _ranks(self) -> Tensor:
        """``n x P``, the pool's ranks by each proxy."""
        return self.proxies.ranks(self.pool).double()

    def _firsts(self, weights: Tensor) -> Tensor:
        """What each combination (``k x P``) ranks first, ``k x d``."""
        return self.pool[[int(_ranking(self._ranks, each)[0]) for each in weights]]

    def _known(self, log: Log, tried: Tensor) -> tuple[Tensor, Tensor]:
        """The combinations (``k x P``) of which the first architecture has been told, and its gains (``k``)."""
        X, gains = log.means(self.goal.target)
        values = dict(zip(self.space.ids(X), gains.flatten().tolist(), strict=True))
        firsts = self.space.ids(self._firsts(tried))
        known = [row for row, key in enumerate(firsts) if key in values]
        return tried[known], gains.new_tensor([values[firsts[row]] for row in known])

    def _best_weights(self, log: Log, tried: Tensor) -> Tensor:
        weights, values = self._known(log, tried)
        return weights[values.argmax()] if len(weights) else tried[0]

    def _next_weights(self, log: Log, tried: Tensor, generator: Generator) -> Tensor:
        """Another combination, ``1 x P``: at random until two values differ, then by upper confidence bound."""
        weights, values = self._known(log, tried)
        P = len(self.proxies.names)
        if len(values.unique()) < 2:
            return 2 * torch.rand(1, P, generator=generator, dtype=torch.double) - 1
        # Fit and maximisation draw from the global generator.
        with global_seed(int(torch.randint(2**31, (), generator=generator))):
            unit = (weights + 1) / 2  # the cube that BoTorch's priors are for
            model = SingleTaskGP(unit, values.unsqueeze(-1), outcome_transform=Standardize(1))
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            found, _ = optimize_acqf(
                UpperConfidenceBound(model, beta=self.beta),
                torch.tensor([[0.0], [1.0]], dtype=torch.double).expand(2, P),
                q=1,
                num_restarts=RESTARTS,
                raw_samples=RAW_SAMPLES,
            )
        return 2 * found.detach() - 1


def _left(candidates: Candidates, X: Tensor, seen: Tensor) -> Tensor:
    """The rows of ``X`` (``n x d``) that were not seen.

    Raises:
        NothingLeftError: There are none.
    """
    rows = candidates.without(X, seen)
    if len(rows) == 0:
        raise NothingLeftError(f"every architecture of {candidates.space.name} has been asked for")
    return rows


def _ranking(ranks: Tensor, weights: Tensor) -> Tensor:
    """Row numbers of ``ranks`` (``n x P``) in the order of a combination (``P``), the best first."""
    return (ranks @ weights.to(ranks)).argsort(descending=True, stable=True)
