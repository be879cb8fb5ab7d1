"""How well a GP ranks the embedded NAS-Bench-201 table, by encoding and number of training cells."""

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import kendalltau

from archbo import catalog
from archbo.predictors import GP

SIZES = (78, 156, 781)
SEEDS = range(3)


def main() -> None:
    """Mean Kendall tau over three seeds, on all cells that were not trained on."""
    torch.set_num_threads(1)
    benchmark = catalog.benchmark("nb201")
    X, Y = benchmark.X, benchmark.objective().Y
    table = Table("encoding", *(f"{size} cells" for size in SIZES))
    for name in ("one-hot", "path", "canonical-one-hot", "semantic-path", "the GP's own"):
        encoding = catalog.encoding(name, benchmark.space) if name in catalog.ENCODINGS else None
        means = []
        for size in SIZES:
            taus = []
            for seed in SEEDS:
                order = np.random.default_rng(seed).permutation(len(X))
                train, test = order[:size], order[size:]
                gp = GP(benchmark.space, encoding).fit(X[train], Y[train], seed=seed)
                mean, _ = gp.predict(X[test], batch_size=4096)
                taus.append(kendalltau(mean, Y[test]).statistic)
            means.append(f"{np.mean(taus):.3f}")
        table.add_row(name, *means)
    Console().print(table)
