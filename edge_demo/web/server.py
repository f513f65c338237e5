"""Waitress under the studio: it listens, answers in JSON whatever is wrong, and stops in order."""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

import waitress
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from ..errors import UserError
from .app import HEADERS, Studio, create_app

# Threads that read requests and answer those that need no worker, and those that watch the camera.
_SPARE = 12
# Connections beside those that are worked on.
_IDLE = 100
# Seconds that requests in progress are given once the server is told to stop.
_GRACE = 30.0


class _Refusal(ErrorTask):
    """What Waitress refuses by itself, such as a body beyond all bounds, in this server's form."""

    def execute(self) -> None:
        """Write the response."""
        error = self.request.error
        body = json.dumps({"error": " ".join(str(error.body).split())}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(
            [("Content-Type", "application/json"), ("Connection", "close"), *HEADERS.items()]
        )
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):
    error_task_class = _Refusal


def listening(studio: Studio, host: str, port: int) -> Any:
    """Waitress' server of a studio, bound to an address.

    Args:
        studio: what is served.
        host: an address or name of this machine.
        port: 0 for any that is free.

    Raises:
        UserError: the address cannot be had.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}"
        ) from None
    server = waitress.create_server(
        create_app(studio),
        sockets=[bound],
        threads=studio.pool.places + _SPARE,
        # A body somewhat too large is read, so that its sender sees the answer.
        max_request_body_size=2 * studio.limits.request_bytes,
        recv_bytes=1 << 16,
        ident=None,
        channel_timeout=60,
        connection_limit=studio.pool.places + _IDLE,
        clear_untrusted_proxy_headers=True,
    )
    server.channel_class = _Channel
    return server


def serve(server: Any, studio: Studio) -> None:
    """Answer requests until Ctrl-C or a kill; then those that are in progress, and no others."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        server.pull_trigger()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    while not stopping.is_set():
        _turn(server, 1.0)
    studio.closing = True
    if studio.camera is not None:
        studio.camera.close()
    print("stopping; requests in progress are finished", file=sys.stderr, flush=True)
    server.accepting = False
    server.del_channel()
    server.socket.close()
    until = time.monotonic() + _GRACE
    while time.monotonic() < until and any(
        channel.requests or channel.total_outbufs_len for channel in server.active_channels.values()
    ):
        _turn(server, 0.1)
    for number, handler in before.items():
        signal.signal(number, handler)
    studio.pool.close()
    server.task_dispatcher.shutdown(timeout=1)


def _turn(server: Any, seconds: float) -> None:
    """What there is to read and write, waiting for it so long at most."""
    server.asyncore.loop(seconds, server.adj.asyncore_use_poll, server._map, 1)
