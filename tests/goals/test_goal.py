"""Goals: text in, gains out, and what makes no sense refused."""

import pickle
from copy import deepcopy

import pytest
import torch

from archbo.errors import UsageError
from archbo.goals import Bound, Goal, Objective


def copied(goal):
    return pickle.loads(pickle.dumps(goal))  # noqa: S301 - our own


def column(*values):
    return torch.tensor(values, dtype=torch.double)


@pytest.mark.parametrize(
    ("text", "objectives"),
    [
        ("a", [("a", False)]),
        ("-a", [("a", True)]),
        ("+a", [("a", False)]),
        (" a , -b ,+ c", [("a", False), ("b", True), ("c", False)]),
        ("+-a", [("-a", False)]),
        ("--a", [("-a", True)]),
        ("acc-2", [("acc-2", False)]),
        ('"a,b",-c', [("a,b", False), ("c", True)]),
        ('"-a,b"', [("a,b", True)]),
        ('"+-a,b", d', [("-a,b", False), ("d", False)]),
        ('"a ""b"""', [('a "b"', False)]),
    ],
)
def test_objectives_are_parsed(text, objectives):
    assert Goal.parse(text).objectives == tuple(Objective(*pair) for pair in objectives)


@pytest.mark.parametrize("text", ["", "a,", ",a", "a,,b", "-", "+", "a, ", '""', "-,b"])
def test_objectives_without_a_name_are_refused(text):
    with pytest.raises(UsageError, match=r"objective"):
        Goal.parse(text)


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("latency<=5", Bound("latency", 5)),
        (" latency <= -5e-1 ", Bound("latency", -0.5)),
        ("accuracy>=90", Bound("accuracy", 90, at_least=True)),
        ("a-b, c<=1", Bound("a-b, c", 1)),
    ],
)
def test_bounds_are_parsed_and_written_back(text, bound):
    goal = Goal.parse("x", subject_to=[text])
    assert goal.bounds == (bound,)
    assert Goal.parse("x", subject_to=[str(bound)]).bounds == (bound,)


@pytest.mark.parametrize(
    "text", ["", "a", "a<5", "a=5", "a==5", "<=5", "a<=", "a<=b", "a<=nan", "a>=inf", "a<=5<=6"]
)
def test_malformed_bounds_are_refused(text):
    with pytest.raises(UsageError, match="a bound is a metric and its limit"):
        Goal.parse("x", subject_to=[text])


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), "5", None])
def test_the_limit_of_a_bound_is_a_number(limit):
    with pytest.raises(UsageError, match="the bound of 'a' is a finite number"):
        Bound("a", limit)


@pytest.mark.parametrize("metric", ["", None, 3])
def test_metrics_have_names(metric):
    for make in (Objective, lambda name: Bound(name, 1.0)):
        with pytest.raises(UsageError, match="a metric is named by text that is not empty"):
            make(metric)


def test_gains_are_objectives_to_be_maximised_and_slacks_of_bounds():
    goal = Goal.parse("acc,-lat", subject_to=["lat<=4", "acc>=20", "energy<=2"])
    assert goal.metrics == ("acc", "lat", "energy")
    assert (goal.n_objectives, goal.n_outcomes, goal.is_single) == (2, 5, False)
    values = column(25, 6, 1.5)
    assert goal.gains(values).tolist() == [25, -6, -2, 5, 0.5]
    batch = torch.stack([values, values + 1]).expand(3, 2, 3)
    gains = goal.gains(batch)
    assert gains.shape == (3, 2, 5)
    assert gains[1, 1].tolist() == [26, -7, -3, 6, -0.5]
    assert goal.own_units(gains).equal(batch[..., :2])
    assert goal.objectives_of(gains).equal(gains[..., :2])
    assert goal.slacks_of(gains).equal(gains[..., 2:])
    assert goal.feasible(goal.gains(column(20, 4, 2)))
    assert not goal.feasible(goal.gains(column(20, 4, 2.001)))
    assert str(goal) == "acc, -lat, lat <= 4, acc >= 20, energy <= 2"


