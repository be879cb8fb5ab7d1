"""A user's function in a child process: whatever it does, the search learns of it."""

import os
import subprocess
import sys
import threading
import time

import pytest

from archbo import CategoricalSpace, Goal
from archbo.errors import PrunedError, UsageError
from archbo.evaluators import ChildEvaluator, EvaluationError, Request, load_function

SPACE = CategoricalSpace("toy", {"what": ["number", "metrics", "nan", "none", "text", "missing", "inf",
    "raise", "exit", "die", "kill", "hang", "print", "fork", "pid", "checkpoint", "extra",
    "curve", "slow curve", "forked curve", "list", "long", "unsayable", "deaf"]})  # fmt: skip
CODE = """
import os, signal, sys, time

print("loaded")

class Unsayable(Exception):
    def __str__(self): raise ValueError("no text")

def evaluate(arch, fidelity, folder, checkpoint, report):
    what = arch["what"]
    print("asked for", what)
    if what == "raise": raise ValueError("too deep")
    if what == "exit": sys.exit(3)
    if what == "list": return [1.0, 2.0]
    if what == "long": raise ValueError("x" * 10_000_000)
    if what == "unsayable": raise Unsayable
    if what == "deaf": sys.stdout.close()
    if what == "die": os._exit(4)
    if what == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        (folder / "pid").write_text(str(os.getpid()))
        if os.fork() == 0:
            (folder / "forked").write_text(str(os.getpid()))
            time.sleep(1000)
        time.sleep(1000)
    if what == "print":
        for _ in range(30): print("x" * 100_000)
    if what == "fork": os.fork()
    if what == "pid": return os.getpid()
    if what == "curve":
        for epoch in range(5): report(epoch, epoch / 2)
    if what == "slow curve":
        while True:
            time.sleep(0.1)
            report(1, 0.5)
    if what == "forked curve":
        if os.fork() == 0: report(0, 1.0)
        time.sleep(0.5)
    if what == "checkpoint":
        file = folder / "checkpoint"
        file.write_text(str(int(file.read_text()) + 1 if file.exists() else 1))
        return int(file.read_text())
    return {"number": 1.5, "metrics": {"acc": "2.5"}, "nan": float("nan"), "none": None,
            "text": "good", "missing": {"loss": 1}, "inf": {"acc": float("inf")},
            "extra": {"acc": 3, "epochs": [1, 2]}}.get(what, 0)
"""


@pytest.fixture
def name(tmp_path):
    (tmp_path / "train.py").write_text(CODE)
    return f"{tmp_path}/train.py:evaluate"


@pytest.fixture
def evaluator(name):
    evaluator = ChildEvaluator(name, SPACE, Goal.parse("acc"), timeout=20)
    yield evaluator
    evaluator.close()


