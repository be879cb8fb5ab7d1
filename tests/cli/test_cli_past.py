"""What one already has: searches that start from past trainings, and searches of tables that are kept."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from archbo import CategoricalSpace, Goal, Log
from archbo.cli.studies import Begun
from archbo.log import State
from archbo.studies import Study, study_names

pytestmark = pytest.mark.filterwarnings("always::archbo.errors.DataWarning")

TABLE = ("search", "--table", "toy.csv", "--space", "toy.toml", "--objective", "accuracy")
OWN = ("search", "./train.py:evaluate", "--space", "toy.toml", "--objective", "acc")
OWN += ("--study", "run.db", "--strategy", "random")


@pytest.fixture
def past(folder):
    """A table of past trainings: a repeated row, a missing value, a choice that the space lacks, other columns."""
    (folder / "train.py").write_text("def evaluate(arch):\n    return arch['width']\n")
    rows = [(8, 1, "no", 0.5), (8, 1, "no", 0.6), (16, 2, "no", None), (64, 2, "no", 0.9)]
    frame = pd.DataFrame(rows, columns=["width", "depth", "skip", "acc"]).assign(seed=range(4))
    frame.to_csv(folder / "past.csv", index=False)
    return frame


def done(answer):
    code, printed, complaint = answer
    assert code == 0, complaint
    return printed, complaint


def test_a_study_begins_with_past_trainings_and_the_same_command_goes_on(archbo, past, folder):
    start = (*OWN, "--start-from", "past.csv")
    printed, complaint = done(archbo(*start, "--queries", 2))
    assert "begins with 2 past trainings and 1 that failed" in printed
    assert "1 of 4 rows of the past trainings have no place in toy: width=64" in complaint
    (folder / "past.csv").unlink()
    printed, _ = done(archbo(*start, "--queries", 4))
    assert "6 told, 1 failed, 3 of these known before" in printed
    log = Begun("run.db").log()
    assert [t.state for t in log.trials[:3]] == [State.TOLD, State.TOLD, State.FAILED]
    assert [t.values for t in log.trials[:2]] == [(0.5,), (0.6,)]
    assert log.trials[1].replicate == 1
    new = {str(trial.arch) for trial in log.trials[3:]}
    assert len(new) == 4
    assert not new & {str(trial.arch) for trial in log.trials[:3]}
    assert "3 of these were known before" in done(archbo("status", "run.db"))[0]


def test_a_study_without_past_trainings_takes_none_later(archbo, past):
    done(archbo(*OWN, "--queries", 1))
    code, _, complaint = archbo(*OWN, "--start-from", "past.csv")
    assert code == 2
    assert "begun without past trainings" in complaint


def test_ask_starts_from_a_study_of_another_space(archbo, past, folder):
    done(archbo(*OWN, "--start-from", "past.csv", "--queries", 3))
    (folder / "new.toml").write_text(
        'kind = "categorical"\nname = "new"\n[columns]\nwidth = [8, 16, 64]\nheads = [2, 4]\n'
    )
    new = ("ask", "new.db", "--space", "new.toml", "--objective", "acc", "--start-from", "run.db")
    code, _, complaint = archbo(*new)
    assert code == 2
    assert "'heads'" in complaint
    done(archbo(*new, "--fill", "heads=4"))
    old, log = Begun("run.db").log(), Begun("new.db").log()
    shared = [trial for trial in old.trials if trial.arch["width"] != 32]
    assert [trial.arch["width"] for trial in log.trials[:-1]] == [
        trial.arch["width"] for trial in shared
    ]
    assert {trial.arch["heads"] for trial in log.trials[:-1]} == {4}
    assert log.trials[-1].state == State.ASKED


KILLED = """
import itertools, os
from archbo.cli import main
from archbo.studies import Study

