"""archbo predict: past trainings in, a ranking out, and how far to trust it."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

PREDICT = ("predict", "some.csv", "--space", "toy.toml", "--objective", "latency")


@pytest.fixture
def some(folder):
    """Half of the toy table, with a repeated row and a missing value."""
    table = pd.read_csv(folder / "toy.csv").sample(14, random_state=0)
    table = pd.concat([table, table.head(1)])
    table.iloc[3, table.columns.get_loc("latency")] = np.nan
    table.to_csv(folder / "some.csv", index=False)
    return table


def test_the_rest_of_the_space_is_ranked(archbo, some, table, folder):
    code, printed, complaint = archbo(*PREDICT, "--json", "p.json", "--csv", "p.csv", "--top", 3)
    assert code == 0, complaint
    result = json.loads((folder / "p.json").read_text())
    known = {f"width={w},depth={d},skip={s}" for w, d, s in some.iloc[:, :3].to_numpy().tolist()}
    ranked = [entry["arch"] for entry in result["predictions"]]
    assert sorted(ranked) == sorted(set(table.index) - known)
    means = [entry["mean"]["latency"] for entry in result["predictions"]]
    assert means == sorted(means, reverse=True)
    assert list(pd.read_csv("p.csv")["arch"]) == ranked
    assert result["trained"] == {"told": 14, "failed": 1}
    (held_out,) = result["held_out"]
    assert held_out["architectures"] == 13
    assert held_out["kendall"] > 0.5
    assert held_out["verdict"] in printed
    assert printed.count("width=") == 3


def test_what_a_file_lists_is_ranked_and_less_may_be_better(archbo, some, folder):
    (folder / "these.csv").write_text(
        'arch\n"width=8,depth=1,skip=no"\n"width=32,depth=4,skip=no"\n'
    )
    options = ("--for", "these.csv", "--json", "p.json")
    best = []
    for objective in ("latency", "-latency", "accuracy,-latency"):
        command = ("predict", "some.csv", "--space", "toy.toml", f"--objective={objective}")
        code, _, complaint = archbo(*command, *options)
        assert code == 0, complaint
        predictions = json.loads((folder / "p.json").read_text())["predictions"]
        assert len(predictions) == 2
        best.append(predictions[0]["arch"])
    assert best[:2] == ["width=32,depth=4,skip=no", "width=8,depth=1,skip=no"]


def test_a_study_has_its_space_and_its_objective(archbo, some, folder):
    search = ("search", "--table", "toy.csv", "--space", "toy.toml", "--objective", "accuracy")
    options = ("--queries", 12, "--baseline", "none", "--study", "run.db")
    assert archbo(*search, "--subject-to", "energy<=35", *options)[0] == 0
    code, printed, complaint = archbo("predict", "run.db")
    assert code == 0, complaint
    assert "12 architectures ranked from 12 trainings" in printed
    assert "The surrogate predicts accuracy well (tau " in printed


def test_latencies_of_other_devices_tell_those_of_a_new_one(archbo, table, folder):
    """From six measurements, whichever direction is wanted."""
    known = table[["width", "depth", "skip"]]
    known.assign(gpu=table["energy"], cpu=table["latency"] ** 2).to_csv("known.csv", index=False)
    new = known.assign(ms=table["latency"] + table["energy"] / 20)
    new.sample(6, random_state=1).to_csv("measured.csv", index=False)
    for objective in ("ms", "-ms"):
        command = ("predict", "measured.csv", "--space", "toy.toml", f"--objective={objective}")
        options = ("--proxies", "known.csv", "--predictor", "proxy-gp", "--json", "p.json")
        code, _, complaint = archbo(*command, *options)
        assert code == 0, complaint
        ranked = json.loads((folder / "p.json").read_text())["predictions"]
        assert len(ranked) == 18
        pairs = [(entry["mean"]["ms"], new.loc[entry["arch"], "ms"]) for entry in ranked]
        assert spearmanr(*zip(*pairs, strict=True))[0] > 0.95


LARGE = 'kind = "categorical"\n[columns]\n' + "".join(
    f"c{n} = [1, 2, 3, 4, 5]\n" for n in range(12)
)
REFUSED = {
    "give --space": ("predict", "some.csv", "--objective", "latency"),
    "give --objective": ("predict", "some.csv", "--space", "toy.toml"),
    "no column 'nosuch'": ("predict", "some.csv", "--space", "toy.toml", "--objective", "nosuch"),
    "--for FILE": ("predict", "some.csv", "--space", "large.toml", "--objective", "latency"),
    "--top": (*PREDICT, "--top", 0),
    "--predictor": (*PREDICT, "--predictor", "nosuch"),
    "gp does not see --proxies": (*PREDICT, "--proxies", "toy.csv"),
    "--proxies": (*PREDICT, "--proxies", "nowhere.csv", "--predictor", "proxy-gp"),
    "nothing left to rank": ("predict", "toy.csv", *PREDICT[2:]),
    "no study at": ("predict", "none.db"),
}


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_said(archbo, some, folder, request, arguments):
    (folder / "large.toml").write_text(LARGE)
    some.assign(**{f"c{n}": 1 for n in range(12)}).to_csv("some.csv", index=False)
    code, _, complaint = archbo(*arguments)
    assert code == 2
    assert request.node.callspec.id in complaint.strip().splitlines()[-1]
