"""Fits that succeed do not change: predictions as they were before the predictors were rebuilt.

``python tests/predictors/test_unchanged.py`` writes them anew, for a change that is meant.
"""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from archbo import catalog
from archbo.encodings import OneHotEncoding
from archbo.predictors import GBDT, GP, MultiTaskGP, kernels
from archbo.spaces import CategoricalSpace

KNOWN = Path(__file__).with_name("unchanged.json")
NB201 = catalog.space("nb201")
TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})


def value(X):
    """A smooth function of the row, with an interaction, in some unit."""
    weights = torch.linspace(0.5, 2.0, X.shape[1], dtype=torch.double)
    return 70 + X @ weights + (X[:, 0] * X[:, -1]).sqrt() - 0.3 * (X[:, 1] - 2).square()


def rows(space, n, seed):
    X = space.sample(4 * n, generator=torch.Generator().manual_seed(seed))
    return space.distinct(X)[:n]


def with_source(space, encoding=None):
    X = rows(space, 15, 5)
    return MultiTaskGP(space, encoding, sources=[(X, 3 * value(X) - X[:, 2])])


ROWS_ALIKE = partial(GP, kernel=kernels.matern, trees=0)
"""The default Gaussian process before rows mattered less to it and a forest grew beside it."""

CASES = {
    "gp": (ROWS_ALIKE, NB201),
    "gp-toy": (lambda space, _: GP(space, OneHotEncoding(space)), TOY),
    "gp-wl": (catalog.PREDICTORS["gp-wl"], NB201),
    "gp-sum": (catalog.PREDICTORS["gp-sum"], NB201),
    "ibnn": (catalog.PREDICTORS["ibnn"], NB201),
    "gp-standardize": (partial(ROWS_ALIKE, targets="standardize"), NB201),
    "dkl": (catalog.PREDICTORS["dkl"], NB201),
    "auto": (catalog.PREDICTORS["auto"], NB201),
    "sparse-gp": (
        partial(catalog.PREDICTORS["sparse-gp"], kernel=kernels.matern, inducing=12),
        NB201,
    ),
    "multi-task-gp": (with_source, NB201),
    "proxy-gp": (catalog.PREDICTORS["proxy-gp"], NB201),
    "proxy-gp-learned": (partial(catalog.PREDICTORS["proxy-gp"], learn_after=0), NB201),
    "bnn-hmc": (partial(catalog.PREDICTORS["bnn-hmc"], warmup=20, samples=20), NB201),
    "sghmc": (partial(catalog.PREDICTORS["sghmc"], burn_in=200, steps=200), NB201),
    "laplace": (partial(catalog.PREDICTORS["laplace"], n_steps=100), NB201),
    "deep-ensemble": (partial(catalog.PREDICTORS["deep-ensemble"], n_steps=60), NB201),
    "gnn": (partial(catalog.PREDICTORS["gnn"], n_members=6, n_epochs=10), NB201),
    "mixer": (partial(catalog.PREDICTORS["mixer"], n_members=6, n_epochs=20), NB201),
    "gbdt": (catalog.PREDICTORS["gbdt"], NB201),
    "gbdt-rank": (catalog.PREDICTORS["gbdt-rank"], NB201),
    "random-forest": (partial(catalog.PREDICTORS["random-forest"], n_trees=30), NB201),
    "stack": (partial(catalog.PREDICTORS["stack"], parts=(ROWS_ALIKE, GBDT)), NB201),
    "rank-average": (
        partial(catalog.PREDICTORS["rank-average"], parts=(ROWS_ALIKE, GBDT)),
        NB201,
    ),
}

LOOSE = {"gnn", "mixer"}
"""Trained in single precision, in which processors differ by more."""


def predictions(name):
    make, space = CASES[name]
    X = rows(space, 20 if space is NB201 else 14, 0)
    predictor = make(space, None).fit(X, value(X), seed=0)
    assert not predictor.fell_back
    mean, std = predictor.predict(rows(space, 8, 3))
    return mean, std


@pytest.mark.filterwarnings("ignore:Hamiltonian Monte Carlo did not converge")
@pytest.mark.parametrize("name", CASES)
def test_predictions_are_as_they_were(name):
    known = json.loads(KNOWN.read_text())[name]
    tolerance = 1e-4 if name in LOOSE else 1e-6
    for found, wanted in zip(predictions(name), known, strict=True):
        torch.testing.assert_close(
            found, torch.tensor(wanted, dtype=torch.double), rtol=tolerance, atol=tolerance
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    made = {name: [part.tolist() for part in predictions(name)] for name in CASES}
    KNOWN.write_text(json.dumps(made, indent=1) + "\n")
    sys.stdout.write(f"{len(made)} predictors\n")
