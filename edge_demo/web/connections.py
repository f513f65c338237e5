"""Connections under Waitress, none of which can keep the others out.

Waitress itself closes what has been silent for long, and stops accepting beyond a number of
connections. A client that sends a byte now and then is never silent, and one with many connections
takes the places of all. So here a request as a whole has a deadline; bodies that are not complete
may take so many bytes together; an answer that nobody reads is given up; and who is late makes
room for who comes, first of all from the address that has most.
"""

from __future__ import annotations

import json
import socket
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import Error

from .app import HEADERS
from .app import requests_log as log
from .clients import client_of
from .tls import Front


@dataclass(frozen=True)
class Patience:
    """How long, and for how many, the server waits.

    Attributes:
        connections: of all clients together.
        of_one: of one address, so that it leaves room for others.
        head_seconds: from the first byte of a request, or from connecting, to the end of its head.
        body_seconds: for a body, and
        body_rate: a second more for each so many bytes that it states.
        read_seconds: without a byte of an answer being taken.
        body_bytes: of all bodies together that are not complete, or wait to be looked at.
    """

    connections: int = 128
    of_one: int = 48
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    body_rate: float = 64 * 1024
    read_seconds: float = 20.0
    body_bytes: int = 256 << 20


class Busy(Error):
    """A body that there is no room for now."""

    code = 503
    reason = "Service Unavailable"


class Late(Error):
    """A request that did not arrive in time."""

    code = 408
    reason = "Request Timeout"


class Refusal(ErrorTask):
    """What is refused before the application sees it, in the application's form."""

    def execute(self) -> None:
        """Write the response."""
        error = self.request.error
        body = json.dumps({"error": " ".join(str(error.body).split())}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(
            [("Content-Type", "application/json"), ("Connection", "close"), *HEADERS.items()]
        )
        if isinstance(error, Busy):
            self.response_headers.append(("Retry-After", "5"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)
        log.info("%s refused %s", self.channel.addr[0], self.status)


class Channel(HTTPChannel):
    """One connection.

    Attributes:
        since: when the request that is being received began, or the wait for one.
        asked: whether anything has come.
        client: whose it is.
    """

    error_task_class = Refusal
    request: Any

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:
        """See ``HTTPChannel``."""
        self.since = time.monotonic()
        self.asked = False
        self.client = client_of(str(addr[0]))
        super().__init__(server, sock, addr, adj, map=map)

    def received(self, data: bytes) -> bool:
        """Take what has come; of a body that there is no room for, no more."""
        if self.request is None:
            self.since = time.monotonic()
        self.asked = True
        taken = bool(super().received(data))
        if self.request is None:
            self.since = time.monotonic()
        elif self.request.headers_finished and not self.server.has_room(self):
            self.refuse(Busy("too much is being sent at once; try again"))
        return taken

    @property
    def awaited_bytes(self) -> int:
        """Of bodies that this connection holds or has announced."""
        waiting = [self.request, *self.requests] if self.request else self.requests
        return sum(max(one.content_length, one.body_bytes_received) for one in waiting)

    @property
    def is_free(self) -> bool:
        """Whether nobody works on an answer, and none is on its way."""
        return not self.requests and not self.total_outbufs_len

    def refuse(self, error: Error) -> None:
        """Answer what has come so far by an error, and close."""
        with self.requests_lock:
            request = self.request
            if request is None or request.error:
                return
            request.error, request.completed = error, True
            self.request = None
            self.requests.append(request)
            if len(self.requests) == 1:
                self.server.add_task(self)

    def overdue(self, now: float, patience: Patience) -> bool:
        """Whether this connection has had its time.

        Args:
            now: of ``time.monotonic``.
            patience: of its server.
        """
        if self.total_outbufs_len:
            return time.time() - self.last_activity > patience.read_seconds
        if self.requests:  # being worked on; the studio's own time limit holds
            return False
        if self.request is None:
            # Between two requests a browser may take longer than before the first.
            most = patience.head_seconds * (6 if self.asked else 1)
        elif not self.request.headers_finished:
            most = patience.head_seconds
        else:
            most = patience.body_seconds + self.request.content_length / patience.body_rate
        return now - self.since > most


class Server(TcpWSGIServer):
    """Waitress' server, which keeps to a ``Patience``.

    Attributes:
        patience: how long it waits for its clients.
        front: accepts in its place, where there is TLS.
    """

    channel_class = Channel
    patience = Patience()
    front: Front | None = None

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """See ``TcpWSGIServer``."""
        self._adopted: deque[tuple[socket.socket, tuple[Any, ...]]] = deque()
        super().__init__(*arguments, **more)

    def adopt(self, connected: socket.socket, address: tuple[Any, ...]) -> None:
        """Serve a connection that was accepted elsewhere; from any thread."""
        self._adopted.append((connected, address))
        self.pull_trigger()

    def handle_accept(self) -> None:
        """Accept a connection; who is late, or has too many, loses one for it."""
        before = set(self.active_channels)
        super().handle_accept()
        for fileno in set(self.active_channels) - before:
            self._make_room(self.active_channels[fileno])

    def maintenance(self, now: float) -> None:
        """Nothing: Waitress calls this while it collects what to wait for.

        The number of a connection closed then would be waited for, and be found invalid; and the
        next connection, which is given that number, would be closed for it.
        """

    def tend(self) -> None:
        """Take connections that were accepted elsewhere, and give up those that had their time.

        To be called between two turns.
        """
        while self._adopted:
            connected, address = self._adopted.popleft()
            self._make_room(self.channel_class(self, connected, address, self.adj, map=self._map))
        moment = time.monotonic()
        for channel in list(self.active_channels.values()):
            if not channel.overdue(moment, self.patience):
                continue
            request = channel.request
            if request is not None and request.headers_finished and channel.is_free:
                channel.refuse(Late("the request took too long to arrive"))
            else:
                channel.handle_close()

    def has_room(self, channel: Channel) -> bool:
        """Whether a connection's body fits beside those of the others."""
        others = (one for one in self.active_channels.values() if one is not channel)
        held = sum(one.awaited_bytes for one in list(others))
        return held + channel.awaited_bytes <= self.patience.body_bytes

    def _make_room(self, newest: Channel) -> None:
        """Close one connection where there are too many: an idle one, the longest so."""
        channels: list[Channel] = list(self.active_channels.values())
        by_client = Counter(one.client for one in channels)
        if by_client[newest.client] > self.patience.of_one:
            crowd: Iterable[Channel] = (one for one in channels if one.client == newest.client)
        elif len(channels) > self.patience.connections:
            most, _ = by_client.most_common(1)[0]
            crowd = (one for one in channels if one.client == most)
        else:
            return
        free = [one for one in crowd if one.is_free and one is not newest]
        leaving = min(free, key=lambda one: one.since) if free else newest
        leaving.handle_close()
