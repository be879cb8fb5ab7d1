"""How well surrogates rank where the columns are a user's own: numbers with an order, choices that columns share."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from scipy.stats import kendalltau
from torch import Tensor

from archbo.encodings import CategoricalEncoding, Encoding, OneHotEncoding
from archbo.predictors import GP, RandomForest
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace, SearchSpace
from perf.processes import each
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import TABLE, load

__all__ = ["MEASUREMENT"]

WIDTHS = CategoricalSpace("five widths", {f"stage{i}": list(range(8, 72, 8)) for i in range(5)})
"""Five stages with one of eight widths each; what they are worth is the sum of the widths' logarithms, to the noise."""
MOST = 2_000
"""The most architectures that are ranked."""


@dataclass(frozen=True)
class Target:
    """What is predicted, from how many networks: a column of a table, or the made-up value of five widths."""

    name: str
    sizes: tuple[int, ...]
    table: str = ""
    space: str = ""
    column: str = ""
    where: str | None = None

    def load(self, seed: int) -> tuple[SearchSpace, Tensor, Tensor]:
        """The space, rows ``n x d`` and values ``n``, of which more is better."""
        if not self.table:
            X = WIDTHS.sample(MOST, generator=generator(seed))
            noise = torch.randn(len(X), generator=generator(seed, 1), dtype=torch.double)
            return WIDTHS, X, (1 + X).log().sum(-1) + 0.1 * noise
        folder = TABLE.parent
        benchmark = load(folder / self.table, self.where, str(folder / self.space))
        sign = -1 if self.column.startswith("lat") else 1
        return benchmark.space, benchmark.X, sign * benchmark.values(self.column).flatten()


FBNET = ("fbnet_help.parquet", "fbnet.toml")
TARGETS = (
    Target("five widths", (15, 30, 60)),
    *(
        Target(f"FBNet, latency on {device}", (20, 50), *FBNET, f"lat_{device}")
        for device in ("raspi4", "eyeriss", "fpga")
    ),
    Target(
        "Accel-NASBench, top-1",
        (50, 100, 400),
        "accel_nasbench_open.parquet",
        "accel_nasbench.toml",
        "val_top1",
    ),
    Target(
        "OFA, top-1",
        (30, 60, 200),
        "dynas_traces.parquet",
        "dynas_traces.toml",
        "top1",
        "is_first",
    ),
)


def _one_hot_gp(space: SearchSpace, X: Tensor, Y: Tensor, others: Tensor) -> Tensor:
    return GP(space, OneHotEncoding(space)).fit(X, Y, seed=0).predict(others)[0]


def _gp(space: SearchSpace, X: Tensor, Y: Tensor, others: Tensor) -> Tensor:
    return GP(space).fit(X, Y, seed=0).predict(others)[0]


def _one_hot_forest(space: SearchSpace, X: Tensor, Y: Tensor, others: Tensor) -> Tensor:
    return RandomForest(space, OneHotEncoding(space)).fit(X, Y, seed=0).predict(others)[0]


def _forest(space: SearchSpace, X: Tensor, Y: Tensor, others: Tensor) -> Tensor:
    return RandomForest(space).fit(X, Y, seed=0).predict(others)[0]


def _numbers_gp(space: SearchSpace, X: Tensor, Y: Tensor, others: Tensor) -> Tensor:
    """BoTorch's own Gaussian process, on the place of each choice in its column."""
    encoding: Encoding = CategoricalEncoding(space)
    model = SingleTaskGP(encoding(X), Y.unsqueeze(-1))
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    with torch.no_grad():
        mean: Tensor = model.posterior(encoding(others)).mean
    return mean.flatten()


Predict = Callable[[SearchSpace, Tensor, Tensor, Tensor], Tensor]
METHODS: dict[str, Predict] = {
    "`gp`": _gp,
    "`gp` on one-hot": _one_hot_gp,
    "BoTorch's GP on the numbers": _numbers_gp,
    "`random-forest`": _forest,
    "`random-forest` on one-hot": _one_hot_forest,
}


@dataclass(frozen=True)
class Task:
    """All methods on one target at one size with one seed."""

    target: Target
    size: int
    seed: int

    def __str__(self) -> str:
        return f"{self.target.name}, {self.size} networks, seed {self.seed}"


def taus(task: Task) -> list[float]:
    """Kendall's tau of each method on networks that it was not fitted to."""
    space, X, Y = task.target.load(task.seed)
    order = torch.from_numpy(np.random.default_rng(task.seed).permutation(len(X)))
    seen, others = order[: task.size], order[task.size : task.size + MOST]
    return [
        float(kendalltau(predict(space, X[seen], Y[seen], X[others]), Y[others])[0])
        for predict in METHODS.values()
    ]


def measure(settings: Settings) -> Section:
    """Mean Kendall tau of the default view of columns beside one-hot rows and plain numbers."""
    names = settings.wanted(target.name for target in TARGETS)
    wanted = [target for target in TARGETS if target.name in names]
    tasks = [
        Task(target, size, seed)
        for target in wanted
        for size in target.sizes
        for seed in settings.seeds
    ]
    found = dict(zip(tasks, each(taus, tasks, workers=settings.workers), strict=True))
    rows = []
    for target in wanted:
        for size in target.sizes:
            cells = zip(*(found[Task(target, size, s)] for s in settings.seeds), strict=True)
            rows.append([f"{target.name}, {size}", *(f"{fmean(cell):.3f}" for cell in cells)])
    return Section(
        "Columns of one's own",
        [Grid(["target, networks to learn from", *METHODS], rows)],
        [
            f"Mean Kendall tau on at most {MOST:,} other networks. The default view of such columns was chosen on made-up "
            "targets and on latencies of other devices of FBNet; Accel-NASBench and OFA were looked at as well.",
        ],
    )


MEASUREMENT = Measurement(measure, repeats=5)
