"""Evaluations in a child process, which may crash, hang or print what they like."""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, final

from archbo.errors import ArchboError, PrunedError, UsageError
from archbo.evaluators.function import (
    LOG,
    Report,
    Request,
    call,
    extras_of,
    load_function,
    metrics_of,
)
from archbo.goals import Goal
from archbo.spaces import SearchSpace

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
        timeout: The most seconds that an evaluation may take, and that the function's module may take to load; no limit
            unless given.

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
        self._extras: tuple[str, ...] = ()
        self._closed = False

    def load(self) -> tuple[str, ...]:
        """Start the child now; what its function's module prints goes where this process writes its errors.

        Returns:
            The names of what the function takes of a request, beside the architecture.

        Raises:
            EvaluationError: The function cannot be loaded, its module took too long, or its process died.
        """
        self._loaded(None)
        return self._extras

    def evaluate(self, request: Request) -> dict[str, float]:
        """The metrics of an architecture.

        Args:
            request: What is wanted. Its folder is made, and what is printed is added to its ``log.txt``; its report is
                called in this process.

        Raises:
            EvaluationError: The function raised, returned no such metrics, took too long, or its process died.
            PrunedError: It was stopped by what ``report`` raised.
            UsageError: The request has no folder.
        """
        if request.folder is None:
            raise UsageError("an evaluation in a child process needs a folder")
        request.folder.mkdir(parents=True, exist_ok=True)
        child = self._loaded(request.folder)
        try:
            child.send(_sent(request))
            answer = child.answer(self.timeout, "it", request.report)
        except BaseException:
            self._kill()
            raise
        if answer.get("pruned"):
            raise PrunedError
        if "reason" in answer:
            raise EvaluationError(answer["reason"])
        metrics: dict[str, float] = answer["metrics"]
        return metrics

    def close(self) -> None:
        """End the child and what it started; an evaluation under way raises. It may be called from any thread."""
        self._closed = True
        self._kill()

    def _loaded(self, folder: Path | None) -> "_Child":
        """The child, once it has loaded the function."""
        if self._closed:
            raise EvaluationError("the evaluator was closed")
        if self._child is not None:
            return self._child
        child = self._child = _Child.start(self.name, self.space, self.goal, folder)
        Finalize(self, child.kill, exitpriority=1)  # at exit, before children are joined
        try:
            if self._closed:  # by another thread, which found no child to kill
                raise EvaluationError("the evaluator was closed")
            child.answer(None)  # Python and archbo have started, which takes the time it takes
            answer = child.answer(self.timeout, f"loading {self.name}")
            if "reason" in answer:
                raise EvaluationError(answer["reason"])
            self._extras = tuple(answer["extras"])
        except BaseException:
            self._kill()
            raise
        return child

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
    def start(cls, name: str, space: SearchSpace, goal: Goal, folder: Path | None) -> "_Child":
        """A new child; its first answer says that it has started, its second that the function is loaded."""
        # Workers of Dask's are daemonic and may have no children, lest these outlive them; this one does not.
        multiprocessing.current_process().daemon = False
        context = multiprocessing.get_context("spawn")
        pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, name, space, goal, folder))
        process.start()
        theirs.close()
        return cls(process, pipe)

    def send(self, message: dict[str, Any]) -> None:
        """Send a request, or what a report is answered; a child that died says so with its next answer."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send_bytes(json.dumps(message).encode())

    def answer(
        self, timeout: float | None, what: str = "", report: Report | None = None
    ) -> dict[str, Any]:
        """The next answer; reports that come before it are passed on.

        Raises:
            EvaluationError: The child died, or no answer came in time; ``what`` took too long then.
        """
        begun = time.monotonic()
        while True:
            left = None if timeout is None else max(0.0, timeout - (time.monotonic() - begun))
            if not wait([self.pipe, self.process.sentinel], left):
                raise EvaluationError(f"{what} took more than {timeout:g} s")
            answer = self._next()
            if report is None or "report" not in answer:
                return answer
            try:
                report(*answer["report"])
            except PrunedError:
                self.send({"stop": True})
            else:
                self.send({"stop": False})

    def _next(self) -> dict[str, Any]:
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


def _sent(request: Request) -> dict[str, Any]:
    """A request as the pipe takes it; its report stays here."""
    places = {"folder": request.folder, "checkpoint": request.checkpoint}
    paths = {name: None if path is None else str(path) for name, path in places.items()}
    return {"arch": str(request.arch), "fidelity": request.fidelity, **paths}


def _received(message: dict[str, Any], space: SearchSpace, report: Report) -> Request:
    """The request in the child."""
    folder, checkpoint = (
        None if message[name] is None else Path(message[name]) for name in ("folder", "checkpoint")
    )
    arch = space.arch(message["arch"])
    return Request(arch, message["fidelity"], folder, checkpoint, report)


def _serve(
    pipe: Connection, name: str, space: SearchSpace, goal: Goal, folder: Path | None
) -> None:
    """The child: load the function, then answer requests until the parent is gone."""
    if hasattr(os, "setsid"):
        os.setsid()
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _print_to(folder)
    _send(pipe, {"started": True})
    try:
        function = load_function(name)
        extras = extras_of(function)
    except ArchboError as error:  # a wrong name, of which no traceback tells more
        _send(pipe, {"reason": str(error)[:LONGEST]})
        return
    except BaseException as error:  # whatever the user's module does, the search learns of it
        traceback.print_exc()
        _send(pipe, {"reason": _reason(error)})
        return
    _send(pipe, {"extras": extras})
    reports = _Reports(pipe)
    while True:
        try:
            request = _received(json.loads(pipe.recv_bytes()), space, reports)
        except EOFError:
            return
        _print_to(request.folder)
        answer: dict[str, object]
        try:
            answer = {"metrics": metrics_of(goal, call(function, request))}
        except PrunedError:
            answer = {"pruned": True}
        except BaseException as error:  # whatever the user's code does, the search learns of it
            traceback.print_exc()
            answer = {"reason": _reason(error)}
        if os.getpid() != reports.process:  # one that the function forked; it was not asked
            os._exit(0)
        _send(pipe, answer)


class _Reports:
    """The report of a user's function in the child: the parent keeps it, and says whether to go on."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock, self.process = pipe, threading.Lock(), os.getpid()

    def __call__(self, step: int, value: float) -> None:
        if os.getpid() != self.process:
            raise RuntimeError(
                "report from the process that was asked, not from one that it forked"
            )
        with self._lock:
            _send(self._pipe, {"report": [int(step), float(value)]})
            stop = json.loads(self._pipe.recv_bytes())["stop"]
        if stop:
            raise PrunedError


def _die_with_parent() -> None:
    """End this process and all that it started when the parent is gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _print_to(folder: Path | None) -> None:
    """What is printed from now on goes to the folder's log; to standard error where there is none yet."""
    sys.stdout.flush()
    sys.stderr.flush()
    if folder is None:
        os.dup2(2, 1)
        return
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _send(pipe: Connection, answer: dict[str, object]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    pipe.send_bytes(json.dumps(answer).encode())


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST]
