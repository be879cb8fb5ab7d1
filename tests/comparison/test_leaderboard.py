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
    compare,
    evaluate,
    paired_tests,
    plot_comparison,
    training_sample,
)
from archbo.errors import DataError, UsageError
from archbo.predictors import GBDT, Predictor
from archbo.predictors.gaussian_processes.pool_gp import fixed_gp
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
    others = training_sample(len(goal), 40, seed=1)[1]
    values = -benchmark.values("baseline_accuracy")[others].flatten().numpy()
    assert len(found.truth) == 200
    np.testing.assert_array_equal(
        found.truth, values[np.linspace(0, len(values) - 1, 200).round().astype(int)]
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


def test_twins_of_the_sample_are_predicted_but_not_scored(goal):
    space, X, Y = goal.benchmark.space, goal.benchmark.X, goal.gains[:, 0]
    plain = evaluate("none", "none", Recorded(), goal, 300, seed=0)
    apart = evaluate("none", "none", Recorded(), goal, 300, seed=0, hold_out_twins=True)
    train, test = training_sample(len(X), 300, seed=0)
    functions = space.function_keys(X).tolist()
    functions = [tuple(key) if isinstance(key, list) else key for key in functions]
    learned = {functions[row] for row in train}
    rest = [row for row in test if functions[row] not in learned]
    assert len(test) - len(rest) > 500
    assert apart.kendall == pytest.approx(kendalltau(X[rest, 0], Y[rest]).statistic)
    assert apart.kendall_with_twins == plain.kendall != apart.kendall
    assert np.isnan(plain.kendall_with_twins)
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


@pytest.fixture(scope="module")
def small():
    space = CategoricalSpace("wide", {"width": list(range(9)), "depth": list(range(8))})
    X = space.enumerate()
    metrics = pd.DataFrame({"accuracy": (X[:, 0] + (X[:, 1] * 2.3).sin()).numpy()})
    return Benchmark("wide", space, X, metrics, "accuracy", "made up").evaluator()


def named(goal):
    space = goal.benchmark.space
    trees = {"trees": GBDT(space, n_rounds=20), "few": GBDT(space, n_members=3, n_rounds=20)}
    return {**trees, ("forest", "one-hot"): catalog.predictor("random-forest", space)}


def scores(board):
    return board.frame().drop(columns=["fit_seconds", "predict_seconds"])


def test_a_frame_has_a_row_for_each_fit_and_is_that_of_each_alone(small):
    predictors = named(small)
    board = compare(small, predictors, [10, 20], seeds=[3, 5])
    frame = board.frame()
    assert len(frame) == 3 * 2 * 2
    assert {*frame["method"]} == {"trees", "few", "forest, one-hot"}
    assert (frame[["benchmark", "objective"]] == ["wide", "accuracy"]).all(axis=None)
    for predictor in predictors.values():
        assert not predictor.is_fitted
    alone = evaluate("few", "default", named(small)["few"], small, 20, seed=5)
    row = frame[(frame["method"] == "few") & (frame["train_size"] == 20) & (frame["seed"] == 5)]
    for name in ("kendall", "weighted_kendall", "best_rank_at_10", "nll", "crps", "coverage"):
        assert row[name].item() == getattr(alone, name)


def test_processes_give_the_same(small):
    serial = compare(small, named(small), [10, 20], seeds=[0])
    parallel = compare(small, named(small), [10, 20], seeds=[0], workers=2)
    pd.testing.assert_frame_equal(scores(parallel), scores(serial), check_exact=True)


def test_what_is_kept_is_looked_up_and_a_new_surrogate_runs_alone(small, tmp_path, monkeypatch):
    folder = tmp_path / "kept" / "here"
    done = []
    options = {"seeds": [0, 1], "cache": folder, "callback": done.append}
    first = compare(small, named(small), [10, 20], **options)
    files = {path: path.read_bytes() for path in folder.iterdir()}
    assert len(files) == len(done) == 12
    fitted = []
    fit = Predictor.fit
    monkeypatch.setattr(
        Predictor, "fit", lambda self, *a, **k: fitted.append(self) or fit(self, *a, **k)
    )
    again = compare(small, named(small), [10, 20], **options)
    pd.testing.assert_frame_equal(again.frame(), first.frame(), check_exact=True)
    for one, other in zip(again.evaluations, first.evaluations, strict=True):
        for name in ("mean", "std", "truth", "observed"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert not fitted
    assert {path: path.read_bytes() for path in folder.iterdir()} == files
    others = named(small) | {"new": GBDT(small.benchmark.space, n_rounds=7)}
    more = compare(small, others, [10, 20], **options)
    assert len(fitted) == 4
    assert {id(each) for each in fitted} == {id(fitted[0])}
    pd.testing.assert_frame_equal(more.frame()[:12], first.frame(), check_exact=True)


@pytest.mark.parametrize("what", ["value", "row", "twins", "seed", "size"])
def test_what_differs_is_not_looked_up(small, tmp_path, what):
    benchmark, options = small.benchmark, {"seeds": [0], "cache": tmp_path}
    trees = {"trees": GBDT(benchmark.space, n_rounds=5)}
    compare(small, trees, [10], **options)
    changed, sizes = small, [10]
    if what == "value":
        metrics = benchmark.metrics.copy()
        metrics.iloc[40, 0] += 1e-9
        changed = Benchmark(
            "wide", benchmark.space, benchmark.X, metrics, "accuracy", ""
        ).evaluator()
    elif what == "row":
        rows = np.roll(np.arange(len(benchmark)), 1)
        metrics = benchmark.metrics.iloc[rows]
        changed = Benchmark("wide", benchmark.space, benchmark.X[rows], metrics, "accuracy", "")
        changed = changed.evaluator()
    elif what == "twins":
        options["hold_out_twins"] = True
    elif what == "seed":
        options["seeds"] = [1]
    else:
        sizes = [11]
    compare(changed, trees, sizes, **options)
    assert len([*tmp_path.iterdir()]) == 2


def test_a_broken_file_is_named(small, tmp_path):
    trees = {"trees": GBDT(small.benchmark.space, n_rounds=5)}
    compare(small, trees, [10], seeds=[0], cache=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text()[:300])
    with pytest.raises(DataError, match=rf"{path.name} is no evaluation.*delete it"):
        compare(small, trees, [10], seeds=[0], cache=tmp_path)
    with pytest.raises(UsageError, match="give another folder"):
        compare(small, trees, [10], seeds=[0], cache=path)


def test_what_cannot_be_compared_is_refused(small, goal):
    with pytest.raises(UsageError, match="no predictors"):
        compare(small, {}, [10])
    with pytest.raises(UsageError, match="workers must be at least 1"):
        compare(small, named(small), [10], workers=0)
    with pytest.raises(UsageError, match="'trees' is of another space than nb201"):
        compare(goal, {"trees": named(small)["trees"]}, [10])
    benchmark = small.benchmark
    metrics = benchmark.metrics.assign(time=1.0)
    two = Benchmark("wide", benchmark.space, benchmark.X, metrics, None, "").evaluator(
        "accuracy,-time"
    )
    with pytest.raises(UsageError, match="one objective; got accuracy, -time"):
        compare(two, named(small), [10])


def test_predictors_that_cannot_travel_are_refused_in_one_line(small):
    class Local(Predictor):
        """A predictor that only this function knows."""

        def _fit(self, *, seed):
            self._prepare()

        def _prepare(self):
            self.model = fixed_gp(self.space, self.train_X, self.warp.forward(self.train_Y))

    local = {"local": Local(small.benchmark.space)}
    assert len(compare(small, local, [10], seeds=[0]).evaluations) == 1
    with pytest.raises(UsageError, match=r"cannot be sent to other processes .*one worker"):
        compare(small, local, [10], seeds=[0, 1], workers=2)


def test_markdown_tells_medians_spread_and_what_is_significant(small):
    board = compare(small, named(small), [10, 20], seeds=range(8))
    frame, tests, text = board.frame(), board.tests(), board.markdown()
    table, _ = text.split("\n\nMedians with 20")
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    rows = {name: dict(zip([10, 20], cells, strict=True)) for name, *cells in lines[2:]}
    for (method, size), taus in frame.groupby(["method", "train_size"])["kendall"]:
        cell = rows[method][size]
        assert f"{taus.median():.3f}" in cell
        assert f"({taus.min():.3f} to {taus.max():.3f})" in cell
        (best,) = {*tests.loc[tests["train_size"] == size, "best"]}
        assert cell.startswith("**") == (method == best)
        row = tests[(tests["train_size"] == size) & (tests["other"] == method)]
        assert cell.endswith(r"\*") == bool((row["corrected"] < 0.05).any())
    taus = {
        method: group.sort_values("seed")["kendall"].to_numpy()
        for method, group in frame[frame["train_size"] == 20].groupby("method")
    }
    (best,) = {*tests.loc[tests["train_size"] == 20, "best"]}
    expected = paired_tests(taus, best)
    found = tests[tests["train_size"] == 20].set_index("other")
    for row in expected.itertuples():
        other = row.second if row.first == best else row.first
        assert found.loc[other, "corrected"] == pytest.approx(row.corrected)
        assert found.loc[other, "difference"] == pytest.approx(np.median(taus[best] - taus[other]))
    assert "significantly, p < 0.05" in text
    few = compare(small, named(small), [10], seeds=range(3)).markdown()
    assert "with 3 samples, where it gives no less than p = 0.5; it takes 7 samples" in few
