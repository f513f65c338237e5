"""Clients that are slow, silent, greedy or gone do not keep the studio from the others."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge_demo.web import server as serving
from edge_demo.web import work
from edge_demo.web.app import Studio
from edge_demo.web.connections import Patience
from tests.edge_demo.web import jobs
from tests.posts import form_head, posted

BODY = form_head("127.0.0.1").decode()


class Running:
    """A studio's server in a thread."""

    def __init__(
        self, studio: Studio, patience: Patience, secure: ssl.SSLContext | None = None
    ) -> None:
        self.studio = studio
        self.server = serving.listening(studio, "127.0.0.1", 0, patience, secure)
        self.port = int(self.server.effective_port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._turn)
        self._thread.start()

    def _turn(self) -> None:
        while not self._stop.is_set():
            serving._turn(self.server, 0.05)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def seconds_to_answer(self) -> float:
        """How long the page's health takes to come."""
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
        return time.perf_counter() - began

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        for channel in list(self.server.active_channels.values()):
            channel.handle_close()
        self.server.task_dispatcher.shutdown(timeout=1)
        self.server.close()


@pytest.fixture
def running(make_studio: Any) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(**patience: Any) -> Running:
        started.append(Running(make_studio(), Patience(**patience)))
        return started[-1]

    yield start
    for one in started:
        one.close()


def is_closed(connection: socket.socket, seconds: float) -> bool:
    """Whether the server closes a connection within some seconds."""
    connection.settimeout(seconds)
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize("sent", ["", "GET / HTTP/1.1\r\nHost: x\r\nX-a: ", BODY])
def test_who_comes_is_answered_beside_130_that_say_little(
    running: Callable[..., Running], sent: str
) -> None:
    """Silent ones, and ones that send a byte of their head now and then, all of one address."""
    studio = running(head_seconds=2.0)
    slow = [studio.connect() for _ in range(130)]
    for _ in range(3):
        for one in slow:
            try:
                one.sendall(sent.encode() or b"")
            except OSError:  # it has made room
                continue
        sent = "b" if sent else ""
        assert studio.seconds_to_answer() < 2
    assert len(studio.server.active_channels) <= Patience.of_one
    # However diligent: each has its time, and no more.
    last = slow[-1]
    until = time.monotonic() + 6
    while time.monotonic() < until and not is_closed(last, 0.2):
        if sent:
            try:
                last.sendall(b"b")
            except OSError:
                break
    assert time.monotonic() < until
    assert studio.seconds_to_answer() < 2


def test_130_unfinished_bodies(running: Callable[..., Running]) -> None:
    studio = running(body_seconds=1.0, body_rate=1e6)
    slow = [studio.connect() for _ in range(130)]
    for one in slow:
        one.sendall(f"{BODY}Content-Length: 100000\r\n\r\n".encode())
    assert studio.seconds_to_answer() < 2
    last = slow[-1]
    last.settimeout(6)
    assert last.recv(1 << 16).startswith(b"HTTP/1.1 408 ")


def test_bodies_together_take_so_much_and_no_more(running: Callable[..., Running]) -> None:
    studio = running(body_bytes=10 << 20)
    announced = f"{BODY}Content-Length: {4 << 20}\r\n\r\n".encode()
    held = [studio.connect() for _ in range(2)]
    for one in held:
        one.sendall(announced + b"x" * 1000)
    studio.seconds_to_answer()  # until both have been looked at
    third = studio.connect()
    third.sendall(announced)
    answer = b""
    while piece := third.recv(1 << 16):
        answer += piece
    assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 5" in answer
    assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == ["error"]
    held[0].close()
    studio.seconds_to_answer()
    fourth = studio.connect()
    fourth.sendall(announced)
    assert not is_closed(fourth, 0.5)


