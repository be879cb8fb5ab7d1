"""The command line, as a user runs it."""

import json
import os
import re
import subprocess
import sys
import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, rankdata, spearmanr

from archbo import catalog, cli
from archbo.benchmarks import read_table
from archbo.proxies import NODEWISE, ProxyTable, score, setup
from archbo.spaces import CategoricalSpace

SPACE = """kind = "categorical"
name = "toy"
[columns]
width = [8, 16, 32]
depth = [1, 2, 3, 4]
skip = ["no", "yes"]
"""
CELL = "|{}~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"
RUN = {"seed", "method", "queries", "seconds"}
QUERY = {"arch", "value", "best", "rank", "report"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a space and a table of it, from which the commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.toml").write_text(SPACE)
    rows = pd.MultiIndex.from_product([[8, 16, 32], [1, 2, 3, 4], ["no", "yes"]])
    table = rows.to_frame(index=False, name=["width", "depth", "skip"])
    # Values repeat, so that ranks have ties.
    table["accuracy"] = (table["width"] / 8 + table["depth"] + (table["skip"] == "yes")).round()
    table["latency"] = table["width"] * table["depth"] / 10
    table["small"] = table["width"] < 32
    table.to_csv(tmp_path / "toy.csv", index=False)
    return tmp_path


@pytest.fixture
def archbo(monkeypatch, capsys):
    """The command in this process: exit code, what it printed, and what it complained about."""
    # The command redirects warnings; afterwards they are the tests' again.
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["archbo", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            cli.main()
        return done.value.code or 0, *capsys.readouterr()

    return run


TOY = ("search", "--table", "toy.csv", "--space", "toy.toml", "--objective", "accuracy")


def search(archbo, *arguments, command=TOY):
    code, _, complaint = archbo(*command, *arguments, "--json", "result.json")
    assert code == 0, complaint
    with open("result.json") as file:
        return json.load(file)


def as_shell(*arguments, cwd):
    code = "from archbo.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "100"},
    )


def check_runs(runs, values, reported=None, *, minimize=False):
    """Every entry against the table, by brute force."""
    sign = -1 if minimize else 1
    for run in runs:
        assert run.keys() == RUN
        assert run["seconds"] > 0
        queries = run["queries"]
        archs = [query["arch"] for query in queries]
        assert len(set(archs)) == len(archs)
        best = None
        for query in queries:
            assert query.keys() == QUERY
            assert query["value"] == values[query["arch"]]
            if best is None or sign * query["value"] > sign * values[best]:
                best = query["arch"]
            assert query["best"] == values[best]
            better = sum(sign * value > sign * values[best] for value in values.values())
            assert query["rank"] == 1 + better
            assert query["report"] == (reported[best] if reported else None)


def column(name, where=None):
    benchmark = read_table("toy.csv", CategoricalSpace.from_toml("toy.toml"), where=where)
    archs = map(str, benchmark.space.archs(benchmark.X))
    return dict(zip(archs, benchmark.values(name).flatten().tolist(), strict=True))


# What it does.


def test_help_names_the_commands_and_options(archbo):
    code, printed, _ = archbo("--help")
    assert code == 0
    assert "benchmarks" in printed
    assert "search" in printed
    assert "compare" in printed
    assert "proxies" in printed
    code, printed, _ = archbo("search", "--help")
    assert code == 0
    for option in ("--predictor", "--queries", "--repeats", "--table", "--json", "--plot"):
        assert option in printed
    code, printed, complaint = archbo()
    assert "search" in printed + complaint


def test_benchmarks_are_listed(archbo, folder):
    code, _, _ = archbo("benchmarks", "--json", "list.json")
    assert code == 0
    listed = json.loads((folder / "list.json").read_text())
    assert listed.keys() == {"benchmarks"}
    assert [entry["benchmark"] for entry in listed["benchmarks"]] == list(catalog.BENCHMARKS)
    for entry in listed["benchmarks"]:
        benchmark = catalog.benchmark(entry["benchmark"])
        assert entry == {
            "benchmark": benchmark.name,
            "space": benchmark.space.name,
            "architectures": len(benchmark),
            "metrics": list(benchmark.metrics),
            "objective": benchmark.default_objective,
            "source": benchmark.source,
        }


def test_embedded_benchmark_is_searched_alike_in_two_processes(folder):
    results = []
    for name in ("first", "second"):
        options = ["--queries", "13", "--report", "analog_accuracy", "--plot", f"{name}.png"]
        done = as_shell("search", "nb201", *options, "--json", f"{name}.json", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert "baseline_accuracy" in done.stdout
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        results.append(json.loads((folder / f"{name}.json").read_text()))
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
    assert all(len(run["queries"]) == 13 for run in first["runs"])
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


ROBOT = ("robot", "--table", "toy.csv", "--space", "toy.toml", "--objective", "accuracy")


def test_robot_reports_what_it_recommends(archbo, folder):
    """By default beside the published rule; the value reported is that of the architecture named after each query."""
    options = (
        "--queries",
        6,
        "--repeats",
        2,
        "--proxies",
        "latency,accuracy",
        "--report",
        "latency",
    )
    result = search(archbo, *options, command=ROBOT)
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
        assert len(set(asked)) == 6
        for number, query in enumerate(run["queries"], 1):
            assert query["report"] in {latency[arch] for arch in asked[:number]}
    # What both proxies rank first.
    assert result["runs"][0]["queries"][0]["arch"] == "width=32,depth=4,skip=yes"
    again = search(archbo, *options, command=ROBOT)
    for run in (*result["runs"], *again["runs"]):
        del run["seconds"]
    assert again == result


def test_robot_without_proxies_says_where_to_get_some(archbo, folder):
    code, _, complaint = archbo(*ROBOT, "--queries", 3)
    assert code == 2
    assert "toy" in complaint
    assert "prox" in complaint


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


COMPARE = ("compare", "--table", "toy.csv", "--space", "toy.toml", "--objective", "latency")
COMPARE = (*COMPARE, "--train-sizes", "8")
SCORES = "kendall spearman precision_at_10 nll fit_seconds predict_seconds"


def test_comparison_scores_each_combination_on_all_other_rows(archbo, folder):
    options = ["--predictors", "gp,gbdt", "--encodings", "default,one-hot", "--train-sizes", "8,12"]
    options += ["--repeats", 2, "--seed", 5, "--json", "c.json", "--plot", "c.png"]
    code, printed, complaint = archbo(*COMPARE, *options)
    assert code == 0, complaint
    assert "gbdt" in printed
    assert (folder / "c.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    found = json.loads((folder / "c.json").read_text())
    assert list(found) == ["benchmark", "objective", "results"]
    assert (found["benchmark"], found["objective"]) == ("toy", "latency")
    key = ("predictor", "encoding", "train_size", "seed")
    assert {tuple(result[k] for k in key) for result in found["results"]} == set(
        product(("gp", "gbdt"), ("default", "one-hot"), (8, 12), (5, 6))
    )
    assert len(found["results"]) == 16
    assert all(list(result) == [*key, *SCORES.split()] for result in found["results"])
    benchmark = read_table("toy.csv", CategoricalSpace.from_toml("toy.toml"))
    Y = benchmark.values("latency")
    for result in found["results"]:
        if result["predictor"] != "gp" or result["encoding"] != "one-hot":
            continue
        order = np.random.default_rng(result["seed"]).permutation(24)
        train, test = order[: result["train_size"]], order[result["train_size"] :]
        gp = catalog.predictor("gp", benchmark.space, catalog.encoding("one-hot", benchmark.space))
        gp.fit(benchmark.X[train], Y[train], seed=result["seed"])
        mean, _ = gp.predict(benchmark.X[test])
        tau = kendalltau(mean, Y[test].flatten()).statistic
        assert result["kendall"] == pytest.approx(tau)


def test_proxies_are_columns_of_the_table(archbo, folder):
    table = pd.read_csv(folder / "toy.csv")
    table.assign(zc_a=table["latency"] ** 2, zc_b=-table["depth"]).to_csv("zc.csv", index=False)
    zc = ("--table", "zc.csv", "--space", "toy.toml", "--objective", "latency", "--proxies", "zc_*")
    options = ["--predictors", "gp", "--encodings", "one-hot,zero-cost", "--train-sizes", "10"]
    code, _, complaint = archbo("compare", *zc, *options, "--json", "c.json")
    assert code == 0, complaint
    # One of them orders the table as the latency does.
    tau = {"one-hot": 0.0, "zero-cost": 0.0}
    for result in json.loads((folder / "c.json").read_text())["results"]:
        tau[result["encoding"]] += result["kendall"] / 3
    assert tau["zero-cost"] > tau["one-hot"]
    search = ["--encoding", "one-hot+zero-cost", "--queries", 14, "--baseline", "none"]
    code, _, complaint = archbo("search", *zc, *search, "--json", "s.json")
    assert code == 0, complaint
    (run,) = json.loads((folder / "s.json").read_text())["runs"]
    assert run["queries"][-1]["rank"] == 1


PROXIES = ("proxies", "compute")
FEW = ("--sample", 4, "--measures", "params,synflow")


def proxies(archbo, *arguments):
    code, printed, complaint = archbo(*PROXIES, *arguments, "--json", "p.json")
    assert code == 0, complaint
    with open("p.json") as file:
        return printed, json.load(file)["spaces"]


def test_proxies_of_a_benchmark_are_measured_and_correlated(archbo, folder):
    options = ("--measures", "params,synflow,ntk", "--nodes", "snip", "--sample", 5)
    printed, (found,) = proxies(archbo, "nb201", *options, "--plot", "p.png", "--output", "new")
    assert "scores: new/nb201.parquet" in printed
    # Scores of a sample do not serve a search of the whole benchmark.
    assert "for --proxies measure a whole benchmark" in printed
    assert "use them" not in printed
    assert "baseline_accuracy" in printed
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert list(found) == ["space", "architectures", "seconds", "measures", "correlations"]
    assert (found["space"], found["architectures"]) == ("nb201", 5)
    frame = pd.read_parquet(folder / "new" / "nb201.parquet")
    benchmark = catalog.benchmark("nb201")
    # The same architectures again, measured by hand.
    made = setup(benchmark.space)
    again = score(
        benchmark.space,
        frame["arch_str"].tolist(),
        made.inputs,
        made.targets,
        ["params", "synflow", "ntk"],
        nodes=["snip"],
        skeleton=made.skeleton,
    )
    pd.testing.assert_frame_equal(frame, again, check_flags=False)
    Y = benchmark.objective().Y.flatten()[benchmark.rows_of(frame["arch_str"].tolist())].numpy()
    # Failures are worst, and a low ntk is good.
    ntk = np.where(np.isfinite(frame["ntk"]), -frame["ntk"], -np.inf)
    synflow = np.where(np.isfinite(frame["synflow"]), frame["synflow"], -np.inf)
    columns = {"params": frame["params"], "synflow": synflow, "ntk": ntk}
    columns = {name: rankdata(values) for name, values in columns.items()}
    assert list(found["measures"]) == list(columns)
    for number, (name, values) in enumerate(columns.items()):
        good = frame[name][np.isfinite(frame[name])]
        assert found["measures"][name] == {
            "failed": 5 - len(good),
            "median": good.median(),
            "objective": pytest.approx(spearmanr(values, Y).statistic),
        }
        row = [spearmanr(values, other).statistic for other in columns.values()]
        assert found["correlations"][number] == pytest.approx(row)


def test_proxies_of_several_spaces_go_to_a_file_each(archbo, folder):
    _, found = proxies(archbo, "--spaces", "darts,nas-bench-graph", *FEW, "--plot", "p.svg")
    assert [entry["space"] for entry in found] == ["darts", "nas-bench-graph"]
    for entry in found:
        table = ProxyTable.read(f"{entry['space']}.parquet", catalog.space(entry["space"]))
        assert len(table) == len(table.space.distinct(table.X)) == 4
        assert table.X.equal(table.space.canonical(table.X))
        assert (table.names, table.node_names) == (("params", "synflow"), NODEWISE)
        assert all(scores["objective"] is None for scores in entry["measures"].values())
    drawn = (folder / "p.svg").read_text()
    assert "<!-- darts, n=4 -->" in drawn
    assert "<!-- synflow -->" in drawn


def test_all_distinct_architectures_of_a_space_are_measured(archbo, folder, monkeypatch):
    # Two parameters are enough to tell that they are all there.
    seen = []

    def measure(space, X, *arguments, path, **options):
        seen.append(X)
        return pd.DataFrame({"arch_str": map(space.format, X), "params": 1.0})

    monkeypatch.setattr("archbo.proxies.score", measure)
    printed, (found,) = proxies(archbo, "--spaces", "nb201", "--measures", "params")
    space = catalog.space("nb201")
    assert found["architectures"] == len(space.keys(space.enumerate()).unique()) == 9445
    assert "use them: compare --proxies nb201.parquet --encodings default+zero-cost, or" in printed
    assert len(space.keys(seen[-1]).unique()) == 9445
    assert found["correlations"] == [[0.0]]  # of what is constant


def test_a_run_of_proxies_goes_on_where_it_was(archbo, folder):
    options = ("--spaces", "tnb101-micro", "--measures", "params,synflow", "--nodes", "none")
    _, (first,) = proxies(archbo, *options, "--sample", 3)
    before = pd.read_parquet("tnb101-micro.parquet")
    stamp = (folder / "tnb101-micro.parquet").stat().st_mtime_ns
    _, (again,) = proxies(archbo, *options, "--sample", 3)
    assert (folder / "tnb101-micro.parquet").stat().st_mtime_ns == stamp  # nothing was left to do
    assert first["measures"] == again["measures"]
    proxies(archbo, *options, "--sample", 5)
    after = pd.read_parquet("tnb101-micro.parquet")
    pd.testing.assert_frame_equal(after[:3], before, check_flags=False)
    assert len(after) == 5
    code, _, complaint = archbo(*PROXIES, *options, "--sample", 3, "--seed", 1)
    assert code == 2
    assert re.search(r"tnb101-micro\.parquet holds scores with seed '0'", complaint)


def test_an_interrupted_run_of_proxies_says_how_it_goes_on(archbo, folder, monkeypatch):
    def stop(space, X, *arguments, **options):
        if len(X):
            raise KeyboardInterrupt

    monkeypatch.setattr("archbo.proxies.score", stop)
    code, _, complaint = archbo(*PROXIES, "--spaces", "nb201", *FEW)
    assert code == 130
    assert "nb201.parquet keeps what is measured, and the same command goes on" in complaint


def test_proxies_are_a_file_of_scores(archbo, folder):
    archs = catalog.benchmark("nb201").space.archs(catalog.benchmark("nb201").X[:40])
    table = pd.DataFrame({"arch_str": map(str, archs), "accuracy": np.arange(40.0) % 7})
    table.to_csv("small.csv", index=False)
    small = ("--table", "small.csv", "--space", "nb201", "--objective", "accuracy")
    proxies(archbo, *small, "--measures", "params", "--nodes", "snip")
    options = ["--encodings", "zero-cost,nodewise", "--train-sizes", "12", "--repeats", 1]
    options += ["--predictors", "gbdt", "--proxies", "nb201.parquet"]
    code, printed, complaint = archbo("compare", *small, *options)
    assert code == 0, complaint
    assert "nodewise" in printed
    # Scores of another name order the table as its values do.
    table.assign(right=table.pop("accuracy")).to_csv("right.csv", index=False)
    search = ["--encoding", "zero-cost", "--predictor", "gbdt", "--queries", 15]
    search += ["--baseline", "none", "--json", "s.json", "--proxies", "right.csv"]
    code, _, complaint = archbo("search", *small, *search)
    assert code == 0, complaint
    (run,) = json.loads((folder / "s.json").read_text())["runs"]
    assert run["queries"][-1]["rank"] == 1


# What it refuses.


def bad(folder, name, change):
    table = change(pd.read_csv(folder / "toy.csv"))
    table.to_csv(folder / f"{name}.csv", index=False)


def write_bad_tables(folder):
    bad(folder, "nan", lambda t: t.assign(accuracy=t["accuracy"].mask(t.index == 4)))
    bad(folder, "twice", lambda t: pd.concat([t, t.iloc[[2]]]))
    bad(folder, "unknown", lambda t: t.assign(width=t["width"].replace(16, 17)))
    bad(folder, "narrow", lambda t: t.drop(columns="depth"))
    for name, op in (("cells", "nor_conv_3x3"), ("bad_op", "nor_conv_5x5"), ("bad_cell", "a|b")):
        cells = ["|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", CELL.format(op)]
        table = pd.DataFrame({"arch_str": cells, "accuracy": [1.0, 2.0]})
        table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "binary.parquet").write_bytes(b"\0\1\2")
    (folder / "bad.toml").write_text("kind = ")


def toy(name, *options):
    return ("search", "--table", name, "--space", "toy.toml", "--objective", "accuracy", *options)


def nb201(name, *options):
    return ("search", "--table", name, "--space", "nb201", *options)


BAD = [
    (nb201("bad_cell.csv"), r"bad_cell\.csv, row 2: malformed cell .*: write \|op~0\|"),
    (nb201("bad_op.csv"), r"bad_op\.csv, row 2: unknown operation 'nor_conv_5x5' in column op_0_1"),
    (nb201("toy.csv"), r"toy\.csv has no column 'arch_str'; .*--arch-column: width"),
    (nb201("cells.csv", "--queries", "3"), r"queries must be between 1 and 2, .*cells; got 3"),
    (("search", "--table", "cells.csv", "--space", "nb101"), r"row 1: .*right --space\?"),
    (
        ("search", "--table", "cells.csv", "--space", "nb20"),
        r"unknown space 'nb20', did you mean 'nb201'",
    ),
    (("search", "--table", "cells.csv"), r"cells\.csv needs --space: one of nb201"),
    (toy("nan.csv"), r"nan: column 'accuracy' is nan in 1 rows, .*row 5 .*--where"),
    (toy("twice.csv"), r"twice: rows 3 and 25 are the same .*; keep one"),
    (toy("unknown.csv"), r"row 9: unknown choice '17' in column 'width'; toy has 8, 16, 32"),
    (toy("narrow.csv"), r"narrow\.csv has no column 'depth' of space toy; it has width"),
    (toy("absent.csv"), r"no table at absent\.csv; give the path"),
    (toy("binary.parquet"), r"cannot read table binary\.parquet"),
    (toy("toy.toml"), r"cannot tell the format of toy\.toml; give a \.parquet or \.csv"),
    (("search", "--table", "toy.csv", "--space", "bad.toml"), r"cannot read space file bad\.toml"),
    (("search", "--table", "toy.csv", "--space", "no.toml"), r"no space file no\.toml; give"),
    (
        ("search", "--table", "toy.csv", "--space", "toy.toml"),
        r"with --objective: accuracy, latency",
    ),
    ((*TOY, "--objective", "acc"), r"no numeric column 'acc'; it has accuracy, latency"),
    ((*TOY, "--report", "acc"), r"no numeric column 'acc'; it has accuracy, latency"),
    ((*TOY, "--where", "tiny"), r"no column 'tiny'; it has width"),
    ((*TOY, "--where", "latency"), r"'latency' .* --where needs a boolean column"),
    ((*TOY, "--queries", "0"), r"queries must be between 1 and 24, .*; got 0"),
    ((*TOY, "--queries", "25"), r"queries must be between 1 and 24, .*; got 25"),
    ((*TOY, "--queries", "many"), r"'--queries': .*valid integer"),
    ((*TOY, "--repeats", "0"), r"--repeats must be at least 1; got 0"),
    ((*TOY, "--seed", "-1"), r"--seed must be between 0 and 2\^31 - 1; got -1"),
    (
        (*TOY, "--queries", "12", "--predictor", "gb"),
        r"unknown predictor 'gb'.* There are auto, gp",
    ),
    (
        (*TOY, "--queries", "12", "--acquisition", "ei"),
        r"unknown acquisition 'ei'.* There are log_ei",
    ),
    (
        (*TOY, "--queries", "12", "--acquisition", "ucb", "--cost", "latency"),
        r"ucb picks no gain that could be had per cost; take log_ei, .*kg",
    ),
    ((*TOY, "--queries", "12", "--cost", "price"), r"no numeric column 'price'"),
    ((*TOY, "--queries", "12", "--cost", "small"), r"cost of width=32,.* is 0; costs are positive"),
    (
        (*TOY, "--queries", "12", "--encoding", "one-hot+pth"),
        r"unknown encoding 'pth', did you mean 'path'\? .*one-hot",
    ),
    ((*TOY, "--queries", "12", "--baseline", "tpe"), r"unknown baseline 'tpe'.* There are random"),
    ((*TOY, "--queries", "12", "--baseline", "random,tpe"), r"unknown baseline 'tpe'"),
    ((*TOY, "--queries", "12", "--baseline", "random,random"), r"--baseline names random twice"),
    ((*TOY, "--queries", "12", "--candidates", "all"), r"unknown candidates 'all'.* exhaustive"),
    ((*TOY, "--json", "no/such/result.json"), r"there is no folder .*no/such; make it first"),
    ((*TOY, "--plot", "no/such/result.png"), r"there is no folder .*no/such; make it first"),
    ((*TOY, "--verbose"), r"No such option.*--verbose"),
    ((*TOY, "nb201"), r"give either an embedded benchmark .* or --table"),
    (("search",), r"give either an embedded benchmark .* or --table"),
    (("search", "nb202"), r"unknown benchmark 'nb202', did you mean 'nb201'\?"),
    (("search", "nb201", "--where", "ok"), r"--where belongs to --table FILE"),
    (("search", "nb201", "--space", "nb201"), r"--space belongs to --table FILE"),
    (("compare", "nb202"), r"unknown benchmark 'nb202', did you mean 'nb201'\?"),
    ((*COMPARE, "--predictors", "gp,gbd"), r"unknown predictor 'gbd', did you mean 'gbdt'\?"),
    ((*COMPARE, "--predictors", "gp,"), r"--predictors takes names joined with commas; got 'gp,'"),
    ((*COMPARE, "--predictors", "gp,gp"), r"--predictors names gp twice"),
    ((*COMPARE, "--encodings", "one-hut"), r"unknown encoding 'one-hut', did you mean 'one-hot'"),
    ((*COMPARE, "--encodings", "zero-cost"), r"no proxies of toy; name columns .*--proxies FILE"),
    (
        (*COMPARE, "--proxies", "a.parquet,zc_*"),
        r"--proxies takes one file .*give a\.parquet alone",
    ),
    ((*COMPARE, "--proxies", "no.parquet"), r"cannot read no\.parquet as a table of scores"),
    ((*COMPARE, "--proxies", "cells.csv"), r"cells\.csv: "),
    (PROXIES, r"give an embedded benchmark .*, or --spaces NAMES"),
    ((*PROXIES, "nb202"), r"unknown benchmark 'nb202', did you mean 'nb201'\?"),
    ((*PROXIES, "nb201", "--spaces", "nb201"), r"--spaces goes without a benchmark"),
    ((*PROXIES, "--spaces", "nb201", "--objective", "x"), r"--spaces goes without a benchmark"),
    ((*PROXIES, "--spaces", "nb202"), r"unknown space 'nb202', did you mean 'nb201'\?"),
    ((*PROXIES, "--spaces", "darts,darts"), r"--spaces names darts twice"),
    ((*PROXIES, "--spaces", "darts"), r"--sample: darts has more than 50,000 .*; give the number"),
    ((*PROXIES, "--spaces", "darts", "--sample", "0"), r"--sample: .*must be at least 1; got 0"),
    ((*PROXIES, "--spaces", "nb201", "--sample", "9446"), r"between 1 and 9,445.* nb201; got 9446"),
    ((*PROXIES, "nb201", "--sample", "0"), r"between 1 and [\d,]+, .* of nb201; got 0"),
    ((*PROXIES, "--table", "toy.csv", "--space", "toy.toml"), r"toy has no networks"),
    ((*PROXIES, "nb201", "--measures", "snap"), r"unknown measure 'snap'; give some of grad_norm"),
    ((*PROXIES, "nb201", "--nodes", "jacov"), r"jacov is not a sum over layers; give some of"),
    ((*PROXIES, "nb201", "--workers", "0"), r"workers is 0; give at least 1"),
    ((*PROXIES, "nb201", "--seed", "-1"), r"--seed must be between 0 .*; got -1"),
    ((*PROXIES, "nb201", "--device", "abacus"), r"--device abacus cannot be used: "),
    ((*PROXIES, "nb201", "--output", "toy.csv"), r"cannot make the folder toy\.csv: .*--output"),
    ((*PROXIES, "nb201", "--plot", "c.docx"), r"c\.docx.*png"),
    ((*COMPARE, "--proxies", "zc_*"), r"toy has no numeric column 'zc_\*' for a proxy; it has acc"),
    ((*COMPARE, "--train-sizes", "8,many"), r"--train-sizes takes whole numbers .*; got 'many'"),
    ((*COMPARE, "--train-sizes", "1"), r"between 2 and 14, .* toy has architectures; got 1"),
    ((*COMPARE, "--train-sizes", "15"), r"between 2 and 14, .* toy has architectures; got 15"),
    ((*COMPARE, "--repeats", "0"), r"--repeats must be at least 1; got 0"),
    ((*COMPARE, "--json", "no/such/c.json"), r"there is no folder .*no/such; make it first"),
    ((*COMPARE, "--plot", "c.docx"), r"c\.docx.*png"),
    (("find",), r"No such command 'find'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_line_that_helps(archbo, folder, arguments, message):
    write_bad_tables(folder)
    code, printed, complaint = archbo(*arguments)
    assert code == 2
    (line,) = complaint.splitlines()
    assert line.startswith("archbo: ")
    assert re.search(message, line), line
    assert "Traceback" not in printed + complaint


@pytest.mark.parametrize(
    ("option", "file", "message"),
    [("--json", ".", r"cannot write \.: Is a directory"), ("--plot", "p.docx", r"p\.docx.*png")],
)
def test_files_that_cannot_be_written_are_named(archbo, folder, option, file, message):
    code, _, complaint = archbo(*TOY, "--queries", "1", option, file)
    assert code == 2
    assert re.search(f"^archbo: .*{message}", complaint.splitlines()[-1])


@pytest.mark.parametrize(
    "arguments",
    [("search", "nb201", "--queries", "0"), ("search", "--table", "no.csv", "--space", "nb201")],
)
def test_bad_input_in_a_shell(arguments, tmp_path):
    done = as_shell(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("archbo: ")


# Several columns.


def several(folder):
    """The toy table with a short training that agrees with the accuracy."""
    table = pd.read_csv(folder / "toy.csv")
    table["short"] = 0.5 * table["accuracy"] + (table["depth"] == 2) / 10
    table.to_csv(folder / "toy.csv", index=False)
    return ("search", "--table", "toy.csv", "--space", "toy.toml")


def test_search_with_fidelities(archbo, folder):
    options = ("--fidelities", "short=1.5,accuracy=10", "--queries", 8, "--repeats", 2)
    files = ("--json", "o.json", "--plot", "o.png", "--report", "latency")
    code, out, err = archbo(*several(folder), *options, *files)
    assert code == 0, err
    assert (folder / "o.png").stat().st_size > 1000
    assert "fidelities (n=2)" in out
    content = json.loads((folder / "o.json").read_text())
    assert content["objective"] == "accuracy"
    assert content["fidelities"] == {"short": 1.5, "accuracy": 10}
    assert [run["method"] for run in content["runs"]] == ["fidelities"] * 2 + ["gp"] * 2 + [
        "random"
    ] * 2
    table = read_table("toy.csv", CategoricalSpace.from_toml("toy.toml"))
    goal, costs = table.objective("accuracy"), {"short": 1.5, "accuracy": 10.0}
    for run in content["runs"]:
        assert set(run) == RUN
        spent, best = 0.0, None
        for query in run["queries"]:
            assert set(query) == QUERY | {"fidelity", "spent"}
            spent += costs[query["fidelity"]]
            value = table.objective(query["fidelity"])(query["arch"])
            assert query["value"] == pytest.approx(value)
            if query["fidelity"] == "accuracy":
                best = value if best is None else max(value, best)
            assert query["spent"] == spent <= 80
            assert query["best"] == (None if best is None else pytest.approx(best))
            assert query["rank"] == (None if best is None else goal.rank(best))
        if run["method"] == "fidelities":
            assert {query["fidelity"] for query in run["queries"]} == set(costs)


def test_search_from_another_column(archbo, folder):
    options = ("--objective", "accuracy", "--queries", 6, "--baseline", "none", "--json", "o.json")
    code, _, err = archbo(*several(folder), "--warm-start", "short:12", *options)
    assert code == 0, err
    runs = json.loads((folder / "o.json").read_text())["runs"]
    assert [run["method"] for run in runs] == ["warm-start", "gp"]
    assert runs[0]["queries"][-1]["rank"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fidelities", "short=1"], "at least two columns"),
        (["--fidelities", "short=2,accuracy=1"], "from the cheapest to the target"),
        (["--fidelities", "short,accuracy=1"], "cost of a training.*got 'short'"),
        (["--fidelities", "short=1,short=2"], "each column once"),
        (["--fidelities", "short=1,nothing=2"], "nothing"),
        (["--fidelities", "short=1,accuracy=2", "--objective", "short"], "last column is"),
        (["--fidelities", "short=1,accuracy=2", "--predictor", "gbdt"], "leave out --predictor"),
        (["--warm-start", "nothing", "--objective", "accuracy"], "nothing"),
        (["--warm-start", "short:1", "--objective", "accuracy"], "N between 2 and 24"),
        (["--warm-start", "short:x", "--objective", "accuracy"], "N between 2 and 24"),
        (["--warm-start", "short", "--objective", "accuracy"], "got 'short'"),
    ],
)
def test_search_over_columns_says_what_is_wrong(archbo, folder, options, message):
    code, _, err = archbo(*several(folder), "--queries", 5, *options)
    assert code == 2
    assert re.search(message, " ".join(err.split()))
