"""A few workers, the interpreters that they take turns with, and a queue that may be full."""

from __future__ import annotations

import ctypes
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ..device import restorers
from ..device.restorer import Restorer
from ..errors import UserError
from .limits import Refused

_Any = TypeVar("_Any")

# Interpreters that stay loaded while nobody uses them, each with its weights and tensors.
KEPT = 6
# Seconds after which a client may hope for a place.
RETRY_AFTER = 2
# Seconds between two looks at whether a client that waits is still there.
_LOOK = 0.1
# What servers log of a request whose client has left; there is no status for it in HTTP.
_CLIENT_LEFT = 499


# Seconds that work has to end by itself, at its next step, once nobody waits for it.
_TO_END = 0.3


class Stopped(Exception):
    """Work whose time is over; nobody waits for it any more."""


class Interrupted(BaseException):
    """The same, wherever the work was; no fault that anybody should handle."""


class Interruptible:
    """A job that another thread can end between any two of its instructions.

    Decoders and single operations on a whole picture tell nobody how far they are. What the job has
    in its hands is lost, an interpreter's tensors among them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: int | None = None

    def __call__(self, job: Callable[[], _Any]) -> _Any:
        """Do a job in this thread.

        Raises:
            Stopped: it was ended.
        """
        try:
            with self._lock:
                self._thread = threading.get_ident()
            try:
                return job()
            finally:
                # From here on nothing is raised in this thread, which goes on to other jobs.
                with self._lock:
                    self._thread = None
        except Interrupted:
            raise Stopped from None

    def end(self) -> None:
        """End the job, if it runs, as soon as it is between two instructions."""
        with self._lock:
            if self._thread is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread), ctypes.py_object(Interrupted)
                )
                self._thread = None  # once is enough


class Models:
    """Loaded models by name. Each is used by one thread at a time; a second user gets a second."""

    def __init__(self, paths: Mapping[str, Path], threads: int, kept: int = KEPT) -> None:
        """Load nothing yet.

        Args:
            paths: name to file.
            threads: of each interpreter.
            kept: how many stay loaded while nobody uses them.
        """
        self._paths, self._threads, self._limit = dict(paths), threads, kept
        self._idle: OrderedDict[Restorer, str] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def use(self, name: str) -> Iterator[Restorer]:
        """A model for the caller alone.

        Raises:
            UserError: a file that cannot be loaded.
        """
        model = self._taken(name)
        try:
            yield model
        except (UserError, Stopped):
            self._put_back(name, model)
            raise
        # After any other error nobody knows what state it is in.
        self._put_back(name, model)

    def _taken(self, name: str) -> Restorer:
        with self._lock:
            for model, kept in self._idle.items():
                if kept == name:
                    del self._idle[model]
                    return model
        return restorers.load(self._paths[name], self._threads)

    def _put_back(self, name: str, model: Restorer) -> None:
        with self._lock:
            self._idle[model] = name
            while len(self._idle) > self._limit:
                self._idle.popitem(last=False)


class Pool:
    """Workers that requests wait for, up to so many requests.

    Attributes:
        workers: jobs that run at once.
        places: jobs that run or wait at once.
        seconds: that a job may take, its wait included.
        taken: places that are taken now.
        abandoned: jobs that run are to end at their next step.
        jobs: places whose clients want to know how far they are, by what these call them.
    """

    def __init__(self, workers: int, queue: int, seconds: float) -> None:
        """Start the workers.

        Args:
            workers: jobs at once.
            queue: further jobs that may wait.
            seconds: the time limit of each.
        """
        self.workers, self.places, self.seconds = workers, workers + queue, seconds
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        self._free = threading.BoundedSemaphore(self.places)
        self._lock = threading.Lock()
        self.taken = 0
        self.abandoned = False
        self.jobs: dict[str, Place] = {}

    @contextmanager
    def place(self, gone: Callable[[], bool]) -> Iterator[Place]:
        """A place for one request, at once or not at all.

        Args:
            gone: whether its client has left; the work for it is then given up.

        Raises:
            Refused: all are taken (503).
        """
        if not self._free.acquire(blocking=False):
            raise Refused(503, "all workers are busy and the queue is full; try again", RETRY_AFTER)
        with self._lock:
            self.taken += 1
        place = Place(self, gone)
        try:
            yield place
        finally:
            place.leave()

    def submit(self, job: Callable[[], _Any]) -> Future[_Any]:
        """Have a worker do a job, when one is free."""
        return self._executor.submit(job)

    def free(self) -> None:
        """Give a place back."""
        with self._lock:
            self.taken -= 1
        self._free.release()

    def abandon(self) -> None:
        """Have the jobs that run end at their next step, and drop those that wait."""
        self.abandoned = True
        self._executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Wait for the jobs that run; those that wait are dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)


class Place:
    """A request's place in a pool.

    Attributes:
        waited: seconds that its jobs waited for a worker.
        working: whether one of its jobs has begun.
        share: of the job that runs, how much is done, 0..1.
    """

    def __init__(self, pool: Pool, gone: Callable[[], bool]) -> None:
        self._pool, self._gone = pool, gone
        self._running: Future[None] | None = None
        self._job_of_worker = Interruptible()
        self.waited = 0.0
        self.working = False
        self.share = 0.0
        self._job: str | None = None

    def call(self, job: str | None) -> None:
        """Have it found under a name that its client gave it."""
        if job is not None:
            self._job = job
            self._pool.jobs[job] = self

    def run(self, job: Callable[[Callable[..., None]], _Any]) -> _Any:
        """Have a worker do a job, and wait for it.

        A job whose time is over stops by itself, the next time that it calls the function it was
        given, or is interrupted soon after. It keeps the place until then.

        Args:
            job: given a function to be called between its steps, with any arguments.

        Raises:
            Refused: it took longer than it may (504), the pool was closed (503), or
                the client has left (499, which nobody reads).
        """
        asked = time.monotonic()
        began: list[float] = []

        def tick(done: int = 0, total: int = 0) -> None:
            if total:
                self.share = done / total
            late = time.monotonic() - asked > self._pool.seconds
            if late or self._pool.abandoned or self._gone():
                raise Stopped

        def work() -> _Any:
            began.append(time.monotonic())
            self.working, self.share = True, 0.0
            tick()
            return self._job_of_worker(lambda: job(tick))

        future = self._pool.submit(work)
        self._running = future  # type: ignore[assignment]
        try:
            return self._result(future, self._pool.seconds)
        except CancelledError:
            raise Refused(503, "the server is being stopped", RETRY_AFTER) from None
        except Stopped:
            pass
        finally:
            self.waited += (began[0] if began else time.monotonic()) - asked
        if self._pool.abandoned:
            raise Refused(503, "the server is being stopped", RETRY_AFTER)
        if self._gone():
            raise Refused(_CLIENT_LEFT, "the client has left")
        raise Refused(504, f"this took longer than {self._pool.seconds:g} s, so it was given up")

    def _result(self, future: Future[_Any], seconds: float) -> _Any:
        until = time.monotonic() + seconds
        while True:
            try:
                return future.result(min(_LOOK, max(0.0, until - time.monotonic())))
            except TimeoutError:
                if future.done():  # just now, or with an error of that name of its own
                    return future.result()
                if time.monotonic() < until and not self._gone():
                    continue
                if not future.cancel():
                    self._end(future)
                raise Stopped from None

    def _end(self, future: Future[_Any]) -> None:
        """Have a worker leave a job that nobody waits for."""
        wait((future,), _TO_END)
        if not future.done():
            self._job_of_worker.end()

    def leave(self) -> None:
        """Give the place back, as soon as a job that was given up has ended."""
        if self._job is not None and self._pool.jobs.get(self._job) is self:
            del self._pool.jobs[self._job]
        if self._running is None:
            self._pool.free()
        else:
            self._running.add_done_callback(lambda _: self._pool.free())
