"""Workers, places and interpreters; and the memory of results."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from edge_demo.errors import UserError
from edge_demo.web.cache import Cache
from edge_demo.web.limits import Refused
from edge_demo.web.pool import Interrupted, Models, Pool, Stopped


def test_each_user_has_a_model_alone(files: dict[str, Path]) -> None:
    models = Models(files, threads=1)
    with models.use("tiny.int8") as one:
        with models.use("tiny.int8") as other:
            assert one is not other
        with models.use("tiny.int8") as again:
            assert again is other
    with models.use("tiny.int8") as first:
        assert first in (one, other)


def test_what_was_not_used_for_longest_is_unloaded(files: dict[str, Path]) -> None:
    models = Models(files, threads=1, kept=2)
    seen = {}
    for name in ("tiny.int8", "tiny.float32", "dark.curves"):
        with models.use(name) as model:
            seen[name] = model
    with models.use("tiny.float32") as model:
        assert model is seen["tiny.float32"]
    with models.use("tiny.int8") as model:
        assert model is not seen["tiny.int8"]


def test_a_model_survives_a_users_mistake_but_no_other(files: dict[str, Path]) -> None:
    models = Models(files, threads=1)
    for error, survives in ((UserError("x"), True), (Stopped(), True), (RuntimeError(), False)):
        with pytest.raises(type(error)), models.use("tiny.int8") as model:
            raise error
        with models.use("tiny.int8") as after:
            assert (after is model) is survives


def test_places_are_given_at_once_or_not_at_all() -> None:
    pool = Pool(workers=1, queue=1, seconds=10)
    with pool.place(bool) as first, pool.place(bool) as second:
        began = time.perf_counter()
        with pytest.raises(Refused) as refused, pool.place(bool):
            pass
        assert time.perf_counter() - began < 1
        assert (refused.value.status, refused.value.retry_after) == (503, 2)
        assert [place.run(lambda tick: 7) for place in (first, second)] == [7, 7]
    assert pool.taken == 0
    with pool.place(bool) as place, pytest.raises(ZeroDivisionError):
        place.run(lambda tick: 1 // 0)
    assert pool.taken == 0
    pool.close()


def test_a_job_that_was_given_up_keeps_its_place_until_it_ends() -> None:
    pool = Pool(workers=1, queue=0, seconds=0.05)
    go = threading.Event()

    def deaf(tick: Any) -> None:
        assert go.wait(10)  # one instruction, as a decoder is

    with pytest.raises(Refused) as refused, pool.place(bool) as place:
        place.run(deaf)
    assert refused.value.status == 504
    with pytest.raises(Refused) as refused, pool.place(bool):
        pass
    assert refused.value.status == 503
    go.set()
    pool.close()
    assert pool.taken == 0


@pytest.mark.parametrize("leaves", [False, True])
def test_work_that_never_says_how_far_it_is_frees_its_worker(leaves: bool) -> None:
    """Whether its time is over or its client has left; and the worker goes on to other jobs."""
    pool = Pool(workers=1, queue=0, seconds=10 if leaves else 0.1)
    left = threading.Event()
    undone = []

    def endless(tick: Any) -> None:
        left.set()
        try:
            while True:
                sum(range(1000))
        finally:
            undone.append(time.monotonic())

    began = time.monotonic()
    with pytest.raises(Refused) as refused, pool.place(left.is_set if leaves else bool) as place:
        place.run(endless)
    assert refused.value.status == (499 if leaves else 504)
    while pool.taken:
        assert time.monotonic() < began + 5
        time.sleep(0.005)
    assert len(undone) == 1 and time.monotonic() - began < 0.1 + 1
    with pool.place(bool) as place:
        names = [place.run(lambda _: threading.current_thread().name) for _ in range(50)]
    assert set(names) == {"worker_0"}
    pool.close()


def test_a_model_that_was_interrupted_is_not_used_again(files: dict[str, Path]) -> None:
    models = Models(files, threads=1)
    with pytest.raises(Interrupted), models.use("tiny.int8") as model:
        raise Interrupted
    with models.use("tiny.int8") as after:
        assert after is not model


def test_a_job_whose_time_was_over_in_the_queue_is_not_begun() -> None:
    pool = Pool(workers=1, queue=1, seconds=0.1)
    go, begun = threading.Event(), threading.Event()

    def slow(tick: Any) -> None:
        begun.set()
        assert go.wait(10)

    def ask() -> None:
        with pytest.raises(Refused), pool.place(bool) as place:
            place.run(slow)

    first = threading.Thread(target=ask)
    first.start()
    assert begun.wait(10)
    ran = []
    with pytest.raises(Refused) as refused, pool.place(bool) as place:
        place.run(lambda tick: ran.append(1))
    assert refused.value.status == 504
    assert place.waited >= 0.1
    go.set()
    first.join()
    pool.close()
    assert not ran and pool.taken == 0


@pytest.mark.parametrize("waits", [False, True])
def test_work_of_a_client_that_left_is_given_up(waits: bool) -> None:
    """Between its steps where it runs; without having begun where it waits."""
    pool = Pool(workers=1, queue=1, seconds=30)
    begun, left, ended = threading.Event(), threading.Event(), threading.Event()
    go = threading.Event()

    def occupy(tick: Any) -> None:
        begun.set()
        assert go.wait(10)

    def step(tick: Any) -> None:
        begun.set()
        try:
            while True:
                tick()
                time.sleep(0.01)
        finally:
            ended.set()

    def first() -> None:
        with pool.place(bool) as place:
            place.run(occupy)

    other = threading.Thread(target=first)
    if waits:
        other.start()
        assert begun.wait(10)
    told: list[int] = []

    def ask() -> None:
        try:
            with pool.place(left.is_set) as place:
                place.run(step)
        except Refused as error:
            told.append(error.status)

    asking = threading.Thread(target=ask)
    asking.start()
    if not waits:
        assert begun.wait(10)
    left.set()
    asking.join(1)
    assert told == [499]
    assert ended.wait(1) is not waits
    go.set()
    if waits:
        other.join(10)
    pool.close()
    assert pool.taken == 0 and ended.is_set() is not waits


def test_closing_drops_what_waits() -> None:
    pool = Pool(workers=1, queue=1, seconds=10)
    go, begun = threading.Event(), threading.Event()
    told: list[int] = []

    def slow(tick: Any) -> int:
        begun.set()
        assert go.wait(10)
        return 200

    def ask() -> None:
        try:
            with pool.place(bool) as place:
                told.append(place.run(slow))
        except Refused as error:
            told.append(error.status)

    running = threading.Thread(target=ask)
    running.start()
    assert begun.wait(10)
    waiting = threading.Thread(target=ask)
    waiting.start()
    until = time.monotonic() + 10
    while pool.taken < 2 and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(0.05)  # until its job is in the queue
    closing = threading.Thread(target=pool.close)
    closing.start()
    waiting.join(10)
    assert told == [503]
    go.set()
    running.join(10)
    closing.join(10)
    assert told == [503, 200]


def test_the_cache_keeps_what_was_used_last_within_its_limit() -> None:
    cache = Cache(100)
    cache.put("a", "A", 40)
    cache.put("b", "B", 40)
    assert cache.get("a") == "A"
    cache.put("c", "C", 40)  # b was not used for longest
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("A", None, "C")
    assert cache.used == 80
    cache.put("huge", "H", 101)
    assert cache.get("huge") is None and cache.used == 80
    cache.put("a", "A2", 100)
    assert (cache.get("a"), cache.get("c"), cache.used) == ("A2", None, 100)
    nothing = Cache(0)
    nothing.put("a", "A", 1)
    assert nothing.get("a") is None
