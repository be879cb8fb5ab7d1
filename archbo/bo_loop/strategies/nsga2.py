"""NSGA-II, as Optuna has it."""

from typing import TYPE_CHECKING, final

import torch
from torch import Generator, Tensor

from archbo.acquisition import Candidates
from archbo.bo_loop.strategy import Proposals, Strategy
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.spaces import Decision, Real, SearchSpace
from archbo.spaces.decisions import Scaled

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

__all__ = ["NSGA2"]

VAIN = 200
"""The number of children made in a row, of which none is new, before a random architecture takes their place."""


@final
class NSGA2(Strategy):
    """The evolutionary search for several objectives, each decision of the row a gene (Deb et al. 2002).

    Optuna's ``NSGAIISampler`` makes the children. One that is no architecture of the space, none of the
    candidates, or was seen before is made anew, so that each architecture counts once, with its mean, in the
    generation in which it was told. Bounds are dealt with by constrained domination.

    Args:
        space: The space to search.
        goal: What is wanted; one metric called ``value`` is maximised unless given.
        candidates: Where architectures may come from; the whole space unless given.
        population: The number of architectures in a generation.
        seed: The same seed gives the same search.

    Raises:
        UsageError: ``population`` is less than two.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> log = run(NSGA2(space, Goal.parse("width,-depth"), seed=0), lambda arch: arch.row, 12)
        >>> [str(arch) for arch in log.front]
        ['width=32,depth=1']
    """

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        *,
        candidates: Candidates | None = None,
        population: int = 10,
        seed: int = 0,
    ) -> None:
        super().__init__(space, goal, candidates=candidates, seed=seed)
        if population < 2:
            raise UsageError(f"population must be at least 2; got {population}")
        self.population = population
        self._replay: _Replay | None = None

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_replay": None}  # it follows from the log

    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        X, gains = log.means(self.goal.target)
        if self._replay is None or not self._replay.is_of(X, gains):
            self._replay = _Replay(self.space, self.goal, self.population)
        self._replay.tell(X, gains)
        self._replay.seed(int(torch.randint(2**31, (), generator=generator)))
        seen, rows = log.seen(self.goal.target), X[:0]
        for _ in range(VAIN):
            child = self._replay.child()
            if bool(self.space.is_valid(child)):
                child = self.candidates.restrict(child)
                rows = torch.cat([rows, self.candidates.without(child, torch.cat([seen, rows]))])
            if len(rows) == q:
                break
        return Proposals(rows) if len(rows) else self._random(log, 1, generator)


class _Replay:
    """A study that knows what was told, in the order of the log. Its children depend on that and their seed alone."""

    def __init__(self, space: SearchSpace, goal: Goal, population: int) -> None:
        import optuna

        self.goal, self.population = goal, population
        self.X = torch.empty(0, space.n_columns, dtype=torch.double)
        self.gains = torch.empty(0, goal.n_outcomes, dtype=torch.double)
        self.space = space
        self.genes: dict[str, BaseDistribution] = {
            f"gene{column}": _gene(decision) for column, decision in enumerate(space.decisions)
        }
        loudness = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.study: Study = optuna.create_study(directions=["maximize"] * goal.n_objectives)
        optuna.logging.set_verbosity(loudness)

    def is_of(self, X: Tensor, gains: Tensor) -> bool:
        """Whether what the study knows comes first among these rows (``n x d``) and gains (``n x (m + c)``)."""
        known = len(self.X)
        return self.X.equal(X[:known]) and self.gains.equal(gains[:known])

    def tell(self, X: Tensor, gains: Tensor) -> None:
        """Tell the study what it does not know yet."""
        self.seed(0)
        for row, gain in zip(X[len(self.X) :], gains[len(self.X) :], strict=True):
            cells = self.space.archs(row.unsqueeze(0))[0].row
            self.study.enqueue_trial(dict(zip(self.genes, cells, strict=True)))
            trial = self.study.ask(self.genes)
            trial.relative_params  # noqa: B018 - on the way to these it is given its generation
            for number, slack in enumerate(self.goal.slacks_of(gain).tolist()):
                trial.set_constraint(f"constraint{number}", -slack)
            self.study.tell(trial, self.goal.objectives_of(gain).tolist())
        self.X, self.gains = X, gains

    def seed(self, seed: int) -> None:
        """Seed what comes next."""
        from optuna.samplers import NSGAIISampler

        self.study.sampler = NSGAIISampler(population_size=self.population, seed=seed)

    def child(self) -> Tensor:
        """A row ``1 x d``, maybe of no architecture; for Optuna a trial that failed."""
        from optuna.trial import TrialState

        trial = self.study.ask(self.genes)
        self.study.tell(trial, state=TrialState.FAIL)
        return self.space.settled(self.X.new_tensor([[trial.params[name] for name in self.genes]]))


def _gene(decision: Decision) -> "BaseDistribution":
    """The cells of a decision as Optuna draws them anew when they mutate."""
    from optuna import distributions

    match decision:
        case Real():
            return distributions.FloatDistribution(decision.low, decision.high, log=decision.log)
        case Scaled():
            return distributions.IntDistribution(0, decision.cardinality - 1)
    return distributions.CategoricalDistribution(tuple(range(decision.cardinality)))
