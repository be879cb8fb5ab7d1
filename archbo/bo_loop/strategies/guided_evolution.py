"""Evolution on what surrogates predict."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from archbo.acquisition import Candidates
from archbo.benchmarks import Outcomes
from archbo.bo_loop.multi_objective import check_predictors, fit_each
from archbo.bo_loop.searcher import Searcher
from archbo.errors import NothingLeftError, UsageError
from archbo.predictors import Predictor, marginals
from archbo.spaces import SearchSpace

__all__ = ["GuidedEvolution", "crossover", "crowding"]


class GuidedEvolution(Searcher):
    """NSGA-II on the surrogates' predictions; the most promising are evaluated, the surrogates fitted again.

    As in NATv2 (arXiv 2307.00960) and DyNAS (arXiv 2202.12954): from the observed front on, generations evolve
    by crossover and mutation at no cost. Of the last one, the predicted front's least crowded architectures that
    are new are evaluated, ``batch`` of them before the next fit.

    Args:
        space: The space to search.
        outcomes: How many objectives and constraints are told of each architecture.
        predictors: A surrogate for each of them, in their order; a ``GP`` with its defaults each unless given.
        candidates: Where architectures may come from; the whole space by default.
        n_initial: The number of random architectures at the start.
        batch: The number of architectures between two fits.
        population: The number of architectures in a generation.
        generations: The number of generations between two fits.
        seed: The same seed gives the same search.

    Raises:
        UsageError: A number is not positive, or the predictors do not fit the outcomes or the space.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> search = GuidedEvolution(space, Outcomes(2), n_initial=4, batch=2, population=8, seed=0)
        >>> history = run(search, lambda arch: (arch.row[0], -arch.row[1]), 10)
        >>> [str(arch) for arch in history.front_archs]
        ['width=32,depth=1']
    """

    def __init__(
        self,
        space: SearchSpace,
        outcomes: Outcomes,
        predictors: Sequence[Predictor] | None = None,
        *,
        candidates: Candidates | None = None,
        n_initial: int = 20,
        batch: int = 10,
        population: int = 100,
        generations: int = 20,
        seed: int,
    ) -> None:
        super().__init__(space, candidates=candidates, seed=seed, outcomes=outcomes)
        sizes = {
            "n_initial": n_initial,
            "batch": batch,
            "population": population,
            "generations": generations,
        }
        for name, size in sizes.items():
            if size < 1:
                raise UsageError(f"{name} must be at least 1; got {size}")
        self.predictors = check_predictors(space, outcomes, predictors)
        self.n_initial, self.batch = n_initial, batch
        self.population, self.generations = population, generations
        self.queue = self.X[:0]

    def _next(self, q: int) -> Tensor:
        rows = self.X[:0]
        while len(rows) < q:
            taken = torch.cat([self.seen, rows])
            try:
                fresh = self._fresh(q - len(rows), taken)
            except NothingLeftError:
                if len(rows) == 0:
                    raise
                break
            rows = torch.cat([rows, fresh])
        return rows

    def _fresh(self, n: int, taken: Tensor) -> Tensor:
        """At least one new row and at most ``n``."""
        if len(taken) < self.n_initial or len(self.X) == 0:
            n = min(n, max(1, self.n_initial - len(taken)))
            return self.candidates.random(n, avoid=taken, generator=self.generator)
        # What was told meanwhile, or is pending, is not asked for again.
        queue = self.candidates.without(self.queue, taken)
        if len(queue) == 0:
            queue = self._evolve(taken)
        self.queue = queue[n:]
        return queue[:n]

    def _evolve(self, taken: Tensor) -> Tensor:
        """The next rows to evaluate, at least one and at most ``batch``."""
        seed = int(torch.randint(2**31, (), generator=self.generator))
        fit_each(self.predictors, self.X, self.Y, seed=seed)
        merit = self.outcomes.merit(self.Y).flatten()
        parents = self.X[merit.argsort(descending=True, stable=True)[: self.population]]
        parents = self.space.distinct(parents)
        parents, values = self._survivors(parents, self._predict(parents))
        new = parents[:0]
        for _ in range(self.generations):
            children = self._children(parents, values)
            if len(children) == 0:
                continue
            fresh = self.candidates.without(children, torch.cat([taken, new]))
            new = torch.cat([new, fresh])
            together = self.space.distinct(torch.cat([parents, children]))
            parents, values = self._survivors(together, self._predict(together))
        if len(new) == 0:
            return self.candidates.random(self.batch, avoid=taken, generator=self.generator)
        rows, _ = self._survivors(new, self._predict(new), self.batch)
        return rows

    def _predict(self, X: Tensor) -> Tensor:
        """``k x (m + c)``: the mean of each outcome on its latent scale, slacks from the bound on."""
        means = []
        for output, predictor in enumerate(self.predictors):
            mean, _ = marginals(predictor.latent, X)
            if output >= self.outcomes.n_objectives:
                mean = mean - predictor.to_latent(mean.new_zeros(()))
            means.append(mean)
        return torch.stack(means, dim=-1)

    def _survivors(self, X: Tensor, Y: Tensor, n: int | None = None) -> tuple[Tensor, Tensor]:
        """The best ``n`` rows by front and crowding, best first, and their values."""
        n = n if n is not None else self.population
        order = self._order(Y)[:n]
        return X[order], Y[order]

    def _order(self, Y: Tensor) -> Tensor:
        merit = self.outcomes.merit(Y).flatten()
        distance = torch.zeros_like(merit)
        for layer in merit.unique():
            members = merit == layer
            distance[members] = crowding(self.outcomes.objectives(Y[members]))
        by_distance = distance.argsort(descending=True, stable=True)
        return by_distance[merit[by_distance].argsort(descending=True, stable=True)]

    def _children(self, parents: Tensor, values: Tensor) -> Tensor:
        """As many children as the population has members, of winners of binary tournaments."""
        rank = torch.empty(len(parents), dtype=torch.int64)
        rank[self._order(values)] = torch.arange(len(parents))
        draws = torch.randint(len(parents), (4, self.population), generator=self.generator)
        mothers = draws[0].where(rank[draws[0]] < rank[draws[1]], draws[1])
        fathers = draws[2].where(rank[draws[2]] < rank[draws[3]], draws[3])
        mixed = crossover(self.space, parents[mothers], parents[fathers], generator=self.generator)
        children = self.space.mutate(mixed, generator=self.generator)
        return children[self.candidates.contains(children)]

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next ``ask`` depends on, as tensors; ``torch.save`` keeps it."""
        return {**super().state_dict(), "queue": self.queue}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state_dict`` was taken."""
        super().load_state_dict(state)
        self.queue = state["queue"].clone()


def crossover(
    space: SearchSpace, mothers: Tensor, fathers: Tensor, *, generator: Generator
) -> Tensor:
    """Rows (``n x d``) that take each decision from either parent; the mother's row where that is not valid."""
    coin = torch.rand(mothers.shape, generator=generator) < 0.5
    children = mothers.where(coin, fathers)
    return children.where(space.is_valid(children).unsqueeze(-1), mothers)


def crowding(Y: Tensor) -> Tensor:
    """``n``, how lonely each of the values ``Y`` (``n x m``) is: the sum of its neighbours' distances (Deb 2002).

    The ends of each objective are infinitely lonely.
    """
    distance = torch.zeros(len(Y), dtype=Y.dtype)
    for column in Y.T:
        order = column.argsort(stable=True)
        ascending = column[order]
        extent = (ascending[-1] - ascending[0]).clamp_min(1e-12)
        gap = torch.full_like(ascending, torch.inf)
        gap[1:-1] = (ascending[2:] - ascending[:-2]) / extent
        distance[order] += gap
    return distance
