"""What holds for and against clients holds behind TLS, too; and a wrong certificate is one line."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_demo.errors import UserError
from edge_demo.web import command, tls
from edge_demo.web.connections import Patience
from tests import mistakes
from tests.edge_demo.web.test_connections import BODY, Running, is_closed, wait_for
from tests.posts import posted

HERE = Path(__file__).parent / "tls"
CERTIFICATE, KEY = HERE / "certificate.pem", HERE / "key.pem"
refused = functools.partial(mistakes.refused, "edge_demo")


class Secure(Running):
    """A studio's server behind TLS."""

    def __init__(self, studio: Any, patience: Patience) -> None:
        super().__init__(studio, patience, tls.context(CERTIFICATE, KEY))
        self.client = ssl.create_default_context(cafile=str(CERTIFICATE))

    def connect(self) -> ssl.SSLSocket:
        plain = self.reach()
        return self.client.wrap_socket(plain, server_hostname="127.0.0.1")

    def reach(self) -> socket.socket:
        """A connection on which nothing is said yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, request: bytes = b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n") -> bytes:
        answer = b""
        with self.connect() as connection:
            connection.sendall(request)
            while piece := connection.recv(1 << 16):
                answer += piece
        return answer

    def seconds_to_answer(self) -> float:
        began = time.perf_counter()
        assert b" 200 OK" in self.ask().partition(b"\r\n")[0]
        return time.perf_counter() - began

    def close(self) -> None:
        super().close()
        self.server.front.close_listening()
        self.server.front.close()


@pytest.fixture
def secure(make_studio: Any) -> Iterator[Callable[..., Secure]]:
    started: list[Secure] = []

    def start(studio: Any = None, **patience: Any) -> Secure:
        started.append(Secure(studio or make_studio(), Patience(**patience)))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_what_is_said_inside_is_the_same(
    secure: Callable[..., Secure], make_studio: Any, pictures: dict[str, bytes]
) -> None:
    studio = secure(make_studio(token="sesame"))
    answer = studio.ask(b"GET /?token=sesame HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert b"303" in answer.partition(b"\r\n")[0] and b"; Secure;" in answer
    head = b"GET /openapi.json HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer sesame\r\n\r\n"
    _, _, body = studio.ask(head).partition(b"\r\n\r\n")
    assert json.loads(body)["openapi"]
    large = posted("localhost", bytes(3 << 20)).replace(b"HTTP/1.1", b"HTTP/1.0")
    large = large.replace(b"Host:", b"Authorization: Bearer sesame\r\nHost:", 1)
    assert b"415" in studio.ask(large).partition(b"\r\n")[0]
    assert len(studio.server.active_channels) == 0
    with studio.reach() as plain:  # who speaks no TLS
        plain.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert is_closed(plain, 5)


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_130_handshakes_that_do_not_end(secure: Callable[..., Secure], sent: bytes) -> None:
    studio = secure(head_seconds=2.0)
    slow = [studio.reach() for _ in range(130)]
    for one in slow:
        with contextlib.suppress(OSError):
            one.sendall(sent)
    assert studio.seconds_to_answer() < 2
    assert is_closed(slow[0], 2)  # it has made room
    assert is_closed(slow[-1], 6)  # it has had its time
    assert not studio.server.active_channels


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\nX-a: ", BODY.encode()])
def test_40_that_say_little(secure: Callable[..., Secure], sent: bytes) -> None:
    studio = secure(head_seconds=2.0, of_one=20)
    slow = [studio.connect() for _ in range(40)]
    for _ in range(2):
        for one in slow:
            with contextlib.suppress(OSError):
                one.sendall(sent)
        sent = b"b"
        assert studio.seconds_to_answer() < 2
    assert len(studio.server.active_channels) <= 20
    assert is_closed(slow[-1], 10)
    wait_for(lambda: not studio.server.front._tasks)


def test_an_answer_that_nobody_reads_is_given_up(secure: Callable[..., Secure]) -> None:
    studio = secure(read_seconds=1.0)
    one = studio.connect()
    one.settimeout(0.5)
    with contextlib.suppress(OSError):
        for _ in range(400):
            one.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    wait_for(lambda: not studio.server.active_channels and not studio.server.front._tasks, 15)


def test_who_leaves_gives_the_place_back(
    secure: Callable[..., Secure], pictures: dict[str, bytes]
) -> None:
    studio = secure()
    with studio.studio.pool.worker(bool):
        one = studio.connect()
        one.sendall(posted("127.0.0.1", pictures["chroma.jpg"]))
        wait_for(lambda: studio.studio.pool.taken == 1)
        one.close()
        wait_for(lambda: studio.studio.pool.taken == 0, 2.0)


def test_a_wrong_certificate_is_one_line(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    for certificate, key, says in (
        (tmp_path / "missing.pem", KEY, "missing.pem: No such file"),
        (CERTIFICATE, tmp_path / "missing.pem", "missing.pem: No such file"),
        (tmp_path / "none.pem", KEY, "both PEM"),
        (KEY, CERTIFICATE, "both PEM"),
        (CERTIFICATE, HERE / "other_key.pem", "is not the key of"),
        (CERTIFICATE, HERE / "locked_key.pem", "has a password"),
    ):
        assert says in refused(capfd, "serve", "--tls", certificate, key)
        with pytest.raises(UserError, match="--tls"):
            tls.context(certificate, key)


def test_a_key_that_is_too_short_is_said() -> None:
    with pytest.raises(UserError, match="key is too short for today's browsers"):
        tls.context(HERE / "weak_key.pem", HERE / "weak_key.key.pem")


def test_who_opens_a_server_is_told_what_is_open() -> None:
    assert "unencrypted" in command.warnings(False, False)[0]
    assert "unencrypted" not in command.warnings(False, True)[0]
    assert "nothing is encrypted" in command.warnings(True, False)[0]
    assert command.warnings(True, True) == []
    assert command.address("::1", 80, "https") == "https://[::1]:80/"
