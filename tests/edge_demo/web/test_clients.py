"""How much one client may ask for, and what is written down of it."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest

from edge_demo.web import clients
from edge_demo.web.app import create_app
from edge_demo.web.clients import Rates, client_of, is_loopback


def test_who_counts_as_one() -> None:
    for address, client in (
        ("192.168.1.5", "192.168.1.5"),
        ("::ffff:192.168.1.5", "192.168.1.5"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ):
        assert client_of(address) == client
    for address, alone in (
        ("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
        ("192.168.1.5", False), ("::2", False), ("raspberrypi", False), ("", False),
    ):  # fmt: skip
        assert is_loopback(address) is alone


def test_a_client_may_ask_so_often() -> None:
    rates = Rates(60)
    assert [rates.wait("10.0.0.1", 0.0) for _ in range(15)] == [0.0] * 15
    assert rates.wait("10.0.0.1", 0.0) == pytest.approx(1.0)
    assert rates.wait("10.0.0.2", 0.0) == 0.0  # another
    assert rates.wait("10.0.0.1", 0.5) == pytest.approx(0.5)
    assert rates.wait("10.0.0.1", 1.1) == 0.0
    assert rates.wait("10.0.0.1", 1.1) > 0.0
    assert [rates.wait("10.0.0.1", 100.0) for _ in range(15)] == [0.0] * 15
    # A network of IPv6 is one client.
    assert sum(rates.wait(f"2001:db8::{number:x}", 0.0) > 0 for number in range(40)) == 25
    assert not any(rates.wait("127.0.0.1", 0.0) for _ in range(100))
    assert not any(Rates(0).wait("10.0.0.1", 0.0) for _ in range(100))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_KEPT", 10)
    rates = Rates(60)
    for number in range(50):
        rates.wait(f"10.0.0.{number}", 0.0)
    assert len(rates._left) == 10


def ask(client: Any, method: str, path: str, address: str, **more: Any) -> Any:
    return client.open(path, method=method, environ_overrides={"REMOTE_ADDR": address}, **more)


def test_work_is_refused_that_is_asked_for_too_often(make_studio: Any) -> None:
    client = create_app(make_studio(rates=Rates(4))).test_client()
    assert ask(client, "POST", "/look", "10.0.0.1").status_code == 415
    refused = ask(client, "POST", "/look", "10.0.0.1")
    assert refused.status_code == 429 and 1 <= int(refused.headers["Retry-After"]) <= 15
    assert ask(client, "GET", "/healthz", "10.0.0.1").status_code == 200
    assert ask(client, "POST", "/look", "10.0.0.2").status_code == 415


def test_guesses_at_a_token_are_slow(make_studio: Any) -> None:
    client = create_app(make_studio(rates=Rates(8), token="sesame")).test_client()
    statuses = [ask(client, "GET", "/?token=guess", "10.0.0.1").status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    # Who knows it is not held up.
    bearer = {"Authorization": "Bearer sesame"}
    assert ask(client, "GET", "/models", "10.0.0.1", headers=bearer).status_code == 200


def test_a_line_for_each_request_tells_nothing_private(
    make_studio: Any, pictures: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    client = create_app(make_studio(token="sesame")).test_client()
    with caplog.at_level(logging.INFO, "chromaedge.requests"):
        ask(client, "GET", "/?token=sesame", "10.0.0.1")
        form = {"image": (io.BytesIO(pictures["chroma.jpg"]), "grandmother.jpg")}
        ask(client, "POST", "/look", "10.0.0.1", data=form)
        ask(client, "GET", "/progress/secret-name", "10.0.0.1")
        ask(client, "GET", "/secret", "10.0.0.1")
    lines = [record.getMessage() for record in caplog.records]
    assert [line.rpartition(" ")[0].rpartition(" ")[0] for line in lines] == [
        "10.0.0.1 GET / 303",
        "10.0.0.1 POST /look 200",
        "10.0.0.1 GET /progress/<job> 200",
        "10.0.0.1 GET none 404",
    ]
