"""Studies from the command line: one's own code, and asking and telling by hand."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

from archbo import Goal, RandomSearch, run
from archbo.cli.studies import Begun
from archbo.log import State
from archbo.spaces import (
    CategoricalSpace,
    DagSpace,
    DartsSpace,
    EdgeCellSpace,
    MixedSpace,
    NodeCellSpace,
    ProductSpace,
    Real,
    StageSpace,
)
from archbo.studies import Study, read_header

CODE = """
import time

def evaluate(arch):
    return arch["width"] * arch["depth"]

def metrics(arch, fidelity, folder):
    assert folder.is_dir()
    time.sleep(10 if arch["depth"] == 4 else 0)
    if arch["depth"] == 3:
        raise ValueError("too deep")
    return {"acc": arch["width"], "latency": arch["depth"]}

def curve(arch, report):
    for epoch in range(3):
        report(epoch, arch["width"])
    return arch["width"]

def slow(arch):
    time.sleep(1000)
"""


@pytest.fixture
def study(folder):
    """The trials of run.db, as anybody reads them."""
    (folder / "train.py").write_text(CODE)

    def log():
        from archbo import CategoricalSpace, RandomSearch

        space, goal = CategoricalSpace.from_toml(folder / "toy.toml"), read_header("run.db").goal
        return Study("run.db", RandomSearch(space, goal, seed=0)).log

    return log


def test_a_report_is_written_beside_the_study(archbo, study, folder):
    new = ("--space", "toy.toml", "--study", "run.db", "--objective", "acc,-latency")
    random = ("--strategy", "random", "--timeout", 5, "--queries", 6, "--workers", 2)
    assert archbo("search", "./train.py:metrics", *new, *random)[0] == 0
    before = study()
    code, printed, complaint = archbo("report", "run.db")
    assert code == 0, complaint
    assert "page: run.html" in printed
    assert "Failures: " in printed
    assert (folder / "run.html").read_text().startswith("<!DOCTYPE html>")
    assert archbo("report", "run.db", "--html", "elsewhere.html")[0] == 0
    assert (folder / "elsewhere.html").is_file()
    assert study() == before
    code, _, complaint = archbo("report", "none.db")
    assert (code, complaint.count("\n")) == (2, 1)


NEW = ("--space", "toy.toml", "--study", "run.db", "--strategy", "random")


def test_ones_own_function_is_searched_and_goes_on(archbo, study, folder):
    code, printed, complaint = archbo("search", "./train.py:evaluate", *NEW, "--queries", 3)
    assert code == 0, complaint
    assert "run.db: 3 told, 0 failed" in printed
    assert (folder / "run.trials" / "trial-00000" / "log.txt").is_file()
    (folder / "toy.toml").rename(folder / "gone.toml")
    code, printed, complaint = archbo("worker", "run.db", "./train.py:evaluate", "--queries", 5)
    assert code == 0, complaint
    assert "5 told" in printed
    (folder / "gone.toml").rename(folder / "toy.toml")
    log = study()
    assert all(t.values == (t.arch["width"] * t.arch["depth"],) for t in log.trials)


def test_a_space_that_is_used_up_is_said(archbo, study, folder):
    (folder / "tiny.toml").write_text(
        'kind = "categorical"\n[columns]\nwidth = [1, 2]\ndepth = [1]'
    )
    new = ("--space", "tiny.toml", "--study", "run.db", "--strategy", "random", "--queries", 3)
    code, printed, complaint = archbo("search", "./train.py:evaluate", *new)
    assert code == 0, complaint
    assert "2 told, 0 failed; no architecture of tiny is left to try" in printed


def test_failures_and_timeouts_are_recorded(archbo, study):
    options = ("--objective", "acc,-latency", "--queries", 12, "--workers", 2, "--timeout", 0.5)
    code, _, complaint = archbo("search", "./train.py:metrics", *NEW, *options)
    assert code == 0, complaint
    log = study()
    assert len(log) == 12
    for trial in log.trials:
        deep = trial.arch["depth"] > 2
        assert trial.state == (State.FAILED if deep else State.TOLD)
        if deep:
            assert "too deep" in trial.reason or "more than 0.5 s" in trial.reason
    for reason in ("ValueError: too deep", "it took more than 0.5 s"):
        assert complaint.count(f"failed: {reason}; what was printed is in run.trials") == 1
    again = ("--queries", 13, "--timeout", 0.5)
    _, _, complaint = archbo("worker", "run.db", "./train.py:metrics", *again)
    assert "failed:" not in complaint


def test_a_number_where_metrics_are_wanted_is_one_reason(archbo, study):
    options = ("--objective", "acc,-latency", "--queries", 3)
    code, printed, complaint = archbo("search", "./train.py:evaluate", *NEW, *options)
    assert code == 0
    assert "run.db: 0 told, 3 failed" in printed
    reason = "failed: ValueError: it returned no dict of acc, latency, but int; what was printed"
    assert complaint.count("failed: ") == complaint.count(reason) == 1


def test_a_pruner_stops_trainings(archbo, study):
    options = ("--pruner", "median", "--objective", "acc", "--queries", 12)
    code, printed, complaint = archbo("search", "./train.py:curve", *NEW, *options)
    assert code == 0, complaint
    pruned = study().n_pruned
    assert pruned
    assert f"{12 - pruned} told, 0 failed, {pruned} pruned" in printed
    _, printed, _ = archbo("status", "run.db")
    assert f"pruned  {pruned}\n" in printed


@pytest.mark.slow  # it cannot be interrupted where a background job of a shell ignores SIGINT
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_a_clean_study(study, folder, number, code):
    command = "from archbo.cli import main; main()"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    arguments = ["search", "./train.py:slow", *NEW]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments], env=env, stderr=subprocess.PIPE, text=True
    )
    while not (folder / "run.trials" / "trial-00000" / "log.txt").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in complaint
    assert "interrupted; the same command goes on with run.db" in complaint
    assert [trial.state for trial in study().trials] == [State.DROPPED]


def test_by_hand(archbo, study, folder):
    begin = ("--space", "toy.toml", "--strategy", "random", "--objective", "acc")
    code, printed, complaint = archbo("ask", "run.db", *begin, "-n", 2)
    assert code == 0, complaint
    first, second = printed.split()
    assert archbo("tell", "run.db", first, "acc=0.93")[0] == 0
    assert archbo("fail", "run.db", second, "--reason", "out of memory")[0] == 0
    code, printed, _ = archbo("ask", "run.db", "--json")
    (third,) = json.loads(printed)
    assert third["arch"] not in (first, second)
    assert set(third["values"]) == {"width", "depth", "skip"}
    _, printed, _ = archbo("status", "run.db")
    for text in ("told", "failed", "asked", "out of memory", f"best acc: 0.93  {first}"):
        assert text in printed
    code, _, _ = archbo(
        "export", "run.db", "--csv", "a.csv", "--parquet", "a.parquet", "--json", "a.json"
    )
    assert code == 0
    frame = pd.read_csv(folder / "a.csv")
    assert list(frame["arch"]) == [first, second, third["arch"]]
    assert len(pd.read_parquet(folder / "a.parquet")) == 3
    assert json.loads((folder / "a.json").read_text())[0]["acc"] == 0.93
    assert [trial.state for trial in study().trials] == [State.TOLD, State.FAILED, State.ASKED]


REFUSED = {
    "no study named": ("search", "./train.py:evaluate", "--space", "toy.toml"),
    "no space named": ("search", "./train.py:evaluate", "--study", "run.db"),
    "no such function": ("search", "./train.py:nosuch", *NEW),
    "say which function of train.py": ("search", "train.py", *NEW),
    "no such file": ("search", "./nosuch.py:evaluate", *NEW),
    "no use in a search of a function": ("search", "./train.py:evaluate", *NEW, "--repeats", 3),
    "no use in a search of a table": ("search", "nb201", "--workers", 2),
    "belongs to the strategy bayesian": ("search", "./train.py:evaluate", *NEW, "--predictor", "gp"),
    "reports nothing": ("search", "./train.py:evaluate", *NEW, "--pruner", "median"),
    "unknown pruner": ("search", "./train.py:curve", *NEW, "--pruner", "medean"),
    "single objective": ("search", "./train.py:curve", *NEW, "--pruner", "median", "--objective", "a,b"),
    "--timeout": ("search", "./train.py:evaluate", *NEW, "--timeout", 0),
    "no study at": ("status", "none.db"),
    "begin one with --space": ("ask", "none.db"),
    "no folder": ("ask", "no/run.db", "--space", "toy.toml"),
    "at least 1": ("search", "./train.py:evaluate", *NEW, "--workers", 0),
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED)
def test_what_cannot_take_effect_is_refused(archbo, study, arguments):
    code, _, complaint = archbo(*arguments)
    assert code == 2
    assert complaint.startswith("archbo: ")
    assert complaint.count("\n") == 1


def test_what_is_told_wrongly_is_refused(archbo, study):
    begin = ("--space", "toy.toml", "--strategy", "random", "--objective", "acc")
    archbo("ask", "run.db", *begin)
    for arguments, what in [
        (("tell", "run.db", "width=8", "acc=1"), "width=8"),
        (("tell", "run.db", "width=8,depth=1,skip=no", "loss=1"), "acc"),
        (("tell", "run.db", "width=8,depth=1,skip=no", "acc=nan"), "acc=nan"),
        (
            ("ask", "run.db", "--space", "toy.toml", "--objective", "other"),
            "is for acc, not for other; go on with that",
        ),
        (("ask", "run.db", "--seed", 3), "--seed"),
        (("ask", "run.db", *begin, "--seed", 3), "begun with 0, not 3"),
        (("ask", "run.db", "-n", 0), "at least 1"),
        (("export", "run.db"), "--csv"),
        (("worker", "run.db", "./train.py:evaluate", "--queries", 0), "at least 1"),
    ]:
        code, _, complaint = archbo(*arguments)
        assert code == 2, arguments
        assert what in complaint
        assert complaint.count("\n") == 1


def test_a_wrong_name_is_one_line(study, folder):
    """In a process of its own, so that what the child prints is seen."""
    command = [sys.executable, "-m", "archbo", "search", "./train.py:evalute", *NEW]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(
        r"archbo: cannot load ./train.py:evalute: \S+train.py has no function 'evalute'\n",
        done.stderr,
    )


def test_ones_own_code_stops_at_a_regret(archbo, study, folder):
    (folder / "wide.toml").write_text(
        'kind = "categorical"\nname = "wide"\n[columns]\nwidth = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n'
        "depth = [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    )
    new = ("--space", "wide.toml", "--study", "run.db", "--queries", 60)
    stop = ("--stop-at-regret", 1)
    code, printed, complaint = archbo("search", "./train.py:evaluate", *new, *stop)
    assert code == 0, complaint
    told = re.search(r"run.db: (\d+) told, 0 failed; stopped at regret <= [\d.e-]+\n", printed)
    assert 20 < int(told[1]) < 60
    assert re.search(r"best value: 81", printed)
    goes_on = ("worker", "run.db", "./train.py:evaluate", "--queries", 60)
    _, printed, _ = archbo(*goes_on, *stop)
    assert f"run.db: {told[1]} told" in printed
    code, _, complaint = archbo(*goes_on, "--stop-at-regret", 0)
    assert code == 2
    assert complaint.startswith("archbo: --stop-at-regret: a regret to stop at is a number above 0")


CELL = EdgeCellSpace("cell", ["zero", "same", "conv"], nodes=3, zero_ops=["zero"])
RECIPE = MixedSpace(
    "recipe",
    {
        "optimizer": ["sgd", "adam"],
        "momentum": Real(0, 0.99, active_if={"optimizer": ["sgd"]}),
        "rate": Real(1e-4, 1, log=True),
    },
)


@pytest.mark.parametrize(
    "space",
    [
        ProductSpace("both", {"cell": CELL, "recipe": RECIPE}),
        StageSpace("stages", [{"depth": [1, 2], "kernel": [3, 5]}] * 2, {"width": [8, 16.5]}),
        NodeCellSpace("nodes", ["a", "b"], nodes=5, max_edges=6),
        DagSpace("graphs", ["a", "b"], nodes=6, inputs=2),
        CELL,
        RECIPE,
        CategoricalSpace("s", {"width": [8, "8x"], "skip": [True, False, None]}),
    ],
    ids=lambda space: type(space).__name__,
)
def test_a_study_begun_in_python_is_read_by_what_its_space_is(space, archbo, folder):
    begun = Study("run.db", RandomSearch(space, Goal.parse("acc"), seed=0))
    log = run(begun, lambda arch: float(len(str(arch))), 4)
    assert Begun("run.db").space == space
    assert Begun("run.db").log() == log
    code, printed, complaint = archbo("status", "run.db")
    assert code == 0, complaint
    assert space.name in printed
    assert archbo("export", "run.db", "--csv", "run.csv")[0] == 0
    assert pd.read_csv("run.csv")["arch"].tolist() == [str(trial.arch) for trial in log.trials]


def test_a_space_of_objects_is_read_by_their_texts(archbo, folder):
    space = CategoricalSpace("s", {"dtype": [torch.float32, torch.float64], "width": [8, 16]})
    run(Study("run.db", RandomSearch(space, Goal.parse("acc"), seed=0)), lambda _: 1.0, 2)
    found = Begun("run.db").space
    assert found == CategoricalSpace(
        "s", {"dtype": ["torch.float32", "torch.float64"], "width": [8, 16]}
    )
    assert archbo("status", "run.db")[0] == 0


def test_a_space_that_no_file_describes_is_read_in_python(archbo, folder):
    space = DartsSpace("mine", ["conv", "pool"])
    run(Study("run.db", RandomSearch(space, Goal.parse("acc"), seed=0)), lambda _: 1.0, 2)
    code, _, complaint = archbo("status", "run.db")
    assert code == 2
    assert "the space 'mine' is in neither a file nor the catalog" in complaint
