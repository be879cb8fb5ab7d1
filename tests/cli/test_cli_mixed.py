"""A learning rate on a logarithmic scale and an integer of 1 to 200 in one file: from the file to the report."""

import json
import math

import optuna
import pandas as pd
import pytest

SPACE = """\
kind = "mixed"
[columns]
rate = { low = 1e-4, high = 1.0, log = true }
units = { low = 1, high = 200 }
op = ["sgd", "adam"]
momentum = { low = 0.0, high = 0.99, active_if = { op = ["sgd"] } }
"""
CODE = """
import math

def train(arch):
    slow = 0 if arch["momentum"] == "not active" else arch["momentum"]
    return -abs(math.log10(arch["rate"]) + 2) - abs(arch["units"] - 120) / 100 - abs(slow - 0.5)
"""
SEARCH = ("search", "./train.py:train", "--space", "mine.toml", "--objective", "score")


@pytest.fixture(autouse=True)
def files(folder):
    (folder / "mine.toml").write_text(SPACE)
    (folder / "train.py").write_text(CODE)


def test_a_file_is_shown(archbo):
    code, printed, complaint = archbo("space", "mine.toml", "--json", "space.json")
    assert code == 0, complaint
    for text in (
        "infinite",
        "reals from 0.0001 to 1, logarithmic",
        "integers from 1 to 200",
        "op is sgd",
    ):
        assert text in printed
    with open("space.json") as file:
        shown = json.load(file)
    assert shown["size"] == "infinite"
    assert shown["columns"]["units"] == {"low": 1, "high": 200}
    assert shown["active_if"] == {"momentum": {"op": ["sgd"]}}
    assert len(shown["samples"]) == 3


def test_it_is_searched_and_all_commands_know_it(archbo, folder):
    code, printed, complaint = archbo(*SEARCH, "--study", "run.db", "--queries", 8)
    assert code == 0, complaint
    assert "run.db: 8 told, 0 failed" in printed
    (folder / "mine.toml").rename(folder / "gone.toml")
    code, printed, _ = archbo("status", "run.db")
    assert code == 0
    assert "mine, infinitely many rows" in printed
    code, printed, complaint = archbo("ask", "run.db")
    assert code == 0, complaint
    arch = printed.strip()
    assert archbo("tell", "run.db", arch, "score=-0.5")[0] == 0
    assert archbo("export", "run.db", "--csv", "run.csv")[0] == 0
    table = pd.read_csv("run.csv")
    assert table["arch"][8] == arch
    assert table["score"][8] == -0.5
    assert archbo("report", "run.db")[0] == 0
    code, printed, complaint = archbo("predict", "run.db", "--for", "run.csv")
    assert code == 0, complaint
    code, _, complaint = archbo("predict", "run.db")
    assert code == 2
    assert "infinitely many rows, too many to list" in complaint


def test_trials_carry_parameters_that_optuna_reads(archbo, folder):
    assert archbo(*SEARCH, "--study", "run.db", "--queries", 5, "--strategy", "random")[0] == 0
    storage = f"sqlite:///{folder / 'run.db'}"
    (name,) = optuna.get_all_study_names(storage)
    distributions = {
        "rate": optuna.distributions.FloatDistribution(1e-4, 1.0, log=True),
        "units": optuna.distributions.IntDistribution(1, 200),
        "op": optuna.distributions.CategoricalDistribution(("sgd", "adam")),
        "momentum": optuna.distributions.FloatDistribution(0.0, 0.99),
    }
    for trial in optuna.load_study(study_name=name, storage=storage).trials:
        wanted = {"rate", "units", "op"} | ({"momentum"} if trial.params["op"] == "sgd" else set())
        assert trial.params.keys() == wanted
        assert trial.distributions == {column: distributions[column] for column in wanted}
        slow = trial.params.get("momentum", 0)
        rate, units = trial.params["rate"], trial.params["units"]
        score = -abs(math.log10(rate) + 2) - abs(units - 120) / 100 - abs(slow - 0.5)
        assert trial.value == pytest.approx(score)


def test_a_search_starts_from_past_trainings_and_from_another_study(archbo):
    past = pd.DataFrame(
        {
            "rate": [0.1, 0.01, 1e-3],
            "units": [10, 200, 64],
            "op": ["sgd", "adam", "adam"],
            "momentum": [0.9, None, None],
            "score": [-1.0, -0.2, -0.9],
        }
    )
    past.to_csv("past.csv", index=False)
    more = ("--strategy", "random", "--queries", 2)
    code, _, complaint = archbo(*SEARCH, "--study", "new.db", "--start-from", "past.csv", *more)
    assert code == 0, complaint
    assert "told 5" in " ".join(archbo("status", "new.db")[1].split())
    code, _, complaint = archbo(*SEARCH, "--study", "next.db", "--start-from", "new.db", *more)
    assert code == 0, complaint
    assert "told 7" in " ".join(archbo("status", "next.db")[1].split())
