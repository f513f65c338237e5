"""Which models there are, what each takes, and how long it took here."""

from __future__ import annotations

import statistics
import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..device import plan, restorers
from ..measure import results
from ..model import models_folder, purposes
from ..model.package import Card, read_card
from ..tasks import colorize
from .limits import Refused

# Times that a median is taken of.
_TIMES = 25


@dataclass(frozen=True)
class Entry:
    """A model file.

    Attributes:
        name: ``PRESET.RECIPE``.
        path: the file.
        card: what it says of itself.
        times: seconds that it took, with the width and height of the picture, the newest last.
    """

    name: str
    path: Path
    card: Card
    times: deque[tuple[float, int, int]] = field(default_factory=lambda: deque(maxlen=_TIMES))

    @property
    def task(self) -> str:
        """Whose model it is."""
        return self.card.task.name

    @property
    def preset(self) -> str:
        """Its name without the recipe."""
        return self.name.rpartition(".")[0]

    def described(self) -> dict[str, Any]:
        """For ``GET /models``, what it shares with others aside."""
        task = self.card.task
        metric = self.card.values.get("metrics", {}).get(task.headline_metric)
        times = list(self.times)
        # Times of one size alone can be compared.
        size = times[-1][1:] if times else None
        alike = [seconds for seconds, *found in times if tuple(found) == size]
        return {
            "name": self.name,
            "task": task.name,
            "form": task.variant,
            "preset": self.preset,
            "recipe": self.card.values["recipe"],
            "bytes": self.path.stat().st_size,
            "latency_ms": round(1000 * statistics.median(alike), 1) if alike else None,
            "measured_on": {"width": size[0], "height": size[1]} if size else None,
            "metric": {
                "name": task.headline_metric,
                "value": metric["mean"],
                "unit": results.METRICS[task.headline_metric].unit,
                "data": metric["data"],
            }
            if metric
            else None,
            "takes": takes(self.card),
        }


def takes(card: Card) -> list[str]:
    """What a request may ask of a model beside the picture."""
    found = [*restorers.options_of(card)]
    if isinstance(card.task, colorize.Variant) and card.task.tells_distribution:
        found.append("palette")
    return found


class Catalog:
    """The models of a folder; for several threads.

    Attributes:
        entries: by name.
        defaults: task to the name of the model that is taken when nobody chooses.
    """

    def __init__(self, files: Mapping[str, Path] | None = None) -> None:
        """Read every card.

        Args:
            files: name to file; default: all that ship.

        Raises:
            UserError: a file that is no model.
        """
        files = models_folder.shipped() if files is None else files
        self.entries = {name: Entry(name, path, read_card(path)) for name, path in files.items()}
        self.defaults: dict[str, str] = {}
        for task in plan.ORDER:
            if name := self._default(task):
                self.defaults[task] = name
        self._lock = threading.Lock()

    def _default(self, task: str) -> str | None:
        wanted = models_folder.DEFAULTS[task]
        of_task = [name for name, one in self.entries.items() if one.task == task]
        return models_folder.chosen(wanted, of_task) or next(iter(of_task), None)

    def find(self, name: str | None, task: str) -> Entry:
        """The model that a request means.

        Args:
            name: ``PRESET.RECIPE``, or None for the task's default.
            task: that it is to be of.

        Raises:
            Refused: no such model (404), or a model of another task (422).
        """
        if name is None:
            if task not in self.defaults:
                raise Refused(404, f"there is no model of {task} here")
            return self.entries[self.defaults[task]]
        entry = self.named(name)
        if task != entry.task:
            raise Refused(422, f"{name} is a model of {entry.task}, not of {task}")
        return entry

    def for_video(self, name: str | None, task: str | None) -> Entry:
        """The model that a video is restored by; of chroma, videos have a faster one than pictures.

        Args:
            name: ``PRESET.RECIPE``, or None for the usual one.
            task: that it is to be of; None: its own, or chroma.

        Raises:
            Refused: as ``find``.
        """
        if name is None and task in (None, "chroma"):
            name = models_folder.chosen(models_folder.VIDEOS_PRESET, self.entries)
            task = "chroma"
        return self.find(name, task or self.named(name or "").task)

    def named(self, name: str) -> Entry:
        """A model by its name.

        Raises:
            Refused: no such model (404).
        """
        if name not in self.entries:
            raise Refused(404, f"no model named {name[:80]!r}; GET /models lists them")
        return self.entries[name]

    def took(self, entry: Entry, seconds: float, width: int, height: int) -> None:
        """Note how long a model took for a picture."""
        with self._lock:
            entry.times.append((seconds, width, height))

    def described(self) -> list[dict[str, Any]]:
        """For ``GET /models``: what each is for, and whether it is its preset's usual recipe."""
        words = self._words()
        with self._lock:
            return [
                {
                    **entry.described(),
                    "word": words[entry.preset],
                    "line": purposes.of(entry.preset, entry.task).line,
                    "usual": entry.name == self._usual(entry.preset),
                }
                for entry in self.entries.values()
            ]

    def _usual(self, preset: str) -> str:
        of_preset = [name for name, one in self.entries.items() if one.preset == preset]
        return models_folder.chosen(preset, of_preset) or of_preset[0]

    def _words(self) -> dict[str, str]:
        """A word for each preset, with its size where another of its task has the same."""
        found = {one.preset: (one.task, purposes.of(one.preset, one.task).word)
                 for one in self.entries.values()}  # fmt: skip
        alike = Counter(found.values())
        return {
            preset: word if alike[task, word] == 1 else f"{word}, {_size(preset)}"
            for preset, (task, word) in found.items()
        }


def _size(preset: str) -> str:
    return preset.partition("-")[2].partition(".")[0] or preset