def test_one_objective_is_the_default():
    goal = Goal()
    assert goal == Goal.parse("value")
    assert goal.is_single
    assert goal.target is None
    assert goal.gains(column(3)).tolist() == [3]
    assert not Goal.parse("a", subject_to=["b<=1"]).is_single


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Goal(()), "at least one objective"),
        (lambda: Goal.parse("a,-a"), "'a' is there twice"),
        (lambda: Goal.parse("a", independent=["b"]), r"\['b'\] are no metrics"),
    ],
)
def test_goals_that_make_no_sense_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize(
    "costs",
    [
        {"one": 1},
        {"a": 2, "b": 1},
        {"a": 1, "b": 1},
        {"a": 0, "b": 1},
        {"a": -1, "b": 1},
        {"a": 1, "b": float("nan")},
        {"a": float("nan"), "b": 1},
        {"a": 1, "b": float("inf")},
        {"a": 1, "b": "much"},
        {"a": 1, "b": None},
    ],
)
def test_fidelities_rise(costs):
    with pytest.raises(UsageError, match="fidelities are at least two"):
        Goal.parse("a", fidelities=costs)


def test_fidelities_have_a_target_and_may_not_matter_to_a_metric():
    costs = {"short": 12, "long": 200}
    goal = Goal.parse("acc,-lat", fidelities=costs, subject_to=["lat<=4"], independent=["lat"])
    assert goal.target == "long"
    assert goal.fidelities == costs
    assert [goal.depends_on_fidelity(output) for output in range(3)] == [True, False, False]
    costs["long"] = 1
    assert goal.fidelities["long"] == 200
    with pytest.raises(TypeError):
        goal.fidelities["long"] = 1
    with pytest.raises(UsageError, match="leave the fidelities out"):
        Goal.parse("acc", fidelities=goal.fidelities, independent=["acc"])


@pytest.mark.parametrize(
    "reference",
    [[], [1], [1, 2, 3], [float("nan"), 0], [0, float("-inf")], [0, "low"], [0, None]],
)
def test_references_are_a_number_for_each_objective(reference):
    with pytest.raises(UsageError, match="the reference is a finite number for each of 2"):
        Goal.parse("a,-b", reference=reference)


def test_references_are_in_the_objectives_units():
    goal = Goal.parse("a,-b", subject_to=["c<=1"], reference=[10, 5])
    assert goal.reference_gains.tolist() == [10, -5]
    assert Goal.parse("a").reference_gains is None
    assert goal.hypervolume(goal.gains(column(12, 2, 0).unsqueeze(0)), goal.reference_gains) == 6


def test_goals_are_values():
    def make(**changes):
        options = {
            "subject_to": ["c<=1"],
            "fidelities": {"x": 1, "y": 2},
            "independent": ["b"],
            "reference": [1, 2],
        }
        return Goal.parse(**({"objectives": "a,-b"} | options | changes))

    goal = make()
    for same in (make(), copied(goal), deepcopy(goal)):
        assert same == goal
        assert hash(same) == hash(goal)
        assert {goal: 1}[same] == 1
        assert same.metrics == goal.metrics
    for changes in (
        {"objectives": "a,b"},
        {"objectives": "-b,a", "reference": [2, 1]},
        {"subject_to": ["c<=2"]},
        {"subject_to": ["c>=1"]},
        {"fidelities": {"x": 1, "y": 3}},
        {"fidelities": {"x": 1, "z": 2}},
        {"independent": []},
        {"reference": None},
    ):
        assert make(**changes) != goal


def test_the_order_of_fidelities_is_theirs_to_keep():
    """Names in another order would be other costs; they are refused or differ."""
    goal = Goal.parse("a", fidelities={"x": 1, "y": 2})
    with pytest.raises(UsageError):
        Goal.parse("a", fidelities={"y": 2, "x": 1})
    assert list(copied(goal).fidelities) == ["x", "y"]