told, tell = itertools.count(), Study.tell
Study.tell = lambda *a, **k: os._exit(9) if next(told) == 10 else tell(*a, **k)
main()
"""
"""The command in a process that dies when it is about to tell its eleventh value."""


def run_table(archbo, folder, *options):
    done(archbo(*TABLE, *options, "--json", "out.json"))
    runs = json.loads((folder / "out.json").read_text())["runs"]
    return [{key: value for key, value in run.items() if key != "seconds"} for run in runs]


@pytest.mark.parametrize(
    "options",
    [
        ("--repeats", 2, "--report", "latency"),
        ("--fidelities", "short=1,accuracy=5", "--queries", 5),
        ("--objective", "accuracy,-latency", "--subject-to", "energy<=30"),
        ("--start-from", "some.csv", "--report", "latency"),
    ],
    ids=lambda options: options[0],
)
def test_a_search_of_a_table_is_kept_and_is_the_same_search(archbo, folder, options):
    pd.read_csv("toy.csv").head(6).to_csv("some.csv", index=False)
    options = ("--queries", 8, *options)
    plain = run_table(archbo, folder, *options)
    kept = ("--study", "run.db")
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", KILLED, *map(str, (*TABLE, *options, *kept))]
    assert subprocess.run(command, env=env, stderr=subprocess.PIPE).returncode == 9
    assert run_table(archbo, folder, *options, *kept) == plain
    assert run_table(archbo, folder, *options, *kept) == plain


def test_past_trainings_of_a_table_are_not_evaluated_again(archbo, folder):
    table = pd.read_csv("toy.csv")
    table.head(20).to_csv("some.csv", index=False)
    runs = run_table(archbo, folder, "--start-from", "some.csv", "--queries", 4)
    known = {f"width={w},depth={d},skip={s}" for w, d, s, *_ in table.head(20).to_numpy().tolist()}
    for run in runs:
        assert len(run["queries"]) == 4
        assert not known & {query["arch"] for query in run["queries"]}
    code, _, complaint = archbo(*TABLE, "--start-from", "some.csv", "--queries", 5)
    assert code == 2
    assert "4 are left" in complaint


def test_a_file_of_several_studies_says_which_there_are(archbo, folder):
    done(archbo(*TABLE, "--queries", 3, "--study", "run.db"))
    assert study_names("run.db") == ["gp-0", "random-0"]
    printed, _ = done(archbo("status", "run.db"))
    for text in ("gp-0", "random-0", "3 told"):
        assert text in printed
    assert "goal" in done(archbo("status", "run.db", "--name", "random-0"))[0]
    code, _, complaint = archbo("export", "run.db", "--csv", "a.csv")
    assert code == 2
    assert "gp-0, random-0; say which with --name" in complaint
    done(archbo("export", "run.db", "--name", "gp-0", "--csv", "a.csv"))
    assert len(pd.read_csv("a.csv")) == 3
    code, _, complaint = archbo("ask", "run.db", "--name", "gp-0")
    assert code == 2
    assert "search of toy" in complaint
    code, _, complaint = archbo(
        *TABLE, "--queries", 3, "--study", "run.db", "--acquisition", "thompson"
    )
    assert code == 2
    assert "--acquisition" in complaint


FEW = (*TABLE, "--queries", 3)
REFUSED = {
    "--batch": (*FEW, "--study", "run.db", "--batch", 2),
    "--start-from": (*FEW, "--fill", "depth=4"),
    "COLUMN=CHOICE": (*FEW, "--start-from", "toy.csv", "--fill", "depth"),
    "no table": (*FEW, "--start-from", "none.csv"),
    "no study": (*FEW, "--start-from", "none.db"),
    "leave it out": (*FEW, "--start-from", "toy.csv", "--fill", "depth=4"),
    "no column 'acc'": (*OWN, "--start-from", "toy.csv"),
}


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED)
def test_what_cannot_take_effect_is_refused(archbo, past, request, arguments):
    code, _, complaint = archbo(*arguments)
    assert code == 2
    assert len(complaint.strip().splitlines()) == 1
    assert request.node.callspec.id in complaint


def test_an_interrupted_beginning_is_completed_and_two_beginnings_are_one(tmp_path, monkeypatch):
    from archbo import RandomSearch
    from archbo.errors import DataError

    space, goal = CategoricalSpace("s", {"width": [8, 16, 32, 64]}), Goal.parse("acc")
    log = Log.from_past(pd.DataFrame({"width": [8, 8, 16], "acc": [1.0, 2.0, 3.0]}), space, goal)
    path, strategy = tmp_path / "run.db", RandomSearch(space, goal, seed=0)
    with monkeypatch.context() as patch:
        patch.setattr(Study, "_begin_with", lambda *_: None)
        half = Study(path, strategy, log=log)
    first = half._frozen(log.trials[0], {"archbo:past": 0})
    half._study._storage.create_new_trial(half._study._study_id, first)
    with pytest.raises(DataError, match="repeat the call"):
        Study(path, strategy)
    study = Study(path, strategy, log=log)
    assert study.log == log
    monkeypatch.setattr("archbo.studies.study._missing_past", lambda *_: [0, 1, 2])
    other = Study(path, strategy, log=log)  # began it in the same moment
    assert len(other.optuna_study.trials) == 6
    assert other.log == study.log == log
    assert str(study.ask()[0]) in ("width=32", "width=64")
