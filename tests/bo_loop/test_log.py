"""The record of a search, against its definition."""

import io

import pandas as pd
import pytest
import torch

from archbo.errors import DataError, UsageError
from archbo.goals import Goal
from archbo.log import Log, State
from archbo.spaces import CategoricalSpace

TOY = CategoricalSpace("toy", {"width": [8, 16, 32], "depth": [1, 2, 3, 4]})
X = TOY.enumerate()
GOAL = Goal.parse("accuracy,-latency", subject_to=["energy<=5"])
TWO = Goal.parse("accuracy", fidelities={"short": 12, "full": 200})


def log_of(goal, values, rows=None, fidelities=None):
    """A log in which all has been told."""
    log = Log(TOY, goal).asked(X[: len(values)] if rows is None else X[rows], fidelities)
    for trial, value in zip(log.trials, values, strict=True):
        log = log.told(trial, value if isinstance(value, list) else [value])
    return log


@pytest.fixture
def mixed():
    """One trial in each state, one repeated, with notes."""
    log = Log(TOY, GOAL).asked(X[:4], notes=[{"round": [[0.5, 1]]}, {}, {"a": None}, {}])
    log = log.told(log.trials[0], [0.1, 1 / 3, 4.0], cost=2.5)
    log = log.failed(log.trials[1], "out of memory", cost=0.5).dropped(log.trials[2], "restart")
    log = log.asked(X[[0, 5]])
    return log.told(log.trials[4], [0.3, 1.0, 5.5]).pruned(log.trials[5], cost=0.25)


def test_a_log_is_a_value():
    log = Log(TOY, GOAL)
    asked = log.asked(X[:2])
    told = asked.told(asked.trials[1], [1, 2, 3])
    assert (len(log), len(asked), len(told)) == (0, 2, 2)
    assert asked.trials[1].state == State.ASKED
    assert told.trials[1].values == (1.0, 2.0, 3.0)
    assert Log(TOY, GOAL).asked(X[:2]) == asked != told


def test_what_can_be_read_off(mixed):
    assert mixed.seen().equal(X[[0, 1, 3, 0, 5]])
    assert mixed.pending().equal(X[3:4])
    assert mixed.rows(State.FAILED, State.DROPPED).equal(X[1:3])
    assert (mixed.n_told, mixed.n_failed, mixed.n_pruned, mixed.n_ended) == (2, 1, 1, 4)
    assert mixed.spent == 2.5 + 0.5 + 1.0 + 0.25
    assert [trial.number for trial in mixed.trials] == list(range(6))
    assert [trial.replicate for trial in mixed.trials] == [0, 0, 0, 0, 1, 0]
    assert mixed.waiting(X[3]).number == 3
    assert mixed.waiting(X[0]) is None
    rows, gains = mixed.observed()
    assert rows.equal(X[[0, 0]])
    assert gains.equal(
        GOAL.gains(torch.tensor([[0.1, 1 / 3, 4.0], [0.3, 1.0, 5.5]], dtype=torch.double))
    )


def test_an_architecture_counts_with_its_mean():
    values = [1.0, 5.0, 2.0, 0.0, 2.5]
    log = log_of(Goal(), values, rows=[0, 1, 2, 1, 1])
    rows, gains = log.means()
    assert rows.equal(X[[0, 1, 2]])
    assert gains.flatten().tolist() == [1.0, 2.5, 2.0]
    assert log.best == (TOY.arch(X[1]), 2.5)
    # The first of equals, and in the metric's own direction.
    assert log_of(Goal.parse("-value"), [3.0, 1.0, 1.0]).best == (TOY.arch(X[1]), 1.0)


def test_front_by_brute_force():
    source = torch.Generator().manual_seed(0)
    values = torch.rand(12, 3, generator=source).double() * torch.tensor([1, 1, 8])
    log = log_of(GOAL, values.tolist())
    wanted = [
        row
        for row, (accuracy, latency, energy) in enumerate(values.tolist())
        if energy <= 5
        and not any(
            a >= accuracy and b <= latency and (a, b) != (accuracy, latency) and c <= 5
            for a, b, c in values.tolist()
        )
    ]
    assert log.front == TOY.archs(X[wanted])
    assert [arch for arch, _ in log.winners] == log.front
    assert [list(found) for _, found in log.winners] == values[wanted, :2].tolist()
    with pytest.raises(UsageError, match="2 objectives have no single best"):
        _ = log.best


@pytest.mark.parametrize(
    ("goal", "values", "message"),
    [
        (Goal(), [], "nothing has been told yet, so there is no best"),
        (Goal.parse("a", subject_to=["b<=1"]), [[1.0, 2.0]], "nothing feasible has been told yet"),
    ],
)
def test_no_best(goal, values, message):
    with pytest.raises(UsageError, match=message):
        _ = log_of(goal, values).best


def test_the_best_is_the_best_at_the_target():
    names = ["short", "full", "short", "full"]
    log = log_of(TWO, [9.0, 1.0, 3.0, 2.0], rows=[0, 0, 1, 1], fidelities=names)
    assert log.best == (TOY.arch(X[1]), 2.0)
    assert log.spent == 424
    assert log.observed("short")[1].flatten().tolist() == [9.0, 3.0]
    assert [trial.replicate for trial in log.trials] == [0] * 4
    with pytest.raises(UsageError, match="nothing has been told at 'full' yet"):
        _ = log_of(TWO, [1.0], fidelities=["short"]).best


# To pandas and back.


