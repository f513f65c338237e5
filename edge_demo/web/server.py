"""Waitress under the studio: it listens, answers in JSON whatever is wrong, and stops in order."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
import sys
import threading
import time
from types import FrameType
from typing import Any

from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from ..errors import UserError
from .app import Studio, create_app
from .connections import Patience, Server
from .tls import Front

# Threads that read requests and answer those that need no worker, and those that watch the camera.
_SPARE = 12
# Connections beside those that are worked on.
_IDLE = 100
# Bodies of the largest kind that may be on their way at once.
_BODIES = 4
# What Waitress would stop listening at; connections are limited by ``connections.Patience``.
_MOST_SOCKETS = 4096
# Seconds that requests in progress are given once the server is told to stop.
_GRACE = 30.0


def listening(
    studio: Studio,
    host: str,
    port: int,
    patience: Patience | None = None,
    secure: ssl.SSLContext | None = None,
) -> Server:
    """Waitress' server of a studio, bound to an address.

    Args:
        studio: what is served.
        host: an address or name of this machine.
        port: 0 for any that is free.
        patience: with its clients; None: as many connections as the studio has places for, and
            more, and a few of the largest bodies at once.
        secure: of TLS; None: there is none.

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
    except UnicodeError:  # a part of a name is empty, or longer than 63 letters
        raise UserError(f"cannot listen on {host!r}: is no name of a device") from None
    adjustments = Adjustments(
        sockets=[bound],
        threads=studio.pool.places + _SPARE,
        # A body somewhat too large is read, so that its sender sees the answer.
        max_request_body_size=2 * studio.limits.request_bytes,
        recv_bytes=1 << 16,
        ident=None,
        # One more request is read while another is worked on: who goes away is seen by that.
        channel_request_lookahead=1,
        connection_limit=_MOST_SOCKETS,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=True,
        url_scheme="http" if secure is None else "https",
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(adjustments.threads)
    server = Server(
        create_app(studio),
        _sock=bound,
        dispatcher=dispatcher,
        adj=adjustments,
        sockinfo=(family, bound.type, bound.proto, address),
        bind_socket=False,
        _start=secure is None,
    )
    server.patience = patience or Patience(
        connections=studio.pool.places + _IDLE, body_bytes=_BODIES * studio.limits.request_bytes
    )
    if secure is not None:
        accepting = bound.dup()
        accepting.listen(adjustments.backlog)
        server.front = Front(
            accepting, secure, server.adopt, server.patience.head_seconds,
            server.patience.read_seconds, server.patience.connections, server.patience.of_one,
        )  # fmt: skip
    return server


def serve(server: Any, studio: Studio) -> None:
    """Answer requests until Ctrl-C or a kill; then those that are in progress, and no others.

    A second Ctrl-C or kill ends the process where it is, and the workers with it: of all requests
    only a video's files are on a disk, and these are removed.
    """
    stopping, at_once = threading.Event(), threading.Event()
    # A worker that loads a model holds back all that is written to the error output meanwhile.
    told = os.fdopen(os.dup(sys.stderr.fileno()), "w")

    def stop(number: int, frame: FrameType | None) -> None:
        (at_once if stopping.is_set() else stopping).set()
        server.pull_trigger()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    while not stopping.is_set():
        _turn(server, 1.0)
    studio.closing = True
    if studio.camera is not None:
        studio.camera.close()
    print(
        "stopping; requests in progress are finished (once more stops at once)",
        file=told,
        flush=True,
    )
    if server.front is not None:
        server.front.close_listening()
    server.accepting = False
    server.del_channel()
    server.socket.close()
    until = time.monotonic() + _GRACE
    while (
        time.monotonic() < until
        and not at_once.is_set()
        and any(
            channel.requests or channel.total_outbufs_len
            for channel in server.active_channels.values()
        )
    ):
        _turn(server, 0.1)
    if at_once.is_set():
        studio.pool.kill()
        studio.videos.close()  # its files, which nothing else would remove
        os._exit(128 + signal.SIGINT)
    studio.videos.close()
    studio.pool.abandon()
    for number, handler in before.items():
        signal.signal(number, handler)
    studio.pool.close()
    if server.front is not None:
        server.front.close()
    server.task_dispatcher.shutdown(timeout=1)
    told.close()


def _turn(server: Any, seconds: float) -> None:
    """What there is to read and write, waiting for it so long at most."""
    server.tend()
    server.asyncore.loop(seconds, server.adj.asyncore_use_poll, server._map, 1)
