"""Search with 12-epoch trainings beside the full ones of 200, against full ones alone, on NAS-Bench-201."""

import statistics
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from archbo.acquisition import FixedCandidates
from archbo.benchmarks import Objective, read_table
from archbo.bo_loop import MultiFidelityOptimizer, Optimizer
from archbo.spaces import EdgeCellSpace

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "nb201.parquet"
SEEDS, BUDGET, FULL = range(20), 20_000, 200
AT = (1000, 1300, 2000, 2600, 4000, 5200, 10_000)

Curve = list[tuple[float, float]]
"""Epochs spent, and the best accuracy after 200 epochs so far; until the table's best."""


def single(full: Objective, seed: int) -> Curve:
    """Full trainings alone, as ``archbo search`` does them."""
    space = full.benchmark.space
    pool = FixedCandidates(space, full.benchmark.X)
    optimizer, curve = Optimizer(space, candidates=pool, seed=seed), Curve()
    for n in range(1, BUDGET // FULL + 1):
        archs = optimizer.ask()
        optimizer.tell(archs, [full(arch) for arch in archs])
        curve.append((n * FULL, optimizer.history.best[1]))
        if curve[-1][1] == full.best:
            break
    return curve


def two(full: Objective, short: Objective, seed: int) -> Curve:
    """Two fidelities."""
    space = full.benchmark.space
    pool = FixedCandidates(space, full.benchmark.X)
    costs, values = {"short": 12.0, "full": float(FULL)}, {"short": short, "full": full}
    optimizer = MultiFidelityOptimizer(space, costs, candidates=pool, seed=seed)
    curve = Curve()
    while optimizer.history.cost < BUDGET:
        (training,) = optimizer.ask()
        optimizer.tell([training], [values[training.fidelity](training.arch)])
        history = optimizer.history
        curve.append((history.cost, float(history.running_best[-1])))
        if curve[-1][1] == full.best:
            break
    return curve


def main() -> None:
    """Epochs until the table's best, and the median distance to it at equal epochs, over 20 seeds."""
    torch.set_num_threads(1)
    benchmark = read_table(TABLE, EdgeCellSpace.nas_bench_201())
    table = Table(
        "task",
        "trainings",
        "to the best",
        "quartiles",
        "found",
        *(f"at {epochs:,}" for epochs in AT),
    )
    for task in ("c10", "c100", "in16"):
        full, short = (benchmark.objective(f"{task}_val_{epochs}") for epochs in (FULL, 12))
        runs = {
            "full": [single(full, seed) for seed in SEEDS],
            "both": [two(full, short, seed) for seed in SEEDS],
        }
        for name, curves in runs.items():
            found = [curve[-1][0] for curve in curves if curve[-1][1] == full.best]
            until = sorted(found + [float("inf")] * (len(curves) - len(found)))
            quarter = len(until) // 4
            table.add_row(
                task,
                name,
                f"{statistics.median(until):,.0f}",
                f"{until[quarter]:,.0f} - {until[-1 - quarter]:,.0f}",
                f"{len(found)}/{len(curves)}",
                *(f"{_regret(curves, full.best, epochs):.2f}" for epochs in AT),
            )
    Console(width=140).print(table)


def _regret(curves: list[Curve], best: float, epochs: float) -> float:
    """The median distance to the best value after so many epochs; infinite where nothing was trained in full."""
    reached = [
        max((value for spent, value in curve if spent <= epochs), default=float("-inf"))
        for curve in curves
    ]
    return best - statistics.median(reached)
