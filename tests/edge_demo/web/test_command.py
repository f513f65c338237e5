"""``python -m edge_demo serve``: its options, what it prints, and how it stops."""

from __future__ import annotations

import argparse
import functools
import io
import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_demo.errors import UserError
from edge_demo.web import command
from edge_demo.web.catalog import Catalog
from studies.web import family
from tests import mistakes
from tests.posts import posted

ROOT = Path(__file__).parents[3]
refused = functools.partial(mistakes.refused, "edge_demo")


def test_wrong_options_are_one_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, value, says in (
        ("--port", "70000", "--port is from 0 to 65535"),
        ("--threads", "0", "--threads is from 1"),
        ("--workers", "0", "--workers is from 1"),
        ("--queue", "-1", "--queue is from 0"),
        ("--timeout", "0", "--timeout is more than 0"),
        ("--megapixels", "1000", "--megapixels is from 0.01 to 120"),
        ("--cache-mib", "-1", "--cache-mib is from 0"),
        ("--memory-mib", "100", "--memory-mib is from 768"),
        ("--timeout", "inf", "--timeout is more than 0"),
        ("--rate", "-1", "--rate is 0, or from 0.01"),
        ("--rate", "1e-310", "--rate is 0, or from 0.01"),
        ("--rate", "inf", "--rate is 0, or from 0.01"),
        ("--token", "two words", "--token is of 1 to 200 letters"),
        ("--token", "\udcff", "--token is of 1 to 200 letters"),
        ("--token", "schlüssel", "--token is of 1 to 200 letters"),
        ("--token", "a" * 201, "--token is of 1 to 200 letters"),
        ("--host", "a" * 64, "is no name of a device"),
        ("--host", "a..b", "is no name of a device"),
        ("--camera", str(tmp_path / "none.mp4"), "none.mp4: no such file"),
        ("--camera-model", "enhance", "--camera-model is of a camera"),
        ("--host", "no.such.host.invalid", "cannot listen on no.such.host.invalid"),
    ):
        assert says in refused(capfd, "serve", option, value)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot listen" in refused(capfd, "serve", "--port", taken.getsockname()[1])


def test_without_its_packages_it_says_what_to_install() -> None:
    script = """
import sys
sys.modules["waitress"] = None
from edge_demo.__main__ import main
raise SystemExit(main(["serve", "--port", "0"]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and "waitress is not installed; pip install" in done.stderr


def test_who_is_let_in() -> None:
    for host, alone in (
        ("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.5.0.1", True),
        ("0.0.0.0", False), ("192.168.1.5", False), ("raspberrypi", False), ("::", False),
    ):  # fmt: skip
        assert command.is_loopback(host) is alone


def test_an_address_can_be_opened_by_others() -> None:
    assert command.address("192.168.1.5", 80) == "http://192.168.1.5:80/"
    assert command.address("::1", 80) == "http://[::1]:80/"
    for one in command.own_addresses():
        assert not command.is_loopback(one) and not ipaddress.ip_address(one).is_unspecified


def test_a_phone_can_read_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "http://192.168.1.5:8080/?token=abcdefghijkl"
    lines = command.qr_code(text).splitlines()
    # Two modules to a character.
    light = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    rows = [[light[one][half] for one in line] for line in lines for half in (0, 1)]
    code = np.kron(np.array(rows, np.uint8) * 255, np.ones((8, 8), np.uint8))
    assert cv2.QRCodeDetector().detectAndDecode(code)[0] == text
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "latin-1"))
        assert command.qr_code(text) == ""
    monkeypatch.setitem(sys.modules, "segno", None)
    assert command.qr_code(text) == ""


def test_a_token_is_the_users_or_a_new_one() -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    for words, told in (([], None), (["--token", "sesame"], "sesame")):
        assert command.make_studio(parser.parse_args(words)).token == told
    made = {command.make_studio(parser.parse_args(["--token"])).token for _ in range(2)}
    assert len(made) == 2 and all(len(one) >= 12 for one in made)


def test_a_damaged_model_file_stops_the_server(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"no model")
    with pytest.raises(UserError, match="carries no card"):
        Catalog({"bad": tmp_path / "bad.tflite"})


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, and the address that it printed."""
    words = [sys.executable, "-m", "edge_demo", "serve", "--port", "0", "--host", "0.0.0.0"]
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert process.stdout is not None
    found = re.match(r"serving on http://0\.0\.0\.0:(\d+)/ ", process.stdout.readline())
    assert found, process.communicate(timeout=10)[1]
    yield process, f"127.0.0.1:{found[1]}"
    process.kill()
    process.wait()


def begin(connection: socket.socket, address: str, picture: bytes) -> None:
    """Send a picture, and wait until it is worked on."""
    connection.sendall(posted(address, picture))
    health = f"http://{address}/healthz"
    until = time.monotonic() + 20
    while b'"taken": 1' not in urllib.request.urlopen(health, timeout=20).read():
        assert time.monotonic() < until


def test_a_request_in_progress_is_finished(server: tuple[subprocess.Popen[str], str]) -> None:
    process, address = server
    host, _, port = address.partition(":")
    sample = urllib.request.urlopen(f"http://{address}/sample/chroma", timeout=20).read()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        begin(connection, address, sample)
        process.send_signal(signal.SIGTERM)
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
            found = re.search(rb"Content-Length: (\d+)", answer)
            end = answer.find(b"\r\n\r\n")
            if found and end > 0 and len(answer) - end - 4 == int(found[1]):
                break
    assert answer.startswith(b"HTTP/1.1 200 OK") and answer.endswith(b"IEND\xaeB`\x82")
    assert process.wait(20) == 0
    assert process.stdout is not None and process.stderr is not None
    said, complained = process.stdout.read(), process.stderr.read()
    port = address.rpartition(":")[2]
    assert said.splitlines() == [
        f"from other devices: http://{one}:{port}/" for one in command.own_addresses()
    ]
    lines = complained.splitlines()
    assert len(lines) == 2 and "without a password" in lines[0] and "stopping" in lines[1]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)


def is_at_work(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_second_signal_stops_at_once(server: tuple[subprocess.Popen[str], str]) -> None:
    process, address = server
    host, _, port = address.partition(":")
    # Takes seconds.
    half = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    picture = cv2.imencode(".jpg", np.full((4000, 6000, 3), 90, np.uint8), half)[1].tobytes()
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        begin(connection, address, picture)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "stopping" not in process.stderr.readline():
            pass
        workers = [pid for pid in family(process.pid) if pid != process.pid]
        process.send_signal(signal.SIGINT)
        assert process.wait(2) == 130
    # Nor does what it started go on.
    until = time.monotonic() + 4
    while left := [pid for pid in workers if is_at_work(pid)]:
        assert time.monotonic() < until, [
            Path(f"/proc/{pid}/{name}").read_text()[:200]
            for pid in left
            for name in ("cmdline", "stat")
        ]
        time.sleep(0.02)
    assert len(workers) > 1


def test_what_the_server_refuses_by_itself_is_json(
    server: tuple[subprocess.Popen[str], str],
) -> None:
    process, address = server
    host, _, port = address.partition(":")
    for head, status in (
        ("POST /process HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", 400),
    ):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head.encode())
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
        first, _, body = answer.partition(b"\r\n\r\n")
        assert re.match(rb"HTTP/1\.[01] %d " % status, first), first
        assert b"nosniff" in first and list(json.loads(body)) == ["error"]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
