"""Run every command and request, and keep what they write and say."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from .cases import Case, Request

ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}


def run(case: Case, inputs: Path, out: Path) -> float:
    """Run a command line into a new folder; the seconds that it took."""
    out.mkdir(parents=True)
    filled = [_filled(one, inputs, out) for one in case.arguments]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *filled],
        cwd=ROOT, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    said = f"exit {done.returncode}\n" + "".join(
        f"{name}: {line}\n"
        for name, data in (("out", done.stdout), ("err", done.stderr))
        for line in data.decode("utf-8", "replace").splitlines()
    )
    (out / "said.txt").write_text(_plain(said, inputs, out), encoding="utf-8")
    return seconds


def _filled(argument: str, inputs: Path, out: Path) -> str:
    for word, folder in (("IN", inputs), ("OUT", out)):
        before, found, after = argument.partition(f"{word}/")
        if found and before[-1:] in ("", ":"):
            argument = f"{before}{folder}/{after}"
    return argument


def _plain(said: str, inputs: Path, out: Path) -> str:
    """Without this machine's paths and times."""
    for word, folder in (("IN", inputs), ("OUT", out), ("ROOT", ROOT)):
        said = said.replace(str(folder), word)
    said = re.sub(r"\b\d+\.\d+ s\b", "# s", said)
    return re.sub(r"[^;(]*, [\d.]+ frames per second", " #", said)


@contextlib.contextmanager
def studio() -> Iterator[tuple[str, int]]:
    """The address and port of a studio that is served meanwhile."""
    command = [sys.executable, "-m", "edge_demo", "serve", "--port", "0", "--workers", "1"]
    served = subprocess.Popen(command, cwd=ROOT, env=_ENVIRONMENT, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    try:
        assert served.stdout is not None
        line = served.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)/", line)
        if found is None:
            raise RuntimeError(f"the studio did not start: {line!r}")
        yield found[1], int(found[2])
    finally:
        served.terminate()
        served.wait(20)


def ask(address: tuple[str, int], request: Request, inputs: Path, out: Path) -> None:
    """Send a request; keep the status, the headers that tell of the answer, and the answer."""
    out.mkdir(parents=True)
    connection = http.client.HTTPConnection(*address, timeout=120)
    if request.fields is None:
        connection.request("GET", request.path)
    else:
        body, kind = _form(request, inputs)
        connection.request("POST", request.path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    kept = sorted(
        f"{name}: {value}"
        for name, value in answer.getheaders()
        if name in ("Content-Type", "X-Cache", "X-Failed", "Retry-After", "Content-Disposition")
        or name in ("X-Model", "X-Width", "X-Height", "X-Notes")
    )
    said = "\n".join([f"status {answer.status}", *kept, ""])
    (out / "said.txt").write_text(said, encoding="utf-8")
    kind = (answer.getheader("Content-Type") or "").partition(";")[0]
    (out / f"answer.{kind.rpartition('/')[2] or 'bin'}").write_bytes(data)


def _form(request: Request, inputs: Path) -> tuple[bytes, str]:
    edge = uuid.uuid4().hex
    parts = []
    for name, value in (request.fields or {}).items():
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(head.encode() + value.encode())
    for name, files in request.files.items():
        for file in files:
            head = (
                f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            )
            parts.append(head.encode() + (inputs / file).read_bytes())
    body = b"\r\n".join([*parts, f"--{edge}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={edge}"
