"""Clients by their addresses: who counts as one, and how much one may ask for."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict

# Requests that may come at once, as a share of those of a minute.
_BURST = 0.25
# Addresses that are remembered; of others nothing was heard for long.
_KEPT = 4096
# Of IPv6 each client has a whole network of addresses to choose from.
_NETWORK = 64


def client_of(address: str) -> str:
    """What an address counts as: of IPv6 its network."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _NETWORK), strict=False))


def is_loopback(address: str) -> bool:
    """Whether an address is this device's own, that no other can reach."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(client_of(address)).is_loopback
    except ValueError:  # a name, or a network
        return address == "::1"


class Rates:
    """How often each client may ask for work; for several threads.

    This device itself, and who comes through it by SSH, may as often as it likes.
    """

    def __init__(self, a_minute: float) -> None:
        """Everybody may begin.

        Args:
            a_minute: requests of one client, on the average; 0: any number.
        """
        self._a_second = a_minute / 60.0
        self._most = max(1.0, a_minute * _BURST)
        # Client to the requests that it has left, and when that was so.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, address: str, now: float | None = None) -> float:
        """Count a request, or tell how many seconds are to pass before the next one.

        Args:
            address: that it comes from.
            now: of ``time.monotonic``.
        """
        if not self._a_second or is_loopback(address):
            return 0.0
        now = time.monotonic() if now is None else now
        client = client_of(address)
        with self._lock:
            left, before = self._left.pop(client, (self._most, now))
            left = min(self._most, left + (now - before) * self._a_second)
            allowed = left >= 1.0
            self._left[client] = (left - 1.0 if allowed else left), now
            while len(self._left) > _KEPT:
                self._left.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) / self._a_second
