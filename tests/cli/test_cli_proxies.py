"""``archbo proxies compute``."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, spearmanr

from archbo import catalog
from archbo.proxies import NODEWISE, ProxyTable, score, setup

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
    rows = benchmark.rows_of(frame["arch_str"].tolist())
    Y = benchmark.values("baseline_accuracy").flatten()[rows].numpy()
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


# Processes of their own.


def started(*arguments):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "archbo", *PROXIES, "--spaces", "nb201", *arguments]
    return subprocess.Popen([*map(str, command)], env=env, stderr=subprocess.PIPE, text=True)


def ended(process):
    """The exit code, and what was complained of."""
    _, complaint = process.communicate()
    return process.returncode, complaint


@pytest.mark.slow
def test_two_commands_at_once_lose_nothing(folder):
    options = ("--measures", "params", "--nodes", "none", "--seed", 0)
    both = [started(*options, "--sample", 8), started(*options, "--sample", 12)]
    assert all(ended(process)[0] == 0 for process in both)
    assert len(pd.read_parquet("nb201.parquet")) >= 12
    other = [started(*options, "--output", "new"), started(*options[:-1], 1, "--output", "new")]
    while all(process.poll() is None for process in other):
        time.sleep(0.1)
    refused = next(process for process in other if process.poll() is not None)
    (winner,) = {*other} - {refused}
    code, complaint = ended(refused)
    assert code == 2
    assert "holds scores with seed" in complaint
    winner.send_signal(signal.SIGTERM)
    assert ended(winner)[0] == 143
    assert len(pd.read_parquet("new/nb201.parquet")) >= 1


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_stopped_keeps_what_is_measured(folder, sent, code):
    process = started("--measures", "params", "--nodes", "none", "--workers", 2)
    while not (folder / "nb201.parquet").exists():
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(sent)
    found, complaint = ended(process)
    assert found == code
    assert "the same command goes on from there" in complaint
    assert len(pd.read_parquet("nb201.parquet")) > 1
