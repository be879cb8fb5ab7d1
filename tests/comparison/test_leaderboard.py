"""One predictor scored on one table."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import kendalltau, norm

from archbo import catalog
from archbo.benchmarks import Benchmark
from archbo.comparison import (
    check_train_sizes,
    evaluate,
    plot_comparison,
    training_sample,
)
from archbo.errors import UsageError
from archbo.spaces import CategoricalSpace


@pytest.fixture(scope="module")
def goal():
    return catalog.benchmark("nb201").evaluator()


@pytest.fixture(scope="module")
def scored(goal):
    return [
        evaluate(
            "gp", name, catalog.predictor("gp", goal.benchmark.space, encoding), goal, n, seed=s
        )
        for name in ("one-hot", "op-counts")
        for encoding in [catalog.encoding(name, goal.benchmark.space)]
        for n in (20, 40)
        for s in (0, 1)
    ]


def test_samples_are_those_of_numpy_and_leave_the_rest():
    train, test = training_sample(100, 30, seed=4)
    assert train.tolist() == np.random.default_rng(4).permutation(100)[:30].tolist()
    assert sorted([*train, *test]) == list(range(100))
    assert training_sample(100, 50, seed=4)[0][:30].tolist() == train.tolist()


def test_scores_are_those_of_the_predictor_on_all_other_rows(goal, scored):
    X, Y = goal.benchmark.X, goal.benchmark.values("baseline_accuracy")
    order = np.random.default_rng(1).permutation(len(X))
    space = goal.benchmark.space
    gp = catalog.predictor("gp", space, catalog.encoding("one-hot", space))
    gp.fit(X[order[:40]], Y[order[:40]], seed=1)
    mean, std = gp.predict(X[order[40:]])
    truth = Y[order[40:]].flatten()
    (found,) = [e for e in scored if (e.encoding, e.train_size, e.seed) == ("one-hot", 40, 1)]
    assert found.kendall == pytest.approx(kendalltau(mean, truth).statistic)
    assert found.nll == pytest.approx(-norm.logpdf(truth, mean, std).mean())
    lower, upper = gp.quantile(X[order[40:]], (0.05, 0.95)).T
    inside = (lower <= truth) & (truth <= upper)
    assert found.coverage == pytest.approx(inside.double().mean().item())
    better = truth >= truth.median()
    assert found.coverage_of_best == pytest.approx(inside[better].double().mean().item())
    best = set(truth.topk(10).indices.tolist()) & set(mean.topk(10).indices.tolist())
    assert found.precision_at_10 == len(best) / 10
    assert found.fit_seconds > 0
    assert found.predict_seconds > 0


def test_dictionary_has_the_shape_of_the_command_line(scored):
    keys = "predictor encoding train_size seed kendall spearman precision_at_10 nll"
    assert list(scored[0].to_dict()) == [*keys.split(), "fit_seconds", "predict_seconds"]
    assert all(isinstance(value, str | int | float) for value in scored[0].to_dict().values())


@pytest.mark.parametrize("size", [-1, 0, 1, 15_616, 20_000])
def test_sizes_that_leave_nothing_are_refused(goal, size):
    with pytest.raises(UsageError, match=rf"between 2 and 15,615, .* got {size}"):
        check_train_sizes([50, size], goal)
    with pytest.raises(UsageError, match=f"got {size}"):
        evaluate("gp", "default", catalog.predictor("gp", goal.benchmark.space), goal, size, seed=0)


def test_a_table_too_small_says_so():
    space = CategoricalSpace("few", {"width": list(range(6))})
    metrics = pd.DataFrame({"accuracy": range(6)})
    few = Benchmark("few", space, space.enumerate(), metrics, "accuracy", "made up").evaluator()
    with pytest.raises(UsageError, match=r"few has 6 architectures; .* takes twelve"):
        check_train_sizes([2], few)


def test_an_objective_to_be_minimised_is_learned_upside_down(goal):
    benchmark = goal.benchmark
    down = benchmark.evaluator("-baseline_accuracy")
    made = catalog.predictor("gp", benchmark.space, catalog.encoding("one-hot", benchmark.space))
    found = evaluate("gp", "one-hot", made, down, 40, seed=1)
    assert torch.from_numpy(found.truth).equal(
        -benchmark.values("baseline_accuracy")[training_sample(len(goal), 40, seed=1)[1]].flatten()
    )
    assert found.kendall > 0.3


def test_picture_shows_what_was_scored(scored):
    figure = plot_comparison(scored, unit="accuracy (%)", title="here")
    correlation, calibration, time, *predictions = figure.axes
    labels = ["gp, one-hot", "gp, op-counts"]
    assert [text.get_text() for text in correlation.get_legend().get_texts()] == labels
    for line, name in zip(correlation.lines, ("one-hot", "op-counts"), strict=True):
        for size, tau in zip(*line.get_data(), strict=True):
            kept = [e.kendall for e in scored if e.encoding == name and e.train_size == size]
            assert tau == pytest.approx(np.mean(kept))
    assert len(calibration.lines) == 3
    assert [text.get_text() for text in time.get_yticklabels()] == labels
    assert len(predictions) == 2
    for axes, name in zip(predictions, ("one-hot", "op-counts"), strict=True):
        (run,) = [e for e in scored if (e.encoding, e.train_size, e.seed) == (name, 40, 0)]
        shown = dict(zip(*axes.lines[1].get_data(), strict=True))
        wanted = dict(zip(run.truth, run.mean, strict=True))
        assert len(shown) > 100
        assert all(wanted[x] == y for x, y in shown.items() if list(run.truth).count(x) == 1)


class Recorded:
    """A predictor that knows nothing but what it was shown."""

    def fit(self, X, Y, *, seed):
        self.learned = X

    def predict(self, X):
        self.scored = X
        return X[:, 0], torch.ones(len(X)).double()

    def cdf(self, X, Y):
        return torch.full_like(Y, 0.5)


def test_samples_and_what_is_scored_share_no_function(goal):
    space, plain, apart = goal.benchmark.space, Recorded(), Recorded()
    evaluate("none", "none", plain, goal, 300, seed=0)
    evaluate("none", "none", apart, goal, 300, seed=0, hold_out_twins=True)
    assert plain.learned.equal(apart.learned)
    learned, twins = (set(space.function_keys(X).tolist()) for X in (apart.learned, apart.scored))
    assert not learned & twins
    left_out = {*space.ids(plain.scored)} - {*space.ids(apart.scored)}
    assert len(left_out) == len(plain.scored) - len(apart.scored) > 500
    with pytest.raises(UsageError, match=r"are no twins of the 15612 that are learned from"):
        evaluate("none", "none", Recorded(), goal, 15_612, seed=0, hold_out_twins=True)


def test_what_failed_is_neither_learned_from_nor_scored():
    space = CategoricalSpace("many", {"width": list(range(30))})
    accuracy = [np.nan if width % 3 == 0 else width for width in range(30)]
    metrics = pd.DataFrame({"accuracy": accuracy})
    table = Benchmark("many", space, space.enumerate(), metrics, "accuracy", "made up")
    recorded = Recorded()
    found = evaluate("none", "none", recorded, table.evaluator(), 5, seed=0)
    widths = torch.cat([recorded.learned, recorded.scored]).flatten().tolist()
    assert sorted(widths) == [width for width in range(30) if width % 3]
    assert found.kendall == pytest.approx(1)
    with pytest.raises(UsageError, match=r"between 2 and 10, .* architectures with values; got 11"):
        check_train_sizes([11], table.evaluator())
