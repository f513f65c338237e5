"""Jobs for workers, which are other processes: they speak by files."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_demo.errors import UserError
from edge_demo.web import work


def seven(models: Any, tick: Any) -> int:
    return 7


def process_id(models: Any, tick: Any) -> int:
    return os.getpid()


def broken(*_: Any) -> None:
    raise ZeroDivisionError("secret")


def mistaken(models: Any, tick: Any) -> None:
    raise UserError("a mistake")


def killed(models: Any, tick: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def greedy(models: Any, tick: Any) -> None:
    held = [np.ones(1 << 20, np.uint8) for _ in range(150)]
    time.sleep(20)
    del held


_LEFT = []


def untidy(models: Any, tick: Any) -> None:
    """Leaves memory behind, as models do that stay loaded."""
    _LEFT.append(np.ones(100 << 20, np.uint8))


def modest(models: Any, tick: Any) -> int:
    held = np.ones(30 << 20, np.uint8)
    time.sleep(0.3)
    return held.size


def steps(mark: Path, models: Any, tick: Any) -> None:
    """Says how far it is, without end; the mark is there from the first step on."""
    while True:
        tick(1, 4)
        mark.touch()
        time.sleep(0.01)


def deaf(mark: Path, models: Any, tick: Any) -> None:
    """One call of a library that takes for ever, as decoders and encoders do."""
    mark.touch()
    while True:
        cv2.bilateralFilter(np.zeros((4000, 6000, 3), np.uint8), 25, 50, 50)


def until(go: Path, mark: Path, models: Any, tick: Any) -> int:
    """Waits for a file."""
    tick(1, 4)
    mark.touch()
    while not go.exists():
        time.sleep(0.005)
    return 200


def slow(go: Path, mark: Path, *arguments: Any) -> Any:
    """``work.process``, which first waits for a file."""
    until(go, mark, *arguments[-2:])
    return work.process(*arguments)


def slow_process(go: Path, mark: Path) -> Any:
    """In place of ``work.process``."""
    return partial(slow, go, mark)


def deaf_work(mark: Path, *arguments: Any) -> None:
    """In place of ``work.process`` or ``videos.restored``: one call for ever."""
    deaf(mark, *arguments[-2:])


def wait_for(mark: Path, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not mark.exists():
        assert time.monotonic() < end
        time.sleep(0.005)
