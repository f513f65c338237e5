"""Measures the web studio under load, over time, and against what is wrong.

``python -m studies web load|memory|overload|fuzz|api|hints|largest|all``. Each starts a server of
its own, as a user does, with the shipped models, prints its figures, and with ``--json FILE`` puts
them beside those of the others in that file. Exit code 1 where a bar is missed:

- ``load``: 200 requests from 8 clients; none is lost, and each answer is the command line's;
- ``memory``: 1,000 requests of changing sizes and models; memory stays within 10 %;
- ``overload``: more requests than there are places; each is worked on or refused within 50 ms
  (p99);
- ``fuzz``: 500 damaged pictures; refused, or answered by a whole picture;
- ``api``: whatever the API's description allows, and what it does not, by schemathesis;
- ``hints``: how long a recolouring of 256x256 takes after a hint: at most 300 ms;
- ``largest``: the largest pictures that are taken, and hostile ones; the server and its workers
  stay within the memory that is stated for them;
- ``all``: all of these, one after the other.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_demo import cli
from edge_demo.benchmark import host
from edge_demo.errors import UserError
from edge_demo.model import models_folder
from edge_demo.pictures import png_file
from edge_demo.pictures.containers import inspect
from edge_demo.report.tables import markdown
from edge_demo.web.limits import Limits
from tests.mutations import mutated

from . import wording
from .command import ROOT, command_line, write
from .wording import Json

_HALF = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
# The task of each picture, by how its name begins.
TASKS = {"chroma": "chroma", "grey": "colorize", "dark": "enhance"}
QUICK = "enhance_zerodce-lite"  # of the shipped models


def models() -> list[str]:
    """The shipped models, one of each preset."""
    found: dict[str, str] = {}
    for name in models_folder.shipped():
        found.setdefault(name.rpartition(".")[0], name)
    return list(found.values())


def quick() -> str:
    """The one that takes least."""
    return next(name for name in models() if name.startswith(QUICK))


# Of memory that the server takes beside what its workers may.
SERVER_BYTES = 200 << 20


# ------------------------------------------------------------------------------- pictures, server


def encoded(extension: str, bgr: Any, *params: int) -> bytes:
    """A picture as a file."""
    done, data = cv2.imencode(extension, bgr, list(params))
    assert done
    return data.tobytes()


def photographs(sizes: Sequence[tuple[int, int]]) -> dict[str, bytes]:
    """Files for each task, of (height, width)."""
    import skimage.data

    found = {}
    for source in ("astronaut", "coffee", "chelsea"):
        bgr = np.ascontiguousarray(getattr(skimage.data, source)()[..., ::-1])
        for height, width in sizes:
            piece = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
            name = f"{source}-{width}x{height}"
            found[f"chroma-{name}.jpg"] = encoded(".jpg", piece, *_HALF)
            found[f"grey-{name}.png"] = encoded(".png", cv2.cvtColor(piece, cv2.COLOR_BGR2GRAY))
            found[f"dark-{name}.jpg"] = encoded(".jpg", piece // 8)
    return found


def wishes(pictures: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Each picture with each model of its task."""
    return [
        (name, model)
        for name in pictures
        for model in models()
        if model.startswith(TASKS[name.partition("-")[0]])
    ]


class Server:
    """``python -m edge_demo serve`` as a process.

    Attributes:
        port: where it listens.
        log: what it wrote to standard error, once it has ended.
    """

    def __init__(self, *options: str) -> None:
        words = [sys.executable, "-m", "edge_demo", "serve", "--port", "0", *options]
        self._process = subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        found = re.search(r":(\d+)/", self._process.stdout.readline())
        assert found, self._process.communicate()[1]
        self.port = int(found[1])
        self.log = ""

    def rss(self) -> int:
        """Bytes of memory that it and its workers have now; what they share counts once."""
        return sum(_memory(pid) for pid in family(self._process.pid))

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> int:
        """Its exit code."""
        self._process.terminate()
        _, self.log = self._process.communicate(timeout=60)
        return self._process.returncode

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.alive():
            self.stop()


