"""An evaluation in a process of its own, which may crash, hang or print what it likes."""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from archbo.evaluators.function import call, load_function, metrics_of
from archbo.goals import Goal
from archbo.spaces import Arch

__all__ = ["EvaluationError", "evaluate_in_child"]

LONGEST = 1000
"""The most characters of a reason that are kept."""


class EvaluationError(Exception):
    """An evaluation that gave no metrics; the message is the reason."""


def evaluate_in_child(
    name: str,
    arch: Arch,
    goal: Goal,
    fidelity: str | None = None,
    *,
    folder: Path | None = None,
    timeout: float | None = None,
    running: list[SpawnProcess] | None = None,
) -> dict[str, float]:
    """The metrics that a function gives for an architecture, called in a child process.

    What it prints goes to ``log.txt`` in the folder. After the timeout the child and all that it started are killed.

    Args:
        name: The function, as ``load_function`` takes it.
        arch: The architecture.
        goal: Its metrics are wanted.
        fidelity: What to evaluate at.
        folder: The trial's own folder; it is made.
        timeout: The most seconds that it may take.
        running: Where the child stands while it runs, so that somebody else can end it.

    Raises:
        EvaluationError: It raised, returned no such metrics, died or took too long.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(sender, name, arch, goal, fidelity, folder))
    child.start()
    sender.close()
    if running is not None:
        running.append(child)
    try:
        ready = wait([receiver, child.sentinel], timeout)
        if not ready:
            raise EvaluationError(f"it took more than {timeout:g} s")
        return _received(receiver, child)
    finally:
        kill(child)
        child.join()
        receiver.close()
        if running is not None:
            running.remove(child)


def kill(child: SpawnProcess) -> None:
    """End a child and what it started, which is in its process group."""
    if child.pid is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()


def _received(receiver: Connection, child: SpawnProcess) -> dict[str, float]:
    try:
        content = json.loads(receiver.recv_bytes())
    except EOFError:
        child.join()
        code = child.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise EvaluationError(f"its process died with {how}") from None
    if "reason" in content:
        raise EvaluationError(content["reason"])
    metrics: dict[str, float] = content["metrics"]
    return metrics


def _run(
    sender: Connection, name: str, arch: Arch, goal: Goal, fidelity: str | None, folder: Path | None
) -> None:
    """The child: send what came of it as JSON."""
    if hasattr(os, "setsid"):
        os.setsid()
    if folder is not None:
        log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, sys.stdout.fileno())
        os.dup2(log, sys.stderr.fileno())
    content: dict[str, object]
    try:
        result = call(load_function(name), arch, fidelity, folder)
        content = {"metrics": metrics_of(goal, result)}
    except BaseException as error:  # whatever the user's code does, the search learns of it
        traceback.print_exc()
        content = {"reason": f"{type(error).__name__}: {error}"[:LONGEST]}
    sys.stdout.flush()
    sender.send_bytes(json.dumps(content).encode())
