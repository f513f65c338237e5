"""Wall time by stage."""

from __future__ import annotations

import time


class Clock:
    """Where the time goes.

    Attributes:
        seconds: stage to what it took, all its laps together.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def start(self) -> None:
        """Forget the time since the last lap: it was spent waiting."""
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap to a stage."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
