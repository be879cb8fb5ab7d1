"""Evaluations in a child process, which may crash, hang or print what they like."""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, final

from archbo.errors import UsageError
from archbo.evaluators.function import call, load_function, metrics_of
from archbo.goals import Goal
from archbo.spaces import Arch, SearchSpace

__all__ = ["ChildEvaluator", "EvaluationError"]

LONGEST = 1000
"""The most characters of a reason that are kept."""


class EvaluationError(Exception):
    """An evaluation that gave no metrics; the message is the reason."""


@final
class ChildEvaluator:
    """Calls a function in a child process that is kept from one evaluation to the next.

    The child starts with the first evaluation. After a timeout, a crash or an interruption it is killed with all that
    it started, and the next evaluation starts another one. It also ends when this process dies.

    Args:
        name: The function, as ``load_function`` takes it.
        space: The space of the architectures.
        goal: Its metrics are wanted.
        timeout: The most seconds that an evaluation may take, without the start of the child; no limit unless given.

    Raises:
        UsageError: The timeout is not positive.
    """

    def __init__(
        self, name: str, space: SearchSpace, goal: Goal, *, timeout: float | None = None
    ) -> None:
        if timeout is not None and not timeout > 0:
            raise UsageError(f"a timeout is a positive number of seconds; got {timeout:g}")
        self.name, self.space, self.goal, self.timeout = name, space, goal, timeout
        self._child: _Child | None = None
        self._closed = False

    def evaluate(self, arch: Arch, fidelity: str | None, folder: Path) -> dict[str, float]:
        """The metrics of an architecture.

        Args:
            arch: The architecture.
            fidelity: What to evaluate it at, if the goal has fidelities.
            folder: The trial's own; it is made, and what is printed is added to its ``log.txt``.

        Raises:
            EvaluationError: The function raised, returned no such metrics, took too long, or its process died.
        """
        folder.mkdir(parents=True, exist_ok=True)
        try:
            child = self._started(folder)
            request = {"arch": str(arch), "fidelity": fidelity, "folder": str(folder)}
            child.send(request)
            answer = child.answer(self.timeout)
        except BaseException:
            self._kill()
            raise
        if "reason" in answer:
            raise EvaluationError(answer["reason"])
        metrics: dict[str, float] = answer["metrics"]
        return metrics

    def close(self) -> None:
        """End the child and what it started; an evaluation under way raises. It may be called from any thread."""
        self._closed = True
        self._kill()

    def _started(self, folder: Path) -> "_Child":
        """The child, once it has loaded the function."""
        if self._closed:
            raise EvaluationError("the evaluator was closed")
        if self._child is None:
            self._child = _Child.start(self.name, self.space, self.goal, folder)
            Finalize(self, self._child.kill, exitpriority=1)  # at exit, before children are joined
            if self._closed:  # by another thread, which found no child to kill
                raise EvaluationError("the evaluator was closed")
            answer = self._child.answer(None)
            if "reason" in answer:
                raise EvaluationError(answer["reason"])
        return self._child

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()


@dataclass(frozen=True)
class _Child:
    """A running child, and the pipe to it."""

    process: SpawnProcess
    pipe: Connection

    @classmethod
    def start(cls, name: str, space: SearchSpace, goal: Goal, folder: Path) -> "_Child":
        """A new child; its first answer says that it is ready."""
        # Workers of Dask's are daemonic and may have no children, lest these outlive them; this one does not.
        multiprocessing.current_process().daemon = False
        context = multiprocessing.get_context("spawn")
        pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, name, space, goal, folder))
        process.start()
        theirs.close()
        return cls(process, pipe)

    def send(self, request: dict[str, str | None]) -> None:
        """Ask for an evaluation; a child that died since the last one says so with its answer."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send_bytes(json.dumps(request).encode())

    def answer(self, timeout: float | None) -> dict[str, Any]:
        """The next answer.

        Raises:
            EvaluationError: The child died, or none came in time.
        """
        if not wait([self.pipe, self.process.sentinel], timeout):
            raise EvaluationError(f"it took more than {timeout:g} s")
        try:
            if self.pipe.poll():
                answer: dict[str, Any] = json.loads(self.pipe.recv_bytes())
                return answer
        except (EOFError, OSError):
            pass  # It died; how is said below.
        self.process.join()
        code = self.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise EvaluationError(f"its process died with {how}")

    def kill(self) -> None:
        """End the child and its process group."""
        if self.process.pid is not None and hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        # Before it has a group of its own, and where there are no groups.
        self.process.kill()
        self.process.join()


def _serve(pipe: Connection, name: str, space: SearchSpace, goal: Goal, folder: Path) -> None:
    """The child: load the function, then answer requests until the parent is gone."""
    if hasattr(os, "setsid"):
        os.setsid()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _print_to(folder)
    try:
        function = load_function(name)
    except BaseException as error:  # whatever the user's module does, the search learns of it
        traceback.print_exc()
        _send(pipe, {"reason": _reason(error)})
        return
    _send(pipe, {"ready": True})
    own = os.getpid()
    while True:
        try:
            request = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        place = Path(request["folder"])
        _print_to(place)
        answer: dict[str, object]
        try:
            result = call(function, space.arch(request["arch"]), request["fidelity"], place)
            answer = {"metrics": metrics_of(goal, result)}
        except BaseException as error:  # whatever the user's code does, the search learns of it
            traceback.print_exc()
            answer = {"reason": _reason(error)}
        if os.getpid() != own:  # the function forked, and this is not the process that was asked
            os._exit(0)
        _send(pipe, answer)


def _die_with_parent() -> None:
    """End this process and all that it started when the parent is gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _print_to(folder: Path) -> None:
    """What is printed from now on goes to the folder's log."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _send(pipe: Connection, answer: dict[str, object]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    pipe.send_bytes(json.dumps(answer).encode())


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST]