def test_temporary_files_take_so_much_and_no_more(running: Callable[..., Running]) -> None:
    """20 bodies that are not finished, each longer than what is kept in memory."""
    studio = running(body_bytes=20 << 20)

    def temporary() -> int:
        """Bytes of this process' files without a name."""
        found = 0
        for number in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(number.readlink()).endswith(" (deleted)"):
                    found += number.stat().st_size
        return found

    before, most = temporary(), 0
    slow = [studio.connect() for _ in range(20)]
    for one in slow:
        with contextlib.suppress(OSError):  # refused already
            one.sendall(f"{BODY}Content-Length: {6 << 20}\r\n\r\n".encode() + bytes(3 << 20))
        most = max(most, temporary() - before)
        assert studio.seconds_to_answer() < 2
    assert 3 << 20 <= most <= 20 << 20


def test_bodies_that_state_no_length_count_by_what_has_come(
    running: Callable[..., Running],
) -> None:
    studio = running(body_bytes=1 << 20)
    one = studio.connect()
    one.sendall(f"{BODY}Transfer-Encoding: chunked\r\n\r\n".encode())
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = 0
    with contextlib.suppress(OSError):  # the other side closes
        while sent < 400:
            one.sendall(piece)
            sent += 1
    assert sent < 300
    assert studio.seconds_to_answer() < 2


def test_an_answer_that_nobody_reads_is_given_up(running: Callable[..., Running]) -> None:
    studio = running(read_seconds=1.0)
    one = studio.connect()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    # Many answers, more than the system keeps for a reader.
    for _ in range(300):
        try:
            one.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        except OSError:
            break
    until = time.monotonic() + 10
    while studio.server.active_channels and time.monotonic() < until:
        time.sleep(0.05)
    assert not studio.server.active_channels
    assert studio.seconds_to_answer() < 2


@pytest.fixture
def occupied(running: Callable[..., Running]) -> Iterator[tuple[Running, threading.Event]]:
    """A server whose only worker is busy until the event."""
    studio, go = running(of_one=4), threading.Event()
    taken = threading.Event()

    def occupy() -> None:
        with studio.studio.pool.worker(bool):
            taken.set()
            go.wait(60)

    busy = threading.Thread(target=occupy)
    busy.start()
    assert taken.wait(10)
    yield studio, go
    go.set()
    busy.join(10)


def asked(studio: Running, picture: bytes) -> socket.socket:
    """A connection with a picture that waits for a worker."""
    connection = studio.connect()
    connection.sendall(posted("127.0.0.1", picture))
    wait_for(lambda: studio.studio.pool.taken == 1)
    return connection


def wait_for(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_who_is_being_worked_for_makes_no_room(
    occupied: tuple[Running, threading.Event], pictures: dict[str, bytes]
) -> None:
    studio, go = occupied
    waiting = asked(studio, pictures["chroma.jpg"])
    others = [studio.connect() for _ in range(12)]
    assert is_closed(others[0], 3)
    go.set()
    waiting.settimeout(20)
    assert waiting.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_who_leaves_gives_the_place_back(
    occupied: tuple[Running, threading.Event], pictures: dict[str, bytes]
) -> None:
    studio, _ = occupied
    asked(studio, pictures["chroma.jpg"]).close()
    wait_for(lambda: studio.studio.pool.taken == 0, 1.0)


def test_a_newer_request_does_not_wait_for_one_that_was_left(
    running: Callable[..., Running],
    pictures: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """As when a page asks anew: its worker is in one call of a library that does not end."""
    studio, mark = running(), tmp_path / "mark"
    with monkeypatch.context() as patched:
        patched.setattr(work, "process", partial(jobs.deaf_work, mark))
        first = studio.connect()
        first.sendall(posted("127.0.0.1", pictures["chroma.jpg"]))
        jobs.wait_for(mark)
    first.close()
    began = time.monotonic()
    wait_for(lambda: studio.studio.pool.taken == 0, 5.0)
    assert time.monotonic() - began < 1.0
    second = studio.connect()
    second.sendall(posted("127.0.0.1", pictures["chroma.jpg"]))
    assert second.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
