"""A picture file in, a restored picture file out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..clock import Clock
from ..files import check_free, check_other
from ..pictures.containers import ImageInfo, probe
from ..pictures.images import check_target, replace_file
from ..pictures.picture import Picture, read
from .restorer import Progress, Restorer


@dataclass(frozen=True)
class Work:
    """What is to be done to a picture.

    Attributes:
        restorers: it goes through them in this order; none: it is copied.
        why: of a choice that was made for the user, words that follow a colon; else empty.
        notes: what a user should know of what is not done, sentences.
    """

    restorers: tuple[Restorer, ...]
    why: str = ""
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """Of the models."""
        return " + ".join(restorer.name for restorer in self.restorers) or "a copy"


@dataclass(frozen=True)
class Restored:
    """What was done to a file.

    Attributes:
        info: of the input.
        seconds: stage name to time: ``read``, ``restore``, ``write``.
        notes: what a user should know.
        work: what it went through.
    """

    info: ImageInfo
    seconds: dict[str, float]
    notes: tuple[str, ...]
    work: Work

    def told(self, target: Path) -> str:
        """For a reader: what was written, of which size, by which models, how fast."""
        stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in self.seconds.items())
        width, height = self.info.upright
        return f"wrote {target} ({width}x{height}, {self.work.names}; {stages})"

    @property
    def noted(self) -> list[str]:
        """``notes``, as lines."""
        return [f"note: {note}" for note in self.notes]


def restore_file(
    source: Path,
    target: Path,
    restorer: Restorer | Callable[[Picture], Work],
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """A file decoded once, restored, and encoded once into another.

    Args:
        source, target: files.
        restorer: with what a user asked for; or what tells for a picture what is to be done.
        overwrite: replace an existing target.
        progress: told pieces done and pieces in all.

    Raises:
        UserError: as ``Restorer.restore``; unreadable, or an output that cannot be written; nothing
            is written then.
    """
    probe(source)
    check_free(overwrite, target)
    check_other(source, target)
    kind = check_target(target, overwrite)
    clock = Clock()
    picture = read(source)
    work = Work((restorer,)) if isinstance(restorer, Restorer) else restorer(picture)
    done = picture
    for one in work.restorers:
        done = one.restore(done, progress=progress, clock=clock)
    if not work.restorers and picture.file is not None and kind == picture.info.format:
        replace_file(target, picture.file.data)
        notes: tuple[str, ...] = ()
    else:
        notes = done.save(target, overwrite=overwrite)
    clock.lap("write")
    return Restored(picture.info, clock.seconds, (*work.notes, *notes), work)
