"""``archbo search`` for one objective."""

import json
import re

import pandas as pd
import pytest
from cli_runs import TOY, as_shell, check_runs, column

from archbo import catalog


def search(archbo, *arguments, command=TOY):
    code, _, complaint = archbo(*command, *arguments, "--json", "result.json")
    assert code == 0, complaint
    with open("result.json") as file:
        return json.load(file)


def test_embedded_benchmark_is_searched_alike_in_two_processes(archbo, folder):
    options = ["--queries", "10", "--report", "analog_accuracy"]
    files = ["--json", "first.json", "--plot", "first.png"]
    done = as_shell("search", "nb201", *options, *files, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "baseline_accuracy" in done.stdout
    assert (folder / "first.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    code, _, complaint = archbo("search", "nb201", *options, "--json", "second.json")
    assert code == 0, complaint
    results = [json.loads((folder / f"{name}.json").read_text()) for name in ("first", "second")]
    first, second = results
    benchmark = catalog.benchmark("nb201")
    archs = list(map(str, benchmark.space.archs(benchmark.X)))
    values, reported = (
        dict(zip(archs, benchmark.metrics[name], strict=True))
        for name in ("baseline_accuracy", "analog_accuracy")
    )
    assert list(first) == ["benchmark", "objective", "report", "runs"]
    assert [first[key] for key in list(first)[:3]] == [
        "nb201",
        "baseline_accuracy",
        "analog_accuracy",
    ]
    assert [(run["method"], run["seed"]) for run in first["runs"]] == [("gp", 0), ("random", 0)]
    assert all(len(run["queries"]) == 10 for run in first["runs"])
    check_runs(first["runs"], values, reported)
    for result in results:
        for run in result["runs"]:
            del run["seconds"]
    assert first == second


def test_table_is_searched_by_repeats(archbo, folder):
    result = search(archbo, "--queries", 14, "--repeats", 2, "--seed", 3, "--report", "latency")
    assert [result[key] for key in ("benchmark", "objective", "report")] == [
        "toy",
        "accuracy",
        "latency",
    ]
    assert [(run["method"], run["seed"]) for run in result["runs"]] == [
        ("gp", 3),
        ("gp", 4),
        ("random", 3),
        ("random", 4),
    ]
    check_runs(result["runs"], column("accuracy"), column("latency"))
    first, second = (run["queries"] for run in result["runs"][:2])
    assert first != second


def test_whole_table_is_searched_to_its_end(archbo, folder):
    result = search(archbo, "--queries", 24)
    check_runs(result["runs"], column("accuracy"))
    for run in result["runs"]:
        assert {query["arch"] for query in run["queries"]} == set(column("accuracy"))
        assert run["queries"][-1]["rank"] == 1


def test_minimize_reports_values_in_their_own_unit(archbo, folder):
    result = search(archbo, "--queries", 12, "--minimize", "--objective", "latency")
    assert result["objective"] == "latency"
    check_runs(result["runs"], column("latency"), minimize=True)


def test_where_searches_and_ranks_the_rows_it_keeps(archbo, folder):
    result = search(archbo, "--queries", 16, "--where", "small", "--baseline", "none")
    assert [run["method"] for run in result["runs"]] == ["gp"]
    values = column("accuracy", where="small")
    assert len(values) == 16
    check_runs(result["runs"], values)


@pytest.mark.parametrize(
    "options",
    [
        ("--encoding", "one-hot+categorical"),
        ("--acquisition", "thompson"),
        ("--baseline", "evolution"),
        ("--candidates", "mutation"),
        ("--candidates", "trust-region"),
    ],
)
def test_options_take_names_of_the_catalog(archbo, folder, options):
    result = search(archbo, "--queries", 12, *options)
    check_runs(result["runs"], column("accuracy"))


def test_several_baselines_are_methods_of_one_result(archbo, folder):
    names = ["local-search", "random", "nas-bowl"]
    result = search(archbo, "--queries", 12, "--repeats", 2, "--baseline", ",".join(names))
    assert [run["method"] for run in result["runs"]] == [
        method for method in ("gp", *names) for _ in range(2)
    ]
    check_runs(result["runs"], column("accuracy"))


def test_picks_are_worth_their_cost(archbo, folder):
    """The same start, then a cheaper architecture; people are told what they cost."""
    plain = search(archbo, "--queries", 6, "--baseline", "none")
    thrifty = search(archbo, "--queries", 6, "--baseline", "none", "--cost", "latency")
    check_runs(thrifty["runs"], column("accuracy"))
    costs = column("latency")
    spent = [
        sum(costs[query["arch"]] for query in result["runs"][0]["queries"])
        for result in (plain, thrifty)
    ]
    assert spent[1] < spent[0]
    assert plain["runs"][0]["queries"][:5] == thrifty["runs"][0]["queries"][:5]
    _, printed, _ = archbo(*TOY, "--queries", 6, "--baseline", "none", "--cost", "latency")
    assert re.search(rf"cost +{spent[1]:.4g} latency per search", printed)


def test_architectures_may_be_text_in_another_column(archbo, folder):
    values = column("accuracy")
    table = pd.DataFrame({"cell": values.keys(), "accuracy": values.values()})
    table.to_parquet(folder / "text.parquet")
    command = ("search", "--table", "text.parquet", "--space", "toy.toml", "--arch-column", "cell")
    result = search(archbo, "--queries", 5, command=command)
    assert result["objective"] == "accuracy"
    check_runs(result["runs"], values)


def test_without_json_people_get_a_summary(archbo, folder):
    code, printed, _ = archbo(*TOY, "--queries", 24, "--repeats", 2)
    assert code == 0
    best = max(column("accuracy").items(), key=lambda item: item[1])[0]
    assert best in printed
    assert re.search(r"rank +1 of 24\b", printed)


def test_a_search_stops_at_a_regret_and_its_baselines_do_not(archbo, folder):
    stop = ("--queries", 45, "--stop-at-regret", 0.1, "--json", "out.json")
    code, _, complaint = archbo("search", "nas-bench-graph/cora", *stop)
    assert code == 0, complaint
    ours, random = json.loads((folder / "out.json").read_text())["runs"]
    assert 20 < len(ours["queries"]) < 45
    assert len(random["queries"]) == 45
    several = ("--objective", "perf,-latency", "--stop-at-regret", 1)
    code, _, complaint = archbo("search", "nas-bench-graph/cora", *several)
    assert code == 2
    assert complaint.startswith("archbo: --stop-at-regret: a regret is of one objective")


@pytest.mark.parametrize("goal", ["accuracy", "accuracy,-latency"])
def test_a_search_in_which_everything_fails_says_so(archbo, folder, goal):
    table = pd.read_csv(folder / "toy.csv")
    table["accuracy"] = table["accuracy"].where(table["width"] + table["depth"] == 36)
    table.to_csv(folder / "failed.csv", index=False)
    options = ("--space", "toy.toml", "--objective", goal, "--queries", 2, "--baseline", "none")
    command = ("search", "--table", "failed.csv", *options)
    code, printed, complaint = archbo(*command, "--json", "f.json", "--plot", "f.png")
    assert code == 0, complaint
    (run,) = json.loads((folder / "f.json").read_text())["runs"]
    assert (run["queries"], run["failed"]) == ([], 2)
    assert "none of what was evaluated in full gave a value" in printed
    assert "2 evaluations per search gave no value" in printed
