"""A video file in, a restored video file out, frame by frame."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..cli import killable
from ..clock import Clock
from ..device import temporal
from ..device.restorer import Restorer
from ..errors import UserError
from .ahead import ahead
from .coding import RESTORED, Coding
from .reader import Counts, Decoded, Reader
from .writer import Target, Writer

# Seconds that a video may end earlier than it says: the last frame's own time, and rounding.
_CUT = 0.25


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
        seconds: stage name to the time that it worked: ``read``, ``network``, ``filter``, ``rest``,
            ``write``. They overlap, so together they are more than what passed.
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
    and depth; times, rotation and labels are the source's, other streams are copied. Reading, the
    network, what follows it, and writing are a thread each, a frame apart, so a few frames are in
    memory at a time. An exception leaves no file.

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
        clocks = [Clock() for _ in range(4)]
        began = time.perf_counter()
        seen = ahead(_read(reader, clocks[0]))
        found = ahead(_found(seen, restorer, clocks[1]))
        done = ahead(_applied(found, restorer, smoother, clocks[2]))
        clock = clocks[3]
        try:
            with contextlib.ExitStack() as stack:
                stack.enter_context(killable())
                writer = stack.enter_context(Writer(target, reader, threads))
                for items in (seen, found, done):  # the last is closed first
                    stack.enter_context(contextlib.closing(items))
                for item, planes in done:
                    clock.start()
                    if not isinstance(item, Decoded):
                        writer.copy(item)
                        clock.lap("write")
                        continue
                    y, cbcr = planes
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
        notes = [*writer.notes, *_notes(reader.counts, reader.stated)]
        seconds: dict[str, float] = defaultdict(float)
        for one in clocks:
            for stage, took in one.seconds.items():
                seconds[stage] += took
        return RestoredVideo(reader.size, reader.counts, smoother.cuts, dict(seconds), (*notes,))


def _check(reader: Reader, restorer: Restorer) -> None:
    subsampling = reader.stored.subsampling
    if restorer.subsampled and subsampling == "grey":
        raise UserError(
            f"{reader.path}: a grey video has no chroma to reconstruct; "
            "--task colorize gives it colour"
        )
    if restorer.subsampled and subsampling not in RESTORED:
        raise UserError(
            f"{reader.path}: stores {subsampling} chroma; of video that of {', '.join(RESTORED)} "
            "can be reconstructed; a model of low light takes it (--task enhance)"
        )


# Each stage hands on a frame or a packet, and what it made of a frame; of a packet nothing.
Item = Decoded | av.Packet


def _read(reader: Reader, clock: Clock) -> Generator[tuple[Item, Any]]:
    """Frames in full-range codes, with their luma."""
    clock.start()
    for item in reader.items():
        clock.lap("read")
        frame = item.frame() if isinstance(item, Decoded) else None
        seen = (frame, frame.luma) if frame else None
        clock.lap("rest")
        yield item, seen
        clock.start()


def _found(
    items: Iterator[tuple[Item, Any]], restorer: Restorer, clock: Clock
) -> Generator[tuple[Item, Any]]:
    """What the network adds to each frame, beside what it saw."""
    for item, seen in items:
        clock.start()
        found = (*seen, restorer.find(seen[0])) if seen else None
        clock.lap("network")
        yield item, found


def _applied(
    items: Iterator[tuple[Item, Any]],
    restorer: Restorer,
    smoother: temporal.Smoother,
    clock: Clock,
) -> Generator[tuple[Item, Any]]:
    """Planes (H, W) and (H, W, 2) to be written."""
    for item, found in items:
        if not isinstance(item, Decoded):
            yield item, None
            continue
        clock.start()
        frame, luma, effect = found
        effect = smoother(luma, effect)
        clock.lap("filter")
        done = restorer.apply(frame, effect)
        y = item.y
        if done.y is not None:
            # What is as it was keeps codes below black and above white, which frames clip.
            y = np.where(done.y == frame.y, y, item.coding.luma_plane(done.y))
        cbcr = item.coding.chroma_planes(done.cbcr)
        clock.lap("rest")
        yield item, (y, cbcr)


def _notes(counts: Counts, stated: float | None) -> Iterator[str]:
    if stated is not None and stated - counts.end > _CUT and not counts.restarts:
        yield (
            f"The file was cut short: it says that it lasts {stated:.1f} s, and its frames end at "
            f"{counts.end:.1f} s."
        )
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
