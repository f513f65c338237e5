"""An iterator that works ahead, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

# Seconds after which who waits for room looks whether it is still wanted.
_LOOK = 0.1


@dataclass(frozen=True)
class _End:
    """Nothing follows; ``error`` is why, if it is no ordinary end."""

    error: BaseException | None = None


def ahead(items: Generator[T], most: int = 1) -> Generator[T]:
    """The same items in the same order, made while the caller is busy with those before.

    Its thread starts when the first item is asked for. To stop early, close it: that closes
    ``items``, in its thread, and waits for that.

    Args:
        items: of one caller.
        most: that wait to be taken; one more is being made.

    Raises:
        BaseException: whatever ``items`` raise, where the item would have been.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(most)
    unwanted, over = threading.Event(), threading.Event()

    def put(item: T | _End) -> bool:
        while not unwanted.is_set():
            try:
                waiting.put(item, timeout=_LOOK)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        end = _End()
        try:
            for item in items:
                if not put(item):
                    break
        except BaseException as error:
            end = _End(error)
        finally:
            items.close()
            over.set()
        put(end)

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        _wait(over)
        thread.join()


def _wait(over: threading.Event) -> None:
    """Wait to the end, whatever signals come meanwhile; the last of them is raised then.

    What a thread works with may not be closed before. A thread whose ``join`` was interrupted
    counts as ended in Python 3.11, so that is not what is waited for.
    """
    stop: KeyboardInterrupt | None = None
    while not over.is_set():
        try:
            over.wait()
        except KeyboardInterrupt as error:
            stop = error
    if stop is not None:
        raise stop
