"""A video file in, a restored video file out, frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..cli import killable
from ..clock import Clock
from ..device import temporal
from ..device.restorer import Restorer
from ..errors import UserError
from .coding import Coding
from .reader import Counts, Decoded, Reader
from .writer import Target, Writer


@dataclass(frozen=True)
class Progress:
    """How far a video is.

    Attributes:
        frames: done.
        total: to be done, None where the file does not tell.
        seconds: since the beginning.
        at: the time in the video, in seconds.
    """

    frames: int
    total: int | None
    seconds: float
    at: float

    @property
    def rate(self) -> float:
        """Frames per second of work."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds to go, as far as one can tell."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.frames) / self.rate


@dataclass(frozen=True)
class RestoredVideo:
    """What was done to a file.

    Attributes:
        size: (H, W) as stored.
        counts: of frames, and of what was met on the way.
        cuts: scene changes at which the filter began anew.
        seconds: stage name to time: ``read``, ``network``, ``filter``, ``rest``, ``write``.
        notes: what the output could not keep.
    """

    size: tuple[int, int]
    counts: Counts
    cuts: int
    seconds: dict[str, float]
    notes: tuple[str, ...]


class Stopped(KeyboardInterrupt):
    """Ctrl-C or a kill on the way; ``progress`` tells how far it came."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self.progress = progress


def restore_video(
    source: Path,
    target: Target,
    restorer: Restorer,
    *,
    smoothing: float = temporal.STRENGTH,
    threads: int = 2,
    progress: Callable[[Progress], None] | None = None,
    shown: Callable[[np.ndarray, np.ndarray, Coding], None] | None = None,
) -> RestoredVideo:
    """What a restorer does to every frame of a video.

    Planes come from the decoder and go to the encoder as 4:4:4 in the stream's own matrix, range
    and depth; times, rotation and labels are the source's, other streams are copied. One frame is
    in memory at a time, with the one before it. An exception leaves no file.

    Args:
        source: a file that FFmpeg reads.
        target: what is to be written.
        restorer: with what a user asked for.
        smoothing: of effects over time, 0 (none) to 1, see ``temporal.Smoother``.
        threads: of the encoder.
        progress: told after each frame.
        shown: given each restored frame: planes (H, W) and (H, W, 2) as they are written, and what
            their numbers mean.

    Raises:
        UserError: as ``Reader`` and ``Writer``; nothing to restore.
        Stopped: by Ctrl-C or SIGTERM.
    """
    with Reader(source) as reader:
        _check(reader, restorer)
        smoother = temporal.Smoother(smoothing, restorer.neighbourhood)
        state = Progress(0, reader.total, 0.0, 0.0)
        clock = Clock()
        began = time.perf_counter()
        try:
            with killable(), Writer(target, reader, threads) as writer:
                for item in reader.items():
                    clock.lap("read")
                    if not isinstance(item, Decoded):
                        writer.copy(item)
                        clock.lap("write")
                        continue
                    y, cbcr = _restored(item, restorer, smoother, clock)
                    writer.write(item, y, cbcr)
                    if shown:
                        shown(y, cbcr, item.coding)
                    clock.lap("write")
                    state = Progress(
                        state.frames + 1,
                        reader.total,
                        time.perf_counter() - began,
                        float(item.pts * reader.time_base),
                    )
                    if progress:
                        progress(state)
        except KeyboardInterrupt:
            raise Stopped(state) from None
        notes = [*writer.notes, *_notes(reader.counts)]
        return RestoredVideo(reader.size, reader.counts, smoother.cuts, clock.seconds, (*notes,))


def _check(reader: Reader, restorer: Restorer) -> None:
    subsampling = reader.stored.subsampling
    if restorer.subsampled and subsampling == "grey":
        raise UserError(f"{reader.path}: a grey video has no chroma to reconstruct")
    if restorer.subsampled and subsampling != "4:2:0":
        raise UserError(
            f"{reader.path}: stores {subsampling} chroma, so there is nothing to reconstruct from "
            "4:2:0; a model of low light takes it (--task enhance)"
        )


def _restored(
    item: Decoded, restorer: Restorer, smoother: temporal.Smoother, clock: Clock
) -> tuple[np.ndarray, np.ndarray]:
    """Planes (H, W) and (H, W, 2) to be written."""
    coding: Coding = item.coding
    frame = item.frame()
    clock.lap("rest")
    found = restorer.find(frame)
    clock.lap("network")
    found = smoother(frame.luma, found)
    clock.lap("filter")
    done = restorer.apply(frame, found)
    y = item.y if done.y is None else coding.luma_plane(done.y)
    cbcr = coding.chroma_planes(done.cbcr)
    clock.lap("rest")
    return y, cbcr


def _notes(counts: Counts) -> Iterator[str]:
    if counts.lost:
        yield (
            f"{counts.lost} frames or packets could not be decoded; the frame before each stays "
            "for its time."
        )
    if counts.damaged:
        yield f"{counts.damaged} frames are damaged; they were restored as the decoder mended them."
    if counts.restarts:
        times = "once" if counts.restarts == 1 else f"{counts.restarts} times"
        yield f"Its times start anew {times}; each part was put behind the one before."
    if counts.interlaced:
        yield f"{counts.interlaced} frames are interlaced; they were treated as whole pictures."
