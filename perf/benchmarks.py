"""Surrogates side by side on three benchmarks, with what others use and what others report beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import pandas as pd
from botorch.fit import fit_gpytorch_mll
from gpytorch.mlls import ExactMarginalLogLikelihood

from archbo import catalog
from archbo.benchmarks import Tabular
from archbo.comparison import Leaderboard, compare, least_p_value, paired_tests
from archbo.comparison.kept import Name
from archbo.encodings import Encoding, OneHotEncoding
from archbo.predictors import Predictor
from archbo.predictors.gaussian_processes.pool_gp import PoolGP
from archbo.predictors.warps import Standardize
from archbo.spaces import SearchSpace
from perf.leaderboard import COLUMN, sizes_up_to
from perf.processes import say
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import load

__all__ = ["MEASUREMENT", "Reported", "report", "side_by_side"]

SIZES = (32, 64, 128, 256, 512)
"""The numbers of architectures at which FLAN reports both of the benchmarks that it shares with this page."""


@final
class BoTorchGP(Predictor):
    """BoTorch's ``SingleTaskGP`` with its defaults, on one-hot rows and standardised values."""

    encoding: Encoding

    def __init__(self, space: SearchSpace) -> None:
        super().__init__(space, OneHotEncoding(space), warp=Standardize())

    def _fit(self, *, seed: int) -> None:
        self._prepare()
        fit_gpytorch_mll(ExactMarginalLogLikelihood(self.model.likelihood, self.model))

    def _prepare(self) -> None:
        # The same model with a posterior of large pools in closed form.
        values = self.warp.forward(self.train_Y)
        self.model = PoolGP(
            self.train_X, values, input_transform=self.encoding, outcome_transform=None
        )


def _one_hot(name: str) -> Callable[[SearchSpace], Predictor]:
    return lambda space: catalog.predictor(name, space, OneHotEncoding(space))


METHODS: dict[str, Callable[[SearchSpace], Predictor]] = {
    "`gp`": lambda space: catalog.predictor("gp", space),
    "`gbdt`": lambda space: catalog.predictor("gbdt", space),
    "BoTorch's GP, one-hot": BoTorchGP,
    "XGBoost, one-hot": _one_hot("xgboost"),
    "random forest, one-hot": _one_hot("random-forest"),
}
"""archbo's quick surrogates, and what others use, each with its defaults."""


@dataclass(frozen=True)
class Reported:
    """A benchmark, and what others report on it.

    Attributes:
        table: Makes the goal on its table.
        others: For each method Kendall's tau by the number of architectures learned from.
    """

    table: Callable[[Settings], Tabular]
    others: Mapping[str, Mapping[int, float]]


BENCHMARKS = {
    "NAS-Bench-201, CIFAR-10": Reported(
        lambda settings: load(settings.table).evaluator(COLUMN),
        {"FLAN, structure": {32: 0.699, 64: 0.735, 128: 0.829, 256: 0.863, 512: 0.877}},
    ),
    "TransNAS-Bench-101 micro, class_scene": Reported(
        lambda settings: load(
            settings.table.with_name("tnb101_micro.parquet"), space="tnb101-micro"
        ).evaluator("class_scene_val"),
        {"FLAN, its best row": {32: 0.657, 64: 0.722, 128: 0.775, 256: 0.803, 512: 0.816}},
    ),
    "NAS-Bench-Graph, arxiv": Reported(
        lambda _: catalog.benchmark("nas-bench-graph/arxiv").evaluator(), {}
    ),
}
"""What is compared on, and the taus in the logs of FLAN's repository (arXiv 2403.02484)."""


def measure(settings: Settings) -> Section:
    """Kendall's tau by the number of architectures learned from, and all scores at the largest."""
    return report(BENCHMARKS, settings)


def side_by_side(
    title: str,
    tabular: Tabular,
    predictors: Mapping[Name, Predictor],
    sizes: Sequence[int],
    settings: Settings,
) -> Leaderboard:
    """The leaderboard of a benchmark with that title; each fit is said when it is done."""
    return compare(
        tabular,
        predictors,
        sizes,
        seeds=settings.seeds,
        cache=settings.cache,
        workers=settings.workers,
        callback=lambda one: say(f"{title}: {one.method}, {one.train_size}, seed {one.seed}"),
    )


