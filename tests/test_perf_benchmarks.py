"""The leaderboards of ``python -m perf benchmarks`` on a table of its own."""

from pathlib import Path

import pandas as pd

from archbo.benchmarks import Benchmark
from archbo.spaces import CategoricalSpace
from perf.benchmarks import Reported, report
from perf.settings import Settings


def test_it_runs_again_to_the_same_numbers(tmp_path):
    space = CategoricalSpace("wide", {"width": list(range(9)), "depth": list(range(8))})
    X = space.enumerate()
    metrics = pd.DataFrame({"accuracy": (X[:, 0] + (X[:, 1] * 2.3).sin()).numpy()})
    table = Benchmark("wide", space, X, metrics, "accuracy", "made up").evaluator()
    benchmarks = {"Wide": Reported(lambda _: table, {"others": {32: 0.5}})}
    only = ("`gp`", "BoTorch*")
    first = report(benchmarks, Settings(Path("none"), 2, size=32, only=only))
    kept = Settings(Path("none"), 2, size=32, only=only, cache=tmp_path)
    assert report(benchmarks, kept) == first
    assert len([*tmp_path.iterdir()]) == 4
    assert report(benchmarks, kept) == first
    taus, final = first.tables
    assert [row[0] for row in taus.rows] == [
        "`gp`",
        "BoTorch's GP, one-hot",
        "others",
    ]
    assert taus.rows[-1] == ["others", "0.500"]
    assert len(final.rows) == 2
