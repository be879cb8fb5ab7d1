"""Measures of predictions against brute force."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from archbo.comparison import (
    calibration,
    coverage,
    gaussian_nll,
    kendall_tau,
    precision_at,
    spearman,
)


def draw(n=60, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=n)
    return truth + generator.normal(size=n), generator.uniform(0.5, 2, size=n), truth


def test_kendall_counts_pairs():
    mean, _, truth = draw()
    agree = [
        np.sign(mean[i] - mean[j]) * np.sign(truth[i] - truth[j])
        for i in range(len(mean))
        for j in range(i)
    ]
    assert kendall_tau(mean, truth) == pytest.approx(np.mean(agree))


def test_spearman_correlates_ranks():
    mean, _, truth = draw()
    ranks = [np.argsort(np.argsort(values)) for values in (mean, truth)]
    assert spearman(mean, truth) == pytest.approx(np.corrcoef(*ranks)[0, 1])


@pytest.mark.parametrize("correlation", [kendall_tau, spearman])
def test_correlation_is_unmoved_by_monotone_maps_and_zero_for_constants(correlation):
    mean, _, truth = draw()
    assert correlation(np.exp(mean), truth**3) == pytest.approx(correlation(mean, truth))
    assert correlation(-mean, truth) == pytest.approx(-correlation(mean, truth))
    assert correlation(np.ones(5), np.arange(5.0)) == 0
    assert correlation(np.arange(5.0), np.ones(5)) == 0


def test_precision_is_the_share_of_hits():
    mean, _, truth = draw()
    best = set(sorted(range(60), key=lambda i: -truth[i])[:10])
    picked = set(sorted(range(60), key=lambda i: -mean[i])[:10])
    assert 0 < len(best & picked) < 10
    assert precision_at(10, mean, truth) == len(best & picked) / 10
    assert precision_at(10, truth, truth) == 1
    assert precision_at(10, -truth, truth) == 0
    assert precision_at(100, mean, truth) == 1
    # All four tie for the best; any pick is a hit.
    assert precision_at(1, np.array([1.0, 2, 3, 4]), np.ones(4)) == 1


def test_likelihood_is_the_density():
    mean, std, truth = draw()
    terms = [
        ((t - m) / s) ** 2 / 2 + math.log(s) + math.log(2 * math.pi) / 2
        for m, s, t in zip(mean, std, truth, strict=True)
    ]
    assert gaussian_nll(mean, std, truth) == pytest.approx(np.mean(terms))


def test_coverage_of_a_true_model_is_nominal():
    generator = np.random.default_rng(1)
    mean, std = generator.normal(size=20_000), generator.uniform(0.5, 2, size=20_000)
    truth = generator.normal(mean, std)
    levels = np.array([0.1, 0.5, 0.9, 0.99])
    cdf = norm.cdf(truth, mean, std)
    observed = calibration(cdf, levels)
    np.testing.assert_allclose(observed, levels, atol=0.015)
    assert coverage(cdf) == observed[2]
    assert coverage(norm.cdf(truth, mean, std / 3)) < 0.5
    assert coverage(norm.cdf(truth, mean, 3 * std)) > 0.99
