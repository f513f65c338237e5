"""Work ahead: the same items in order, few of them at a time, errors where they belong."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator

import pytest

from edge_demo.video.ahead import ahead


def working() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ahead"]


def test_the_same_items_in_order() -> None:
    assert list(ahead(ahead(one for one in range(100)), 3)) == list(range(100))
    assert not working()


def test_the_work_of_two_stages_overlaps() -> None:
    """Each waits for the other, so neither would end if one came behind the other."""
    both = threading.Barrier(2, timeout=20)

    def stage() -> Generator[int]:
        for one in range(3):
            if one:
                both.wait()
            yield one

    for one in ahead(stage()):
        if one < 2:
            both.wait()


def test_no_more_is_made_than_asked_for() -> None:
    made: list[int] = []

    def stage() -> Generator[int]:
        for one in range(100):
            made.append(one)
            yield one

    items = ahead(stage(), 2)
    assert next(items) == 0
    time.sleep(0.2)
    # One was taken, two wait, and one has no room.
    assert len(made) <= 4
    items.close()
    assert not working() and len(made) <= 5


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_error_comes_where_its_item_would(kind: type[BaseException]) -> None:
    def stage() -> Generator[int]:
        yield 1
        yield 2
        raise kind("three")

    items = ahead(ahead(stage()))
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(kind, match="three"):
        next(items)
    assert not working()


def test_who_stops_early_closes_what_it_comes_from() -> None:
    closed = threading.Event()

    def stage() -> Generator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    inner = stage()
    items = ahead(inner)
    next(items)
    items.close()
    assert closed.is_set() and not working()
    ahead(stage()).close()  # before anything began
    assert not working()


def test_a_second_stop_waits_for_the_first() -> None:
    """Ctrl-C again while a stage is in a long call: what it works with stays open until then."""
    begun, closed = threading.Event(), threading.Event()

    def stage() -> Generator[int]:
        try:
            yield 1
            begun.set()
            time.sleep(0.5)
            yield 2
        finally:
            closed.set()

    # Who starts the tests in a shell's background has it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    inner = ahead(stage())
    items = ahead(inner)
    assert next(items) == 1 and begun.wait(5)
    again = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    again.start()
    with pytest.raises(KeyboardInterrupt):
        items.close()
    assert closed.is_set()
    inner.close()
    again.join()
    signal.signal(signal.SIGINT, before)
    assert not working()
