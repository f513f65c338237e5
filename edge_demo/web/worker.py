"""A worker: a process that does one job at a time, and that can be ended at any moment.

A decoder, an encoder or a network works for seconds in one call, and tells nobody how far it is. A
thread cannot be taken out of such a call; a process can be ended, and what it held is given back to
the system with it. Another one takes its place within a few hundredths of a second, because it is
forked from a process that has loaded the code (Python's ``forkserver``), not the server itself,
whose threads no fork would survive.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..errors import UserError
from .limits import Refused
from .models import KEPT, Models, Stopped

# A job is given the worker's models, and a function to be called between its steps, with how many
# are done and how many there are.
Tick = Callable[..., None]
Job = Callable[[Models, Tick], Any]

# Seconds between two looks at whether anybody waits for a job; that one has to end by itself, at
# its next step, before its process is ended; and between two words on how far it is.
_LOOK, _TO_END, _WORD = 0.05, 0.25, 0.05
_STOP = "stop"
_PRELOADED = ["edge_demo.web.work", "edge_demo.model.tflite", "edge_demo.video.restore"]
# Of Linux' prctl: the signal that a process gets when the one that forked it ends.
_PR_SET_PDEATHSIG = 1
_LAUNCHING = threading.Lock()


class Died(Exception):
    """A worker's process ended in the middle of a job."""


class TooLarge(Exception):
    """A job took more memory than it may, and its process was ended."""


@dataclass(frozen=True)
class Setup:
    """What a worker is started with.

    Attributes:
        paths: model name to file.
        threads: of each interpreter.
        kept: interpreters that stay loaded while nobody uses them.
    """

    paths: Mapping[str, Path]
    threads: int = 1
    kept: int = KEPT


class Worker:
    """One worker, for one thread at a time; its process is started when it is first needed."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._process: Any = None
        self._connection: Connection | None = None
        self._used = False  # whether its process has had a job

    @property
    def pid(self) -> int | None:
        """Of its process; None before there is one."""
        process = self._process
        return None if process is None else process.pid

    @property
    def bytes(self) -> int:
        """Of memory that its process has now; 0 where the system does not tell."""
        pid = self.pid
        return 0 if pid is None else resident(pid)

    def start(self) -> None:
        """Start the process, where there is none."""
        if self._process is not None and self._process.is_alive():
            return
        self.end()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
        ours, theirs = context.Pipe()
        with theirs:
            process = context.Process(
                target=_work, args=(theirs, self._setup), name="worker", daemon=True
            )
            with _LAUNCHING:
                process.start()
        self._process = process
        self._connection, self._used = ours, False

    def do(
        self,
        job: Job,
        told: Callable[[float], None],
        over: Callable[[], bool],
        most: int | None = None,
    ) -> Any:
        """Have the process do a job; what it gives.

        Args:
            job: a function that can be pickled, with what it needs.
            told: called with the share of the job that is done, 0..1.
            over: whether nobody waits for the job any more; it is then ended, at its next step or
                where it is.
            most: bytes of memory that the process may take; None: any.

        Raises:
            Stopped: it was ended.
            Died: the process ended by itself.
            TooLarge: it took more memory than it may, in a process that did nothing else.
        """
        self.start()
        used, self._used = self._used, True
        try:
            return self._do(job, told, over, most)
        except TooLarge:
            if not used:
                raise
        # What earlier jobs left behind, such as models, is not this one's: it gets a new process.
        self.start()
        self._used = True
        return self._do(job, told, over, most)

    def _do(
        self,
        job: Job,
        told: Callable[[float], None],
        over: Callable[[], bool],
        most: int | None,
    ) -> Any:
        connection = self._connection
        assert connection is not None
        try:
            connection.send(job)
            while True:
                if connection.poll(_LOOK):
                    kind, value = connection.recv()
                    if kind != "share":
                        return _given(kind, value)
                    told(value)
                if over():
                    self._stop(connection)
                    raise Stopped
                if most is not None and self.bytes > most:
                    self.end()
                    raise TooLarge
        except (EOFError, OSError):
            self.end()
            raise Died from None

    def _stop(self, connection: Connection) -> None:
        """Have the job end at its next step; else end the process."""
        connection.send(_STOP)
        until = time.monotonic() + _TO_END
        while connection.poll(max(0.0, until - time.monotonic())):
            if connection.recv()[0] != "share":
                return
        self.end()

    def end(self) -> None:
        """End the process at once, whatever it does."""
        process, connection = self._process, self._connection
        # First of all, because other threads ask for its number.
        self._process = self._connection = None
        if process is not None:
            process.kill()
            process.join()
            process.close()
        if connection is not None:
            connection.close()

    def kill(self) -> None:
        """Have the process end, from any thread; the one that uses it finds out."""
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _given(kind: str, value: Any) -> Any:
    if kind == "done":
        return value
    if kind == "failed":
        raise value
    raise Stopped


def resident(pid: int) -> int:
    """Bytes of memory that a process has; 0 where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * _PAGE
    return 0


def _page() -> int:
    import resource

    return resource.getpagesize()


_PAGE = _page() if sys.platform != "win32" else 4096


# ------------------------------------------------------------------------------- in the process


def _work(connection: Connection, setup: Setup) -> None:
    """Do one job after the other until the server hangs up."""
    # Ctrl-C in a terminal reaches all processes; the server says what becomes of the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    models = Models(setup.paths, setup.threads, setup.kept)
    with contextlib.suppress(EOFError, OSError):
        while True:
            job = connection.recv()
            if job != _STOP:  # which came when the last job had ended by itself
                _do(job, models, connection)


def _do(job: Job, models: Models, connection: Connection) -> None:
    last = 0.0

    def tick(done: float = 0, total: float = 0) -> None:
        nonlocal last
        if connection.poll():
            connection.recv()
            raise Stopped
        now = time.monotonic()
        if total and (now - last >= _WORD or done >= total):
            last = now
            connection.send(("share", done / total))

    try:
        answer: tuple[str, Any] = "done", job(models, tick)
    except Stopped:
        answer = "stopped", None
    except (UserError, Refused) as error:
        answer = "failed", error
    except Exception as error:
        answer = "failed", _as_text(error)
    connection.send(answer)


def _as_text(error: Exception) -> Exception:
    """A fault as an exception that crosses to another process, its traceback with it."""
    found = RuntimeError(f"{type(error).__name__}: {error}")
    found.add_note("".join(traceback.format_exception(error)))
    return found
