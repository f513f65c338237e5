"""Results that were computed before, within a stated memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any


class Cache:
    """The results used last, up to so many bytes; for several threads.

    Attributes:
        limit: bytes; 0 keeps nothing.
        used: bytes just now.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.used = limit, 0
        self._kept: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Any | None:
        """What was put there, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: str, value: Any, size: int) -> None:
        """Keep a value of so many bytes, in place of those not used for longest.

        One that alone is larger than the limit is not kept.
        """
        if size > self.limit:
            return
        with self._lock:
            self._drop(key)
            self._kept[key] = value, size
            self.used += size
            while self.used > self.limit:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        _, size = self._kept.pop(key, (None, 0))
        self.used -= size
