"""Scores many pictures on this machine: a pool of processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any

from edge_demo.errors import UserError

from .scores import Scores, score

# Pictures handed over at a time.
_CHUNK = 8
# Each process works on one picture: threads below it would only be in each other's way.
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def scored(paths: Sequence[str], as_stored: bool, workers: int) -> Generator[Scores]:
    """The scores of each path, in order, as they become known.

    Raises:
        UserError: a process died, as one does that is out of memory.
    """
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start)
    try:
        yield from pool.map(partial(score, as_stored=as_stored), paths, chunksize=_CHUNK)
    except BrokenProcessPool:
        raise UserError(
            "a worker process died, perhaps out of memory; the same command goes on from here, "
            "best with fewer --workers"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start() -> None:
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    # Ctrl-C is for the process that the user sees, which ends these.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Decoders comment on damaged files there; what matters comes back as a score.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def _end_with(parent: Any) -> None:
    """A process that is killed cannot end those that it started: they end themselves."""
    parent.join()
    os._exit(1)
