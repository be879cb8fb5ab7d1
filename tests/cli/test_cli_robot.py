"""``archbo robot``."""

import json

import pytest
from cli_runs import TOY, check_runs, column

ROBOT = ("robot", *TOY[1:])
OPTIONS = ("--queries", 4, "--proxies", "latency,accuracy")


def robot(archbo, *arguments):
    code, printed, complaint = archbo(*ROBOT, *OPTIONS, *arguments, "--json", "result.json")
    assert code == 0, complaint
    with open("result.json") as file:
        return json.load(file), printed


def test_robot_reports_what_it_recommends(archbo, folder):
    """By default beside the published rule; the value reported is that of the architecture named after each query."""
    options = ("--repeats", 2, "--report", "latency")
    result, _ = robot(archbo, *options)
    assert [(run["method"], run["seed"]) for run in result["runs"]] == [
        (method, seed) for method in ("robot", "robot-published") for seed in (0, 1)
    ]
    assert result["report"] == "latency"
    accuracy, latency = column("accuracy"), column("latency")
    check_runs(
        [run for run in result["runs"] if run["method"] == "robot-published"], accuracy, latency
    )
    for run in result["runs"][:2]:
        asked = [query["arch"] for query in run["queries"]]
        assert len(set(asked)) == 4
        for number, query in enumerate(run["queries"], 1):
            assert query["report"] in {latency[arch] for arch in asked[:number]}
        assert run["recommended"] in asked
        assert latency[run["recommended"]] == run["queries"][-1]["report"]
    # What both proxies rank first.
    assert result["runs"][0]["queries"][0]["arch"] == "width=32,depth=4,skip=yes"
    again, _ = robot(archbo, *options, "--baseline", "none")
    for run in (*result["runs"], *again["runs"]):
        del run["seconds"]
    assert again["runs"] == result["runs"][:2]


def test_robot_asks_for_several_at_a_time(archbo, folder):
    result, _ = robot(archbo, "--batch", 2)
    assert [run["method"] for run in result["runs"]] == ["robot", "robot-published"]
    check_runs(result["runs"], column("accuracy"))
    assert [len(run["queries"]) for run in result["runs"]] == [4, 4]


def test_what_is_recommended_is_named_where_it_is_not_the_best(archbo, folder, monkeypatch):
    """A strategy that recommends the first architecture that it was told."""
    monkeypatch.setattr(
        "archbo.bo_loop.RoBoT.recommend", lambda self, log: log.trials[0].arch, raising=True
    )
    monkeypatch.setattr("archbo.bo_loop.RoBoT._propose", lambda self, *a: self._random(*a))
    result, printed = robot(archbo, "--baseline", "none")
    first = result["runs"][0]["queries"][0]["arch"]
    assert result["runs"][0]["recommended"] == first
    best = max(result["runs"][0]["queries"], key=lambda query: query["value"])["arch"]
    assert best != first
    assert f"best      {best}" in printed
    assert f"named     {first}" in printed


def test_a_baseline_that_is_the_method_itself_is_refused(archbo, folder):
    code, _, complaint = archbo(*ROBOT, *OPTIONS, "--baseline", "robot")
    assert code == 2
    assert "--baseline names robot, which is searched already" in complaint


@pytest.mark.parametrize("objective", ["accuracy,-latency", "-latency,accuracy"])
def test_robot_takes_one_objective(archbo, folder, objective):
    code, _, complaint = archbo(*ROBOT, *OPTIONS, f"--objective={objective}")
    assert code == 2
    assert "RoBoT takes one objective" in complaint


def test_robot_without_proxies_says_where_to_get_some(archbo, folder):
    code, _, complaint = archbo(*ROBOT, "--queries", 3)
    assert code == 2
    assert "archbo has no proxies of toy; name columns of the table" in complaint
    assert "--proxies" in complaint
