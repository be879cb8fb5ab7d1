"""What the mixer's loss and its telling decisions apart are worth, over five samples of cells of NAS-Bench-201."""

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from archbo import ZeroCostMixer, catalog
from archbo.benchmarks import read_table
from archbo.comparison import evaluate
from archbo.predictors.ranking.losses import diff_kendall, hinge, logistic, mse
from archbo.spaces import SearchSpace

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nb201.parquet"
SIZES = (78, 469)
SEEDS = range(5)

Make = Callable[[SearchSpace], ZeroCostMixer]
ALONE: dict[str, Make] = {
    name: partial(ZeroCostMixer, alone=True, loss=loss)
    for name, loss in (
        ("parts alone, DiffKendall", diff_kendall),
        ("parts alone, MSE", mse),
        ("parts alone, hinge", hinge),
        ("parts alone, logistic", logistic),
    )
}
VARIANTS: dict[str, Make] = {
    **ALONE,
    "parts alone, pooled, DiffKendall": partial(ZeroCostMixer, alone=True, pooled=True),
    "default, DiffKendall": ZeroCostMixer,
    "default, MSE": partial(ZeroCostMixer, loss=mse),
    "default, hinge": partial(ZeroCostMixer, loss=hinge),
    "default, pooled": partial(ZeroCostMixer, pooled=True),
}


def main() -> None:
    """Kendall's tau on all other valid cells, CIFAR-10 validation accuracy after 200 epochs."""
    console = Console()
    if not TABLE.is_file():
        console.print(f"the accuracies are not at {TABLE}")
        return
    torch.set_num_threads(1)
    benchmark = read_table(TABLE, catalog.space("nb201"), where="is_valid_net")
    goal = benchmark.objective("c10_val_200")
    found: dict[tuple[str, int], list[float]] = {}
    runs = list(product(VARIANTS, SIZES, SEEDS))
    for name, size, seed in track(runs, console=console):
        made = VARIANTS[name](benchmark.space)
        score = evaluate("mixer", name, made, goal, size, seed=seed)
        found.setdefault((name, size), []).append(score.kendall)
    shown = Table("mixer", *(f"tau, {size} cells" for size in SIZES), *map(str, SIZES))
    for name in VARIANTS:
        taus = [found[name, size] for size in SIZES]
        each = (" ".join(f"{tau:.3f}" for tau in values) for values in taus)
        shown.add_row(name, *(f"{fmean(values):.4f}" for values in taus), *each)
    console.print(f"{goal.column}, {len(SEEDS)} samples")
    console.print(shown)
