"""Past trainings as the beginning of a log: what is carried over, what is left out, what is refused."""

import numpy as np
import pandas as pd
import pytest

from archbo import CategoricalSpace, EdgeCellSpace, Goal, Log, Optimizer, RandomSearch
from archbo.errors import DataError, DataWarning, UsageError
from archbo.log import State

SPACE = CategoricalSpace("new", {"width": [8, 16, 32], "depth": [2, 4], "bias": [True, False]})
OLD = CategoricalSpace("old", {"op": ["max", "avg"], "width": [64, 16, 8]})
ACC = Goal.parse("acc")


@pytest.fixture
def old():
    """A search of another space: told, failed, dropped, asked."""
    optimizer = Optimizer(RandomSearch(OLD, Goal.parse("acc,-latency"), seed=0))
    for op, width in (("max", 8), ("avg", 8), ("max", 16), ("max", 64)):
        optimizer.tell(f"op={op},width={width}", {"acc": width, "latency": 1.0})
    optimizer.fail("op=avg,width=16", "out of memory")
    optimizer.drop(optimizer.ask())
    optimizer.ask()
    return optimizer.log


@pytest.mark.filterwarnings("ignore::archbo.errors.DataWarning")
@pytest.mark.parametrize("kept", ["memory", "parquet", "csv", "json"])
def test_another_space_shares_its_columns(old, tmp_path, kept):
    frame, path = old.frame(), tmp_path / f"old.{kept}"
    if kept == "parquet":
        frame.to_parquet(path)
        frame = pd.read_parquet(path)
    elif kept == "csv":
        frame.to_csv(path, index=False)
        frame = pd.read_csv(path)
    elif kept == "json":
        frame = pd.DataFrame(frame.to_dict(orient="records"))
    log = Log.from_past(frame, SPACE, ACC, fill={"depth": "4", "bias": "True"})
    assert [(str(t.arch), t.state, t.values, t.replicate) for t in log.trials] == [
        ("width=8,depth=4,bias=True", State.TOLD, (8.0,), 0),
        ("width=8,depth=4,bias=True", State.TOLD, (8.0,), 1),
        ("width=16,depth=4,bias=True", State.TOLD, (16.0,), 0),
        ("width=16,depth=4,bias=True", State.FAILED, (), 1),
    ]
    assert [trial.number for trial in log.trials] == [0, 1, 2, 3]
    assert log.trials[3].reason == "out of memory"


def test_what_has_no_place_is_counted(old):
    with pytest.warns(DataWarning, match=r"1 of 5 rows .* width=64; they are left out"):
        Log.from_past(old.frame(), SPACE, ACC, fill={"depth": 4, "bias": True})


def test_a_strategys_notes_stay_with_their_search(old):
    frame = old.frame()[:3].assign(notes='{"round": [[0, 1]]}')
    log = Log.from_past(frame, OLD, old.goal)
    assert all(trial.notes == {} for trial in log.trials)
    assert len(log) == 3


def test_columns_of_any_type_and_the_usual_names_are_read():
    table = pd.DataFrame(
        {"width": np.float32([8, 16]), "bias": [True, False], "acc": ["0.5", None]}
    )
    log = Log.from_past(table, SPACE, ACC, fill={"depth": 2})
    assert [trial.state for trial in log.trials] == [State.TOLD, State.FAILED]
    texts = [str(trial.arch) for trial in log.trials]
    assert texts == ["width=8,depth=2,bias=True", "width=16,depth=2,bias=False"]
    again = Log.from_past(pd.DataFrame({"arch_str": texts, "acc": [0.5, None]}), SPACE, ACC)
    assert again == log


def test_other_spaces_must_be_the_same(old):
    space = EdgeCellSpace.nas_bench_201()
    log = Optimizer(RandomSearch(space, ACC, seed=0)).log.asked(space.rows([[0] * 6]))
    log = log.told(log.trials[0], [1.0])
    assert Log.from_past(log.frame(), space, ACC) == log
    with pytest.raises(DataError, match="another space"):
        Log.from_past(log.frame(), SPACE, ACC)
    with pytest.raises(DataError, match="another space"):
        Log.from_past(old.frame(), space, ACC)
    with pytest.raises(UsageError, match="categorical"):
        Log.from_past(log.frame(), space, ACC, fill={"width": 8})


@pytest.mark.parametrize(
    ("fill", "goal", "error", "match"),
    [
        ({"bias": True}, ACC, DataError, "no column 'depth'"),
        ({"depth": 3, "bias": True}, ACC, UsageError, "depth=3 is no choice"),
        ({"depth": 2, "bias": True, "width": 8}, ACC, UsageError, "'width'"),
        ({"depth": 2, "bias": True, "heads": 8}, ACC, UsageError, "no such column"),
        ({"depth": 2, "bias": True}, Goal.parse("f1"), DataError, "no column 'f1'"),
    ],
)
def test_what_does_not_fit_is_refused(old, fill, goal, error, match):
    frame = old.frame()[:3]
    with pytest.raises(error, match=match):
        Log.from_past(frame, SPACE, goal, fill=fill)


def test_trainings_none_of_which_has_a_place_are_refused(old):
    with pytest.raises(DataError, match="width=64"):
        Log.from_past(old.frame()[3:4], SPACE, ACC, fill={"depth": 4, "bias": True})
