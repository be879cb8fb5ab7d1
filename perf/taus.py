"""Kendall's tau in the settings in which others report it, by the number of architectures learned from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from archbo import catalog
from archbo.benchmarks import Benchmark, Tabular, YahpoNb301
from archbo.comparison import training_sample
from archbo.comparison.kept import Name
from archbo.errors import DataError
from archbo.predictors import Predictor
from archbo.randomness import generator
from perf.benchmarks import side_by_side
from perf.leaderboard import COLUMN, sizes_up_to
from perf.processes import say
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import load
from perf.transnas import SPACE, column

__all__ = ["MEASUREMENT", "Group", "Setting", "report"]

METHODS = ("gp", "gbdt", "random-forest")
SPLIT = 78
"""The architectures of TA-GATES' 1 % split (Ning et al. 2022): of 7,812, tested on the other 7,813."""
ALIKE = 2_000
"""The number of cells that stand for all whose normal cell is also their reduction cell."""


@dataclass(frozen=True)
class Setting:
    """What is predicted, and what others reach.

    Attributes:
        table: Makes the goal on its table, given the path of that of NAS-Bench-201, beside which the others are.
        others: For each method Kendall's tau by the number of architectures learned from.
    """

    table: Callable[[Path], Tabular]
    others: Mapping[str, Mapping[int, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Settings with the same numbers of architectures to learn from."""

    sizes: Sequence[int]
    settings: Mapping[str, Setting]


def _nas_bench_201(table: Path) -> Tabular:
    return load(table).evaluator(COLUMN)


def _half(table: Path) -> Tabular:
    """A random half of the cells, and as many others as are learned from; which these are is drawn with each seed."""
    whole = load(table)
    rows, _ = training_sample(len(whole), (len(whole) + 1) // 2 + SPLIT, seed=0)
    metrics = whole.metrics.iloc[rows].reset_index(drop=True)
    part: Benchmark = replace(whole, X=whole.X[torch.from_numpy(rows)], metrics=metrics)
    return part.evaluator(COLUMN)


def _nas_bench_101(table: Path) -> Tabular:
    return load(table.with_name("nb101_500.parquet"), "is_first", "nb101").evaluator("val_acc")


def _trans_nas(task: str) -> Callable[[Path], Tabular]:
    def tabular(table: Path) -> Tabular:
        benchmark = load(table.with_name("tnb101_micro.parquet"), space=SPACE)
        return benchmark.evaluator(column(task))

    return tabular


def _nas_bench_301(table: Path) -> Tabular:
    return load(table.with_name("darts_nb301.parquet"), space="darts").evaluator("val_acc")


def _alike(table: Path) -> Tabular:
    """Random cells, canonical as YAHPO's surrogate wants them, each of which is both the normal and the reduction cell."""
    surrogate = YahpoNb301(table.with_name("nb301_yahpo") / "new_model.onnx")
    space = surrogate.space
    X = space.canonical(space.sample(ALIKE, generator=generator(0)))
    half = space.n_columns // 2
    X[:, half:] = X[:, :half]
    return surrogate.benchmark(space.distinct(X), [98]).evaluator("val_98")


def _flan(sizes: Sequence[int], *taus: float) -> dict[str, dict[int, float]]:
    return {"FLAN": dict(zip(sizes, taus, strict=True))}


FROM_16, FROM_32 = (16, 32, 64, 128, 256), (32, 128, 256, 512)
GROUPS = {
    "NAS-Bench-201": Group(
        (8, *FROM_16),
        {"NAS-Bench-201": Setting(_nas_bench_201, _flan(FROM_16, 0.593, 0.699, 0.735, 0.829, 0.863))},
    ),
    "NAS-Bench-201, scored on half of the cells": Group(
        (SPLIT,),
        {
            "half of NAS-Bench-201": Setting(
                _half, {"FLAN": {SPLIT: 0.781}, "FlowerFormer with FGP": {SPLIT: 0.836}}
            )
        },
    ),
    "NAS-Bench-101, 292 cells": Group(
        (50, 100, 200), {"NAS-Bench-101": Setting(_nas_bench_101, {"PINAT": {100: 0.717}})}
    ),
    "TransNAS-Bench-101 micro": Group(
        FROM_32,
        {
            task: Setting(_trans_nas(task), _flan(FROM_32, *taus))
            for task, taus in {
                "class_scene": (0.657, 0.775, 0.803, 0.816),
                "class_object": (0.528, 0.668, 0.687, 0.701),
                "jigsaw": (0.539, 0.641, 0.647, 0.666),
                "room_layout": (0.702, 0.779, 0.788, 0.816),
                "segmentsemantic": (0.758, 0.806, 0.827, 0.838),
                "autoencoder": (0.583, 0.652, 0.669, 0.683),
            }.items()
        },
    ),
    "NAS-Bench-301": Group(
        FROM_16,
        {
            "NAS-Bench-301": Setting(_nas_bench_301),
            "NAS-Bench-301 with cells alike": Setting(
                _alike, _flan(FROM_16, 0.516, 0.705, 0.785, 0.822, 0.860)
            ),
        },
    ),
}  # fmt: skip
"""Tables, and Kendall's tau in the logs of FLAN's repository (arXiv 2403.02484) and as the notes of the section say."""


def row_name(title: str, method: str) -> str:
    """What a method's row in a setting is called."""
    return f"{title}: `{method}`"


def measure(settings: Settings) -> Section:
    """Kendall's tau on all other architectures, in each setting whose table is there."""
    return report(GROUPS, settings)


def report(groups: Mapping[str, Group], settings: Settings) -> Section:
    """The section on some groups of settings."""
    titles = [title for group in groups.values() for title in group.settings]
    names = settings.wanted(row_name(title, method) for title in titles for method in METHODS)
    grids, left_out = [], []
    for caption, group in groups.items():
        sizes, rows = sizes_up_to(settings.size, group.sizes), []
        for title, setting in group.settings.items():
            methods = [method for method in METHODS if row_name(title, method) in names]
            try:
                rows += _rows(title, setting, methods, sizes, settings) if methods else []
            except DataError as error:
                say(f"{title} is left out: {error}")
                left_out.append(title)
        if rows:
            grids.append(Grid(["learned from", *map(str, sizes)], rows, f"{caption}:"))
    if not grids:
        raise DataError(f"no table of {', '.join(left_out)} can be read")
    return Section("Rank correlation as others report it", grids, _notes(left_out))


def _rows(
    title: str, setting: Setting, methods: Sequence[str], sizes: Sequence[int], settings: Settings
) -> list[list[str]]:
    tabular = setting.table(settings.table)
    space = tabular.benchmark.space
    predictors: dict[Name, Predictor] = {
        method: catalog.predictor(method, space) for method in methods
    }
    board = side_by_side(title, tabular, predictors, sizes, settings)
    taus = board.frame().groupby(["method", "train_size"])["kendall"].mean()
    rows = [
        [row_name(title, method), *(f"{taus[method, size]:.3f}" for size in sizes)]
        for method in methods
    ]
    others = [
        [
            f"{title}: {name}",
            *(f"{reported[size]:.3f}" if size in reported else "" for size in sizes),
        ]
        for name, reported in setting.others.items()
    ]
    return rows + others


def _notes(left_out: Sequence[str]) -> list[str]:
    notes = [
        "Mean Kendall tau from the structure alone, on all architectures that were not learned from. NAS-Bench-201's column is "
        f"`{COLUMN}`. In the second table {SPLIT} cells are learned from and 7,813 are ranked, as in the 1 % split of TA-GATES: "
        "FLAN as its repository's logs have it, FlowerFormer with FGP as reported (arXiv 2510.18360).",
        "NAS-Bench-101's table has 500 random matrices, which are 292 cells; PINAT learned from 100 of the whole benchmark, and "
        "was tested on others. From 128 and 256 of them FLAN reaches .757 and .791, with zero-cost proxies.",
        "The others are FLAN's (arXiv 2403.02484, the logs of its repository; on TransNAS-Bench-101 its best row), on test sets "
        "of its own. NAS-Bench-301's first table has both cells free, and NASLib's surrogate for accuracies. Where cells are "
        f"alike, as in FLAN's setting, accuracies are those of YAHPO's surrogate for {ALIKE:,} random cells; FLAN's are NASLib's.",
    ]
    if left_out:
        notes.append(f"Without {', '.join(left_out)}, whose table could not be read.")
    return notes


MEASUREMENT = Measurement(
    measure,
    repeats=5,
    size=max(FROM_32),
    unit="architectures to learn from, at most",
    has_cache=True,
)
