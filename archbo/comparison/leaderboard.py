"""Predictors side by side on one benchmark, by encoding and training size."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archbo.benchmarks import Tabular
from archbo.comparison.metrics import (
    Values,
    coverage,
    gaussian_nll,
    kendall_tau,
    precision_at,
    spearman,
)
from archbo.errors import UsageError
from archbo.predictors import Predictor

__all__ = ["Evaluation", "check_train_sizes", "evaluate", "training_sample"]


@dataclass(frozen=True)
class Evaluation:
    """One predictor, fitted to a sample of a table and scored on all of its other rows.

    Attributes:
        predictor: Its name.
        encoding: The name of its encoding, or ``"default"``.
        train_size: The number of rows in the sample.
        seed: The seed of the sample and of the fit.
        kendall: Kendall's tau.
        spearman: Spearman's rank correlation.
        precision_at_10: The share of the ten architectures predicted best that are among the ten best.
        nll: The mean negative log-likelihood, in nats, of values in the objective's unit.
        coverage: The share of values between their 5 % and 95 % quantiles.
        coverage_of_best: The same among the better half of the architectures.
        fit_seconds: The time that the fit took.
        predict_seconds: The time that all predictions took.
        mean: ``n`` predictions, higher is better.
        std: ``n`` standard deviations, observation noise included.
        cdf: ``n`` probabilities of at most the value.
        truth: ``n`` values.
    """

    predictor: str
    encoding: str
    train_size: int
    seed: int
    kendall: float
    spearman: float
    precision_at_10: float
    nll: float
    coverage: float
    coverage_of_best: float
    fit_seconds: float
    predict_seconds: float
    mean: Values = field(repr=False)
    std: Values = field(repr=False)
    cdf: Values = field(repr=False)
    truth: Values = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command line writes them."""
        left_out = ("coverage", "coverage_of_best", "mean", "std", "cdf", "truth")
        return {key: value for key, value in asdict(self).items() if key not in left_out}


def check_train_sizes(sizes: Sequence[int], tabular: Tabular) -> None:
    """Raise unless each sample leaves something to learn from and something to score on.

    Raises:
        UsageError: One is below 2, or leaves fewer than 10 architectures of the table.
    """
    n = int(tabular.known.sum())
    with_values = "architectures" if n == len(tabular) else "architectures with values"
    for size in sizes:
        if not 2 <= size <= n - 10:
            if n < 12:
                raise UsageError(
                    f"{tabular.benchmark.name} has {n} {with_values}; to learn from two and score on ten takes twelve"
                )
            raise UsageError(
                f"train sizes must be between 2 and {n - 10:,}, ten fewer than {tabular.benchmark.name} has "
                f"{with_values}; got {size}"
            )


def training_sample(n: int, size: int, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of a table of ``n`` that a predictor is fitted to, and all others, for a seed.

    Samples of one seed are nested: a larger one begins with the smaller.

    Example:
        >>> train, test = training_sample(5, 2, seed=0)
        >>> train, test
        (array([2, 4]), array([3, 0, 1]))
    """
    order = np.random.default_rng(seed).permutation(n)
    return order[:size], order[size:]


def evaluate(
    name: str,
    encoding: str,
    predictor: Predictor,
    tabular: Tabular,
    size: int,
    *,
    seed: int,
    hold_out_twins: bool = False,
) -> Evaluation:
    """Fit a predictor to a sample of ``size`` architectures with values and score it on the others that have some.

    Args:
        name: The predictor's name, to record.
        encoding: The encoding's name, to record.
        predictor: Its space must be the benchmark's.
        tabular: The one objective that it learns to predict.
        size: The number of rows to fit to.
        seed: Of the sample and of the fit.
        hold_out_twins: Whether to leave out others that compute the same function as one of the sample
            (``SearchSpace.function_keys``), of which it knows the value but for noise.

    Raises:
        UsageError: The size is below 2, or leaves fewer than 10 architectures of the table.
    """
    check_train_sizes([size], tabular)
    X, Y = tabular.benchmark.X[tabular.known], tabular.gains[tabular.known, :1]
    train, test = map(torch.from_numpy, training_sample(len(X), size, seed=seed))
    if hold_out_twins:
        _, function = tabular.benchmark.space.function_keys(X).unique(dim=0, return_inverse=True)
        test = test[~torch.isin(function[test], function[train])]
        if len(test) < 10:
            raise UsageError(
                f"of {len(X) - size} other architectures only {len(test)} are no twins of the {size} that are learned "
                "from; scores take ten"
            )
    started = time.perf_counter()
    predictor.fit(X[train], Y[train], seed=seed)
    fitted = time.perf_counter()
    mean, std = (values.double().numpy() for values in predictor.predict(X[test]))
    done = time.perf_counter()
    truth = Y[test].flatten().double().numpy()
    cdf = predictor.cdf(X[test], Y[test]).double().numpy()
    best = truth >= np.median(truth)
    return Evaluation(
        predictor=name,
        encoding=encoding,
        train_size=size,
        seed=seed,
        kendall=kendall_tau(mean, truth),
        spearman=spearman(mean, truth),
        precision_at_10=precision_at(10, mean, truth),
        nll=gaussian_nll(mean, std, truth),
        coverage=coverage(cdf),
        coverage_of_best=coverage(cdf[best]),
        fit_seconds=fitted - started,
        predict_seconds=done - fitted,
        mean=mean,
        std=std,
        cdf=cdf,
        truth=truth,
    )
