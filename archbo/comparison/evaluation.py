"""One predictor, fitted to a sample of a table and scored on the rest."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archbo.benchmarks import Tabular
from archbo.comparison.metrics import (
    Values,
    best_rank_at,
    calibration,
    coverage,
    gaussian_crps,
    gaussian_nll,
    kendall_tau,
    precision_at,
    spearman,
    weighted_tau,
)
from archbo.errors import UsageError
from archbo.predictors import Predictor

__all__ = ["ARRAYS", "LEVELS", "Evaluation", "check_train_sizes", "evaluate", "training_sample"]

JSON_KEYS = (
    "predictor",
    "encoding",
    "train_size",
    "seed",
    "kendall",
    "spearman",
    "precision_at_10",
    "nll",
    "fit_seconds",
    "predict_seconds",
)
"""What the command line writes of an evaluation; other programs read it."""
LEVELS = np.linspace(0.05, 0.99, 20)
"""The nominal coverages of a calibration curve."""
SHOWN = 200
"""The number of predictions that an evaluation keeps; more of them hide one another in a picture."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One predictor, fitted to a sample of a table and scored on all of its other rows.

    Attributes:
        predictor: Its name.
        encoding: The name of its encoding, or ``"default"``.
        train_size: The number of rows in the sample.
        seed: The seed of the sample and of the fit.
        kendall: Kendall's tau.
        spearman: Spearman's rank correlation.
        weighted_kendall: Kendall's tau with more weight for the best.
        precision_at_10: P@10, the share of the ten architectures predicted best that are among the ten best.
        best_rank_at_10: N@10, the rank of the best of these ten.
        nll: The mean negative log-likelihood, in nats, of values in the objective's unit.
        crps: The mean continuous ranked probability score, in the objective's unit.
        coverage: The share of values between their 5 % and 95 % quantiles.
        coverage_of_best: The same among the better half of the architectures.
        kendall_with_twins: Kendall's tau on all other rows where the scores leave out twins; NaN where they do not.
        fit_seconds: The time that the fit took.
        predict_seconds: The time that all predictions took.
        observed: The coverage at each of ``LEVELS``.
        mean: ``k`` predictions, higher is better, of up to 200 rows that are spread evenly over those scored.
        std: ``k`` standard deviations, observation noise included.
        truth: ``k`` values.
    """

    predictor: str
    encoding: str
    train_size: int
    seed: int
    kendall: float
    spearman: float
    weighted_kendall: float
    precision_at_10: float
    best_rank_at_10: int
    nll: float
    crps: float
    coverage: float
    coverage_of_best: float
    kendall_with_twins: float
    fit_seconds: float
    predict_seconds: float
    observed: Values = field(repr=False)
    mean: Values = field(repr=False)
    std: Values = field(repr=False)
    truth: Values = field(repr=False)

    @property
    def method(self) -> str:
        """The predictor, and its encoding unless that is its own default."""
        return (
            self.predictor if self.encoding == "default" else f"{self.predictor}, {self.encoding}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command line writes them."""
        return {key: getattr(self, key) for key in JSON_KEYS}


ARRAYS = tuple(each.name for each in fields(Evaluation) if each.type is Values)
"""The fields of an evaluation that are no single number."""


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
        hold_out_twins: Whether scores leave out others that compute the same function as one of the sample
            (``SearchSpace.function_keys``), of which it knows the value but for noise.

    Raises:
        UsageError: The size is below 2, or leaves fewer than 10 architectures of the table.
    """
    check_train_sizes([size], tabular)
    X, Y = tabular.benchmark.X[tabular.known], tabular.gains[tabular.known, :1]
    train, test = map(torch.from_numpy, training_sample(len(X), size, seed=seed))
    scored = torch.ones(len(test), dtype=torch.bool)
    if hold_out_twins:
        _, function = tabular.benchmark.space.function_keys(X).unique(dim=0, return_inverse=True)
        scored = ~torch.isin(function[test], function[train])
        if scored.sum() < 10:
            raise UsageError(
                f"of {len(test)} other architectures only {int(scored.sum())} are no twins of the {size} that are "
                "learned from; scores take ten"
            )
    started = time.perf_counter()
    predictor.fit(X[train], Y[train], seed=seed)
    fitted = time.perf_counter()
    predicted = [values.double() for values in predictor.predict(X[test])]
    done = time.perf_counter()
    everything = predicted[0].numpy(), Y[test].flatten().double().numpy()
    mean, std, truth = (
        values[scored].numpy() for values in (*predicted, Y[test].double().flatten())
    )
    cdf = predictor.cdf(X[test][scored], Y[test][scored]).double().numpy()
    best = truth >= np.median(truth)
    part = np.linspace(0, len(truth) - 1, min(SHOWN, len(truth))).round().astype(int)
    return Evaluation(
        predictor=name,
        encoding=encoding,
        train_size=size,
        seed=seed,
        kendall=kendall_tau(mean, truth),
        spearman=spearman(mean, truth),
        weighted_kendall=weighted_tau(mean, truth),
        precision_at_10=precision_at(10, mean, truth),
        best_rank_at_10=best_rank_at(10, mean, truth),
        nll=gaussian_nll(mean, std, truth),
        crps=gaussian_crps(mean, std, truth),
        coverage=coverage(cdf),
        coverage_of_best=coverage(cdf[best]),
        kendall_with_twins=kendall_tau(*everything) if hold_out_twins else np.nan,
        fit_seconds=fitted - started,
        predict_seconds=done - fitted,
        observed=calibration(cdf, LEVELS),
        mean=mean[part],
        std=std[part],
        truth=truth[part],
    )
