"""Our zero-cost scores of NAS-Bench-201 beside the published ones, at full size, and how fast small ones are."""

import os
import statistics
import time
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from scipy.stats import spearmanr

from archbo.proxies import (
    NAS_BENCH_SUITE_ZERO,
    EdgeCellSkeleton,
    compute,
    network,
    random_images,
    score,
)
from archbo.spaces import EdgeCellSpace

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nb201.parquet"
NETS = 200
SEEDS = (0, 1)
WORKERS = os.cpu_count() or 1


def main() -> None:
    """Spearman of ours with the published scores, and of ours with ours for other weights and images."""
    console, space = Console(), EdgeCellSpace.nas_bench_201()
    seconds(console, space)
    if not TABLE.is_file():
        console.print(f"the published scores are not at {TABLE}")
        return
    table = pd.read_parquet(TABLE)
    sample = table[table.is_valid_net].sample(NETS, random_state=0)
    with Progress(console=console) as progress:
        ours = [scores(space, sample.arch_str.tolist(), seed, progress) for seed in SEEDS]
    shown = Table("measure", "published", "ours, other seed", "accuracy: ours", "published")
    for name in NAS_BENCH_SUITE_ZERO:
        published, accuracy = sample[f"c10_zc_{name}"], sample.c10_val_200
        pairs = [
            (ours[0][name], published),
            (ours[0][name], ours[1][name]),
            (ours[0][name], accuracy),
            (published, accuracy),
        ]
        shown.add_row(name, *(f"{spearmanr(a, b).statistic:.3f}" for a, b in pairs))
    # Networks with as many convolutions differ in the norm of their weights by the draw alone, a few tenths.
    tens = (ours[0].l2_norm / 10).round()
    shown.add_row("l2_norm in tens", f"{spearmanr(tens, sample.c10_zc_l2_norm).statistic:.3f}")
    console.print(
        f"Spearman's correlation over {NETS} networks of 16 channels and 5 cells per stage"
    )
    console.print(shown)


def scores(space: EdgeCellSpace, archs: list[str], seed: int, progress: Progress) -> pd.DataFrame:
    """All thirteen measures of each architecture, on images drawn with the same seed as the weights."""
    bar = progress.add_task(f"seed {seed}", total=len(archs))
    images, labels = random_images(64, resolution=32, seed=seed)

    def show(done: int, total: int) -> None:
        progress.update(bar, completed=done, total=total)

    return score(space, archs, images, labels, seed=seed, workers=WORKERS, progress=show)


def seconds(console: Console, space: EdgeCellSpace) -> None:
    """How long all thirteen measures of a reduced network take."""
    images, labels = random_images(16, resolution=16)
    small = EdgeCellSkeleton(channels=4, cells=1)
    took = []
    for row in space.sample(20, generator=torch.Generator().manual_seed(0)):
        net = network(space, row, small)
        started = time.perf_counter()
        compute(net, images, labels)
        took.append(time.perf_counter() - started)
    console.print(
        f"thirteen measures of a network of 4 channels and 1 cell per stage, 16 images of 16 x 16: "
        f"{statistics.median(took):.3f} s (median of {len(took)}, {torch.get_num_threads()} threads)"
    )