def family(pid: int) -> list[int]:
    """A process and all that it started, and these."""
    found = [pid]
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += family(int(child))
    return found


def _memory(pid: int) -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text())
        return 1024 * int(found[1]) if found else 0
    return 0  # it has just ended


@dataclass(frozen=True)
class Answer:
    """A response, and the seconds from the first byte sent to the last one read."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    seconds: float


def body_of(picture: bytes, fields: Mapping[str, str]) -> bytes:
    """A form of one picture and some texts, with the boundary ``x7x``."""
    out = io.BytesIO()
    for name, value in fields.items():
        out.write(f'--x7x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode())
        out.write(f"{value}\r\n".encode())
    out.write(b'--x7x\r\nContent-Disposition: form-data; name="image"; filename="picture"\r\n\r\n')
    out.write(picture + b"\r\n--x7x--\r\n")
    return out.getvalue()


def post(
    connection: http.client.HTTPConnection, picture: bytes, path: str = "/process", **fields: str
) -> Answer:
    """Send a form and read the answer."""
    body = body_of(picture, fields)
    kind = {"Content-Type": "multipart/form-data; boundary=x7x"}
    began = time.perf_counter()
    connection.request("POST", path, body, kind)
    response = connection.getresponse()
    data = response.read()
    return Answer(response.status, dict(response.getheaders()), data, time.perf_counter() - began)


@contextlib.contextmanager
def connected(server: Server) -> Iterator[http.client.HTTPConnection]:
    """A connection to a server."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=900)
    try:
        yield connection
    finally:
        connection.close()


def percentile(values: Sequence[float], share: float) -> float:
    """In milliseconds, of seconds."""
    return round(1000 * float(np.percentile(values, share)), 1)


# ------------------------------------------------------------------------------------ the measures


def by_command(wish: tuple[str, str], picture: bytes, folder: Path) -> bytes:
    """What ``python -m edge_demo run`` writes for a picture and a model."""
    from edge_demo.__main__ import main

    name, model = wish
    source, target = folder / name, folder / f"{name}.{model}.png"
    source.write_bytes(picture)
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["run", str(source), str(target), "--model", model]) == 0
    return target.read_bytes()


