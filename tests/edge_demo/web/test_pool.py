"""Workers, places and interpreters; and the memory of results."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge_demo.errors import UserError
from edge_demo.web.cache import Cache
from edge_demo.web.limits import Refused
from edge_demo.web.models import Models, Stopped
from edge_demo.web.pool import Pool
from edge_demo.web.worker import Setup
from tests.edge_demo.web import jobs

Make = Callable[..., Pool]


@pytest.fixture
def make_pool() -> Iterator[Make]:
    made: list[Pool] = []

    def make(workers: int = 1, queue: int = 0, seconds: float = 30.0, **more: Any) -> Pool:
        made.append(Pool(workers, queue, seconds, Setup({}), **more))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def asked(pool: Pool, job: Any, gone: Callable[[], bool] = bool, need: int = 0) -> Any:
    """What a job gives, or the status that it is refused with."""
    try:
        with pool.place(gone) as place:
            return place.run(job, need)
    except Refused as error:
        return error.status


def wait_for(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


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


def test_places_are_given_at_once_or_not_at_all(make_pool: Make) -> None:
    pool = make_pool(queue=1)
    with pool.place(bool) as first, pool.place(bool) as second:
        began = time.perf_counter()
        with pytest.raises(Refused) as refused, pool.place(bool):
            pass
        assert time.perf_counter() - began < 1
        assert (refused.value.status, refused.value.retry_after) == (503, 2)
        assert [place.run(jobs.seven) for place in (first, second)] == [7, 7]
    assert pool.taken == 0


def test_what_a_job_raises_is_raised_here(make_pool: Make) -> None:
    pool = make_pool()
    with pytest.raises(UserError, match="a mistake"):
        asked(pool, jobs.mistaken)
    with pytest.raises(RuntimeError, match="ZeroDivisionError: secret") as raised:
        asked(pool, jobs.broken)
    assert "jobs.py" in raised.value.__notes__[0]
    # Neither was the end of the worker.
    assert asked(pool, jobs.process_id) == asked(pool, jobs.process_id) != os.getpid()
    assert pool.taken == 0


def test_a_job_that_ends_its_worker_ends_no_other(make_pool: Make) -> None:
    pool = make_pool()
    assert asked(pool, jobs.killed) == 422
    assert asked(pool, jobs.seven) == 7


def test_a_job_that_takes_more_memory_than_it_may_is_ended(make_pool: Make) -> None:
    pool = make_pool()
    first = asked(pool, jobs.process_id)
    before = pool.bytes
    assert before > 10 << 20
    assert asked(pool, jobs.greedy, need=before + (50 << 20)) == 413
    assert pool.bytes == 0
    assert asked(pool, jobs.process_id) != first


def test_what_earlier_jobs_left_is_not_a_jobs_own(make_pool: Make) -> None:
    pool = make_pool()
    first = asked(pool, jobs.process_id)
    need = pool.bytes + (80 << 20)
    assert asked(pool, jobs.untidy) is None
    assert asked(pool, jobs.modest, need=need) == 30 << 20
    assert asked(pool, jobs.process_id) != first


def test_jobs_together_take_no_more_memory_than_there_is(make_pool: Make, tmp_path: Path) -> None:
    pool = make_pool(workers=2, queue=1, budget=1000 << 20)
    assert asked(pool, jobs.seven, need=1001 << 20) == 413
    go, marks = tmp_path / "go", [tmp_path / "first", tmp_path / "second"]
    told: list[Any] = []
    asking = [
        threading.Thread(
            target=lambda mark=mark: told.append(
                asked(pool, partial(jobs.until, go, mark), need=600 << 20)
            )
        )
        for mark in marks
    ]
    asking[0].start()
    jobs.wait_for(marks[0])
    asking[1].start()
    time.sleep(0.3)
    assert not marks[1].exists()
    go.touch()
    for one in asking:
        one.join(20)
    assert told == [200, 200] and marks[1].exists()


@pytest.mark.parametrize("job", [jobs.steps, jobs.deaf])
@pytest.mark.parametrize("why", ["late", "left", "closed"])
def test_work_that_nobody_waits_for_frees_its_worker(
    job: Any, why: str, make_pool: Make, tmp_path: Path
) -> None:
    """Whether it says how far it is, or is in one call of a library for ever."""
    pool = make_pool(seconds=1.5 if why == "late" else 30.0)
    first = asked(pool, jobs.process_id)
    mark, left = tmp_path / "mark", threading.Event()
    told: list[Any] = []
    ended: list[float] = []

    def ask() -> None:
        told.append(asked(pool, partial(job, mark), left.is_set))
        ended.append(time.monotonic())

    asking = threading.Thread(target=ask)
    asked_at = time.monotonic()
    asking.start()
    jobs.wait_for(mark)
    over = asked_at + 1.5 if why == "late" else time.monotonic()
    if why == "left":
        left.set()
    elif why == "closed":
        pool.abandon()
    asking.join(20)
    assert told == [{"late": 504, "left": 499, "closed": 503}[why]]
    assert ended[0] - over < 1.0 and pool.taken == 0
    if why != "closed":
        pool.seconds = 30.0
        # A worker that ended its work by itself keeps its models.
        assert (asked(pool, jobs.process_id) == first) is (job is jobs.steps)


def test_work_whose_time_was_over_in_the_queue_is_not_begun(
    make_pool: Make, tmp_path: Path
) -> None:
    pool = make_pool(queue=1, seconds=30)
    go, begun, second = (tmp_path / name for name in ("go", "begun", "second"))
    first = threading.Thread(target=asked, args=(pool, partial(jobs.until, go, begun)))
    first.start()
    jobs.wait_for(begun)
    pool.seconds = 0.1
    with pytest.raises(Refused) as refused, pool.place(bool) as place:
        place.run(partial(jobs.until, go, second))
    assert refused.value.status == 504 and place.waited >= 0.1
    first.join(20)
    assert not second.exists() and pool.taken == 0


def test_who_leaves_while_waiting_is_not_waited_for(make_pool: Make, tmp_path: Path) -> None:
    pool = make_pool(queue=1)
    go, begun, second = (tmp_path / name for name in ("go", "begun", "second"))
    told: list[Any] = []
    first = threading.Thread(
        target=lambda: told.append(asked(pool, partial(jobs.until, go, begun)))
    )
    first.start()
    jobs.wait_for(begun)
    assert asked(pool, partial(jobs.until, go, second), lambda: True) == 499
    go.touch()
    first.join(20)
    assert told == [200] and not second.exists() and pool.taken == 0


def test_closing_drops_what_runs_and_what_waits(make_pool: Make, tmp_path: Path) -> None:
    pool = make_pool(queue=1)
    begun, second = tmp_path / "begun", tmp_path / "second"
    told: list[Any] = []
    asking = [
        threading.Thread(
            target=lambda mark=mark: told.append(asked(pool, partial(jobs.deaf, mark)))
        )
        for mark in (begun, second)
    ]
    for one in asking:
        one.start()
        wait_for(lambda: begun.exists() or second.exists())
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 2
    for one in asking:
        one.join(20)
    assert told == [503, 503] and begun.exists() and not second.exists()
    assert pool.bytes == 0


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
