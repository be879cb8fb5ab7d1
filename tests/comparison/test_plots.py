"""Pictures show what was searched."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import image, style
from matplotlib.colors import to_hex

from archbo.benchmarks import Benchmark
from archbo.bo_loop import RandomSearch
from archbo.comparison import (
    draw_arch,
    plot_fronts,
    plot_predictions,
    plot_progress,
    plot_search,
    run_search,
    save_figure,
)
from archbo.comparison.plots.style import looks
from archbo.errors import UsageError
from archbo.goals import Goal
from archbo.spaces import CategoricalSpace, EdgeCellSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4], "skip": ["no", "yes"]})


@pytest.fixture(scope="module")
def benchmark():
    X = TOY.enumerate()
    full = (X @ torch.tensor([3.0, 2.0, 1.0]).double()).tolist()
    metrics = {"short": [value / 2 for value in full], "full": full}
    metrics |= {"cost": (X[:, 0] + X[:, 1]).tolist(), "weight": X[:, 2].tolist()}
    return Benchmark("toy", TOY, X, pd.DataFrame(metrics), "full", "made up")


def runs_of(tabular, n=6, repeats=3, methods=("a", "b")):
    def run(method, seed):
        return run_search(method, RandomSearch(TOY, tabular.goal, seed=seed), tabular, n)

    return {
        method: [run(method, 10 * number + seed) for seed in range(repeats)]
        for number, method in enumerate(methods)
    }


def line(axes, label):
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found


def test_progress_of_one_objective_is_the_median_regret(benchmark):
    tabular = benchmark.evaluator()
    runs = runs_of(tabular)
    (axes,) = plot_progress(runs, "here").axes
    assert axes.get_title() == "here"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("architectures evaluated", "regret in full")
    for method, repeats in runs.items():
        x, y = line(axes, f"{method} (n=3)").get_data()
        assert list(x) == [1, 2, 3, 4, 5, 6]
        assert list(y) == [np.median([run.regret(n) for run in repeats]) for n in x]


def test_progress_with_fidelities_is_by_cost_and_begins_with_the_first_full_evaluation(benchmark):
    tabular = benchmark.evaluator(Goal.parse("full", fidelities={"short": 1, "full": 10}))
    plain = [run.at_target(tabular) for run in runs_of(benchmark.evaluator())["a"]]
    strategy = RandomSearch(TOY, benchmark.evaluator().goal, seed=5)
    late = run_search("a", strategy, benchmark.evaluator(), 2).at_target(tabular)
    (axes,) = plot_progress({"a": plain, "late": [late, *plain]}).axes
    assert axes.get_xlabel() == "cost"
    x, y = line(axes, "a (n=3)").get_data()
    assert list(x) == [10, 20, 30, 40, 50, 60]
    assert np.isfinite(y).all()


def test_nothing_is_drawn_before_there_is_something(benchmark):
    """Of a bound that the first architecture does not keep."""
    tabular = benchmark.evaluator(Goal.parse("full", subject_to=["cost<=1"]))
    run = runs_of(tabular, 24, repeats=1, methods=("a",))["a"][0]
    first = next(n for n, query in enumerate(run.queries) if query.best is not None)
    assert first > 0
    (axes,) = plot_progress({"a": [run]}).axes
    _, y = line(axes, "a (n=1)").get_data()
    assert np.isnan(y[:first]).all()
    assert np.isfinite(y[first:]).all()


def test_progress_of_several_objectives_is_a_share(benchmark):
    tabular = benchmark.evaluator("full,-cost")
    (axes,) = plot_progress(runs_of(tabular, 24)).axes
    assert axes.get_ylabel() == "share of the table's hypervolume (%)"
    _, y = line(axes, "a (n=3)").get_data()
    assert y[-1] == pytest.approx(100)
    assert (np.diff(y) >= 0).all()


def test_without_a_share_the_hypervolume_is_drawn(benchmark):
    tabular = benchmark.evaluator(Goal.parse("full,-cost", reference=[1000.0, 0.0]))
    (axes,) = plot_progress(runs_of(tabular)).axes
    assert axes.get_ylabel() == "hypervolume"


def test_fronts_have_a_panel_for_each_pair(benchmark):
    tabular = benchmark.evaluator("full,-cost,weight")
    runs = runs_of(tabular, 24)
    figure = plot_fronts(runs)
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
    assert labels == [("full", "cost"), ("full", "weight"), ("cost", "weight")]
    # The whole table was searched, so what is found is the front.
    x, y = line(figure.axes[0], "a").get_data()
    own = tabular.goal.own_units(tabular.gains)[tabular.front]
    assert sorted(zip(x, y, strict=True)) == sorted(map(tuple, own[:, :2].tolist()))


def test_the_outline_runs_through_the_front_and_over_no_better_point(benchmark):
    tabular = benchmark.evaluator("full,-cost")
    axes = plot_fronts(runs_of(tabular)).axes[0]
    x, y = line(axes, "the table's front").get_data()
    values = tabular.goal.own_units(tabular.gains)
    corners = set(zip(x.tolist(), y.tolist(), strict=True))
    assert {tuple(v) for v in values[tabular.front].tolist()} <= corners
    for a, b in corners:
        assert not any(v[0] > a and v[1] < b for v in values.tolist())


def test_a_search_in_one_picture(benchmark):
    one = plot_search(runs_of(benchmark.evaluator()), "one")
    assert [axes.get_ylabel() for axes in one.axes] == ["regret in full"]
    two = plot_search(runs_of(benchmark.evaluator("full,-cost")), "two")
    assert [axes.get_xlabel() for axes in two.axes] == ["full", "architectures evaluated"]


def test_what_cannot_be_drawn_is_said(benchmark):
    runs = runs_of(benchmark.evaluator(), repeats=1)
    with pytest.raises(UsageError, match="one objective has no front to draw"):
        plot_fronts(runs)
    for plot in (plot_progress, plot_fronts, plot_search):
        with pytest.raises(UsageError, match="'b' has no runs"):
            plot({**runs, "b": []})


def test_the_style_is_of_pictures_and_not_of_the_session(benchmark):
    before = dict(mpl.rcParams)
    with mpl.rc_context({"axes.spines.top": True, "legend.frameon": True, "font.size": 30}):
        figure = plot_progress(runs_of(benchmark.evaluator(), repeats=1))
        assert mpl.rcParams["font.size"] == 30
    (axes,) = figure.axes
    assert not axes.spines["top"].get_visible()
    assert not axes.get_legend().get_frame_on()
    assert axes.xaxis.label.get_size() < 20
    assert figure.get_layout_engine() is not None
    assert dict(mpl.rcParams) == before


def test_methods_have_colours_of_their_own(benchmark):
    names = [f"method {n}" for n in range(9)]
    (axes,) = plot_progress(runs_of(benchmark.evaluator(), repeats=1, methods=names)).axes
    colours = [line(axes, f"{name} (n=1)").get_color() for name in names]
    assert len(set(colours[:7])) == 7
    assert colours[7] == colours[0]
    # In print, and where colours repeat, they are told apart by their lines.
    each = [line(axes, f"{name} (n=1)") for name in names]
    assert len({(one.get_color(), one.get_linestyle()) for one in each}) == 9
    assert len({*looks([str(n) for n in range(28)]).values()}) == 28


def test_pictures_are_black_on_white_in_a_dark_notebook(tmp_path):
    with style.context("dark_background"):
        figure = plot_predictions([1.0, 2.0], [0.1, 0.2], [1.1, 1.8], unit="%")
        # As Jupyter shows it.
        figure.savefig(tmp_path / "notebook.png", facecolor=figure.get_facecolor())
        save_figure(figure, tmp_path / "file.png")
    (axes,) = figure.axes
    assert to_hex(axes.xaxis.label.get_color()) == "#000000"
    for name in ("notebook", "file"):
        corner = image.imread(tmp_path / f"{name}.png")[0, 0, :4]
        assert corner.tolist() == [1, 1, 1, 1]


def test_many_predictions_have_few_bars_and_points_on_top():
    many = np.linspace(1.0, 2.0, 300)
    (axes,) = plot_predictions(many, many, many, unit="%").axes
    (bars,) = axes.collections
    assert len(bars.get_segments()) == 40
    assert len(axes.lines[1].get_xdata()) == 300
    (axes,) = plot_predictions(many[:9], many[:9], many[:9], unit="%").axes
    assert len(axes.collections[0].get_segments()) == 9


def test_a_picture_is_written_whole(tmp_path, monkeypatch):
    figure = plot_predictions([1.0, 2.0], [0.1, 0.2], [1.1, 1.8], unit="%")
    save_figure(figure, tmp_path / "p.png")
    before = (tmp_path / "p.png").read_bytes()
    assert before.startswith(b"\x89PNG\r\n\x1a\n")

    def fail(path, **options):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(UsageError, match=r"cannot write .*p\.png: No space left"):
        save_figure(figure, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
    with pytest.raises(UsageError, match=r"p\.docx; end it in one of"):
        save_figure(figure, tmp_path / "p.docx")


def test_an_architecture_is_drawn_without_what_is_on_no_way():
    arch = EdgeCellSpace.nas_bench_201().arch("(2, 1, 0, 1, 1, 4)")
    (axes,) = draw_arch(arch).axes
    assert sorted(text.get_text() for text in axes.texts if text.get_text()) == [
        "input",
        "output",
        "skip_connect",
    ]
