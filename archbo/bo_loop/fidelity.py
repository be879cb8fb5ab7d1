"""Search with cheap trainings beside full ones."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from archbo.acquisition import Acquisition, Candidates, Maximize, Observations, log_ei
from archbo.bo_loop.baselines import RandomSearch
from archbo.errors import NothingLeftError, UsageError
from archbo.predictors.multi_task_gp import MultiTaskGP
from archbo.spaces import Arch, ArchLike, SearchSpace

__all__ = ["FidelityHistory", "MultiFidelityOptimizer", "Training", "run_fidelities"]


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

    The acquisition rule picks an architecture for the target from a joint model of all fidelities. It is trained
    where a training explains the largest share, per cost, of what is not yet known of its value at the target: a
    training at the target settles it, a cheap one tells a part of it for a fraction of the cost, and once it was
    trained there the cheap one has no more to say. Choosing the architecture at the target and the fidelity after it
    is BOCA's order (arXiv 1703.06240), which compares deviations with a threshold instead.

    The start is ``n_initial`` random architectures at the first fidelity, of which the best goes up to the target.

    Args:
        space: The space to search.
        costs: The cost of a training at each fidelity, in any unit, from the cheapest to the target.
        predictor: The joint model; a ``MultiTaskGP`` with its defaults unless given.
        acquisition: How architectures are picked; by LogEI at the target unless given.
        candidates: Where they may come from; as for an ``Optimizer``.
        n_initial: The number of random architectures at the start.
        seed: The same seed gives the same search.

    Raises:
        UsageError: There are fewer than two fidelities, their costs do not rise from above zero, ``n_initial`` is
            not positive, or the predictor is of another space.

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
        n_initial: int = 20,
        seed: int,
    ) -> None:
        rising = [0.0, *costs.values()]
        if len(costs) < 2 or any(after <= before for before, after in pairwise(rising)):
            raise UsageError(
                "costs must name at least two fidelities, from the cheapest to the target, each dearer than "
                f"the one before; got {dict(costs)}"
            )
        if n_initial < 1:
            raise UsageError(f"n_initial must be at least 1; got {n_initial}")
        self.predictor = predictor if predictor is not None else MultiTaskGP(space)
        if self.predictor.space.name != space.name:
            raise UsageError(
                f"the predictor is of {self.predictor.space.name!r}, the search is in {space.name!r}"
            )
        self.space, self.costs, self.seed = space, dict(costs), seed
        self.acquisition = acquisition if acquisition is not None else Maximize(log_ei)
        self.n_initial = n_initial
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
            record = self._records[stage]
            record.X_pending = torch.cat([record.X_pending, row])
            asked.append(Training(self.space.arch(row[0]), list(self.costs)[stage]))
        return asked

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
            return self._first_promotion()
        if self.candidates.pool is not None and not self._pool_is_known:
            self.predictor.remember(self.candidates.pool)
            self._pool_is_known = True
        seed = int(torch.randint(2**31, (), generator=self.generator))
        self.predictor.learn_from([(record.X, record.Y) for record in below])
        self.predictor.fit(target.X, target.Y, seed=seed)
        # What waits for a cheap value is not picked again before it comes.
        pending = torch.cat([record.X_pending for record in self._records])
        observations = Observations(self.predictor, target.X, target.Y, pending, seed)
        row = self.acquisition.select(observations, self.candidates, 1, generator=self.generator)
        return row, self._stage_of(row)

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
            here, above = self._records[told[-1]], self._records[told[-1] + 1]
            ranked = here.X[here.Y.flatten().argsort(descending=True, stable=True)]
            fresh = self.candidates.without(ranked, above.seen)
            if len(fresh):
                return fresh[:1], told[-1] + 1
        return self._random()

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
    left = budget
    while True:
        try:
            (training,) = optimizer.ask()
        except NothingLeftError:
            break
        left -= optimizer.costs[training.fidelity]
        if left < 0:
            break
        optimizer.tell([training], [objectives[training.fidelity](training.arch)])
        if callback is not None:
            callback(optimizer.history)
    return optimizer.history
