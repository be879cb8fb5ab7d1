"""What an encoding knows of the meaning of operations is what a surrogate gains."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import kendalltau

from archbo import GP, catalog
from archbo.spaces import EdgeCellSpace

SPACE = EdgeCellSpace.nas_bench_201()


@pytest.fixture(scope="module")
def taus(nb201_table):
    """Mean Kendall tau over three seeds, on all nets that were not trained on."""
    table = pd.read_parquet(nb201_table, columns=["arch_str", "c10_val_200"])
    X = SPACE.rows(table["arch_str"].tolist())
    Y = torch.tensor(table["c10_val_200"].to_numpy(dtype=np.float64))

    def tau(name, size, seed):
        order = np.random.default_rng(seed).permutation(len(X))
        train, test = order[:size], order[size:]
        gp = GP(SPACE, catalog.encoding(name, SPACE)).fit(X[train], Y[train], seed=seed)
        return kendalltau(gp.predict(X[test], batch_size=4096)[0], Y[test]).statistic

    names = ("one-hot", "path", "canonical-one-hot", "semantic-path")
    return {
        (name, size): np.mean([tau(name, size, seed) for seed in range(3)])
        for name in names
        for size in (78, 156)
    }


def test_more_meaning_and_more_data_rank_better(taus):
    order = [
        ("one-hot", "path"),
        ("one-hot", "canonical-one-hot"),
        ("path", "semantic-path"),
        ("canonical-one-hot", "semantic-path"),
    ]
    for size in (78, 156):
        for worse, better in order:
            assert taus[better, size] > taus[worse, size], (worse, better, size)
    for name in {name for name, _ in taus}:
        assert taus[name, 156] > taus[name, 78], name
    # The best a Gaussian process is known to do here, .728 and .798, less a margin for three seeds.
    assert taus["semantic-path", 78] > 0.65
    assert taus["semantic-path", 156] > 0.73