def load(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """200 requests from 8 clients, without a cache."""
    pictures = photographs([(384, 512)])
    asked = (wishes(pictures) * options.requests)[: options.requests]
    with tempfile.TemporaryDirectory() as scratch:
        wanted = {wish: by_command(wish, pictures[wish[0]], Path(scratch)) for wish in set(asked)}
    todo = iter(enumerate(asked))
    lock = threading.Lock()
    seconds: list[float] = []
    lost = wrong = 0

    def client(server: Server) -> None:
        nonlocal lost, wrong
        with connected(server) as connection:
            while True:
                with lock:
                    turn = next(todo, None)
                if turn is None:
                    return
                wish = turn[1]
                try:
                    answer = post(connection, pictures[wish[0]], model=wish[1])
                except (OSError, http.client.HTTPException):
                    connection.close()
                    with lock:
                        lost += 1
                    continue
                with lock:
                    lost += answer.status != 200
                    wrong += answer.status == 200 and answer.data != wanted[wish]
                    seconds.append(answer.seconds)

    with Server("--cache-mib", "0") as server:
        began = time.perf_counter()
        with ThreadPoolExecutor(options.clients) as clients:
            for one in [clients.submit(client, server) for _ in range(options.clients)]:
                one.result()
        wall = time.perf_counter() - began
        code = server.stop()
    found = {
        "requests": len(asked), "clients": options.clients, "size": "512x384",
        "models": len({model for _, model in asked}),
        "lost": lost, "wrong": wrong, "requests_per_second": round(len(asked) / wall, 2),
        "p50_ms": percentile(seconds, 50), "p99_ms": percentile(seconds, 99),
        "exit_code": code,
    }  # fmt: skip
    return found, lost == wrong == code == 0 and len(seconds) == len(asked)


def memory(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Many requests of changing sizes and models."""
    pictures = photographs([(192, 256), (256, 384), (320, 240)])
    asked = wishes(pictures)
    requests = max(options.requests, 1000)
    rss: list[tuple[int, int]] = []
    failed = 0
    with Server("--cache-mib", "16") as server, connected(server) as connection:
        for number in range(1, requests + 1):
            name, model = asked[number % len(asked)]
            # Half of them anew: a strength that was not asked for yet.
            fields = {"model": model}
            if number % 2 and not model.startswith("chroma"):
                fields["strength"] = f"{1 - number / 10 / requests:.6f}"
            failed += post(connection, pictures[name], **fields).status != 200
            if number % 50 == 0:
                rss.append((number, server.rss()))
    # The first fifth loads every model, fills the cache and grows each worker to its need.
    settled = [size for number, size in rss if number >= requests // 5]
    spread = max(settled) / min(settled) - 1
    found = {
        "requests": requests, "models": len({model for _, model in asked}), "failed": failed,
        "mib": {str(number): round(size / 2**20, 1) for number, size in rss},
        "spread": round(spread, 4),
    }  # fmt: skip
    return found, failed == 0 and spread <= 0.10


def overload(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Twelve clients at once for a server of one worker and two places in its queue."""
    pictures = photographs([(768, 1024)])
    picture = pictures["dark-astronaut-1024x768.jpg"]
    answers: list[Answer] = []
    lock = threading.Lock()
    late: list[float] = []
    over = threading.Event()

    def sleeper() -> None:
        """How late this machine, busy as it is, wakes a thread that waits for nothing."""
        while not over.is_set():
            began = time.perf_counter()
            time.sleep(0.005)
            late.append(time.perf_counter() - began - 0.005)

    def client(server: Server) -> None:
        with connected(server) as connection:
            connection.connect()
            gate.wait()
            for _ in range(12):
                answer = post(connection, picture, model=quick())
                with lock:
                    answers.append(answer)
                time.sleep(0.02)

    count = 12
    gate = threading.Barrier(count)
    with Server("--cache-mib", "0", "--workers", "1", "--queue", "2") as server:
        with connected(server) as connection:
            assert post(connection, picture, model=quick()).status == 200
        threading.Thread(target=sleeper, daemon=True).start()
        with ThreadPoolExecutor(count) as clients:
            for one in [clients.submit(client, server) for _ in range(count)]:
                one.result()
        over.set()
        with connected(server) as connection:
            after = post(connection, picture, model=quick()).status
    refused = [answer for answer in answers if answer.status == 503]
    statuses = Counter(answer.status for answer in answers)
    seconds = [answer.seconds for answer in refused]
    found = {
        "clients": count, "requests": len(answers), "places": 3,
        "statuses": {str(status): number for status, number in sorted(statuses.items())},
        "refusal_p50_ms": percentile(seconds, 50), "refusal_p99_ms": percentile(seconds, 99),
        "refusal_max_ms": percentile(seconds, 100),
        "sleeper_late_p99_ms": percentile(late, 99), "sleeper_late_max_ms": percentile(late, 100),
    }  # fmt: skip
    told = all(int(answer.headers.get("Retry-After", "0")) > 0 for answer in refused)
    good = set(statuses) == {200, 503} and told and after == 200
    return found, good and percentile(seconds, 99) <= 50.0


def fuzz(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Damaged pictures."""
    pictures = photographs([(120, 160)])
    bgr = cv2.imdecode(np.frombuffer(pictures["dark-astronaut-160x120.jpg"], np.uint8), 1)
    for extension in ("webp", "tiff", "bmp", "png"):
        pictures[f"dark-astronaut.{extension}"] = encoded(f".{extension}", bgr)
    statuses: Counter[int] = Counter()
    faults = []
    count = max(500, options.requests)
    with Server("--cache-mib", "0") as server:
        with connected(server) as connection:
            for name, manner, data in mutated(pictures, count, options.seed):
                answer = post(connection, data, mode=TASKS[name.partition("-")[0]])
                statuses[answer.status] += 1
                if not sound(answer):
                    faults.append(f"{name}, {manner}: {answer.status} {answer.data[:120]!r}")
        alive = server.alive()
        code = server.stop()
    print("\n".join(faults))
    found = {
        "pictures": count, "seed": options.seed, "faults": len(faults),
        "statuses": {str(status): number for status, number in sorted(statuses.items())},
    }  # fmt: skip
    return found, alive and code == 0 and not faults and "Traceback" not in server.log


def sound(answer: Answer) -> bool:
    """Whether an answer to a damaged picture is a refusal in one line, or a whole picture."""
    if answer.status == 200:
        try:
            info = inspect(answer.data, "answer").info
        except UserError:
            return False
        decoded = cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_UNCHANGED)
        stated = int(answer.headers["X-Height"]), int(answer.headers["X-Width"])
        return decoded is not None and decoded.shape[:2] == stated == (info.height, info.width)
    said = json.loads(answer.data)["error"] if answer.status in (400, 413, 415, 422) else ""
    return bool(said) and "\n" not in said and "Traceback" not in said


def hints(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """A picture of 256x256, with one hint more each time."""
    grey = photographs([(256, 256)])["grey-chelsea-256x256.png"]
    rng = np.random.default_rng(options.seed)
    placed: list[dict[str, Any]] = []
    seconds, palettes = [], []
    coloured = next(name for name in models() if name.startswith("colorize"))
    with Server() as server, connected(server) as connection:
        # A page has asked for the picture before somebody clicks.
        assert post(connection, grey, model=coloured).status == 200
        for _ in range(40):
            x, y = (int(value) for value in rng.integers(0, 256, 2))
            answer = post(connection, grey, "/palette", model=coloured, x=str(x), y=str(y))
            assert answer.status == 200
            palettes.append(answer.seconds)
            placed.append({"x": x, "y": y, "color": f"#{rng.bytes(3).hex()}"})
            text = json.dumps({"hints": placed})
            answer = post(connection, grey, model=coloured, hints=text)
            assert answer.status == 200 and answer.headers["X-Cache"] == "miss"
            seconds.append(answer.seconds)
    found = {
        "size": "256x256", "hints": len(placed),
        "recolour_p50_ms": percentile(seconds, 50), "recolour_p99_ms": percentile(seconds, 99),
        "palette_first_ms": round(1000 * palettes[0], 1),
        "palette_p50_ms": percentile(palettes[1:], 50),
    }  # fmt: skip
    return found, statistics.median(seconds) <= 0.3


def largest(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """The largest pictures that are taken, of each task, and hostile ones, one after the other."""
    limits = Limits()
    promised = limits.worker_bytes(limits.pixels)
    rows: list[dict[str, Any]] = []
    alone = ("--cache-mib", "0", "--timeout", "900", "--workers", "1")
    with Server(*alone) as server, connected(server) as connection:
        for name, data, fields in extremes():
            peak, over = [server.rss()], threading.Event()

            def watch(peak: list[int] = peak, over: threading.Event = over) -> None:
                while not over.wait(0.05):
                    peak.append(server.rss())

            watching = threading.Thread(target=watch)
            watching.start()
            try:
                answer = post(connection, data, **fields)
            finally:
                over.set()
                watching.join()
            rows.append(
                {"name": name, "bytes": len(data), "status": answer.status,
                 "seconds": round(answer.seconds, 1), "mib": max(peak) >> 20}
            )  # fmt: skip
            print(rows[-1], flush=True)
    found = {"promised_mib": (promised + SERVER_BYTES) >> 20, "pictures": rows}
    statuses = all((row["status"] == 200) is (row["name"][0] != "!") for row in rows)
    return found, statuses and max(row["mib"] for row in rows) <= found["promised_mib"]


def extremes() -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Name, file and wishes of each; those that are to be refused begin with ``!``."""
    small = photographs([(400, 600)])
    bgr = cv2.imdecode(np.frombuffer(small["chroma-coffee-600x400.jpg"], np.uint8), 1)
    assert bgr is not None
    large = cv2.resize(bgr, (6000, 4000), interpolation=cv2.INTER_CUBIC)
    as_jpeg = {"format": "jpeg"}
    for task, data in (
        ("chroma", encoded(".jpg", large, *_HALF)),
        ("colorize", encoded(".jpg", cv2.cvtColor(large, cv2.COLOR_BGR2GRAY))),
        ("enhance", encoded(".jpg", large // 8)),
    ):
        yield f"{task}, JPEG, 24 megapixels", data, {"mode": task, **as_jpeg}
    clear = np.dstack([large // 8, np.full((4000, 6000), 200, np.uint8)])
    for task in ("enhance", "colorize"):
        yield f"{task}, PNG with alpha, 24 megapixels", encoded(".png", clear), {"mode": task}
    deep = clear[:3000, :4000].astype(np.uint16) * 257
    yield "enhance, PNG of 16 bits with alpha, 12 megapixels", encoded(".png", deep), {}
    for name, size, bits, kind in (
        ("24 megapixels of 16 bits with alpha", (6000, 4000), 16, 6),
        ("1,000,000 x 24", (1_000_000, 24), 8, 2),
    ):
        yield f"! PNG, {name}", plain_png(*size, bits, kind), {"mode": "enhance"}
    bomb = plain_png(64, 64, 8, 2, more=2 << 30)
    yield "! PNG of 64 x 64 that inflates to 2 GiB", bomb, {"mode": "enhance"}


def plain_png(width: int, height: int, bits: int, kind: int, more: int = 0) -> bytes:
    """A small file of a large picture in one colour, and of so many bytes beyond it."""
    channels = {2: 3, 6: 4}[kind]
    packer = zlib.compressobj(9)
    left = height * (1 + width * channels * bits // 8) + more
    packed = []
    while left > 0:
        packed.append(packer.compress(bytes(min(left, 1 << 22))))
        left -= 1 << 22
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = b"".join([*packed, packer.flush()])
    chunks = (png_file.chunk(b"IHDR", head), png_file.chunk(b"IDAT", body))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_file.chunk(b"IEND", b"")


# ------------------------------------------------------------------------------------ schemathesis


@dataclass
class Examined:
    """What schemathesis found.

    Attributes:
        calls: operation to how many requests were sent.
        statuses: operation to status to how many.
        failures: what was not as described.
    """

    calls: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def examined(client: Any, pictures: Mapping[str, bytes], examples: int) -> Examined:
    """Ask an application whatever its description allows, and as often what it does not.

    Args:
        client: Flask's test client of it.
        pictures: that forms are filled with, beside noise.
        examples: a kind of request of each operation.
    """
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from hypothesis.errors import Unsatisfiable
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [not_a_server_error, status_code_conformance, content_type_conformance,
              response_schema_conformance]  # fmt: skip
    files = st.one_of(st.sampled_from(sorted(pictures.values())), st.binary(max_size=200))
    schemathesis.openapi.media_type(
        "image/jpeg",
        files,
        aliases=["image/png", "image/webp", "image/tiff", "image/bmp", "video/mp4"],
    )
    found = Examined()
    described = client.get("/openapi.json").data
    names = [model["name"] for model in client.get("/models").get_json()["models"]]
    for left_out in ((), ("fade", "detail", "render_size", "resample", "reference", "mode")):
        document = json.loads(described)
        _told(document, names, left_out)
        for result in schemathesis.openapi.from_dict(document).get_all_operations():
            operation: Any = result.ok()  # type: ignore[union-attr]
            found.statuses.setdefault(operation.label, Counter())

            def ask(case: Any) -> None:
                response = case.call(app=client.application, base_url="http://localhost")
                if response.status_code == 202:  # else the next one had to wait for it
                    client.delete(f"/video/{json.loads(response.content)['job']}")
                found.calls[case.operation.label] += 1
                found.statuses[case.operation.label][response.status_code] += 1
                case.validate_response(response, checks=checks)

            for body in _beyond(operation.label, names, next(iter(pictures.values()))):
                try:
                    ask(operation.Case(body=body, media_type="multipart/form-data"))
                except (Exception, BaseExceptionGroup) as error:  # a group of failures
                    found.failures.append(f"{operation.label}, beyond bounds: {error!r:.400}")
            for mode in schemathesis.GenerationMode:
                asking = given(case=operation.as_strategy(generation_mode=mode))(ask)
                try:
                    settings(
                        max_examples=examples, deadline=None, database=None, derandomize=True,
                        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
                    )(asking)()  # fmt: skip
                except Unsatisfiable:  # nothing can be wrong about a request without parameters
                    pass
                except (Exception, BaseExceptionGroup) as error:  # a group of failures
                    found.failures.append(f"{operation.label}: {error!r:.400}")
    return found


def _beyond(label: str, names: Sequence[str], picture: bytes) -> list[dict[str, Any]]:
    """Forms that only the server can know to be wrong: too large a picture, a point outside it."""
    needed: dict[str, dict[str, Any]] = {
        "POST /look": {},
        "POST /preview": {},
        "POST /process": {},
        "POST /compare": {"model_a": names[0], "model_b": names[0]},
        "POST /palette": {"x": 0, "y": 0},
        "POST /colors": {},
    }
    if label not in needed:
        return []
    forms = [{"image": plain_png(30_001, 1, 8, 2), **needed[label]}]
    if label == "POST /palette":
        forms.append({"image": picture, "x": 20_000, "y": 0})
    return forms


def _told(document: dict[str, Any], names: Sequence[str], left_out: Sequence[str]) -> None:
    """Change a description so that requests come through to the work.

    Models and hints have their values; options of single tasks, which others refuse, are left out;
    and where several pictures may be given it is one, as schemathesis sends several as texts.
    """
    hinted = ['{"hints": []}', '{"hints": [{"x": 1, "y": 2, "color": "#4a7bc8"}]}', "[]", "{"]
    for verbs in document["paths"].values():
        for operation in verbs.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                properties = content["schema"]["properties"]
                for name in [*properties]:
                    if name in left_out:
                        del properties[name]
                    elif name.startswith("model"):
                        properties[name] = {"type": "string", "enum": [*names, "none"]}
                    elif name == "hints":
                        properties[name] = {"type": "string", "enum": hinted}
                    elif properties[name].get("type") == "array":
                        properties[name] = properties[name]["items"]


def api(options: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Many examples of every operation."""
    from edge_demo.web.app import Studio, create_app
    from edge_demo.web.cache import Cache
    from edge_demo.web.catalog import Catalog
    from edge_demo.web.pool import Pool
    from edge_demo.web.videos import Videos
    from edge_demo.web.worker import Setup

    catalog = Catalog()
    paths = {name: entry.path for name, entry in catalog.entries.items()}
    setup = Setup(paths)
    studio = Studio(catalog, Pool(2, 8, 60.0, setup), Cache(1 << 26), Videos(setup, Limits()))
    client = create_app(studio).test_client()
    found = examined(client, photographs([(48, 64)]), options.examples)
    studio.videos.close()
    studio.pool.close()
    print("\n".join(found.failures))
    figures = {
        "requests": sum(found.calls.values()),
        "failures": len(found.failures),
        "statuses": {
            label: {str(status): number for status, number in sorted(statuses.items())}
            for label, statuses in found.statuses.items()
        },
    }
    return figures, not found.failures


MEASURES: dict[str, Callable[[argparse.Namespace], tuple[dict[str, Any], bool]]] = {
    "load": load, "memory": memory, "overload": overload, "fuzz": fuzz, "api": api, "hints": hints,
    "largest": largest,
}  # fmt: skip


def table(found: Json) -> str:
    """What the studio's server was put through."""
    load, memory, overload = found["load"], found["memory"], found["overload"]
    fuzz, api, hints = found["fuzz"], found["api"], found["hints"]

    def counted(statuses: Mapping[str, int]) -> str:
        return ", ".join(f"{number} times {status}" for status, number in statuses.items())

    sizes = list(memory["mib"].values())
    answers = sum(sum(one.values()) for one in api["statuses"].values())
    cells = [
        [
            "`load`",
            f"{load['requests']} requests of {load['size']} from {load['clients']} clients, "
            f"{load['models']} models, no cache",
            f"{load['lost']} lost, {load['wrong']} not the command line's; "
            f"{load['requests_per_second']:g} a second, p50 {load['p50_ms']:.0f} ms, "
            f"p99 {load['p99_ms']:.0f} ms",
        ],
        [
            "`memory`",
            f"{memory['requests']:,} requests, three sizes, {memory['models']} models",
            f"{sizes[-1]:.0f} MiB; within {memory['spread']:.1%} after the first fifth",
        ],
        [
            "`overload`",
            f"{overload['clients']} clients for {overload['places']} places",
            f"{counted(overload['statuses'])}; refused within "
            f"{overload['refusal_p50_ms']:.0f} ms (p50), {overload['refusal_p99_ms']:.0f} ms "
            f"(p99); a thread that slept beside woke up to "
            f"{overload['sleeper_late_max_ms']:.0f} ms late",
        ],
        [
            "`hints`",
            f"recolouring {hints['size']} after a hint, up to {hints['hints']} of them",
            f"p50 {hints['recolour_p50_ms']:.0f} ms, p99 {hints['recolour_p99_ms']:.0f} ms; "
            f"a palette {hints['palette_p50_ms']:.0f} ms",
        ],
        [
            "`fuzz`",
            f"{fuzz['pictures']} damaged pictures",
            f"{counted(fuzz['statuses'])}; {fuzz['faults']} faults",
        ],
        [
            "`api`",
            f"{answers:,} requests that the description allows, or just not",
            f"{api['failures']} answers that it does not describe",
        ],
    ]  # fmt: skip
    if "largest" in found:
        rows = [row["mib"] for row in found["largest"]["pictures"]]
        cells.append(
            [
                "`largest`",
                f"the largest pictures and hostile ones, {len(rows)} in all",
                f"at most {max(rows):,} MiB, of {found['largest']['promised_mib']:,} MiB stated",
            ]
        )
    busy = max(found[name]["load_average_before"] for name in ("load", "overload", "hints"))
    beside = (
        f", which other programs kept busy (load average {busy:.0f})"
        if busy > 0.5 * found["host"]["cores"]
        else ""
    )
    table = markdown(["measure", "what", "result"], cells, 3)
    return f"{table}\nOn {wording.host(found['host'])}{beside}.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    parser = command_line(__name__, __doc__)
    parser.add_argument("measure", choices=[*MEASURES, "all"])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    return cli.run(parser, _run, arguments)


def _run(options: argparse.Namespace) -> int:
    names = list(MEASURES) if options.measure == "all" else [options.measure]
    missed = []
    for name in names:
        before = host.state()
        figures, good = MEASURES[name](options)
        figures["load_average_before"] = before.get("load_average")
        print(json.dumps({name: figures}, indent=1))
        print(f"{name}: the bar is met" if good else f"{name}: THE BAR IS MISSED", flush=True)
        if not good:
            missed.append(name)
        if options.json:
            kept = json.loads(options.json.read_text()) if options.json.exists() else {"schema": 1}
            kept["host"] = host.describe()
            kept[name] = {**figures, "ok": good}
            write(options.json, kept)
    return 1 if missed else 0