def report(benchmarks: Mapping[str, Reported], settings: Settings) -> Section:
    """The section on some benchmarks."""
    sizes, names = sizes_up_to(settings.size, SIZES), settings.wanted(METHODS)
    boards = {}
    for title, reported in benchmarks.items():
        tabular = reported.table(settings)
        predictors: dict[Name, Predictor] = {
            name: METHODS[name](tabular.benchmark.space) for name in names
        }
        boards[title] = side_by_side(title, tabular, predictors, sizes, settings)
    taus = [_taus(title, board, benchmarks[title].others, sizes) for title, board in boards.items()]
    frame = pd.concat([board.frame().assign(title=title) for title, board in boards.items()])
    final = frame[frame["train_size"] == sizes[-1]]
    return Section(
        "Surrogates on three benchmarks",
        [*taus, _final(final, sizes[-1])],
        [
            "Kendall's tau on all other architectures: the median over samples, in brackets the least and the most. "
            "NAS-Bench-201's column is `c10_val_200`. FLAN (arXiv 2403.02484) is as its repository's logs have it, on test "
            "sets of its own.",
            _differences(final, sizes[-1]),
        ],
    )


def _taus(
    title: str, board: Leaderboard, others: Mapping[str, Mapping[int, float]], sizes: Sequence[int]
) -> Grid:
    taus = board.frame().groupby(["method", "train_size"], sort=False)["kendall"]
    rows: dict[str, list[str]] = {}
    for (method, _), found in taus:
        cell = f"{found.median():.3f} ({found.min():.3f} to {found.max():.3f})"
        rows.setdefault(str(method), []).append(cell)
    for method, reported in others.items():
        rows[method] = [f"{reported[size]:.3f}" if size in reported else "" for size in sizes]
    header = ["learned from", *map(str, sizes)]
    return Grid(header, [[name, *cells] for name, cells in rows.items()], f"{title}:")


def _final(final: pd.DataFrame, size: int) -> Grid:
    """P@10, N@10 and the share of values in 90 % intervals, a column for each benchmark."""
    groups = final.groupby(["method", "title"], sort=False)
    medians = groups[["precision_at_10", "best_rank_at_10", "coverage"]].median()
    titles = list(final["title"].unique())
    rows = []
    for method in final["method"].unique():
        cells = []
        for title in titles:
            precision, rank, within = map(float, medians.loc[(method, title)])
            cells.append(f"{precision:.1f}, {rank:.0f}, {within:.0%}")
        rows.append([str(method), *cells])
    caption = (
        f"P@10, N@10 and the share of values in 90 % intervals with {size} to learn from, medians:"
    )
    return Grid(["", *titles], rows, caption)


def _differences(final: pd.DataFrame, size: int) -> str:
    """What differs from the best significantly, over samples of all benchmarks."""
    taus = final.pivot_table("kendall", ["title", "seed"], "method", sort=False)
    if len(taus.columns) == 1:
        return "There is nothing to compare it with."
    best = str(taus.median().idxmax())
    tests = paired_tests({str(name): taus[name] for name in taus}, best)
    others = [
        str(b if a == best else a) for a, b in zip(tests["first"], tests["second"], strict=True)
    ]
    listed = ", ".join(
        f"{other} (p = {p:.2g})" for other, p in zip(others, tests["corrected"], strict=True)
    )
    least = least_p_value(len(taus), len(tests))
    return (
        f"With {size} to learn from, over the {len(taus)} samples of all benchmarks, {best} has the highest median. "
        f"Wilcoxon's signed-rank test of it against the others, with Holm's correction (no less than p = {least:.2g} with so "
        f"few): {listed}."
    )


MEASUREMENT = Measurement(
    measure, repeats=5, size=max(SIZES), unit="architectures to learn from, at most", has_cache=True
)
