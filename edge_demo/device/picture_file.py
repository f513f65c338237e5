"""A picture file in, a restored picture file out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..clock import Clock
from ..files import check_free
from ..pictures.containers import ImageInfo, probe
from ..pictures.images import check_target
from ..pictures.picture import read
from .restorer import Progress, Restorer


@dataclass(frozen=True)
class Restored:
    """What was done to a file.

    Attributes:
        info: of the input.
        seconds: stage name to time: ``read``, ``restore``, ``write``.
        notes: what a user should know.
    """

    info: ImageInfo
    seconds: dict[str, float]
    notes: tuple[str, ...]


def restore_file(
    source: Path,
    target: Path,
    restorer: Restorer,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """``Restorer.restore`` of a file, written to another.

    Args:
        source, target: files.
        restorer: with what a user asked for.
        overwrite: replace an existing target.
        progress: told pieces done and pieces in all.

    Raises:
        UserError: as there; unreadable, or an output that cannot be written; nothing is written
            then.
    """
    probe(source)
    check_free(overwrite, target)
    check_target(target, overwrite)
    clock = Clock()
    picture = read(source)
    notes = restorer.restore(picture, progress=progress, clock=clock).save(
        target, overwrite=overwrite
    )
    clock.lap("write")
    return Restored(picture.info, clock.seconds, notes)
