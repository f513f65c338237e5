"""A few workers that requests wait for, a queue that may be full, and a budget of memory."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .limits import Refused
from .models import Stopped
from .worker import Died, Job, Setup, TooLarge, Worker

# Seconds after which a client may hope for a place.
RETRY_AFTER = 2
# Seconds between two looks at whether a client that waits is still there.
_LOOK = 0.1
# What servers log of a request whose client has left; there is no status for it in HTTP.
_CLIENT_LEFT = 499


class Pool:
    """Workers that requests wait for, up to so many requests; for several threads.

    Attributes:
        workers: jobs that run at once.
        places: jobs that run or wait at once.
        seconds: that a job may take, its wait included.
        budget: bytes of memory that the jobs that run may take together; None: any.
        taken: places that are taken now.
        abandoned: jobs that run are ended.
        jobs: places whose clients want to know how far they are, by what these call them.
    """

    def __init__(
        self, workers: int, queue: int, seconds: float, setup: Setup, budget: int | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            workers: jobs at once.
            queue: further jobs that may wait.
            seconds: the time limit of each.
            setup: of each worker.
            budget: see the attribute.
        """
        self.workers, self.places, self.seconds = workers, workers + queue, seconds
        self.budget = budget
        self._free = threading.BoundedSemaphore(self.places)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._all = [Worker(setup) for _ in range(workers)]
        self._idle = deque(self._all)
        self._waiting: deque[object] = deque()
        self._spent = 0
        self.taken = 0
        self.abandoned = False
        self.jobs: dict[str, Place] = {}

    @property
    def bytes(self) -> int:
        """Of memory that the workers have now."""
        return sum(worker.bytes for worker in self._all)

    def warm(self) -> None:
        """Start the workers, before a request needs them."""

        def start() -> None:
            with contextlib.ExitStack() as all_of_them, contextlib.suppress(Stopped):
                for _ in range(self.workers):
                    all_of_them.enter_context(self.worker(lambda: self.abandoned)).start()

        threading.Thread(target=start, daemon=True).start()

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
            with self._lock:
                self.taken -= 1
            self._free.release()

    @contextmanager
    def worker(self, over: Callable[[], bool], need: int = 0) -> Iterator[Worker]:
        """A worker for the caller alone, as soon as one is free, in the order of asking.

        Args:
            over: whether the caller has no use for one any more.
            need: bytes of memory that its job may take.

        Raises:
            Stopped: it was over before one was free.
        """
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                while not (self._waiting[0] is turn and self._idle and self._fits(need)):
                    if over():
                        raise Stopped
                    self._changed.wait(_LOOK)
                # The one used last, whose models are those wanted last.
                worker = self._idle.pop()
                self._spent += need
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        try:
            yield worker
        finally:
            with self._changed:
                self._idle.append(worker)
                self._spent -= need
                self._changed.notify_all()

    def _fits(self, need: int) -> bool:
        """Whether there is memory for one more job; a job alone may have it all."""
        return self.budget is None or not self._spent or self._spent + need <= self.budget

    def abandon(self) -> None:
        """Have the jobs that run end, and drop those that wait."""
        self.abandoned = True
        with self._changed:
            self._changed.notify_all()

    def kill(self) -> None:
        """End all workers where they are; what waits for them fails."""
        for worker in self._all:
            worker.kill()

    def close(self) -> None:
        """End all that runs or waits, and the workers."""
        self.abandon()
        with self._changed:
            while len(self._idle) < len(self._all):
                self._changed.wait(_LOOK)
        for worker in self._all:
            worker.end()


class Place:
    """A request's place in a pool.

    Attributes:
        waited: seconds that its jobs waited for a worker.
        working: whether one of its jobs has begun.
        share: of the job that runs, how much is done, 0..1.
    """

    def __init__(self, pool: Pool, gone: Callable[[], bool]) -> None:
        self._pool, self._gone = pool, gone
        self.waited = 0.0
        self.working = False
        self.share = 0.0
        self._job: str | None = None

    def call(self, job: str | None) -> None:
        """Have it found under a name that its client gave it."""
        if job is not None:
            self._job = job
            self._pool.jobs[job] = self

    def run(self, job: Job, need: int = 0) -> Any:
        """Have a worker do a job, and wait for it.

        A job that nobody waits for any more is ended: by itself, the next time that it calls the
        function it was given, or with its process.

        Args:
            job: see ``worker``.
            need: bytes of memory that it may take.

        Raises:
            Refused: it may take more memory than there is, or took more than it may (413); it took
                longer than it may (504); the pool was closed (503); the client has left (499, which
                nobody reads); or it was the end of its worker (422).
        """
        asked = time.monotonic()
        budget = self._pool.budget
        if budget is not None and need > budget:
            raise Refused(
                413,
                f"this may take {need >> 20:,} MiB of memory, and the server has "
                f"{budget >> 20:,} for it; send a smaller picture",
            )

        def over() -> bool:
            late = time.monotonic() - asked > self._pool.seconds
            return late or self._pool.abandoned or self._gone()

        began: float | None = None
        try:
            with self._pool.worker(over, need) as worker:
                began = time.monotonic()
                self.working, self.share = True, 0.0
                return worker.do(job, self._told, over, need or None)
        except Stopped:
            pass
        except TooLarge:
            raise Refused(
                413, f"this takes more than {need >> 20:,} MiB of memory, so it was given up"
            ) from None
        except Died:
            raise Refused(422, "this picture was the end of what worked on it") from None
        finally:
            self.waited += (began or time.monotonic()) - asked
        if self._pool.abandoned:
            raise Refused(503, "the server is being stopped", RETRY_AFTER)
        if self._gone():
            raise Refused(_CLIENT_LEFT, "the client has left")
        raise Refused(504, f"this took longer than {self._pool.seconds:g} s, so it was given up")

    def _told(self, share: float) -> None:
        self.share = share

    def leave(self) -> None:
        """Let nobody find it any more."""
        if self._job is not None and self._pool.jobs.get(self._job) is self:
            del self._pool.jobs[self._job]
