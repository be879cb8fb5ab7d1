"""``archbo compare``."""

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from archbo import catalog
from archbo.benchmarks import read_table
from archbo.spaces import CategoricalSpace

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


def test_twins_of_what_is_learned_from_are_held_out(archbo, folder):
    options = ("--objective", "qat_accuracy", "--predictors", "gbdt", "--train-sizes", "200")
    command = ("compare", "nb201", *options, "--repeats", 1, "--json", "c.json")
    taus = {}
    for name in ("architectures", "twins"):
        code, printed, complaint = archbo(*command, "--hold-out", name)
        assert code == 0, complaint
        found = json.loads((folder / "c.json").read_text())
        assert found.get("hold_out", "architectures") == name
        assert ("but their twins" in printed) == (name == "twins")
        assert ("with twins" in printed) == (name == "twins")
        taus[name] = found["results"][0]["kendall"]
    assert taus["twins"] != taus["architectures"]
    # The last call showed both.
    assert all(f"{tau:.3f}" in printed for tau in taus.values())


def test_a_table_of_six_says_what_it_takes(archbo, folder):
    pd.read_csv(folder / "toy.csv").head(6).to_csv(folder / "six.csv", index=False)
    command = ("compare", "--table", "six.csv", "--space", "toy.toml", "--objective", "accuracy")
    code, _, complaint = archbo(*command, "--train-sizes", "2")
    assert code == 2
    assert "six has 6 architectures; to learn from two and score on ten takes twelve" in complaint


def test_scores_of_other_people_are_taken(archbo, folder):
    """A CSV with a column name and a text of its own, and a file of NAS-Bench-Suite-Zero."""
    table = pd.read_csv(folder / "toy.csv").assign(by="somebody")
    texts = "width=" + table["width"].astype(str) + ",depth=" + table["depth"].astype(str)
    table["net"] = texts + ",skip=" + table["skip"]
    table[["by", "net", "latency"]].to_csv(folder / "theirs.csv.gz", index=False)
    scores = {
        net: {"flops": {"score": value, "time": 1}, "val_accuracy": 9}
        for net, value in zip(table["net"], table["latency"], strict=True)
    }
    (folder / "zc.json").write_text(json.dumps({"cifar10": scores, "svhn": {}}))
    options = ["--predictors", "gp", "--encodings", "zero-cost", "--json", "c.json"]
    options += ["--repeats", 2]
    for proxies in ("theirs.csv.gz", "zc.json:cifar10"):
        code, _, complaint = archbo(*COMPARE, *options, "--proxies", proxies)
        assert code == 0, complaint
        results = json.loads((folder / "c.json").read_text())["results"]
        assert min(result["kendall"] for result in results) > 0.9
    code, _, complaint = archbo(*COMPARE, *options, "--proxies", "zc.json")
    assert code == 2
    assert "--proxies: zc.json needs a dataset; it has cifar10, svhn" in complaint


def test_tables_are_written_and_scores_are_kept(archbo, folder):
    options = ["--predictors", "gbdt", "--repeats", 2, "--csv", "c.csv", "--markdown", "c.md"]
    options += ["--cache", "kept", "--json", "c.json"]
    code, _, complaint = archbo(*COMPARE, *options)
    assert code == 0, complaint
    table = pd.read_csv(folder / "c.csv")
    results = json.loads((folder / "c.json").read_text())["results"]
    for row, result in zip(table[[*results[0]]].to_dict("records"), results, strict=True):
        assert row == pytest.approx(result)
    assert {"weighted_kendall", "best_rank_at_10", "crps", "coverage"} < {*table}
    assert f"{table['kendall'].median():.3f}" in (folder / "c.md").read_text()
    assert len([*(folder / "kept").iterdir()]) == 2
    code, _, complaint = archbo(*COMPARE, *options)
    assert code == 0, complaint
    # Times that are measured again would not be the same.
    assert json.loads((folder / "c.json").read_text())["results"] == results


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--workers", 0), "--workers must be at least 1; got 0"),
        (("--cache", "toy.csv"), "kept in toy.csv: File exists; give another folder"),
        (("--csv", "toy.csv"), "--csv would write over toy.csv, the file of --table"),
        (("--csv", "a", "--markdown", "a"), "--markdown would write over a, the file of --csv"),
        (("--markdown", "nowhere/a.md"), "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_fit(archbo, folder, options, complaint):
    code, printed, said = archbo(*COMPARE, *options)
    assert code == 2
    assert complaint in said
    assert not printed


def test_processes_give_the_same_table(archbo, folder):
    scores = []
    for workers in (1, 2):
        options = ("--predictors", "gbdt", "--repeats", 2, "--csv", "c.csv", "--workers", workers)
        code, _, complaint = archbo(*COMPARE, *options)
        assert code == 0, complaint
        scores.append(
            pd.read_csv(folder / "c.csv").drop(columns=["fit_seconds", "predict_seconds"])
        )
    pd.testing.assert_frame_equal(*scores, check_exact=True)
