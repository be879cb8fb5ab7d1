"""Measures of predictions against brute force."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from archbo.comparison import (
    best_rank_at,
    calibration,
    coverage,
    gaussian_crps,
    gaussian_nll,
    kendall_tau,
    precision_at,
    relative_improvement,
    sample_crps,
    spearman,
    weighted_tau,
)
from archbo.errors import UsageError


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


def test_weighted_tau_weighs_pairs_by_rank():
    mean, _, truth = draw()

    def tau(order_by):
        rank = np.argsort(np.argsort(-order_by))
        agree = total = 0.0
        for i in range(len(mean)):
            for j in range(i):
                weight = 1 / (1 + rank[i]) + 1 / (1 + rank[j])
                agree += weight * np.sign(mean[i] - mean[j]) * np.sign(truth[i] - truth[j])
                total += weight
        return agree / total

    assert weighted_tau(mean, truth) == pytest.approx((tau(mean) + tau(truth)) / 2)
    assert weighted_tau(np.ones(5), np.arange(5.0)) == 0


@pytest.mark.parametrize(("k", "n"), [(1, 1), (5, 5), (0.1, 6), (0.001, 1), (100, 60)])
def test_best_rank_is_that_of_the_best_picked(k, n):
    mean, _, truth = draw()
    ranks = {i: 1 + sum(other > truth[i] for other in truth) for i in range(60)}
    picked = sorted(range(60), key=lambda i: -mean[i])[:n]
    assert best_rank_at(k, mean, truth) == min(ranks[i] for i in picked)
    best = sorted(range(60), key=lambda i: -truth[i])[:n]
    assert precision_at(k, mean, truth) == len({*best} & {*picked}) / n


@pytest.mark.parametrize("k", [0, -1, 2.5, -0.5])
def test_what_is_neither_a_number_nor_a_share_is_refused(k):
    with pytest.raises(UsageError, match="whole number"):
        best_rank_at(k, np.arange(3.0), np.arange(3.0))


def test_gaussian_crps_is_the_integral_of_the_squared_distance():
    mean, std, truth = draw(20)

    def integral(m, s, y):
        below, _ = quad(lambda x: norm.cdf(x, m, s) ** 2, m - 12 * s, y)
        above, _ = quad(lambda x: norm.sf(x, m, s) ** 2, y, m + 12 * s)
        return below + above

    terms = [integral(*each) for each in zip(mean, std, truth, strict=True)]
    assert gaussian_crps(mean, std, truth) == pytest.approx(np.mean(terms))
    assert gaussian_crps(mean, np.zeros(20), truth) == pytest.approx(np.abs(mean - truth).mean())


def test_crps_of_samples_is_the_difference_of_mean_distances():
    generator = np.random.default_rng(2)
    samples, truth = generator.normal(size=(7, 5)), generator.normal(size=5)
    apart = np.abs(samples[:, None] - samples[None]).mean((0, 1))
    expected = np.abs(samples - truth).mean(0) - apart / 2
    assert sample_crps(samples, truth) == pytest.approx(expected.mean())
    # Many samples of a Gaussian are that Gaussian.
    many = norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    assert sample_crps(many, np.array([0.7])) == pytest.approx(
        gaussian_crps(np.zeros(1), np.ones(1), np.array([0.7])), abs=1e-4
    )


def test_relative_improvement_is_over_the_average_random_architecture():
    assert relative_improvement([55.0], [40.0, 60.0]) == pytest.approx(10)
    assert relative_improvement([-1.0], [-2.0, -2.0]) == pytest.approx(50)
    with pytest.raises(UsageError, match="0 on average"):
        relative_improvement([1.0], [-1.0, 1.0])
