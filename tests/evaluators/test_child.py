"""A user's function in a child process: whatever it does, the search learns of it."""

import os
import threading
import time

import pytest

from archbo import CategoricalSpace, Goal
from archbo.errors import UsageError
from archbo.evaluators import ChildEvaluator, EvaluationError, Request, load_function

SPACE = CategoricalSpace("toy", {"what": ["number", "metrics", "nan", "none", "text", "missing", "inf",
    "raise", "exit", "die", "kill", "hang", "print", "fork", "pid", "checkpoint", "extra"]})  # fmt: skip
CODE = """
import os, signal, sys, time

print("loaded")

def evaluate(arch, fidelity, folder):
    what = arch["what"]
    print("asked for", what)
    if what == "raise": raise ValueError("too deep")
    if what == "exit": sys.exit(3)
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
    for what, how in (("die", "exit code 4"), ("kill", "signal 9")):
        with pytest.raises(EvaluationError, match=how):
            evaluate(what)
    assert evaluate("pid") != first


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
