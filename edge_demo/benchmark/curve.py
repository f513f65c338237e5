"""What happens while a method is timed: its runs second by second, and the board's state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Run = dict[str, float]  # seconds by stage, ``inference`` among them

BIN_SECONDS = 1.0
RULE = (
    "The picture is run without a pause for all of the time, from the second run on, so that the "
    "board warms up as it would in use. A point of a curve is the p50 of about a second; "
    "temperature and clock are read between two runs. The last tenth is that of the runs."
)
# What of the board's state is read while a method runs; the load then is the method's own.
_SAMPLED = ("temperature_celsius", "clock_mhz", "throttled")


@dataclass(frozen=True)
class Bin:
    """About a second of runs.

    Attributes:
        seconds: from the beginning of all to the end of this one.
        runs: what was counted in it, at least one.
        state: of the board right after the last of them.
    """

    seconds: float
    runs: tuple[Run, ...]
    state: Mapping[str, Any]


def bins(runs: Iterable[Run], state: Callable[[], Mapping[str, Any]]) -> Iterator[Bin]:
    """Gather runs as they come; the state is read between two, so no run's time has it."""
    began = time.perf_counter()
    start, gathered = 0.0, list[Run]()

    def close(now: float) -> Bin:
        found = state()
        sampled = {key: found[key] for key in _SAMPLED if key in found}
        return Bin(now, tuple(gathered), sampled)

    now = 0.0
    for run in runs:
        gathered.append(run)
        now = time.perf_counter() - began
        if now - start >= BIN_SECONDS:
            yield close(now)
            start, gathered = now, []
    if gathered:
        yield close(now)


def points(gathered: Sequence[Bin]) -> list[dict[str, Any]]:
    """``curve`` of a row: ``seconds``, ``p50_ms`` of inference and what the board told."""
    return [
        {
            "seconds": round(bin_.seconds, 2),
            "p50_ms": round(float(np.median([run["inference"] for run in bin_.runs])) * 1e3, 4),
            **bin_.state,
        }
        for bin_ in gathered
    ]


def sustained_ratio(runs: Sequence[Run]) -> float | None:
    """The p50 of the last tenth of the runs over that of the first; None below ten runs."""
    tenth = len(runs) // 10
    if not tenth:
        return None
    times = [run["inference"] for run in runs]
    first, last = float(np.median(times[:tenth])), float(np.median(times[-tenth:]))
    return round(last / first, 4)
