"""Our zero-cost scores of NAS-Bench-201 beside the published ones, at full size, and how fast small ones are."""

import time
from statistics import fmean, median

import pandas as pd
import torch
from scipy.stats import spearmanr

from archbo.proxies import (
    NAS_BENCH_SUITE_ZERO,
    EdgeCellSkeleton,
    compute,
    network,
    random_images,
    score,
)
from archbo.randomness import generator
from archbo.spaces import SearchSpace
from perf.processes import say
from perf.section import Grid, Section
from perf.settings import Measurement, Settings
from perf.tables import VALID, load

__all__ = ["MEASUREMENT"]

TIMED = 20
"""The number of small networks that are timed."""
SAID_EVERY = 20
"""The number of networks between two lines of progress."""


def measure(settings: Settings) -> Section:
    """Spearman's correlation of ours with the published scores, and of ours with ours for other weights and images."""
    benchmark = load(settings.table, VALID)
    order = torch.randperm(len(benchmark), generator=generator(0))[: settings.size].tolist()
    sample = benchmark.metrics.iloc[order]
    archs = [str(arch) for arch in benchmark.space.archs(benchmark.X[order])]
    ours = [scores(benchmark.space, archs, seed, settings.workers) for seed in settings.seeds]
    rows = [_row(name, ours, sample) for name in NAS_BENCH_SUITE_ZERO]
    # Networks with as many convolutions differ in the norm of their weights by the draw alone, a few tenths.
    tens = (ours[0].l2_norm / 10).round()
    rows.append(["`l2_norm` in tens", _spearman(tens, sample.c10_zc_l2_norm), "", "", ""])
    header = [
        "measure",
        "ours and published",
        "ours, seed 0 and others",
        "ours and accuracy",
        "published and accuracy",
    ]
    return Section(
        "Zero-cost proxies",
        [Grid(header, rows)],
        [
            f"Spearman's correlation over {len(order)} valid networks of NAS-Bench-201 with 16 channels and 5 cells per "
            "stage; the accuracy is CIFAR-10's after 200 epochs. All thirteen measures of a network of 4 channels and 1 "
            f"cell per stage on 16 images of 16 x 16 take {seconds(benchmark.space):.3f} s (median of {TIMED})."
        ],
    )


def _row(name: str, ours: list[pd.DataFrame], sample: pd.DataFrame) -> list[str]:
    first, *others = [frame[name] for frame in ours]
    published, accuracy = sample[f"c10_zc_{name}"], sample.c10_val_200
    again = [float(spearmanr(first, other).statistic) for other in others]
    return [
        f"`{name}`",
        _spearman(first, published),
        f"{fmean(again):.3f}" if again else "",
        _spearman(first, accuracy),
        _spearman(published, accuracy),
    ]


def _spearman(a: "pd.Series[float]", b: "pd.Series[float]") -> str:
    return f"{spearmanr(a, b).statistic:.3f}"


def scores(space: SearchSpace, archs: list[str], seed: int, workers: int) -> pd.DataFrame:
    """All thirteen measures of each architecture, on images drawn with the same seed as the weights."""
    images, labels = random_images(64, resolution=32, seed=seed)

    def show(done: int, total: int) -> None:
        if done % SAID_EVERY == 0 or done == total:
            say(f"seed {seed}: [{done}/{total}]")

    return score(space, archs, images, labels, seed=seed, workers=workers, progress=show)


def seconds(space: SearchSpace) -> float:
    """The median time that all thirteen measures of a reduced network take, on one thread."""
    torch.set_num_threads(1)
    images, labels = random_images(16, resolution=16)
    small = EdgeCellSkeleton(channels=4, cells=1)
    took = []
    for row in space.sample(TIMED, generator=generator(0)):
        net = network(space, row, small)
        started = time.perf_counter()
        compute(net, images, labels)
        took.append(time.perf_counter() - started)
    return median(took)


MEASUREMENT = Measurement(measure, repeats=2, size=200, unit="networks", has_rows=False)
