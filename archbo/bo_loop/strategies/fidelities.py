"""Bayesian optimization with cheap evaluations beside full ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Generator, Tensor

from archbo.acquisition import Candidates, Context, Cost, Rule
from archbo.acquisition.look_ahead import Outlook
from archbo.acquisition.maximize import default_rule
from archbo.bo_loop.strategies.bayesian import Bayesian, check_counts
from archbo.bo_loop.strategy import Proposals, Strategy
from archbo.bo_loop.surrogates import Source
from archbo.encodings import Encoding
from archbo.errors import NothingLeftError, UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.predictors import MultiTaskGP, Predictor
from archbo.spaces import ArchLike, SearchSpace

__all__ = ["FidelityBayesian", "bayesian", "judge_of"]

N_INITIAL = 20
"""The number of random architectures at the first fidelity at the start."""
N_CHEAP, SHARE = 60, 4
"""The most evaluations at the first fidelity at the start, and the most they cost, in evaluations at the target."""
N_RIVALS = {True: 400, False: 100}
"""The number of most promising rows that a cheap evaluation is weighed for, with one outcome and with several."""


class _Offer(NamedTuple):
    """An evaluation and what it is expected to bring per cost."""

    rate: float
    stage: int
    row: Tensor


@final
class FidelityBayesian(Bayesian):
    """Asks for the architecture that is best at the target, and for the evaluation that pays for it.

    The cheapest fidelity is searched for its own best first: ``n_initial`` random architectures, and then what the
    acquisition rule picks from a model of that fidelity alone, until it has seen ``n_cheap``. Its best goes up to the
    target. From then on a joint model of all fidelities weighs an evaluation at the target, for its expected gain per
    cost, against a cheap one before it: a cheap one of any promising architecture moves what is known of all that are
    like it, so that the one at the target after it may expect to gain more. It is taken where that gain, per cost of
    the two together, is the highest. This is the knowledge gradient's look one step ahead (Frazier, Powell and
    Dayanik 2009) with the gain of an evaluation at the target in the place of the highest mean: what is not
    evaluated there does not count. Costs enter as in Snoek et al. (arXiv 1206.2944). The gain is the expected
    improvement, or with several objectives or bounds the expected hypervolume of what is feasible. Evaluations that
    are under way are believed to give what is expected of them.

    With an acquisition rule of one's own, that rule picks architectures at the target from the joint model. Each is
    evaluated where that explains the largest share, per cost, of what is not yet known of it at the target. That is
    the order of BOCA (arXiv 1703.06240), which compares deviations with a threshold instead.

    Args:
        space: The space to search.
        goal: What is wanted, and its fidelities.
        predictor: The joint model of each outcome that differs between fidelities, a ``MultiTaskGP``; any predictor
            of the others.
        acquisition: A rule that picks architectures; the expected gain, one step ahead, unless given.
        candidates: Where they may come from; as for ``Bayesian``.
        n_cheap: The number of evaluations at the first fidelity before its best goes up; unless given 60, or as many
            as four at the target cost where these are fewer.
        n_initial: The number of architectures at the start; 20 unless given, 1 with sources.
        initial: Architectures to begin with, at the first fidelity.
        cost: What evaluating a row costs, times the fidelity's cost.
        encoding: What predictors see that are not given.
        sources: As for ``Bayesian``.
        seed: The same seed gives the same search.

    Raises:
        UsageError: The goal has no fidelities, or as for ``Bayesian``.

    Example:
        >>> from archbo.bo_loop import run
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> goal = Goal.parse("accuracy", fidelities={"short": 12, "long": 200})
        >>> def train(arch, fidelity):
        ...     return sum(arch.row) + (90 if fidelity == "long" else 0)
        >>> print(*run(FidelityBayesian(space, goal, n_initial=4, seed=0), train, budget=1000).best)
        width=32,depth=4 95.0
    """

    def __init__(
        self,
        space: SearchSpace,
        goal: Goal,
        predictor: Predictor | Sequence[Predictor] | None = None,
        acquisition: Rule | None = None,
        *,
        candidates: Candidates | None = None,
        n_cheap: int | None = None,
        n_initial: int | None = None,
        initial: Sequence[ArchLike] | Tensor = (),
        cost: Cost | None = None,
        encoding: Encoding | None = None,
        sources: Sequence[Source] = (),
        seed: int = 0,
    ) -> None:
        if not isinstance(goal, Goal) or not goal.fidelities:
            raise UsageError("the goal has no fidelities; name some, or use Bayesian")
        super().__init__(
            space,
            goal,
            predictor,
            acquisition,
            candidates=candidates,
            n_initial=n_initial if n_initial is not None else 1 if sources else N_INITIAL,
            initial=initial,
            cost=cost,
            encoding=encoding,
            sources=sources,
            seed=seed,
        )
        self.names, costs = list(goal.fidelities), list(goal.fidelities.values())
        if n_cheap is None:
            n_cheap = max(1, min(N_CHEAP, int(SHARE * costs[-1] / costs[0])))
        check_counts(n_cheap=n_cheap)
        self.n_cheap, self.cost = n_cheap, cost
        self._looks_ahead = acquisition is None

    def _propose(self, log: Log, q: int, generator: Generator) -> Proposals:
        cheapest, target = self.names[0], self.names[-1]
        waiting = self.candidates.without(self.initial, log.seen(cheapest))
        if len(waiting):
            return Proposals(waiting[:q], [cheapest] * len(waiting[:q]))
        left = self.n_initial - len(log.seen(cheapest))
        if left > 0:
            with_room = self._start_if_any(log, min(q, left), generator)
            if with_room is not None:
                return with_room
        if log.select(State.TOLD, fidelity=target):
            context = self.context(log)
            if self._looks_ahead:
                return self._ahead(context, generator)
            rows = self.acquisition.select(context, self.candidates, 1, generator=generator)
            return Proposals(rows, [self.names[self._stage_of(context, rows)]])
        if len(log.seen(cheapest)) < self.n_cheap and log.select(State.TOLD, fidelity=cheapest):
            context = self.context(log, cheapest)
            try:
                rows = self.acquisition.select(context, self.candidates, 1, generator=generator)
                return Proposals(rows, [cheapest])
            except NothingLeftError:
                pass  # The space is smaller than that; its best goes up.
        return self._first_promotion(log, generator)

    def _start_if_any(self, log: Log, q: int, generator: Generator) -> Proposals | None:
        """Architectures to begin with at the first fidelity; none where it has seen all there are."""
        try:
            return self._start(log, q, generator, self.names[0])
        except NothingLeftError:
            return None

    def _first_promotion(self, log: Log, generator: Generator) -> Proposals:
        """The best row at the highest fidelity told, one fidelity higher; a random one at the first if there is none.

        Raises:
            NothingLeftError: Every architecture has been asked for at each fidelity.
        """
        for here, above in reversed(list(zip(self.names, self.names[1:], strict=False))):
            row = self._best_left(log, here, above)
            if len(row):
                return Proposals(row, [above])
        try:
            return self._random(log, 1, generator, self.names[0])
        except NothingLeftError:
            return self._random(log, 1, generator)

    def _ahead(self, context: Context, generator: Generator) -> Proposals:
        """The evaluation after which one at the target may expect to gain most per cost."""
        single = self.goal.is_single
        n = N_RIVALS[single]
        X = default_rule(self.space, self.goal).promising(
            context, self.candidates, n, generator=generator
        )
        prices = self.cost(X) if self.cost is not None else torch.ones(len(X), dtype=X.dtype)
        *cheap, full = self.goal.fidelities.values()
        outlook = Outlook(context, X)
        now = outlook.now / (full * prices)
        best = int(now.argmax())
        offers = [_Offer(float(now[best]), len(cheap), X[best : best + 1])]
        for stage, cost in enumerate(cheap):
            rates = outlook.after(stage, cost * prices, full * prices)
            known = set(self.space.ids(context.log.seen(self.names[stage])))
            rates[[key in known for key in self.space.ids(X)]] = 0.0
            row = int(rates.argmax())
            offers.append(_Offer(float(rates[row]), stage, X[row : row + 1]))
        chosen = max(offers, key=lambda offer: offer.rate)
        return Proposals(chosen.row, [self.names[chosen.stage]])

    def _stage_of(self, context: Context, row: Tensor) -> int:
        """Where an evaluation of the row (``1 x d``) explains most per cost."""
        costs = list(self.goal.fidelities.values())
        worth = [0.0] * len(costs)
        worth[-1] = 1 / costs[-1]
        sources = len(self.surrogates.sources)
        for stage, name in enumerate(self.names[:-1]):
            if len(self.candidates.without(row, context.log.seen(name))):
                shares = [
                    float(predictor.explained(row, sources + stage))
                    for output, predictor in enumerate(self.surrogates.predictors)
                    if self.goal.depends_on_fidelity(output) and isinstance(predictor, MultiTaskGP)
                ]
                worth[stage] = sum(shares) / len(shares) / costs[stage]
        return max(range(len(costs)), key=worth.__getitem__)


def bayesian(
    space: SearchSpace,
    goal: Goal | None = None,
    *arguments: Any,  # noqa: ANN401 - those of the strategy
    **options: Any,  # noqa: ANN401 - those of the strategy
) -> Bayesian:
    """``FidelityBayesian`` where the goal has fidelities, else ``Bayesian``, with these arguments."""
    if isinstance(goal, Goal) and goal.fidelities:
        return FidelityBayesian(space, goal, *arguments, **options)
    return Bayesian(space, goal, *arguments, **options)


def judge_of(strategy: Strategy) -> Bayesian:
    """A strategy if it has surrogates of its own; otherwise a Bayesian one with the defaults, to judge its search by."""
    if isinstance(strategy, Bayesian):
        return strategy
    candidates, seed = strategy.candidates, strategy.seed
    return bayesian(strategy.space, strategy.goal, candidates=candidates, seed=seed)
