"""Evolution on what surrogates predict."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Generator, Tensor

from archbo.acquisition import Candidates, Context
from archbo.bo_loop.strategies.bayesian import FITS, check_counts
from archbo.bo_loop.strategy import Proposals, Strategy
from archbo.bo_loop.surrogates import Surrogates
from archbo.encodings import Encoding
from archbo.goals import Goal
from archbo.goals.pareto import crowding
from archbo.log import Log
from archbo.predictors import Predictor
from archbo.randomness import spawn
from archbo.spaces import SearchSpace

__all__ = ["GuidedEvolution"]


@final
class GuidedEvolution(Strategy):
    """NSGA-II on the surrogates' predictions; the most promising are evaluated, the surrogates fitted again.

    As in NATv2 (arXiv 2307.00960) and DyNAS (arXiv 2202.12954): from the observed front on, generations evolve
    by crossover and mutation at no cost. Of the new architectures that they meet, those on the predicted front that
    are least crowded are evaluated, ``batch`` of them before the next fit.

    Args:
        space: The space to search.
        goal: What is wanted; one metric called ``value`` is maximised unless given.
        predictor: The surrogate, or one for each objective and bound in their order; a ``GP`` each unless given.
        candidates: Where architectures may come from; the whole space unless given.
        n_initial: The number of random architectures at the start.
        batch: The number of architectures between two fits.
        population: The number of architectures in a generation.
        generations: The number of generations between two fits.
        encoding: What predictors see that are not given.
        seed: The same seed gives the same search.

    Raises:
        UsageError: A number is not positive, or the predictors do not fit the goal or the space.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> goal = Goal.parse("width,-depth")
        >>> search = GuidedEvolution(space, goal, n_initial=4, batch=2, population=8, seed=0)
        >>> [str(arch) for arch in run(search, lambda arch: arch.row, 10).front]
        ['width=32,depth=1']
    """

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        predictor: Predictor | Sequence[Predictor] | None = None,
        *,
        candidates: Candidates | None = None,
        n_initial: int = 20,
        batch: int = 10,
        population: int = 100,
        generations: int = 20,
        encoding: Encoding | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(space, goal, candidates=candidates, seed=seed)
        check_counts(
            n_initial=n_initial, batch=batch, population=population, generations=generations
        )
        self.surrogates = Surrogates(space, self.goal, predictor, encoding=encoding)
        self.n_initial, self.batch = n_initial, batch
        self.population, self.generations = population, generations

    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        if n := self._n_to_begin(log, q, self.n_initial):
            return self._random(log, n, generator)
        return self._round(log, q) or self._new_round(self._evolve(log, generator), q)

    def _evolve(self, log: Log, generator: Generator) -> Tensor:
        """The rows of a new round, at least one and at most ``batch``."""
        target = self.goal.target
        fit_seed = spawn(self.seed, log.n_told, FITS)
        predictors = self.surrogates.fitted(log, fidelity=target, seed=fit_seed)
        context = Context(log, predictors, success=self.surrogates.success(log))
        seen = log.seen(target)
        X, gains = log.means(target)
        best = self.goal.merit(gains).flatten().argsort(descending=True, stable=True)
        parents = self._ranked(context, X[best[: self.population]])
        new = X[:0]
        for _ in range(self.generations):
            children = self._children(parents, generator)
            fresh = self.candidates.without(children, torch.cat([seen, new]))
            new = torch.cat([new, fresh])
            together = self.space.distinct(torch.cat([parents, children]))
            parents = self._ranked(context, together)[: self.population]
        if len(new) == 0:
            return self.candidates.random(self.batch, avoid=seen, generator=generator)
        likely = context.likely(self.candidates).preferred(new)
        return self._ranked(context, likely)[: self.batch]

    def _ranked(self, context: Context, X: Tensor) -> Tensor:
        """Rows (``n x d``) by predicted front, and within a front the least crowded first."""
        predicted, _ = context.latent_marginals(X)
        merit = self.goal.merit(predicted).flatten()
        if self.goal.is_single:
            return X[merit.argsort(descending=True, stable=True)]
        distance = torch.zeros_like(merit)
        for front in merit.unique():
            members = merit == front
            distance[members] = crowding(self.goal.objectives_of(predicted[members]))
        by_distance = distance.argsort(descending=True, stable=True)
        return X[by_distance[merit[by_distance].argsort(descending=True, stable=True)]]

    def _children(self, parents: Tensor, generator: Generator) -> Tensor:
        """As many children as the population has members, of winners of binary tournaments among ranked parents."""
        draws = torch.randint(len(parents), (2, 2, self.population), generator=generator)
        mothers, fathers = draws.amin(1)  # the lower the number, the better
        mixed = self.space.crossover(parents[mothers], parents[fathers], generator=generator)
        return self.candidates.restrict(self.space.mutate(mixed, generator=generator))
