"""Bayesian optimization: predictors, a rule that picks, and candidates."""

from collections.abc import Sequence

from torch import Generator, Tensor

from archbo.acquisition import Candidates, Context, Cost, Rule
from archbo.acquisition.maximize import default_rule
from archbo.bo_loop.strategy import Proposals, Strategy
from archbo.bo_loop.surrogates import Source, Surrogates
from archbo.encodings import Encoding
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.log import Log
from archbo.predictors import Predictor
from archbo.randomness import spawn
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["Bayesian", "check_counts"]

FITS, PICKS = 1, 2
"""The keys under which seeds are spawned: of fits, by the number of trials told, and of draws, by that of all."""


class Bayesian(Strategy):
    """Random architectures first, then those that an acquisition rule picks by fitted predictors.

    One objective or several, with or without bounds. Other tasks may have been observed before: then the search begins
    with what they rank first, and how far they agree with this one is learned as values come in (Swersky et al. 2013,
    Multi-task Bayesian optimization). A goal with fidelities is searched by ``FidelityBayesian``.

    Args:
        space: The space to search.
        goal: What is wanted; one metric called ``value`` is maximised unless given.
        predictor: The surrogate, or one for each objective and bound in their order; a ``GP`` each unless given.
        acquisition: How architectures are picked; by LogEI unless given, by its noisy form under bounds or where there are
            reals, and by qLogNEHVI for several objectives.
        candidates: Where they may come from; the whole space by default, or where that is too large
            mutations of the best and random ones.
        n_initial: The number of architectures at the start, at random or by the sources; 5 unless given, 10 with
            several outcomes, 1 with sources.
        initial: Architectures to begin with, in place of as many random ones.
        refit_every: The number of architectures that are picked at once and then handed out, before the
            predictors are fitted again: the rounds of methods whose fits take long.
        cost: What evaluating rows costs; then what is worth the most per unit of it is picked. A rule that is given
            has its own.
        encoding: What predictors see that are not given.
        sources: For each other task its architectures and their metrics, in the goal's order and units.
        seed: The same seed gives the same search.

    Raises:
        InvalidArchitectureError: One to begin with is no architecture of the space.
        UsageError: A number is not positive, the predictors do not fit the goal or the space, or the rule does not
            serve the goal.

    Example:
        Many filters and few layers, but at most two more of the one than of the other:

        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32, 64], "depth": [1, 2, 3, 4]})
        >>> goal = Goal.parse("width,-depth", subject_to=["excess<=2"])
        >>> def evaluate(arch):
        ...     width, depth = arch.row
        ...     return {"width": width, "depth": depth, "excess": width - depth}
        >>> log = run(Bayesian(space, goal, n_initial=3, seed=0), evaluate, 14)
        >>> sorted(str(arch) for arch in log.front)
        ['width=32,depth=1', 'width=64,depth=2']
    """

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal | None = None,
        predictor: Predictor | Sequence[Predictor] | None = None,
        acquisition: Rule | None = None,
        *,
        candidates: Candidates | None = None,
        n_initial: int | None = None,
        initial: Sequence[ArchLike] | Tensor = (),
        refit_every: int = 1,
        cost: Cost | None = None,
        encoding: Encoding | None = None,
        sources: Sequence[Source] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(space, goal, candidates=candidates, seed=seed)
        if n_initial is None:
            n_initial = 1 if sources else 5 if self.goal.is_single else 10
        check_counts(n_initial=n_initial, refit_every=refit_every)
        if acquisition is not None and not isinstance(acquisition, Rule):
            raise UsageError(
                f"an acquisition is a rule such as Maximize(log_ei); got {acquisition!r}"
            )
        if acquisition is not None and cost is not None:
            raise UsageError("a rule has its own cost; give the cost to the rule")
        default = default_rule(space, self.goal, cost)
        self.acquisition = acquisition if acquisition is not None else default
        self.acquisition.check(self.goal)
        self.surrogates = Surrogates(
            space, self.goal, predictor, sources=sources, encoding=encoding
        )
        self.n_initial, self.refit_every = n_initial, refit_every
        self.initial = space.rows(initial)

    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        waiting = self.candidates.without(self.initial, log.seen(self.goal.target))
        if len(waiting):
            return Proposals(waiting[:q])
        if n := self._n_to_begin(log, q, self.n_initial):
            return self._start(log, n, generator)
        return self._round(log, q) or self._new_round(self._pick(log, q, generator), q)

    def _start(
        self, log: Log, q: int, generator: Generator, fidelity: str | None = None
    ) -> Proposals:
        """Rows to begin with: what other tasks rank first, or random ones."""
        at = fidelity if fidelity is not None else self.goal.target
        if not self.surrogates.sources:
            return self._random(log, q, generator, at)
        predictors = self.surrogates.fitted_to_sources(seed=spawn(self.seed, FITS))
        X, gains = self.surrogates.sources[-1]
        choices = self._likely(log).propose(
            X, self.goal.merit(gains), avoid=log.seen(at), generator=generator
        )
        mean, _ = Context(log, predictors).latent_marginals(choices)
        worth = self.goal.objectives_of(mean).sum(-1)
        violated = self.goal.slacks_of(mean).clamp_max(0).sum(-1)
        worth = worth.where(violated == 0, worth.min() - 1 + violated)
        rows = choices[worth.topk(min(q, len(choices))).indices]
        return Proposals(rows, [at] * len(rows))

    def _at_random(self, log: Log) -> Candidates:
        """All candidates at the start; where all of that have failed, such as are unlike them."""
        begins = len(log.seen()) < self.n_initial
        return self.candidates if begins else self._likely(log)

    def _likely(self, log: Log) -> Candidates:
        """The candidates that are likely to give values, also where nothing has given any yet."""
        return Context(log, (), success=self.surrogates.success(log)).likely(self.candidates)

    def _pick(self, log: Log, q: int, generator: Generator) -> Tensor:
        """The rows of a new round, by predictors fitted to all that has been told."""
        context = self.context(log)
        n = max(q, self.refit_every)
        return self.acquisition.select(context, self.candidates, n, generator=generator)

    def context(self, log: Log, fidelity: str | None = None) -> Context:
        """What the acquisition rule knows: predictors fitted to a log, at the target or at another fidelity."""
        at = fidelity if fidelity is not None else self.goal.target
        self.surrogates.know(self.candidates.pool)
        fit_seed = spawn(self.seed, log.n_told, FITS)
        predictors = self.surrogates.fitted(log, fidelity=at, seed=fit_seed)
        success = self.surrogates.success(log)
        return Context(log, predictors, spawn(self.seed, len(log), PICKS), at, success=success)


def check_counts(**counts: int) -> None:
    """Raise unless each is a positive integer.

    Raises:
        UsageError: One is not.
    """
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(f"{name} must be at least 1; got {count!r}")
