"""``archbo search`` for several objectives and under constraints, as a user runs it."""

import pytest

TWO = "accuracy,-latency"
TOY = ("search", "--table", "toy.csv", "--space", "toy.toml", "--queries", 12)


@pytest.fixture
def search(toy):
    return lambda *arguments: toy("--queries", 12, *arguments)


def area(points, reference):
    """The area that points dominate, for an objective to be maximised and one to be minimised."""
    total, right = 0.0, reference[1]
    for height, cost in sorted(points, key=lambda point: (-point[0], point[1])):
        # Descending accuracy: each cheaper one adds a strip down to the reference.
        if cost < right:
            total += (height - reference[0]) * (right - cost)
            right = cost
    return total


def test_json_says_what_was_evaluated_and_the_front(search, table):
    baselines = "random,nsga2,guided-evolution"
    result, printed = search(
        "--objective", TWO, "--baseline", baselines, "--repeats", 2, "--seed", 3
    )
    assert result["benchmark"] == "toy"
    assert result["objectives"] == [
        {"column": "accuracy", "minimize": False},
        {"column": "latency", "minimize": True},
    ]
    assert result["constraints"] == []
    reference = [table["accuracy"].min(), table["latency"].max()]
    assert result["reference"] == reference
    pairs = list(zip(table["accuracy"], table["latency"], strict=True))
    assert result["true_hypervolume"] == pytest.approx(area(pairs, reference))
    methods = [(run["method"], run["seed"]) for run in result["runs"]]
    assert methods == [
        (m, s) for m in ("gp", "random", "nsga2", "guided-evolution") for s in (3, 4)
    ]
    for run in result["runs"]:
        assert run.keys() == {"seed", "method", "queries", "front", "seconds"}
        assert len({query["arch"] for query in run["queries"]}) == 12
        seen = []
        for query in run["queries"]:
            assert query.keys() == {"arch", "values", "feasible", "hypervolume"}
            assert query["feasible"]
            row = table.loc[query["arch"]]
            assert query["values"] == [row["accuracy"], row["latency"]]
            seen.append(query["values"])
            assert query["hypervolume"] == pytest.approx(area(seen, reference))
        for entry in run["front"]:
            accuracy, latency = entry["values"]
            assert not any(
                a >= accuracy and t <= latency and (a, t) != (accuracy, latency) for a, t in seen
            )
    assert "median share of the table's hypervolume of accuracy, -latency" in printed
    assert "nsga2 (n=2)" in printed


def test_what_violates_a_bound_is_on_no_front(search, table):
    result, printed = search(
        *("--objective", TWO, "--subject-to", "energy<=20", "--subject-to", "accuracy >= 4"),
        *("--acquisition", "qlog_nparego", "--predictor", "gp,gbdt,gp,gp", "--plot", "front.png"),
    )
    assert result["constraints"] == [
        {"column": "energy", "bound": 20, "kind": "at most"},
        {"column": "accuracy", "bound": 4, "kind": "at least"},
    ]
    for run in result["runs"]:
        for query in run["queries"]:
            row = table.loc[query["arch"]]
            assert query["feasible"] == (row["energy"] <= 20 and row["accuracy"] >= 4)
        feasible = {query["arch"] for query in run["queries"] if query["feasible"]}
        assert {entry["arch"] for entry in run["front"]} <= feasible
    assert [run["method"] for run in result["runs"]] == ["gp+gbdt", "random"]
    assert "energy <= 20" in printed
    with open("front.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"


def test_one_objective_under_a_bound_ends_at_the_best_feasible(search, table):
    result, _ = search(
        "--objective",
        "accuracy",
        "--subject-to",
        "latency<=3",
        "--queries",
        20,
        "--plot",
        "one.svg",
    )
    best = table.loc[table["latency"] <= 3, "accuracy"].max()
    ours = result["runs"][0]
    assert {entry["values"][0] for entry in ours["front"]} == {best}
    assert ours["queries"][-1]["hypervolume"] == best - table["accuracy"].min()


def test_three_objectives(search, table):
    result, _ = search("--objective", f"{TWO},-energy", "--baseline", "none", "--plot", "three.pdf")
    assert len(result["reference"]) == 3
    assert all(len(query["values"]) == 3 for query in result["runs"][0]["queries"])


def test_a_minus_minimises_a_single_column_too(search, table):
    shapes = []
    for arguments in (["--objective=-latency"], ["--objective", "latency", "--minimize"]):
        result, _ = search(*arguments)
        for run in result["runs"]:
            del run["seconds"]
        shapes.append(result)
    assert shapes[0] == shapes[1]
    assert shapes[0]["objective"] == "latency"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--objective", "accuracy,"], "--objective: objectives are names joined with commas"),
        (["--objective", "accuracy,accuracy"], "'accuracy' is there twice"),
        (["--objective", "accuracy,-accuracy"], "'accuracy' is there twice"),
        (["--objective", "accuracy,power"], "no numeric column 'power'"),
        (["--objective", TWO, "--minimize"], "put a minus in front of each"),
        (["--objective=-latency", "--minimize"], "put a minus in front of each"),
        (
            ["--objective", TWO, "--report", "energy"],
            "--report energy: several objectives have no single",
        ),
        (
            ["--objective", TWO, "--subject-to", "energy"],
            "--subject-to: a bound is a metric and its limit",
        ),
        (["--objective", TWO, "--subject-to", "energy<5"], "such as 'latency<=5'"),
        (["--objective", TWO, "--subject-to", "energy<=nan"], "such as 'latency<=5'"),
        (["--objective", TWO, "--subject-to", "energy<=1"], "the column runs from 8 to 37"),
        (["--objective", TWO, "--subject-to", "power<=1"], "no numeric column 'power'"),
        (["--objective", TWO, "--acquisition", "log_ei"], "log_ei"),
        (["--objective", TWO, "--baseline", "nas-bowel"], "--baseline: unknown strategy"),
        (["--objective", TWO, "--predictor", "gp,gp,gp"], "3 predictors for 2 outcomes"),
        (["--objective", TWO, "--predictor", "gp,gq"], "unknown predictor 'gq'"),
        (["--objective", TWO, "--queries", "99"], "between 1 and 24"),
    ],
)
def test_what_cannot_be_done_is_one_line(archbo, folder, arguments, message):
    code, _, complaint = archbo(*TOY, *arguments)
    assert code == 2
    assert complaint.startswith("archbo: ")
    assert complaint.count("\n") == 1
    assert message in complaint