def ends(pid, seconds=10):
    for _ in range(seconds * 50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # A zombie that nobody has waited for is dead too.
        with open(f"/proc/{pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                return True
        time.sleep(0.02)
    return False


def test_a_child_serves_many_evaluations_whatever_they_do(evaluator, tmp_path):
    def evaluate(what, folder="trial"):
        return evaluator.evaluate(Request(SPACE.arch(f"what={what}"), folder=tmp_path / folder))

    first = evaluate("pid")
    assert evaluate("number") == {"acc": 1.5}
    assert evaluate("metrics") == {"acc": 2.5}
    assert evaluate("extra") == {"acc": 3.0}
    reasons = {
        "nan": "acc is nan",
        "inf": "acc is inf",
        "none": "acc is None, which is no number",
        "text": "acc is 'good', which is no number",
        "missing": "it returned no 'acc', but loss",
        "raise": "ValueError: too deep",
        "exit": "SystemExit: 3",
        "list": "acc is \\[1.0, 2.0\\], which is no number",
        "long": "ValueError: x+$",
    }
    for what, reason in reasons.items():
        with pytest.raises(EvaluationError, match=reason):
            evaluate(what, what)
    assert "Traceback" in (tmp_path / "raise" / "log.txt").read_text()
    assert evaluate("print", "loud") == {"acc": 0.0}
    assert (tmp_path / "loud" / "log.txt").stat().st_size > 3_000_000
    assert evaluate("fork") == {"acc": 0.0}
    assert [evaluate("checkpoint")["acc"] for _ in range(2)] == [1, 2]
    assert evaluate("pid") == first
    log = (tmp_path / "trial" / "log.txt").read_text()
    assert log.startswith("loaded\nasked for pid\nasked for number")
    # A process that dies is followed by another one.
    for what, how in (
        ("die", "exit code 4"),
        ("kill", "signal 9"),
        ("unsayable", "exit code 1"),
        ("deaf", "exit code 1"),
    ):
        with pytest.raises(EvaluationError, match=how):
            evaluate(what)
    assert evaluate("pid") != first


def test_reports_reach_this_process_which_may_stop_the_training(evaluator, tmp_path):
    reported = []

    def report(step, value):
        reported.append((step, value))
        if stop and step == 2:
            raise PrunedError

    request = Request(SPACE.arch("what=curve"), folder=tmp_path / "trial", report=report)
    stop = False
    assert evaluator.evaluate(request) == {"acc": 0.0}
    assert reported == [(step, step / 2) for step in range(5)]
    stop = True
    with pytest.raises(PrunedError):
        evaluator.evaluate(request)
    assert reported[5:] == [(0, 0.0), (1, 0.5), (2, 1.0)]
    # The same child serves the next request.
    forked = Request(SPACE.arch("what=forked curve"), folder=tmp_path / "fork", report=report)
    assert evaluator.evaluate(forked) == {"acc": 0.0}
    assert len(reported) == 8
    assert "RuntimeError: report from" in (tmp_path / "fork" / "log.txt").read_text()


def test_reports_do_not_prolong_an_evaluation(name, tmp_path):
    evaluator = ChildEvaluator(name, SPACE, Goal.parse("acc"), timeout=1)
    with pytest.raises(EvaluationError, match="it took more than 1 s"):
        evaluator.evaluate(Request(SPACE.arch("what=slow curve"), folder=tmp_path / "trial"))
    evaluator.close()


def test_a_module_that_hangs_while_it_loads_is_killed(tmp_path):
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(1000)")
    name = f"{tmp_path}/hangs.py:evaluate"
    evaluator = ChildEvaluator(name, SPACE, Goal.parse("acc"), timeout=0.5)
    with pytest.raises(EvaluationError, match=r"loading .*hangs.py:evaluate took more than 0.5 s"):
        evaluator.load()


def test_what_a_function_takes_is_known_once_it_is_loaded(evaluator):
    assert evaluator.load() == ("fidelity", "folder", "checkpoint", "report")


PARENT = """
import sys
from pathlib import Path
from archbo import CategoricalSpace, Goal
from archbo.evaluators import ChildEvaluator, Request
space = CategoricalSpace("toy", {"what": ["hang", "number"]})
if __name__ == "__main__":
    evaluator = ChildEvaluator(sys.argv[1], space, Goal.parse("acc"))
    evaluator.evaluate(Request(space.arch("what=hang"), folder=Path(sys.argv[2])))
"""


def test_children_end_with_a_parent_that_is_killed(name, tmp_path):
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    (tmp_path / "parent.py").write_text(PARENT)
    folder = tmp_path / "trial"
    command = [sys.executable, str(tmp_path / "parent.py"), name, str(folder)]
    parent = subprocess.Popen(command, env=env)
    forked = folder / "forked"
    while not forked.exists() or not forked.read_text():
        assert parent.poll() is None
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    for file in ("pid", "forked"):
        assert ends(int((folder / file).read_text()))


def test_what_hangs_is_killed_with_all_that_it_started(name, tmp_path):
    evaluator = ChildEvaluator(name, SPACE, Goal.parse("acc"), timeout=0.5)
    with pytest.raises(EvaluationError, match="more than"):
        evaluator.evaluate(Request(SPACE.arch("what=hang"), folder=tmp_path / "trial"))
    for file in ("pid", "forked"):
        assert ends(int((tmp_path / "trial" / file).read_text()))
    evaluator.close()


def test_a_child_is_ended_from_another_thread(evaluator, tmp_path):
    raised = []

    def evaluate():
        try:
            evaluator.evaluate(Request(SPACE.arch("what=hang"), folder=tmp_path / "trial"))
        except EvaluationError as error:
            raised.append(error)

    thread = threading.Thread(target=evaluate)
    thread.start()
    while not (tmp_path / "trial" / "forked").exists():
        time.sleep(0.02)
    evaluator.close()
    thread.join(10)
    assert raised
    with pytest.raises(EvaluationError, match="closed"):
        evaluator.evaluate(Request(SPACE.arch("what=number"), folder=tmp_path / "trial"))


def test_a_module_that_does_not_load_is_a_reason(tmp_path):
    (tmp_path / "bad.py").write_text("import nosuchmodule")
    evaluator = ChildEvaluator(f"{tmp_path}/bad.py:evaluate", SPACE, Goal.parse("acc"))
    with pytest.raises(EvaluationError, match="nosuchmodule"):
        evaluator.evaluate(Request(SPACE.arch("what=number"), folder=tmp_path / "trial"))


def test_a_timeout_is_positive(name):
    with pytest.raises(UsageError, match="positive"):
        ChildEvaluator(name, SPACE, Goal.parse("acc"), timeout=0)


@pytest.mark.parametrize("text", ["train.py", "nosuch.py:f", "nosuchmodule:f", "math:nosuch", ":f"])
def test_a_function_that_is_not_there(text):
    with pytest.raises(UsageError):
        load_function(text)