def test_frame_has_a_column_for_all_that_a_trial_is(mixed):
    frame = mixed.frame()
    assert list(frame) == [
        *("arch", "accuracy", "latency", "energy"),
        *("fidelity", "state", "spent", "replicate", "reason", "notes"),
    ]
    assert frame["state"].tolist() == ["told", "failed", "dropped", "asked", "told", "pruned"]
    assert frame["latency"].isna().tolist() == [False, True, True, True, False, True]
    assert frame["reason"].tolist() == ["", "out of memory", "restart", "", "", ""]


def through_csv(frame, path):
    frame.to_csv(path, index=False)
    return pd.read_csv(path)


def through_parquet(frame, path):
    frame.to_parquet(path)
    return pd.read_parquet(path)


@pytest.mark.parametrize("through", [through_csv, through_parquet, lambda frame, _: frame])
def test_frames_go_to_files_and_back(mixed, through, tmp_path):
    back = Log.from_frame(through(mixed.frame(), tmp_path / "log"), TOY, GOAL)
    assert back == mixed
    assert [dict(trial.notes) for trial in back.trials] == [dict(t.notes) for t in mixed.trials]
    log = log_of(TWO, [1.0, 2.0, 3.0], fidelities=["short", "full", "short"])
    assert Log.from_frame(through(log.frame(), tmp_path / "other"), TOY, TWO) == log
    empty = Log(TOY, GOAL)
    assert Log.from_frame(through(empty.frame(), tmp_path / "empty"), TOY, GOAL) == empty


def test_past_trainings_with_repeated_rows_and_missing_values():
    frame = pd.DataFrame(
        {
            "width": [8, 8, 32, 16],
            "depth": [1, 1, 4, 2],
            "accuracy": [90.0, 91.0, None, 93.0],
            "latency": [1.0, 1.0, 2.0, 3.0],
            "energy": [1, 2, 3, 4],
            "gpu": list("abcd"),
        },
        index=[7, 5, 9, 1],
    )
    log = Log.from_frame(frame, TOY, GOAL)
    assert [trial.state for trial in log.trials] == ["told", "told", "failed", "told"]
    assert log.trials[2].reason == "no value of accuracy"
    assert log.trials[1].replicate == 1
    rows, gains = log.means()
    assert [str(arch) for arch in TOY.archs(rows)] == ["width=8,depth=1", "width=16,depth=2"]
    assert gains[0].tolist() == [90.5, -1.0, 3.5]
    named = pd.DataFrame({"cell": ["width=8,depth=1"], "value": [1.0]})
    assert Log.from_frame(named, TOY, Goal(), arch_column="cell").best[1] == 1.0


def test_a_space_may_gain_choices_and_nothing_else():
    kept = log_of(Goal(), [1.0, 2.0]).frame()
    larger = CategoricalSpace("toy", {"width": [64, 8, 16, 32], "depth": [1, 2, 3, 4, 5]})
    log = Log.from_frame(kept, larger, Goal())
    assert [str(trial.arch) for trial in log.trials] == ["width=8,depth=1", "width=8,depth=2"]
    smaller = CategoricalSpace("toy", {"width": [8, 16], "depth": [1, 2, 3, 4]})
    with pytest.raises(DataError, match=r"the log was kept in another space than toy: .*32"):
        Log.from_frame(kept, smaller, Goal())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": [1.0, "high"]}, "row 2 of the frame: value is 'high', no number"),
        ({"arch": ["width=8,depth=1", "width=9,depth=1"]}, "the frame, row 2: .*'9'"),
        ({"fidelity": ["short", None]}, "there is no fidelity 'short'; the goal has none"),
        ({"value": [1.0, float("nan")]}, "row 2 of the frame was told, but has no value"),
        ({"state": ["told", "lost"]}, "row 2 of the frame: there is no state 'lost'"),
        ({"notes": ["{}", "{"]}, "row 2 of the frame: its notes are no JSON"),
    ],
)
def test_a_frame_that_is_no_log_is_refused(changes, message):
    frame = log_of(Goal(), [1.0, 2.0]).frame()
    for column, cells in changes.items():
        frame[column] = cells
    with pytest.raises(DataError, match=message):
        Log.from_frame(frame, TOY, Goal())


def test_a_missing_metric_is_named():
    frame = log_of(Goal(), [1.0]).frame()
    with pytest.raises(DataError, match="no column 'accuracy'; it has arch, value"):
        Log.from_frame(frame, TOY, GOAL)


@pytest.mark.parametrize("name", ["arch", "state", "spent", "notes"])
def test_names_of_a_log_are_reserved(name):
    with pytest.raises(UsageError, match=f"a log has a column '{name}' of its own"):
        Log(TOY, Goal.parse(name))


def test_json_of_notes_is_plain(mixed):
    file = io.StringIO(mixed.frame().to_csv(index=False))
    assert '{""round"": [[0.5, 1]]}' in file.getvalue()


def test_a_trial_goes_on_from_cheaper_ones_and_from_its_own_that_were_given_up():
    fidelities = ["short", "full", "short", "full", "full", "short", "full"]
    log = Log(TOY, TWO).asked(X[[0, 0, 0, 0, 1, 0, 0]], fidelities)
    log = log.told(log.trials[0], [0.5]).dropped(log.trials[1]).pruned(log.trials[2])
    log = log.told(log.trials[3], [0.9]).dropped(log.trials[4]).failed(log.trials[5])
    assert [trial.number for trial in log.predecessors(log.trials[6])] == [1, 2, 0]
    assert log.predecessors(log.trials[5]) == []
    assert [trial.number for trial in log.predecessors(log.trials[1])] == [0]
