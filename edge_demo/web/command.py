"""``python -m edge_demo serve``."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import re
import secrets
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .. import cli
from ..camera.command import MODEL as CAMERA_MODEL
from ..errors import UserError
from ..pictures.containers import MAX_PIXELS
from .clients import is_loopback

# What no other command needs.
_PACKAGES = ("flask", "waitress", "prometheus_client")
HOST, PORT = "127.0.0.1", 8080
_MIB = 1 << 20
_MOST_RATE, _MOST_SECONDS = 1e6, 86_400.0
# What fits into a header, a cookie and a QR code as it is.
_TOKEN_CHARACTERS = 200
_TOKEN = re.compile(rf"[!-~]{{1,{_TOKEN_CHARACTERS}}}")
_OPEN = (
    "anybody who can reach this address can use this server, unencrypted and without a password, "
    "and see what it is given and gives back; leave --host out to keep it to this device"
)
_TOLD = (
    "nothing is encrypted: who can read the network can read the token, and what is given and "
    "given back; leave --host out to keep it to this device"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``serve``."""
    parser.add_argument("--host", default=HOST, metavar="ADDRESS",
                        help=f"default: {HOST}, for this device alone; 0.0.0.0: everybody who can "
                        "reach it")  # fmt: skip
    parser.add_argument("--port", type=int, default=PORT, help=f"default: {PORT}; 0: any free one")
    parser.add_argument("--name", action="append", default=[],
                        help="another name that browsers reach this device by, beside its "
                        "addresses and its host name; may be repeated")  # fmt: skip
    parser.add_argument("--token", nargs="?", const="", metavar="TEXT",
                        help="let in only who knows it: it stands in the address that is printed; "
                        "without TEXT a new one; default: none is needed")  # fmt: skip
    parser.add_argument("--tls", nargs=2, type=Path, metavar=("CERT", "KEY"),
                        help="encrypt by a certificate and its key, two PEM files; default: "
                        "nothing is encrypted")  # fmt: skip
    parser.add_argument("--threads", type=int, default=2,
                        help="of each interpreter; default: 2")  # fmt: skip
    parser.add_argument("--workers", type=int,
                        help="pictures worked on at once; default: half of the cores")  # fmt: skip
    parser.add_argument("--queue", type=int, default=16,
                        help="requests that may wait for a worker; more are refused at once; "
                        "default: 16")  # fmt: skip
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS",
                        help="for a picture, its wait included; default: 60")  # fmt: skip
    parser.add_argument("--megapixels", type=float, default=24.0, metavar="N",
                        help="the largest picture that is taken; default: 24")  # fmt: skip
    parser.add_argument("--memory-mib", type=int, metavar="MIB",
                        help="that all workers together may take; default: what the largest "
                        "picture may take for each, at most three quarters of the device's "
                        "memory")  # fmt: skip
    parser.add_argument("--rate", type=float, default=300.0, metavar="N",
                        help="requests for work of one client a minute, on average, this device "
                        "aside; default: 300, 0: any number")  # fmt: skip
    parser.add_argument("--log", action="store_true",
                        help="a line for each request to standard error: who, which path, status, "
                        "time; no name, token or content")  # fmt: skip
    parser.add_argument("--cache-mib", type=int, default=64, metavar="MIB",
                        help="of results that are kept; default: 64, 0: none")  # fmt: skip
    parser.add_argument("--camera", metavar="DEVICE|FILE",
                        help="what the page shows live: picamera, a number or /dev/video..., or a "
                        "video file in its place; default: none")  # fmt: skip
    parser.add_argument("--camera-model", metavar="NAME|FILE", default=CAMERA_MODEL,
                        help=f"for it; default: {CAMERA_MODEL}")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or a kill; the exit code.

    Raises:
        UserError: options out of range, or an address that cannot be had.
    """
    _check(options)
    try:
        from .server import listening, serve
        from .tls import context
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise UserError(
            f"{package} is not installed; pip install -r edge_demo/requirements.txt has it"
        ) from None
    secure = context(*options.tls) if options.tls else None
    studio = make_studio(options)
    server = listening(studio, options.host, options.port, secure=secure)
    if options.log:
        log_requests()
    studio.pool.warm()
    host, port = server.effective_host, int(server.effective_port)
    query = f"?{urlencode({'token': studio.token})}" if studio.token else ""
    scheme = "http" if secure is None else "https"
    print(f"serving on {address(host, port, scheme)}{query} (Ctrl-C stops)", flush=True)
    others = own_addresses() if host in ("0.0.0.0", "::") else []
    for one in others:
        print(f"from other devices: {address(one, port, scheme)}{query}", flush=True)
    if not is_loopback(host) and sys.stdout.isatty():
        print(qr_code(f"{address((*others, host)[0], port, scheme)}{query}"), end="", flush=True)
    if not is_loopback(options.host):
        for line in warnings(studio.token is not None, secure is not None):
            print(line, file=sys.stderr, flush=True)
    serve(server, studio)
    return 0


def _check(options: argparse.Namespace) -> None:
    for name, low, high in (
        ("port", 0, 65535), ("threads", 1, 64), ("queue", 0, 1000), ("cache_mib", 0, 65536)
    ):  # fmt: skip
        value = getattr(options, name)
        if not low <= value <= high:
            raise UserError(f"--{name.replace('_', '-')} is from {low} to {high}, not {value}")
    if options.memory_mib is not None and not 768 <= options.memory_mib <= 1 << 20:
        raise UserError(f"--memory-mib is from 768 to {1 << 20}, not {options.memory_mib}")
    if options.workers is not None and not 1 <= options.workers <= 64:
        raise UserError(f"--workers is from 1 to 64, not {options.workers}")
    if not 0.01 <= options.megapixels <= MAX_PIXELS / 1e6:
        raise UserError(
            f"--megapixels is from 0.01 to {MAX_PIXELS / 1e6:g}, not {options.megapixels:g}"
        )
    if options.rate != 0 and not 0.01 <= options.rate <= _MOST_RATE:
        raise UserError(
            f"--rate is 0, or from 0.01 to {_MOST_RATE:g} requests a minute, not {options.rate:g}"
        )
    if not 0 < options.timeout <= _MOST_SECONDS:
        raise UserError(
            f"--timeout is more than 0 seconds and at most {_MOST_SECONDS:g}, not "
            f"{options.timeout:g}"
        )
    if options.token and not _TOKEN.fullmatch(options.token):
        raise UserError(
            f"--token is of 1 to {_TOKEN_CHARACTERS} letters, digits and signs without blanks"
        )


def warnings(token: bool, tls: bool) -> list[str]:
    """What who opens a server to others should know, a line or none."""
    if not token:
        return [_OPEN if not tls else _OPEN.replace("unencrypted and ", "")]
    return [] if tls else [_TOLD]


def address(host: str, port: int, scheme: str = "http") -> str:
    """What a browser opens."""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"


def qr_code(text: str) -> str:
    """A text as lines of blocks for a terminal, that a phone reads.

    Empty without ``segno``, or where standard output has no such blocks.
    """
    try:
        import segno
    except ModuleNotFoundError:
        return ""
    lines = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(lines, compact=True)
    try:
        lines.getvalue().encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ""
    return lines.getvalue()


def log_requests() -> None:
    """A line for each request to standard error, with its time."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("chromaedge.requests")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


