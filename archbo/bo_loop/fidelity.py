"""Search with cheap trainings beside full ones."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from archbo.acquisition import (
    Acquisition,
    Candidates,
    Maximize,
    Observations,
    expected_improvement,
    improvement_ahead,
    log_ei,
)
from archbo.bo_loop.baselines import RandomSearch
from archbo.errors import NothingLeftError, UsageError
from archbo.predictors.gaussian_processes.multi_task_gp import MultiTaskGP, Source
from archbo.spaces import Arch, ArchLike, SearchSpace

__all__ = ["FidelityHistory", "MultiFidelityOptimizer", "Training", "run_fidelities"]

N_CHEAP, SHARE = 60, 4
"""The most trainings at the first fidelity at the start, and the most they cost, in trainings at the target."""
N_RIVALS, N_BEST = 400, 64
"""The most promising rows that a cheap training is weighed for, and those whose improvement it is weighed by."""


class Training(NamedTuple):
    """An architecture, and the fidelity to train it at."""

    arch: Arch
    fidelity: str


@dataclass(frozen=True)
class FidelityHistory:
    """Trainings in the order in which they were told.

    Args:
        space: The space that the rows belong to.
        costs: The cost of a training at each fidelity, the last being the target.
        X: ``n x d``.
        stage: ``n`` integers, the number of each training's fidelity.
        Y: ``n x 1``, higher is better, each in the unit of its fidelity.
    """

    space: SearchSpace
    costs: Mapping[str, float]
    X: Tensor
    stage: Tensor
    Y: Tensor

    def __len__(self) -> int:
        return len(self.X)

    @property
    def trainings(self) -> list[Training]:
        """What was trained."""
        names = list(self.costs)
        pairs = zip(self.space.archs(self.X), self.stage.tolist(), strict=True)
        return [Training(arch, names[stage]) for arch, stage in pairs]

    @property
    def spent(self) -> Tensor:
        """``n``, the cost of all trainings up to each."""
        costs = torch.tensor(list(self.costs.values()), dtype=torch.double)
        return costs[self.stage].cumsum(0)

    @property
    def cost(self) -> float:
        """The cost of all trainings."""
        return float(self.spent[-1]) if len(self) else 0.0

    @property
    def running_best(self) -> Tensor:
        """``n``, the best value at the target after each training; minus infinity before the first."""
        at_target = self.stage == len(self.costs) - 1
        return self.Y.flatten().where(at_target, -torch.inf).cummax(0).values

    @property
    def best(self) -> tuple[Arch, float]:
        """The best architecture at the target, the first where several are, and its value.

        Raises:
            UsageError: Nothing has been told at the target yet.
        """
        best = self.running_best
        if len(self) == 0 or best[-1] == -torch.inf:
            raise UsageError(
                f"no training at {list(self.costs)[-1]!r} has been told yet, so there is no best one"
            )
        index = int(best.argmax())
        return self.space.arch(self.X[index]), float(best[index])

    def to_frame(self) -> pd.DataFrame:
        """One row per training: ``arch``, ``fidelity``, ``value``, ``spent``, ``best``."""
        trainings = self.trainings
        return pd.DataFrame(
            {
                "arch": [str(training.arch) for training in trainings],
                "fidelity": [training.fidelity for training in trainings],
                "value": self.Y.flatten().tolist(),
                "spent": self.spent.tolist(),
                "best": self.running_best.tolist(),
            }
        )


class MultiFidelityOptimizer:
    """Asks for the architecture that is best at the target, and for the training that pays for it.

    The cheapest fidelity is searched for its own best first: ``n_initial`` random architectures, and then what the
    acquisition rule picks from a model of that fidelity alone, until it has seen ``n_cheap``. Its best goes up to the
    target. From then on a joint model of all fidelities weighs a training at the target, for its expected
    improvement per cost, against a cheap one before it: a cheap one of any promising architecture moves what is known
    of all that are like it, so that the training at the target after it may expect to improve more. It is taken where
    that improvement, per cost of the two together, is the highest. This is the knowledge gradient's look one step
    ahead (Frazier, Powell and Dayanik 2009) with the improvement of a training at the target in the place of the
    highest mean: what is not trained there does not count. Costs enter as in Snoek et al. (arXiv 1206.2944).

    With an acquisition rule of one's own, that rule picks architectures at the target from the joint model. Each is
    trained where a training explains the largest share, per cost, of what is not yet known of its value at the
    target. That is the order of BOCA (arXiv 1703.06240), which compares deviations with a threshold instead.

    Args:
        space: The space to search.
        costs: The cost of a training at each fidelity, in any unit, from the cheapest to the target.
        predictor: The joint model; a ``MultiTaskGP`` with its defaults unless given.
        acquisition: A rule that picks architectures; expected improvement, one step ahead, unless given.
        candidates: Where they may come from; as for an ``Optimizer``.
        n_cheap: The number of trainings at the first fidelity before its best goes up; unless given 60, or as many
            as four trainings at the target cost where these are fewer.
        n_initial: The number of random architectures at the start.
        seed: The same seed gives the same search.

    Raises:
        UsageError: There are fewer than two fidelities, their costs do not rise from above zero, ``n_initial`` or
            ``n_cheap`` is not positive, or the predictor is of another space.

    Example:
        >>> from archbo.spaces import CategoricalSpace
        >>> space = CategoricalSpace("s", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
        >>> optimizer = MultiFidelityOptimizer(space, {"short": 12, "long": 200}, n_initial=4, seed=0)
        >>> values = {"short": lambda arch: sum(arch.row), "long": lambda arch: 90 + sum(arch.row)}
        >>> history = run_fidelities(optimizer, values, budget=1000)
        >>> print(*history.best)
        width=32,depth=4 95.0
    """

    def __init__(
        self,
        space: SearchSpace,
        costs: Mapping[str, float],
        predictor: MultiTaskGP | None = None,
        acquisition: Acquisition | None = None,
        *,
        candidates: Candidates | None = None,
        n_cheap: int | None = None,
        n_initial: int = 20,
        seed: int,
    ) -> None:
        rising = [0.0, *costs.values()]
        if len(costs) < 2 or any(after <= before for before, after in pairwise(rising)):
            raise UsageError(
                "costs must name at least two fidelities, from the cheapest to the target, each dearer than "
                f"the one before; got {dict(costs)}"
            )
        if n_cheap is None:
            n_cheap = min(N_CHEAP, int(SHARE * rising[-1] / rising[1]))
        for name, number in (("n_initial", n_initial), ("n_cheap", n_cheap)):
            if number < 1:
                raise UsageError(f"{name} must be at least 1; got {number}")
        self.predictor = predictor if predictor is not None else MultiTaskGP(space)
        if self.predictor.space.name != space.name:
            raise UsageError(
                f"the predictor is of {self.predictor.space.name!r}, the search is in {space.name!r}"
            )
        self.space, self.costs, self.seed = space, dict(costs), seed
        self.acquisition, self.n_initial, self.n_cheap = acquisition, n_initial, n_cheap
        # Each fidelity keeps its own record of what was asked for and told; the first one's starts the search.
        self._records = [RandomSearch(space, candidates=candidates, seed=seed) for _ in costs]
        self.candidates = self._records[0].candidates
        self.generator = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64)
        self._pool_is_known = False

    def ask(self, q: int = 1) -> list[Training]:
        """The next trainings, never one that was asked for or told before.

        Args:
            q: How many; fewer come back where fewer are left.

        Raises:
            UsageError: ``q`` is not positive.
            NothingLeftError: Every architecture has been asked for at the target.
        """
        if q < 1:
            raise UsageError(f"q is the number of trainings to ask for, at least 1; got {q}")
        asked: list[Training] = []
        for _ in range(q):
            try:
                row, stage = self._next()
            except NothingLeftError:
                if not asked:
                    raise
                break
            asked.append(self._asked(row, stage))
        return asked

    def promote(self) -> Training:
        """The best architecture at the highest fidelity told, at the target next, whatever the rule would ask for.

        It is for the end of a budget. Where nothing was told below the target it is a random one.

        Raises:
            NothingLeftError: Every architecture has been asked for at the target.
        """
        *below, target = self._records
        row = self._best_of(
            next((record for record in below[::-1] if len(record.X)), target), target
        )
        if len(row) == 0:
            row = self.candidates.random(1, avoid=target.seen, generator=self.generator)
        return self._asked(row, len(below))

    def _asked(self, row: Tensor, stage: int) -> Training:
        """The training of a row (``1 x d``), which is pending from now on."""
        record = self._records[stage]
        record.X_pending = torch.cat([record.X_pending, row])
        return Training(self.space.arch(row[0]), list(self.costs)[stage])

    def tell(self, trainings: Sequence[tuple[ArchLike, str]], Y: Sequence[float] | Tensor) -> None:
        """Record values.

        Args:
            trainings: ``n`` architectures in any form, each with its fidelity.
            Y: ``n`` or ``n x 1`` values, to be maximised, each in the unit of its fidelity.

        Raises:
            InvalidArchitectureError: One of them is no architecture of the space.
            UsageError: The lengths differ, a fidelity is unknown, or a value is a NaN or an infinity; nothing is
                recorded then.
        """
        X = self.space.rows([arch for arch, _ in trainings])
        values = torch.as_tensor(Y, dtype=torch.double).reshape(-1, 1)
        if len(X) != len(values):
            raise UsageError(f"{len(X)} trainings but {len(values)} values; tell one for each")
        names = list(self.costs)
        for row, (_, fidelity), number in zip(X, trainings, values.flatten().tolist(), strict=True):
            if fidelity not in self.costs:
                raise UsageError(f"there is no fidelity {fidelity!r}; tell one of {names}")
            if not math.isfinite(number):
                raise UsageError(
                    f"the value of {self.space.format(row)} at {fidelity!r} is {number}; tell a number, for a "
                    "failed training that of a bad architecture"
                )
        stages = torch.tensor([names.index(fidelity) for _, fidelity in trainings]).long()
        for stage, record in enumerate(self._records):
            record.tell(X[stages == stage], values[stages == stage])
        self._order = torch.cat([self._order, stages])

    @property
    def history(self) -> FidelityHistory:
        """What has been told so far."""
        X = self._records[0].X.new_empty(len(self._order), self.space.n_columns)
        Y = X.new_empty(len(X), 1)
        for stage, record in enumerate(self._records):
            X[self._order == stage], Y[self._order == stage] = record.X, record.Y
        return FidelityHistory(self.space, self.costs, X, self._order, Y)

    def _next(self) -> tuple[Tensor, int]:
        """The next row (``1 x d``) and the number of its fidelity."""
        *below, target = self._records
        if len(below[0].seen) < self.n_initial:
            return self._random()
        if len(target.X) == 0:
            if len(below[0].seen) < self.n_cheap and len(below[0].X):
                try:
                    return self._pick([], below[0]), 0
                except NothingLeftError:
                    pass  # The space is smaller than that.
            return self._first_promotion()
        sources = [(record.X, record.Y) for record in below]
        if self.acquisition is None:
            return self._ahead(self._observations(sources, target))
        row = self._pick(sources, target)
        return row, self._stage_of(row)

    def _observations(self, sources: Sequence[Source], record: RandomSearch) -> Observations:
        """What a model knows that is fitted to one fidelity's record, with others as its sources."""
        if self.candidates.pool is not None and not self._pool_is_known:
            self.predictor.remember(self.candidates.pool)
            self._pool_is_known = True
        seed = int(torch.randint(2**31, (), generator=self.generator))
        self.predictor.learn_from(sources)
        self.predictor.fit(record.X, record.Y, seed=seed)
        # What waits for a cheap value is not picked again before it comes.
        pending = torch.cat([record.X_pending for record in self._records])
        return Observations(self.predictor, record.X, record.Y, pending, seed)

    def _pick(self, sources: Sequence[Source], record: RandomSearch) -> Tensor:
        """The row (``1 x d``) that the acquisition rule picks at the record's fidelity."""
        rule = self.acquisition if self.acquisition is not None else Maximize(log_ei)
        observations = self._observations(sources, record)
        return rule.select(observations, self.candidates, 1, generator=self.generator)

    def _ahead(self, observations: Observations) -> tuple[Tensor, int]:
        """The row (``1 x d``) and the fidelity after which a training at the target may expect most per cost."""
        rivals = Maximize(log_ei, sequential=False)
        X = rivals.select(observations, self.candidates, N_RIVALS, generator=self.generator)
        best_f, (*cheap, full) = observations.best_f, self.costs.values()
        pays: list[tuple[float, int, Tensor]] = []
        for stage, cost in enumerate(cheap):
            mean, variance, slopes = self.predictor.moves(X, stage)
            now = expected_improvement(mean, variance, best_f)
            pays.append((float(now[0]) / full, len(cheap), X[:1]))
            # A training of any rival is weighed by what it does to the best ones and to itself.
            top = now.topk(min(N_BEST, len(X))).indices.expand(len(X), -1)
            which = torch.cat([top, torch.arange(len(X)).unsqueeze(-1)], -1)
            ahead = improvement_ahead(mean[which], variance[which], slopes.gather(1, which), best_f)
            rate = ahead / (cost + full)
            rate[self._known(X, self._records[stage].seen)] = 0.0
            pays.append((float(rate.max()), stage, X[rate.argmax()].unsqueeze(0)))
        _, stage, row = max(pays, key=lambda pay: pay[0])
        return row, stage

    def _known(self, X: Tensor, seen: Tensor) -> Tensor:
        """``n`` bool: which rows of ``X`` (``n x d``) are among those seen."""
        known = set(self.space.ids(seen))
        return torch.tensor([key in known for key in self.space.ids(X)])

    def _stage_of(self, row: Tensor) -> int:
        """Where a training of the row (``1 x d``) explains most per cost."""
        costs = list(self.costs.values())
        worth = [0.0] * len(costs)
        worth[-1] = 1 / costs[-1]
        for stage, record in enumerate(self._records[:-1]):
            if len(self.candidates.without(row, record.seen)):
                worth[stage] = float(self.predictor.explained(row, stage)) / costs[stage]
        return max(range(len(costs)), key=worth.__getitem__)

    def _first_promotion(self) -> tuple[Tensor, int]:
        """The best row at the highest fidelity told, one fidelity higher; a random one if there is none."""
        told = [stage for stage, record in enumerate(self._records) if len(record.X)]
        if told:
            row = self._best_of(self._records[told[-1]], self._records[told[-1] + 1])
            if len(row):
                return row, told[-1] + 1
        return self._random()

    def _best_of(self, here: RandomSearch, above: RandomSearch) -> Tensor:
        """The best row told here that was not asked for above, ``1 x d``, or none."""
        ranked = here.X[here.Y.flatten().argsort(descending=True, stable=True)]
        return self.candidates.without(ranked, above.seen)[:1]

    def _random(self) -> tuple[Tensor, int]:
        avoid = self._records[0].seen
        return self.candidates.random(1, avoid=avoid, generator=self.generator), 0

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next ``ask`` depends on, as tensors; ``torch.save`` keeps it."""
        return {
            "costs": self.costs,
            "records": [record.state_dict() for record in self._records],
            "order": self._order,
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where ``state_dict`` was taken, in any process; the arguments must be the same.

        Raises:
            UsageError: The state is of another space or of other fidelities.
        """
        if state["costs"] != self.costs:
            raise UsageError(
                f"the state is of a search over {state['costs']}, this one is over {self.costs}"
            )
        for record, own in zip(self._records, state["records"], strict=True):
            record.load_state_dict(own)
        self._order = state["order"].clone()
        self.generator.set_state(state["generator"])


def run_fidelities(
    optimizer: MultiFidelityOptimizer,
    objectives: Mapping[str, Callable[[Arch], float]],
    budget: float,
    *,
    callback: Callable[[FidelityHistory], None] | None = None,
) -> FidelityHistory:
    """Train one architecture after the other until the next training would cost more than is left.

    While nothing has been trained at the target, what one training there costs is kept back.

    Args:
        optimizer: The search; what it was told before costs nothing here.
        objectives: For each fidelity the value of an architecture, to be maximised.
        budget: What the trainings may cost together.
        callback: Called with the history after each training.

    Returns:
        All that the optimizer has been told. It ends early where no architecture is left.

    Raises:
        UsageError: A fidelity has no objective, or the budget does not pay for one training at the target.
    """
    missing = [name for name in optimizer.costs if name not in objectives]
    if missing:
        raise UsageError(f"there is no objective for {', '.join(missing)}; give one for each")
    dearest = max(optimizer.costs.values())
    if budget < dearest:
        raise UsageError(
            f"the budget of {budget:g} does not pay for one training at the target, which costs {dearest:g}"
        )
    left, below = budget, list(optimizer.costs.values())[-2]
    target = list(optimizer.costs)[-1]
    at_target = any(training.fidelity == target for training in optimizer.history.trainings)
    while True:
        try:
            last_chance = not at_target and left < below + dearest
            (training,) = [optimizer.promote()] if last_chance else optimizer.ask()
        except NothingLeftError:
            break
        left -= optimizer.costs[training.fidelity]
        if left < 0:
            break
        optimizer.tell([training], [objectives[training.fidelity](training.arch)])
        at_target |= training.fidelity == target
        if callback is not None:
            callback(optimizer.history)
    return optimizer.history
