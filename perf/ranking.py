"""How well a GP ranks the embedded NAS-Bench-201 table, by encoding and number of training cells."""

import statistics

import torch
from rich.console import Console
from rich.table import Table

from archbo import catalog
from archbo.comparison import evaluate

SIZES = (78, 156, 781)
SEEDS = range(3)


def main() -> None:
    """Mean Kendall tau over three seeds, on all cells that were not trained on."""
    torch.set_num_threads(1)
    goal = catalog.benchmark("nb201").objective()
    space = goal.benchmark.space
    table = Table("encoding", *(f"{size} cells" for size in SIZES))
    for name in ("one-hot", "path", "canonical-one-hot", "semantic-path", "default"):
        encoding = None if name == "default" else catalog.encoding(name, space)
        gp = catalog.predictor("gp", space, encoding)
        taus = [[evaluate("gp", name, gp, goal, n, seed=s).kendall for s in SEEDS] for n in SIZES]
        table.add_row(name, *(f"{statistics.fmean(of_size):.3f}" for of_size in taus))
    Console().print(table)
