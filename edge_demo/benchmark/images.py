"""The pictures that quality is measured on: those of ``--images DIR`` that can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..measure import quality
from ..measure.restoration import Restoration
from ..pictures import pairs, photographs
from . import worker

LEAST_SIDE = 32

# A line on what is going on, and whether it is only a step within what the last line said.
Progress = Callable[[str, bool], None]


@dataclass(frozen=True)
class Files:
    """Pictures to measure quality on.

    Attributes:
        paths: of photographs; of pairs those in good light.
        low: of pairs those in low light, parallel to them; else empty.
    """

    paths: tuple[Path, ...] = ()
    low: tuple[Path, ...] = ()

    @classmethod
    def of(cls, restored: Restoration, folder: Path) -> Files:
        """Those of a folder, as a task reads it."""
        if restored.pairs and pairs.has_pairs(folder):
            found = pairs.read_pairs_folder(folder)
            return cls(tuple(high for _, high in found), tuple(low for low, _ in found))
        return cls(photographs.read_folder(folder))

    def some(self, indices: Sequence[int]) -> Files:
        """Those at some places."""
        low = tuple(self.low[i] for i in indices) if self.low else ()
        return Files(tuple(self.paths[i] for i in indices), low)

    def samples(self, restored: Restoration, siting: str | None) -> Iterator[quality.Sample]:
        """Each that can be used; the others are named on stderr."""
        return worker.samples(restored, self.paths, self.low, siting)


def read_usable(
    restored: Restoration, folder: Path, siting: str | None, progress: Progress | None
) -> tuple[Files, Any]:
    """The pictures of a folder that can be used, and the first of them degraded."""
    files = Files.of(restored, folder)
    read: Iterator[tuple[Path, Any]]
    if files.low:
        read = ((s.path, s.degraded) for s in files.samples(restored, siting))
    else:
        read = photographs.photographs(files.paths, LEAST_SIDE, restored.halved)
    used: list[int] = []
    first: Any = None
    for path, picture in read:
        used.append(files.paths.index(path))
        if first is None:
            first = picture if files.low else restored.degrade(picture, path.name, siting)
        if progress:
            progress(f"reading photographs: {len(used)} of {len(files.paths)}", len(used) > 1)
    return files.some(used), first
