"""Bands, areas and tests over repeats against their definitions."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import rankdata

from archbo.bo_loop import RandomSearch
from archbo.catalog import benchmark
from archbo.comparison import (
    area_under,
    bootstrap_band,
    costs_of,
    holm,
    least_p_value,
    paired_tests,
    plot_progress,
    progress_curves,
    quartiles,
    run_search,
)
from archbo.errors import UsageError


def signed_rank(differences):
    """The two-sided p-value by all assignments of signs."""
    ranks = rankdata(np.abs(differences))
    centre = ranks.sum() / 2
    seen = abs(ranks[differences > 0].sum() - centre)
    sums = [np.dot(signs, ranks) for signs in product([0, 1], repeat=len(ranks))]
    return np.mean([abs(each - centre) >= seen - 1e-9 for each in sums])


def test_the_test_is_exact_and_corrected():
    rng = np.random.default_rng(0)
    scores = {"a": rng.normal(size=8), "b": rng.normal(size=8), "c": rng.normal(2, size=8)}
    found = paired_tests(scores)
    assert found[["first", "second"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    for _, row in found.iterrows():
        apart = scores[row["first"]] - scores[row["second"]]
        assert row["p_value"] == pytest.approx(signed_rank(apart))
        assert row["difference"] == np.median(apart)
    np.testing.assert_allclose(found["corrected"], holm(found["p_value"]))
    one = paired_tests(scores, against="c")
    assert {frozenset(pair) for pair in one[["first", "second"]].to_numpy()} == {
        frozenset("ac"),
        frozenset("bc"),
    }


def test_what_is_the_same_is_no_difference():
    same = paired_tests({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    assert same["p_value"].item() == 1
    half = paired_tests({"a": np.arange(8.0), "b": [0, 1, 2, 2, 2, 2, 2, 2]})
    assert half["p_value"].item() == pytest.approx(signed_rank(np.array([1.0, 2, 3, 4, 5])))


def test_scores_without_partners_are_refused():
    with pytest.raises(UsageError, match="come in pairs"):
        paired_tests({"a": [1.0, 2.0], "b": [1.0]})
    with pytest.raises(UsageError, match="no method 'c'"):
        paired_tests({"a": [1.0], "b": [1.0]}, against="c")


def test_holm_rejects_as_his_procedure_does():
    rng = np.random.default_rng(1)
    for _ in range(200):
        p, alpha = rng.uniform(size=6) ** 3, 0.05
        left, rejected = sorted(range(6), key=lambda i: p[i]), set()
        while left and p[left[0]] <= alpha / len(left):
            rejected.add(left.pop(0))
        assert {*np.flatnonzero(holm(p) <= alpha)} == rejected
    assert holm([]).shape == (0,)


@pytest.mark.parametrize("n", [4, 5, 8])
def test_no_pairs_give_less_than_the_least(n):
    best = paired_tests({"a": np.arange(1.0, n + 1), "b": np.zeros(n)})
    assert best["p_value"].item() == pytest.approx(least_p_value(n))
    assert least_p_value(n, 3) == pytest.approx(min(1, 3 * least_p_value(n)))


def test_bands_are_seeded_and_cover_the_median():
    rng = np.random.default_rng(3)
    covered = []
    for seed in range(150):
        curves = rng.exponential(size=(30, 2))
        lower, middle, upper = bootstrap_band(curves, level=0.9, n_draws=300, seed=seed)
        np.testing.assert_array_equal(middle, np.median(curves, axis=0))
        covered.append((lower <= np.log(2)) & (np.log(2) <= upper))
    assert 0.83 < np.mean(covered) < 0.97
    again = bootstrap_band(curves, level=0.9, n_draws=300, seed=149)
    np.testing.assert_array_equal(again, [lower, middle, upper])
    assert not np.array_equal(bootstrap_band(curves, level=0.9, n_draws=300, seed=1)[0], lower)


def test_area_of_searches_is_their_mean_regret():
    cora = benchmark("nas-bench-graph/cora").evaluator()
    runs = [
        run_search("random", RandomSearch(cora.benchmark.space, cora.goal, seed=seed), cora, 12)
        for seed in range(3)
    ]
    costs = costs_of(runs)
    curves = progress_curves(runs, costs)
    regrets = [[abs(cora.best - query.best) for query in run.queries] for run in runs]
    np.testing.assert_allclose(curves, regrets)
    np.testing.assert_allclose(area_under(costs, curves), np.mean(regrets, axis=1))
    # Regret 4 for half a unit of cost, 2 for the rest.
    assert area_under([0.5, 2.0], np.array([[4.0, 2.0]])).item() == pytest.approx(2.5)


@pytest.mark.parametrize("band", [quartiles, bootstrap_band])
def test_progress_is_drawn_with_the_band_asked_for(band):
    cora = benchmark("nas-bench-graph/cora").evaluator()
    runs = [
        run_search("random", RandomSearch(cora.benchmark.space, cora.goal, seed=seed), cora, 9)
        for seed in range(4)
    ]
    figure = plot_progress({"random": runs}, band=band)
    (area,) = figure.axes[0].collections
    lower, _, upper = band(progress_curves(runs, costs_of(runs)))
    drawn = area.get_paths()[0].vertices[:, 1]
    assert {*np.round(lower, 9), *np.round(upper, 9)} == {*np.round(drawn, 9)}