def own_addresses() -> list[str]:
    """Addresses of this device that others can reach: that of its usual way out, and of its name.

    Nothing is sent: a datagram's socket that is connected knows its own address.
    """
    found = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        way_out.connect(("192.0.2.1", 9))  # of documentation: there is nobody
        found.append(way_out.getsockname()[0])
    with contextlib.suppress(OSError):
        found += [
            one[4][0] for one in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
        ]
    return [one for one in dict.fromkeys(map(str, found)) if not is_loopback(one)]


def memory() -> int:
    """Bytes of memory that the device has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def make_studio(options: argparse.Namespace) -> Any:
    """The ``app.Studio`` that ``serve`` serves with these options.

    Raises:
        UserError: no models, or no camera where one is asked for.
    """
    from ..camera.stream import stream
    from .app import Studio
    from .cache import Cache
    from .catalog import Catalog
    from .clients import Rates
    from .limits import Limits
    from .models import KEPT, LEAST_KEPT
    from .pool import Pool
    from .videos import Videos
    from .worker import Setup

    catalog = Catalog()
    if not catalog.entries:
        raise UserError("there are no models to serve beside the code")
    workers = options.workers or max(1, cli.cores() // options.threads)
    paths = {name: entry.path for name, entry in catalog.entries.items()}
    limits = Limits(seconds=options.timeout, pixels=round(options.megapixels * 1e6))
    setup = Setup(paths, options.threads, max(LEAST_KEPT, KEPT // workers))
    budget = (
        options.memory_mib * _MIB
        if options.memory_mib
        else min(workers * limits.worker_bytes(limits.pixels), memory() * 3 // 4)
    )
    if options.camera_model != CAMERA_MODEL and not options.camera:
        raise UserError("--camera-model is of a camera: name one with --camera")
    own = socket.gethostname()
    names = ["localhost", own, f"{own}.local", options.host, *options.name]
    return Studio(
        catalog,
        Pool(workers, options.queue, options.timeout, setup, budget),
        Cache(options.cache_mib * _MIB),
        Videos(setup, limits),
        limits,
        frozenset(name.lower() for name in names),
        stream(options.camera, options.camera_model, options.threads) if options.camera else None,
        rates=Rates(options.rate),
        token=None if options.token is None else options.token or secrets.token_urlsafe(9),
    )
