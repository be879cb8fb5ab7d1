"""``archbo search`` over several columns: fidelities, warm starts, costs, batches, in any combination."""

import re

import pytest
from cli_runs import QUERY, RUN

from archbo.bo_loop import Optimizer

COSTS = {"short": 1.5, "accuracy": 10.0}
CHEAP = ("--fidelities", "short=1.5,accuracy=10")
NONE = ("--baseline", "none")


def test_search_with_fidelities(toy, table, folder):
    options = (*CHEAP, "--queries", 8, "--repeats", 2, "--plot", "o.png", "--report", "latency")
    content, printed = toy(*options)
    assert (folder / "o.png").stat().st_size > 1000
    assert "fidelities (n=2)" in printed
    assert content["objective"] == "accuracy"
    assert content["fidelities"] == COSTS
    methods = ["fidelities", "gp", "random"]
    assert [run["method"] for run in content["runs"]] == [m for m in methods for _ in range(2)]
    for run in content["runs"]:
        assert set(run) == RUN
        spent, best = 0.0, None
        for query in run["queries"]:
            assert set(query) == QUERY | {"fidelity", "spent"}
            spent += COSTS[query["fidelity"]]
            value = table.loc[query["arch"], query["fidelity"]]
            assert query["value"] == pytest.approx(value)
            if query["fidelity"] == "accuracy":
                best = value if best is None else max(value, best)
            assert query["spent"] == spent <= 80
            assert query["best"] == (None if best is None else pytest.approx(best))
            rank = None if best is None else 1 + (table["accuracy"] > best).sum()
            assert query["rank"] == rank
        fidelities = {query["fidelity"] for query in run["queries"]}
        assert fidelities == (set(COSTS) if run["method"] == "fidelities" else {"accuracy"})
    ours = content["runs"][0]
    assert f"best       {ours['recommended']}" in printed
    cheap = sum(query["fidelity"] == "short" for query in ours["queries"])
    assert cheap > len(ours["queries"]) - cheap > 0


def test_search_from_another_column(toy):
    content, _ = toy("--objective", "accuracy", "--queries", 6, *NONE, "--warm-start", "short:12")
    runs = content["runs"]
    assert [run["method"] for run in runs] == ["warm-start", "gp"]
    assert runs[0]["queries"][-1]["rank"] == 1


def test_a_warm_start_with_bounds_and_two_objectives(toy, table):
    """What is known beforehand of the second objective and the bound are their own columns."""
    content, _ = toy(
        *("--objective", "accuracy,-latency", "--subject-to", "energy<=30"),
        *("--warm-start", "short:20", "--queries", 6, *NONE),
    )
    warm, plain = content["runs"]
    assert (warm["method"], plain["method"]) == ("warm-start", "gp")
    # It begins with what the other column ranks first, not at random.
    assert warm["queries"][0]["feasible"]
    assert warm["queries"][-1]["hypervolume"] > plain["queries"][-1]["hypervolume"]


def test_everything_at_once(toy, table, folder):
    """Two objectives under a bound, with fidelities and a cost, from another column, four at a time."""
    content, printed = toy(
        *("--objective", "accuracy,-latency", "--subject-to", "energy<=30", *CHEAP),
        *("--warm-start", "short:12", "--cost", "energy", "--batch", 4, "--queries", 4),
        *("--reference", "latency=13,accuracy=1", "--candidates", "mutation"),
        *("--acquisition", "qlog_nehvi", "--encoding", "one-hot", "--predictor", "gp,gbdt,gp"),
        *("--warm-start", "short+latency:12", "--predictor", "gp", "--plot", "all.svg"),
    )
    assert [run["method"] for run in content["runs"]] == ["fidelities+warm-start", "gp", "random"]
    assert content["reference"] == [1, 13]
    assert content["fidelities"] == COSTS
    assert {run["method"]: len(run["queries"]) for run in content["runs"][1:]} == {
        "gp": 4,
        "random": 4,
    }
    for run in content["runs"]:
        spent = 0.0
        for query in run["queries"]:
            spent += COSTS[query["fidelity"]]
            row = table.loc[query["arch"]]
            assert query["spent"] == spent <= 40
            assert query["values"] == [row[query["fidelity"]], row["latency"]]
            assert query["feasible"] == (row["energy"] <= 30)
    assert "front: accuracy, latency" in printed
    assert re.search(r"cost +[\d.]+ energy per search", printed)
    assert "the table's front" in (folder / "all.svg").read_text()


