"""What a table knows of a goal."""

import pandas as pd
import pytest
import torch

from archbo.benchmarks import Benchmark
from archbo.errors import DataError, UsageError
from archbo.goals import Goal
from archbo.spaces import CategoricalSpace

SPACE = CategoricalSpace("grid", {"width": [1, 2, 3], "depth": [1, 2, 3]})
X = SPACE.enumerate()
WIDTH, DEPTH = (X + 1).T
BENCHMARK = Benchmark(
    "grid",
    SPACE,
    X,
    pd.DataFrame(
        {
            "accuracy": (WIDTH * DEPTH).numpy(),
            "short": (WIDTH + DEPTH).numpy(),
            "other": (WIDTH - DEPTH).numpy(),
            "other_short": WIDTH.numpy(),
            "latency": (WIDTH + DEPTH).numpy(),
            "empty": [float("nan")] * 9,
        }
    ),
    None,
    "a test",
)


def test_metrics_are_looked_up_by_name_in_their_own_units():
    tabular = BENCHMARK.evaluator("accuracy,-latency")
    assert tabular("width=3,depth=2") == {"accuracy": 6, "latency": 5}
    assert tabular.gains.tolist() == [[w * d, -w - d] for w, d in (X + 1).tolist()]
    assert tabular.reference.tolist() == [1, -6]


def test_the_best_within_bounds_and_its_rank_are_those_of_brute_force():
    tabular = BENCHMARK.evaluator(Goal.parse("accuracy", subject_to=["latency<=4"]))
    within = [w * d for w, d in (X + 1).tolist() if w + d <= 4]
    assert tabular.best == max(within)
    assert str(tabular.argbest()) == "width=2,depth=2"
    for value in (0.5, 1, 2, 3, 4, 9):
        assert tabular.rank(value) == 1 + sum(other > value for other in within)


def test_the_front_is_that_of_brute_force():
    tabular = BENCHMARK.evaluator("accuracy,-latency")
    rows = tabular.gains.tolist()

    def dominated(row):
        return any(o[0] >= row[0] and o[1] >= row[1] and o != row for o in rows)

    assert tabular.front.tolist() == [n for n, row in enumerate(rows) if not dominated(row)]
    assert tabular.best_hypervolume > 0
    given = BENCHMARK.evaluator(Goal.parse("accuracy,-latency", reference=[9, 2]))
    assert given.best_hypervolume == 0


def test_fidelities_are_columns_of_what_depends_on_them():
    fidelities = {"short+other_short": 1, "accuracy+other": 10}
    goal = Goal.parse(
        "accuracy,-latency", subject_to=["other<=2"], fidelities=fidelities, independent=["latency"]
    )
    tabular = BENCHMARK.evaluator(goal)
    arch = SPACE.arch("width=3,depth=1")
    assert tabular(arch) == {"accuracy": 3, "latency": 4, "other": 2}
    assert tabular(arch, "short+other_short") == {"accuracy": 4, "latency": 4, "other": 3}


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({"objectives": "accuracy", "subject_to": ["latency<=1"]}, "latency <= 1; .* from 2 to 6"),
        (
            {"objectives": "accuracy", "subject_to": ["accuracy>=9", "latency<=5"]},
            "accuracy >= 9 and latency <= 5",
        ),
        (
            {"objectives": "accuracy,-latency", "fidelities": {"short": 1, "accuracy": 2}},
            "give no latency; name a metric that is the same",
        ),
        (
            {"objectives": "accuracy", "fidelities": {"accuracy": 1, "short": 2}},
            "'accuracy' names 1 columns; the target 'short' names metrics",
        ),
    ],
)
def test_goals_that_the_table_cannot_serve_are_refused(goal, message):
    with pytest.raises(UsageError, match=message):
        BENCHMARK.evaluator(Goal.parse(**goal))


def test_a_bad_column_is_refused_before_any_search():
    with pytest.raises(DataError, match="column 'empty' holds no number"):
        BENCHMARK.evaluator("empty")
    with pytest.raises(DataError, match="no numeric column 'nothing'"):
        BENCHMARK.evaluator("accuracy,nothing")


def test_tensors_in_it_are_not_compared():
    assert BENCHMARK.evaluator("accuracy") != BENCHMARK.evaluator("accuracy")
    assert torch.is_tensor(BENCHMARK.X)
