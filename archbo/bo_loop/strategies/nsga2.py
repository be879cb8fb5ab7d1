"""NSGA-II, as Optuna has it."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from archbo.acquisition import Candidates
from archbo.benchmarks import Outcomes
from archbo.bo_loop.searcher import Searcher
from archbo.errors import DataError, NothingLeftError, UsageError
from archbo.spaces import SearchSpace

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["NSGA2"]

VAIN = 200
"""Children that are no new architecture before random ones take their place."""


class NSGA2(Searcher):
    """The evolutionary search for several objectives, each decision of the row a gene (Deb et al. 2002).

    Optuna's ``NSGAIISampler`` makes the children. One that is no architecture of the space, none of the
    candidates, or was seen before is made anew, so that each architecture counts once, in the generation in
    which it was told. Constraints are dealt with by constrained domination.

    Args:
        space: The space to search.
        outcomes: How many objectives and constraints are told of each architecture.
        candidates: Where architectures may come from; the whole space by default.
        population: The number of architectures in a generation.
        seed: The same seed gives the same search.

    Raises:
        DataError: Optuna is not installed.
        UsageError: ``population`` is less than two.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> history = run(NSGA2(space, Outcomes(2), seed=0), lambda arch: (arch.row[0], -arch.row[1]), 12)
        >>> [str(arch) for arch in history.front_archs]
        ['width=32,depth=1']
    """

    def __init__(
        self,
        space: SearchSpace,
        outcomes: Outcomes,
        *,
        candidates: Candidates | None = None,
        population: int = 10,
        seed: int,
    ) -> None:
        super().__init__(space, candidates=candidates, seed=seed, outcomes=outcomes)
        if population < 2:
            raise UsageError(f"population must be at least 2; got {population}")
        self.population = population
        self._optuna = _import_optuna()
        self._study: Study | None = None
        self._replayed = self.X[:0]

    def _next(self, q: int) -> Tensor:
        study = self._up_to_date()
        rows = self.X[:0]
        for _ in range(VAIN):
            child = self._child(study)
            if bool(self.space.is_valid(child)) and bool(self.candidates.contains(child)):
                fresh = self.candidates.without(child, torch.cat([self.seen, rows]))
                rows = torch.cat([rows, fresh])
            if len(rows) == q:
                return rows
        try:
            taken = torch.cat([self.seen, rows])
            rest = self.candidates.random(q - len(rows), avoid=taken, generator=self.generator)
        except NothingLeftError:
            if len(rows) == 0:
                raise
            return rows
        return torch.cat([rows, rest])

    def _child(self, study: "Study") -> Tensor:
        """A row ``1 x d``; for Optuna a failed trial, until its values are told."""
        trial = study.ask(self._genes)
        study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        return self.X.new_tensor([[trial.params[name] for name in self._genes]])

    @property
    def _genes(self) -> dict[str, Any]:
        choices = self._optuna.distributions.CategoricalDistribution
        return {
            f"gene{i}": choices(tuple(range(count)))
            for i, count in enumerate(self.space.cardinalities)
        }

    def _up_to_date(self) -> "Study":
        """A study that knows all that was told, with a sampler that this search's generator seeds.

        Nothing else of the study matters, so that it can be made again from a saved state.
        """
        optuna = self._optuna
        known = len(self._replayed)
        if self._study is None or not self._replayed.equal(self.X[:known]):
            loudness = optuna.logging.get_verbosity()
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            directions = ["maximize"] * self.outcomes.n_objectives
            self._study = optuna.create_study(directions=directions)
            optuna.logging.set_verbosity(loudness)
            known = 0
        study = self._study
        study.sampler = self._sampler(0)
        genes = self._genes
        for row, values in zip(self.X[known:], self.Y[known:], strict=True):
            study.enqueue_trial(dict(zip(genes, row.long().tolist(), strict=True)))
            trial = study.ask(genes)
            trial.relative_params  # noqa: B018 - on the way to these it is given its generation
            for number, slack in enumerate(self.outcomes.slacks(values).tolist()):
                trial.set_constraint(f"constraint{number}", -slack)
            study.tell(trial, self.outcomes.objectives(values).tolist())
        self._replayed = self.X
        study.sampler = self._sampler(int(torch.randint(2**31, (), generator=self.generator)))
        return study

    def _sampler(self, seed: int) -> Any:  # noqa: ANN401 - Optuna is imported late
        return self._optuna.samplers.NSGAIISampler(population_size=self.population, seed=seed)


def _import_optuna() -> Any:  # noqa: ANN401 - a module
    try:
        import optuna
    except ImportError as error:
        raise DataError(
            "NSGA-II is Optuna's, which is not installed; run: pip install 'archbo[optuna]'"
        ) from error
    return optuna