def test_a_batch_is_asked_for_at_a_time(toy, monkeypatch):
    """By all methods; the last takes what is left of the queries."""
    asked = []
    ask = Optimizer.ask_trials

    def counted(self, q=1):
        asked.append((type(self.strategy).__name__, q))
        return ask(self, q)

    monkeypatch.setattr(Optimizer, "ask_trials", counted)
    result, _ = toy("--objective", "accuracy", "--queries", 10, "--batch", 4)
    for name in ("Bayesian", "RandomSearch"):
        assert [q for method, q in asked if method == name][:2] == [4, 4]
    for run in result["runs"]:
        assert len({query["arch"] for query in run["queries"]}) == 10


def test_a_table_names_several_columns_of_a_fidelity(toy, table):
    """Both objectives depend on the training; a fidelity names the columns of both."""
    content, _ = toy(
        *("--objective", "accuracy,-latency", "--fidelities", "short+energy=1,accuracy+latency=10"),
        *("--queries", 3, *NONE),
    )
    for query in content["runs"][0]["queries"]:
        row = table.loc[query["arch"]]
        columns = query["fidelity"].split("+")
        assert query["values"] == [row[column] for column in columns]


def test_the_reference_sets_what_hypervolume_counts(toy):
    options = ("--objective", "accuracy,-latency", "--queries", 6, *NONE)
    result, _ = toy(*options, "--reference", "accuracy=4,latency=6")
    assert result["reference"] == [4, 6]
    best = 0.0
    for query in result["runs"][0]["queries"]:
        accuracy, latency = query["values"]
        best = max(best, max(accuracy - 4, 0) * max(6 - latency, 0))
        assert query["hypervolume"] >= best


def test_names_with_commas_and_signs(toy, folder, table):
    table = table.assign(**{"top-1, %": table["accuracy"], "-loss": table["latency"]})
    table.to_csv(folder / "toy.csv", index=False)
    result, _ = toy("--objective", '"top-1, %",+-loss', "--queries", 4, *NONE)
    assert result["objectives"] == [
        {"column": "top-1, %", "minimize": False},
        {"column": "-loss", "minimize": False},
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fidelities", "short=1"], "--fidelities: .*; got {'short': 1.0}|at least two"),
        (["--fidelities", "short=2,accuracy=1"], "from the cheapest to the target"),
        (["--fidelities", "short,accuracy=1"], "each name once with a number.*got 'short'"),
        (["--fidelities", "short=1,short=2"], "each name once"),
        (["--fidelities", "short=1,nothing=2"], "no numeric column 'nothing'"),
        (["--fidelities", "nothing=1,accuracy=2"], "--fidelities: .*no numeric column 'nothing'"),
        (
            ["--fidelities", "short=1,accuracy=2", "--objective", "short"],
            "no part of the goal short",
        ),
        (["--fidelities", "short+energy=1,accuracy+latency=2"], "say which of them are objectives"),
        (
            ["--fidelities", "short=1,accuracy+latency=2", "--objective", "accuracy,latency"],
            "the fidelity 'short' names 1 columns",
        ),
        (["--fidelities", "short=1,accuracy=2", "--predictor", "gbdt"], "GBDT cannot learn"),
        (["--warm-start", "nothing:9", "--objective", "accuracy"], "no numeric column 'nothing'"),
        (["--warm-start", "short:1", "--objective", "accuracy"], "N between 2 and 24"),
        (["--warm-start", "short:x", "--objective", "accuracy"], "N between 2 and 24"),
        (["--warm-start", "short", "--objective", "accuracy"], "got 'short'"),
        (["--warm-start", "short+latency:9", "--objective", "accuracy"], "2 columns in place of 1"),
    ],
)
def test_search_over_columns_says_what_is_wrong(archbo, folder, options, message):
    command = ("search", "--table", "toy.csv", "--space", "toy.toml")
    code, _, err = archbo(*command, "--queries", 5, *options)
    assert code == 2
    assert re.search(message, " ".join(err.split())), err
