"""TLS in front of the server: it is taken off here, and what is inside goes on as it is.

Waitress knows no TLS. So a connection is accepted here, in a thread with an event loop of its own,
and once the two sides agree, the server is handed the other end of a pair of sockets, with the
client's address: all that it does for and against its clients holds for these, too, and no port is
open beside the one that was asked for. Who does not finish the handshake in time, or has too many
connections, is not handed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import UserError
from .clients import client_of

# Bytes that are passed on at a time, and that wait for a client that reads slowly.
_PIECE = 1 << 16
# Seconds that a client has for the last bytes, once the server has closed.
_LINGER = 2.0

Adopt = Callable[[socket.socket, tuple[Any, ...]], None]


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What a server shows its clients, and speaks with them.

    Args:
        certificate: PEM, with those that lead to a known authority behind it.
        key: PEM, without a password.

    Raises:
        UserError: missing, unreadable, damaged, too short, with a password, or not of one another.
    """
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise UserError(f"--tls {path}: {error.strerror}") from None

    def no_password() -> str:
        raise UserError(f"--tls {key}: has a password; a server starts without anybody to type it")

    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        found.load_cert_chain(certificate, key, no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UserError(f"--tls {key}: is not the key of {certificate}") from None
        if (error.reason or "").endswith("KEY_TOO_SMALL"):
            raise UserError(
                f"--tls {certificate}: its key is too short for today's browsers; RSA needs 2048 "
                "bits"
            ) from None
        raise UserError(
            f"--tls {certificate} {key}: a certificate and its key are needed, both PEM"
        ) from None
    return found


class Front:
    """Accepts connections, takes TLS off, and hands them on."""

    def __init__(
        self,
        listening: socket.socket,
        secure: ssl.SSLContext,
        adopt: Adopt,
        head_seconds: float,
        read_seconds: float,
        most: int,
        of_one: int,
    ) -> None:
        """Begin to accept.

        Args:
            listening: a socket that listens.
            secure: see ``context``.
            adopt: given the server's end of a pair of sockets, and the client's address.
            head_seconds: that a handshake may take.
            read_seconds: without a byte of an answer being taken.
            most: handshakes at once; beyond it the oldest of the address that has most is left.
            of_one: the same, of one address.
        """
        self._listening, self._secure, self._adopt = listening, secure, adopt
        self._head_seconds, self._read_seconds = head_seconds, read_seconds
        self._most, self._of_one = most, of_one
        # By client, the oldest first.
        self._shaking: dict[str, list[asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        listening.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # Only what goes wrong here is of interest, not what clients do.
        self._loop.set_exception_handler(lambda *_: None)
        self._accepting = self._loop.create_task(self._accept())
        self._loop.run_forever()
        for task in (self._accepting, *self._tasks):
            task.cancel()
        self._loop.run_until_complete(
            asyncio.gather(self._accepting, *self._tasks, return_exceptions=True)
        )
        self._loop.close()

    async def _accept(self) -> None:
        while True:
            try:
                taken, address = await self._loop.sock_accept(self._listening)
            except OSError:  # gone already, or too many files are open
                await asyncio.sleep(0.05)
                continue
            task = self._loop.create_task(self._serve(taken, address))
            self._tasks.add(task)
            client = client_of(address[0])
            self._shaking.setdefault(client, []).append(task)
            task.add_done_callback(partial(self._over, taken, client))
            self._make_room(client)

    def _over(self, taken: socket.socket, client: str, task: asyncio.Task[None]) -> None:
        """A task may be cancelled before it has begun."""
        self._tasks.discard(task)
        self._shaken(client, task)
        if task.cancelled():
            taken.close()

    def _shaken(self, client: str, task: asyncio.Task[None]) -> None:
        """A handshake is over."""
        shaking = self._shaking.get(client, [])
        if task in shaking:
            shaking.remove(task)
            if not shaking:
                del self._shaking[client]

    def _make_room(self, newest: str) -> None:
        """Leave one handshake where there are too many, as the server does with connections."""
        if len(self._shaking[newest]) > self._of_one:
            self._shaking[newest][0].cancel()
        elif sum(map(len, self._shaking.values())) > self._most:
            max(self._shaking.values(), key=len)[0].cancel()

    async def _serve(self, taken: socket.socket, address: tuple[Any, ...]) -> None:
        outer = asyncio.StreamReader(limit=_PIECE)
        protocol = asyncio.StreamReaderProtocol(outer)
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: protocol, taken, ssl=self._secure,
                ssl_handshake_timeout=self._head_seconds, ssl_shutdown_timeout=_LINGER,
            )  # fmt: skip
        except OSError:
            taken.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._shaken(client_of(address[0]), task)
        client = asyncio.StreamWriter(transport, protocol, outer, self._loop)
        with contextlib.suppress(OSError):
            await self._between(outer, client, address)

    async def _between(
        self, outer: asyncio.StreamReader, client: asyncio.StreamWriter, address: tuple[Any, ...]
    ) -> None:
        """Pass on what comes, either way, until the server has closed."""
        ours, theirs = socket.socketpair()
        reader, server = await asyncio.open_connection(sock=ours, limit=_PIECE)
        self._adopt(theirs, address)
        sent = self._loop.create_task(_copy(outer, server, None))
        try:
            # It closes in order, or because it has given this client up, or because that has left.
            await _copy(reader, client, self._read_seconds)
        finally:
            sent.cancel()
            server.close()
            client.close()
            try:
                async with asyncio.timeout(_LINGER):
                    await client.wait_closed()
            except (OSError, TimeoutError):
                client.transport.abort()

    def close_listening(self) -> None:
        """Accept nobody any more; who is connected stays so."""
        self._loop.call_soon_threadsafe(self._accepting.cancel)
        self._listening.close()

    def close(self) -> None:
        """End all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2)


async def _copy(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, seconds: float | None
) -> None:
    """All bytes, so many of them waiting at once as one piece has, and then the end.

    Args:
        source, target: from where to where.
        seconds: that the target may take none; None: any.
    """
    target.transport.set_write_buffer_limits(high=_PIECE)
    with contextlib.suppress(OSError, TimeoutError):
        while piece := await source.read(_PIECE):
            target.write(piece)
            async with asyncio.timeout(seconds):
                await target.drain()
    # Of the end, too, where it came by a fault.
    with contextlib.suppress(OSError):
        if target.can_write_eof():
            target.write_eof()
