"""Measurements of ``python -m perf`` beside published numbers, on small tables of their own."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch

from archbo import catalog
from archbo.acquisition import FixedCandidates
from archbo.benchmarks import Benchmark
from archbo.bo_loop import FidelityBayesian, Optimizer, RandomSearch, run
from archbo.comparison import run_search
from archbo.errors import DataError
from archbo.randomness import generator
from archbo.spaces import CategoricalSpace
from perf import accuracy, joint, nb301, pareto, taus, transnas
from perf.settings import Settings
from perf.tables import Nearest, everything


def test_ranks_by_twins_means(tmp_path):
    space = catalog.space("tnb101-micro")
    X = space.enumerate()[:200]
    values = (37.0 * torch.arange(200)).remainder(101)
    table = tmp_path / "table.parquet"
    archs = [str(arch) for arch in space.archs(X)]
    pd.DataFrame({"arch_str": archs, "jigsaw_val": values}).to_parquet(table)
    benchmark = transnas.load(table, space="tnb101-micro")
    plain, by_means = transnas.ranks(transnas.Task("random", "jigsaw", table, 200, 0))
    assert plain == 1
    best = int(values.argmax())
    keys = space.function_keys(X)
    means = [values[(keys == key).all(-1)].double().mean() for key in keys]
    assert by_means == 1 + sum(mean > means[best] for mean in means)
    found = {("random", "jigsaw"): [(1, 3), (2, 4)]}
    section = transnas.report(found, _with_all_tasks(benchmark), 5)
    assert [row[:4] for row in section.tables[0].rows[:2]] == [
        ["random", "", "", "1.5"],
        ["random, by twins' means", "", "", "3.5"],
    ]


def _with_all_tasks(benchmark):
    metrics = pd.DataFrame(
        {transnas.column(task): benchmark.metrics["jigsaw_val"] for task in transnas.TASKS}
    )
    return Benchmark("all", benchmark.space, benchmark.X, metrics, None, "made up")


def test_what_noise_leaves(monkeypatch):
    space = CategoricalSpace("s", {"width": list(range(6))})
    classes = torch.tensor([0, 0, 1, 1, 1, 2])
    monkeypatch.setattr(CategoricalSpace, "function_keys", lambda self, X: classes[X[:, 0].long()])
    metrics = pd.DataFrame({"jigsaw_val": [5.0, 3.0, 4.0, 2.0, 0.0, 9.0]})
    benchmark = Benchmark("small", space, space.enumerate(), metrics, None, "made up")
    # The last has no twin; without itself the second is worth 5, the first 3.
    assert transnas.noise(benchmark, "jigsaw", 1) == (3.0, 4.0)
    assert transnas.noise(benchmark, "jigsaw", 2) == (3.0, 2.0)
    assert transnas.means_of(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([1, 1, 0])).tolist() == (
        pytest.approx([2.0, 2.0, 5.0])
    )


def _smooth():
    space = CategoricalSpace("wide", {"width": list(range(9)), "depth": list(range(8))})
    X = space.enumerate()
    metrics = pd.DataFrame({"accuracy": (X[:, 0] + (X[:, 1] * 2.3).sin()).numpy()})
    return Benchmark("wide", space, X, metrics, "accuracy", "made up").evaluator()


def test_taus_beside_what_others_report_leave_out_what_is_not_there(tmp_path, capsys):
    def missing(table):
        raise DataError(f"no table at {table}")

    groups = {
        "Wide": taus.Group((16, 32), {"wide": taus.Setting(lambda _: _smooth(), {"X": {16: 0.5}})}),
        "Gone": taus.Group((16,), {"gone": taus.Setting(missing)}),
    }
    settings = Settings(Path("none"), 1, size=32, only=("*`gbdt`",), cache=tmp_path)
    section = taus.report(groups, settings)
    (grid,) = section.tables
    assert grid.header == ["learned from", "16", "32"]
    assert [row[0] for row in grid.rows] == ["wide: `gbdt`", "wide: X"]
    assert grid.rows[1] == ["wide: X", "0.500", ""]
    assert float(grid.rows[0][2]) > 0.5
    assert "gone is left out: no table at none" in capsys.readouterr().err
    assert section.notes[-1] == "Without gone, whose table could not be read."
    with pytest.raises(DataError, match="no table of gone can be read"):
        taus.report({"Gone": groups["Gone"]}, settings)


def test_what_was_reached_for_the_cost_of_full_trainings():
    space = CategoricalSpace("s", {"width": list(range(6))})
    values = iter([90.0, 95.0, 92.0])
    log = run(RandomSearch(space, nb301.GOAL), lambda arch: next(values), 3)
    alone = nb301.course(log)
    assert alone == [(1, 90), (2, 95), (3, 92)]
    assert [nb301.reached(alone, n) for n in (1, 2, 8)] == [90, 95, 95]
    assert math.isnan(nb301.reached(alone, 0.5))
    search = Optimizer(FidelityBayesian(space, nb301.BOTH))
    for fidelity, value in (("12", 99.0), ("98", 91.0), ("12", 98.0), ("98", 93.0)):
        search.tell(space.arch([int(value) % 6]), value, fidelity=fidelity)
    both = nb301.course(search.log)
    assert both == [(110 / 98, 91.0), (220 / 98, 93.0)]
    (grid,) = nb301.report({"alone": [alone, [(1, 92.0)]], "both": [both]}, 8).tables
    assert grid.rows[:2] == [["alone", "93.50 ± 1.50"], ["both", "93.00 ± 0.00"]]
    assert grid.rows[2][1] == "94.12"


def test_moves_end_at_the_nearest_row_of_a_sparse_table():
    space = CategoricalSpace("s", {"width": list(range(9)), "depth": [1, 2]})
    X = torch.tensor([[0.0, 0.0], [8.0, 0.0], [8.0, 1.0]], dtype=torch.double)
    candidates = Nearest(FixedCandidates(space, X))
    assert candidates.restrict(X).equal(X)
    moved = torch.tensor([[3.0, 0.0], [5.0, 0.0], [5.0, 1.0]], dtype=torch.double)
    assert candidates.restrict(moved).equal(X[[0, 1, 2]])
    assert candidates.pool.equal(X)


def test_shares_of_the_hypervolume_by_case(tmp_path):
    space = catalog.space("accel-nasbench")
    X = space.sample(30, generator=generator(0))
    frame = pd.DataFrame([arch.values for arch in space.archs(X)])
    frame["good"], frame["fast"] = X.sum(-1).numpy(), X[:, 0].numpy()
    frame.to_parquet(table := tmp_path / "table.parquet")
    case = pareto.Case("random", "good,fast", table, "accel-nasbench", sparse=True)
    shares = pareto.search(pareto.Task("a", case, 30, 0))
    assert 0 < shares.found[0] <= shares.found[1] <= shares.found[2] == pytest.approx(1)
    assert len(everything(pareto.load(table, space="accel-nasbench")).X) == 30


def test_the_test_accuracy_is_that_of_the_best_by_validation():
    space = CategoricalSpace("s", {"width": list(range(5))})
    metrics = pd.DataFrame(
        {"val": [1.0, 4.0, 2.0, 5.0, 3.0], "test": [10.0, 40.0, 90.0, 20.0, 30.0]}
    )
    benchmark = Benchmark("small", space, space.enumerate(), metrics, None, "made up")
    tabular = benchmark.evaluator("val")
    run = run_search("random", RandomSearch(space, tabular.goal, seed=0), tabular, 5)
    widths = [int(query.values[0]) for query in run.queries]
    best = [max(widths[:n]) for n in range(1, 6)]
    tests = dict(zip(metrics["val"].astype(int), metrics["test"], strict=True))
    assert accuracy.accuracies(run, "test", [1, 2, 5, 9]) == [
        tests[best[0]],
        tests[best[1]],
        20.0,
        20.0,
    ]


def test_accuracies_stand_beside_what_is_possible():
    space = catalog.space("nb201")
    values = [91.0, 90.0]
    columns = {name: values for task in accuracy.TASKS for name in accuracy.columns(task)}
    metrics = pd.DataFrame(columns | {"c10_test_200": [93.0, 94.0]})
    benchmark = Benchmark("two", space, space.enumerate()[:2], metrics, None, "made up")
    section = accuracy.report({("c10", "random"): [[93.0, 93.0], [94.0, 93.0]]}, benchmark, 50)
    assert section.tables[0].rows == [
        ["CIFAR-10: random", "93.50 ± 0.50", "93.00 ± 0.00"],
        ["CIFAR-10: CARL, as reported", "", ""],
        ["CIFAR-10: best by validation, best by test", *["93.00 and 94.00"] * 2],
    ]


@pytest.mark.slow
def test_a_cell_and_its_recipe_are_trained():
    cell = "cell: |nor_conv_1x1~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|; "
    good = joint.space().arch(f"{cell}recipe: rate=0.3,momentum=0.57,decay=0.0001")
    slow = joint.space().arch(f"{cell}recipe: rate=0.001,momentum=0,decay=0.0001")
    assert joint.loss(good) == joint.loss(good)
    assert joint.loss(good) < 0.5 < joint.loss(slow) <= joint.GUESSING


def test_the_lowest_losses_after_some_trainings():
    losses = {"a": [[2.0, 1.0, 3.0], [2.0, 2.0, 0.5]]}
    (grid,) = joint.report(losses, 3).tables
    assert grid.header[1:] == ["3 trainings", "worst"]
    assert grid.rows == [["a", "0.750 ± 0.250", "1.000"]]


@pytest.mark.parametrize("method", ["archbo", "`TPESampler`"])
def test_methods_search_both_together(monkeypatch, method):
    monkeypatch.setattr(joint, "loss", lambda arch: abs(arch["recipe.momentum"] - 0.5))
    losses = joint.search(joint.Task(method, 7, 0))
    assert len(losses) == 7
    assert all(0 <= loss <= 0.5 for loss in losses)
