"""What RoBoT recommends after twenty cheap queries, and what each step beyond the published rule is worth."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean

from archbo.acquisition import Candidates
from archbo.bo_loop import PublishedRoBoT, RandomSearch, RoBoT, Strategy
from archbo.comparison import run_search
from archbo.goals import Goal
from archbo.predictors import ProxyGP
from archbo.proxies import ProxyTable
from archbo.spaces import SearchSpace
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import TASKS, VALID, everything, load

__all__ = ["MEASUREMENT"]

PAPER = ("grad_norm", "snip", "grasp", "fisher", "synflow", "jacov")
"""The proxies of the published rule."""


@dataclass(frozen=True, eq=False)
class Start:
    """What a search is given: the space, the signal, proxies, candidates and a seed."""

    space: SearchSpace
    goal: Goal
    proxies: ProxyTable
    paper: ProxyTable
    candidates: Candidates
    seed: int

    def published(self, proxies: ProxyTable) -> Strategy:
        """The published rule."""
        return PublishedRoBoT(
            self.space, self.goal, proxies=proxies, candidates=self.candidates, seed=self.seed
        )

    def robot(
        self,
        *,
        slope: float = 0.6,
        structure: float = 1.0,
        trust: float = 0.0,
        n_initial: int = 3,
    ) -> Strategy:
        """RoBoT with another surrogate than its own."""
        gp = ProxyGP(
            self.space, proxies=self.proxies, slope=slope, structure=structure, trust=trust
        )
        return RoBoT(
            self.space,
            self.goal,
            predictor=gp,
            candidates=self.candidates,
            n_initial=n_initial,
            seed=self.seed,
        )

    def default(self) -> Strategy:
        """RoBoT as it comes."""
        return RoBoT(
            self.space,
            self.goal,
            proxies=self.proxies,
            candidates=self.candidates,
            seed=self.seed,
        )

    def random(self) -> Strategy:
        """Random search."""
        return RandomSearch(self.space, self.goal, candidates=self.candidates, seed=self.seed)


@dataclass(frozen=True)
class Step:
    """A strategy, and whether it names the architecture of the highest value instead of what it recommends."""

    make: Callable[[Start], Strategy]
    greedy: bool = False


STEPS = {
    "random search": Step(Start.random),
    "published rule, its six proxies": Step(lambda start: start.published(start.paper)),
    "published rule, all thirteen proxies": Step(lambda start: start.published(start.proxies)),
    "all observations teach the weights": Step(
        lambda start: start.robot(slope=0.0, structure=0.0), greedy=True
    ),
    "signs as a prior": Step(lambda start: start.robot(structure=0.0), greedy=True),
    "structure beside the combination": Step(lambda start: start.robot(), greedy=True),
    "trust in the consensus beyond the signal": Step(
        lambda start: start.robot(trust=0.9), greedy=True
    ),
    "named by the posterior": Step(lambda start: start.robot(trust=0.9)),
    "from the consensus alone, the default": Step(Start.default),
}


@dataclass(frozen=True)
class Task:
    """A search by one step on one task."""

    step: str
    dataset: str
    table: Path
    n_queries: int
    seed: int

    def __str__(self) -> str:
        return f"{self.step}, {TASKS[self.dataset]}, seed {self.seed}"


@cache
def start_of(table: Path) -> Start:
    """What is alike for all searches, read once by each process."""
    benchmark = load(table, VALID)
    return Start(
        benchmark.space,
        Goal(),
        ProxyTable.from_benchmark(benchmark, ["c10_zc_*"]),
        ProxyTable.from_benchmark(benchmark, [f"c10_zc_{name}" for name in PAPER]),
        everything(benchmark),
        0,
    )


def accuracy(task: Task) -> float:
    """The test accuracy of what a search recommends by the accuracy after 12 epochs."""
    benchmark, step = load(task.table, VALID), STEPS[task.step]
    signal = benchmark.evaluator(f"{task.dataset}_val_12")
    test = f"{task.dataset}_test_200"
    strategy = step.make(replace(start_of(task.table), goal=signal.goal, seed=task.seed))
    run = run_search(task.step, strategy, signal, task.n_queries)
    named = str(run.log.best[0]) if step.greedy else run.recommended
    assert named is not None  # every query is feasible
    return benchmark.evaluator(test)(named)[test]


def measure(settings: Settings) -> Section:
    """Several searches of each step on each task."""
    steps = settings.wanted(STEPS)
    tasks = [
        Task(step, dataset, settings.table, settings.size, seed)
        for step in steps
        for dataset in TASKS
        for seed in settings.seeds
    ]
    reached: dict[tuple[str, str], list[float]] = {}
    for task, found in zip(tasks, each(accuracy, tasks, workers=settings.workers), strict=True):
        reached.setdefault((task.step, task.dataset), []).append(found)
    rows = [[step, *(_cell(reached[step, dataset]) for dataset in TASKS)] for step in steps]
    benchmark = load(settings.table, VALID)
    bests = [benchmark.evaluator(f"{dataset}_test_200").best for dataset in TASKS]
    rows.append(["best of the table", *(f"{best:.3f}" for best in bests)])
    return Section(
        "RoBoT",
        [Grid(["", *TASKS.values()], rows)],
        [
            f"{settings.size} queries of each task's accuracy after 12 epochs, among the valid networks of NAS-Bench-201 "
            "with the proxies of NAS-Bench-Suite-Zero, measured on CIFAR-10; the test accuracy after 200 epochs of what "
            "is recommended, mean and in brackets the least."
        ],
    )


def _cell(reached: list[float]) -> str:
    return f"{fmean(reached):.3f} ({min(reached):.2f})"


MEASUREMENT = Measurement(measure, repeats=10, size=20, unit="queries")
