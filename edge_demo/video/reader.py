"""A video file as frames of its decoder's own planes, and the packets of its other streams."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.container
import av.error
import av.logging
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from ..device.frames import Frame
from ..errors import UserError
from .coding import Coding, Stored, Tags, coding, stored

# A file whose packets fail so often in a row has nothing more to read.
_GIVE_UP = 100
# As numbers of ITU-T H.273; what RGB is read as.
_BT709, _LIMITED = 1, 1
_DEPTH = 10  # bits at most
# Decoding times never go back; if by so many seconds, they have started anew.
_RESTART = 0.2
# How FFmpeg describes a stream, its siting among the words behind the pixel format.
_SITING = re.compile(r"\b(left|center|topleft|top|bottomleft|bottom)\b")


@dataclass(frozen=True, eq=False)
class Decoded:
    """A frame as it comes out of the decoder.

    Attributes:
        y: (H, W), uint8 or uint16, as stored.
        cbcr: likewise, of a shape as of ``Frame``; of a grey frame as of 4:2:0, of no colour.
        coding: what the numbers mean.
        pts: time of the frame, in units of the stream's time base.
        duration: in the same unit; 0 where unknown.
    """

    y: NDArray[Any] = field(repr=False)
    cbcr: NDArray[Any] = field(repr=False)
    coding: Coding
    pts: int
    duration: int

    def frame(self) -> Frame:
        """In full-range 8-bit code units."""
        return Frame(
            self.coding.luma_codes(self.y),
            self.coding.chroma_codes(self.cbcr),
            self.coding.siting,
            self.coding.matrix,
        )


@dataclass
class Counts:
    """What was met on the way.

    Attributes:
        frames: that were decoded.
        lost: that could not be decoded: what stood before them stays on screen for their time.
        damaged: decoded, but patched by the decoder.
        interlaced: that hold two half pictures, but were treated as one.
        restarts: of the times in the file, which go on instead.
        end: of the last frame, seconds from the first one's beginning.
    """

    frames: int = 0
    lost: int = 0
    damaged: int = 0
    interlaced: int = 0
    restarts: int = 0
    end: float = 0.0


class Reader:
    """An open video; a context manager.

    Attributes:
        path: the file.
        container: PyAV's, for what a writer copies.
        stream: PyAV's video stream: the first that is no cover picture.
        size: (H, W) as stored, not turned.
        coding: of the first frame, as it is read.
        stored: how the file stores its pixels.
        matrix: the nine numbers of the display matrix that turns frames upright, or None.
        rate: frames per second, an average.
        total: frames to expect, None where the file does not tell.
        stated: seconds that the file says it lasts; None where it only can be guessed.
        counts: kept up while reading.
        notes: what of the video is not read, sentences.
    """

    def __init__(self, path: Path) -> None:
        """Open, and decode the first frame.

        Raises:
            UserError: no such file, no video in it, nothing that decodes, interlaced, or planes
                that are not supported.
        """
        if not path.is_file():
            raise UserError(f"{path}: no such file")
        self.path = path
        try:
            # An address could be a list of others; a file is only ever itself.
            self.container = av.open(str(path.resolve()), options={"protocol_whitelist": "file"})
        except av.error.FFmpegError as error:
            raise UserError(f"{path}: cannot be read as a video ({error.strerror})") from None
        try:
            self._open()
        except BaseException:
            self.container.close()
            raise

    def _open(self) -> None:
        streams = [s for s in self.container.streams.video
                   if not s.disposition & av.stream.Disposition.attached_pic]  # fmt: skip
        if not streams:
            raise UserError(f"{self.path}: has no video in it")
        self.stream = streams[0]
        # Frame threads report an error at another frame than the one that has it.
        self.stream.thread_type = "SLICE"
        self.counts = Counts()
        self._siting = _siting(self.container, self.stream.index)
        self._packets = self._demuxed()
        self._waiting: list[av.Packet] = []
        first = None
        for packet in self._packets:
            if packet.stream is not self.stream:
                self._waiting.append(packet)
                continue
            decoded = self._decoded(packet)
            if decoded:
                first = decoded[0]
                self._ready = decoded
                break
        if first is None:
            raise UserError(f"{self.path}: not one frame of it can be decoded")
        if first.interlaced_frame:
            raise UserError(
                f"{self.path}: is interlaced; make it progressive first, for example with "
                "FFmpeg's filter bwdif"
            )
        self.size = first.height, first.width
        self._pixels = first.format.name
        tags = Tags(first.colorspace, first.color_primaries, first.color_trc, first.color_range)
        self.stored = stored(self._pixels)
        if self.stored.subsampling == "RGB":
            tags = Tags(_BT709, tags.primaries, tags.transfer, _LIMITED)
        read_as = self.stored.read_as
        self.coding = coding(str(self.path), read_as, self.size, self._siting, tags)
        carried: Any = first.side_data
        turned = carried.get(Type.DISPLAYMATRIX)
        self.matrix = None if turned is None else tuple(
            int(value) for value in np.frombuffer(bytes(turned), np.int32)
        )  # fmt: skip
        hdr = (Type.MASTERING_DISPLAY_METADATA, Type.CONTENT_LIGHT_LEVEL)
        self.notes = [*_not_read(self.stored, self._pixels)]
        if self.stored.alpha or self.stream.metadata.get("alpha_mode") == "1":
            self.notes.append("Its transparency was not kept.")
        if any(carried.get(kind) is not None for kind in hdr):
            self.notes.append("What HDR says of its mastering display and its light was not kept.")
        self.rate = Fraction(self.stream.average_rate or self.stream.guessed_rate or 25)
        self.time_base = Fraction(self.stream.time_base or Fraction(1, 90000))
        self.total = self.stream.frames or self._expected()
        self.stated = self._stated()

    def _expected(self) -> int | None:
        if self.stream.duration:
            return round(self.stream.duration * self.time_base * self.rate)
        if self.container.duration:
            return round(self.container.duration / av.time_base * self.rate)
        return None

    def _stated(self) -> float | None:
        """Of containers whose head tells; of others FFmpeg guesses, by the rate of bits."""
        if not {"matroska", "mov", "avi"} & set(self.container.format.name.split(",")):
            return None
        if self.stream.duration:
            return float(self.stream.duration * self.time_base)
        told = re.fullmatch(r"(\d+):(\d+):([\d.]+)", self.stream.metadata.get("DURATION", ""))
        if told:
            hours, minutes, seconds = map(float, told.groups())
            return 3600 * hours + 60 * minutes + seconds
        # Beside sound it might be the sound's.
        if self.container.duration and len(self.container.streams) == 1:
            return float(self.container.duration / av.time_base)
        return None

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def items(self) -> Iterator[Decoded | av.Packet]:
        """Frames, and packets of other streams, in the file's order; once.

        Raises:
            UserError: the frames change their size or kind on the way.
        """
        last: int | None = None
        self._first = 0
        yield from self._waiting
        waiting, self._ready = self._ready, []
        while True:
            for one in waiting:
                found = self._checked(one, last)
                if found is not None:
                    last = found.pts
                    yield found
            packet = next(self._packets, None)
            if packet is None:
                return
            if packet.stream is not self.stream:
                yield packet
                waiting = []
            else:
                waiting = self._decoded(packet)

    def _demuxed(self) -> Iterator[av.Packet]:
        """Every packet; where the file is damaged, the ones behind the damage."""
        failed = 0
        joined = _Joined()
        while failed < _GIVE_UP:
            try:
                for packet in self.container.demux():
                    failed = 0
                    joined(packet)
                    self.counts.restarts = joined.restarts
                    yield packet
                return
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.counts.lost += 1
                failed += 1

    def _decoded(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            return list(self.stream.decode(packet))
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self.counts.lost += 1
            return []

    def _converted(self, frame: av.VideoFrame) -> av.VideoFrame:
        """In the format that ``coding`` speaks of."""
        if self.stored.subsampling == "RGB":
            return frame.reformat(
                format=self.stored.read_as, interpolation=Interpolation.BICUBIC,
                dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG,
            )  # fmt: skip
        return frame.reformat(format=self.stored.read_as, interpolation=Interpolation.BICUBIC)

    def _checked(self, one: av.VideoFrame, last: int | None) -> Decoded | None:
        """The frame's planes, or None for one that has no time of its own."""
        if (one.height, one.width) != self.size or one.format.name != self._pixels:
            raise UserError(
                f"{self.path}: its frames change from {self.size[1]}x{self.size[0]} "
                f"{self._pixels} to {one.width}x{one.height} {one.format.name}; cut it there first"
            )
        pts = one.pts
        if pts is None:  # some raw streams tell no times
            pts = 0 if last is None else last + round(1 / (self.rate * self.time_base))
        if last is not None and pts <= last:
            self.counts.lost += 1
            return None
        self._first = pts if last is None else self._first
        lasts = one.duration or 1 / (self.rate * self.time_base)
        self.counts.end = float((pts - self._first + lasts) * self.time_base)
        self.counts.frames += 1
        self.counts.damaged += one.is_corrupt
        self.counts.interlaced += one.interlaced_frame
        if self.stored.read_as != self._pixels:
            one = self._converted(one)
        y, *colour = (_plane(plane, self.coding.depth) for plane in one.planes)
        cbcr = np.stack(colour, axis=-1) if colour else self.coding.no_colour(self.size)
        return Decoded(y, cbcr, self.coding, pts, one.duration or 0)


class _Joined:
    """Times of a recording that was put together of several: each part goes on where one ended.

    Each stream comes to a part on its own; the first that does says what its times begin at.

    Attributes:
        restarts: parts but the first.
    """

    def __init__(self) -> None:
        self._offsets: list[Fraction] = [Fraction(0)]  # seconds, of each part
        self._part: dict[int, int] = {}  # of each stream
        self._last: dict[int, Fraction] = {}  # of each stream, in the file's own times
        self._end = Fraction(0)  # in the joined times

    @property
    def restarts(self) -> int:
        """How often times started anew."""
        return len(self._offsets) - 1

    def __call__(self, packet: av.Packet) -> None:
        """Give a packet its joined times."""
        if packet.dts is None or packet.time_base is None:
            return
        base, stream = packet.time_base, packet.stream.index
        at = packet.dts * base
        part = self._part.get(stream, 0)
        behind = self._last.get(stream, at) - at
        # Where another stream has started anew already, any step back is the same.
        if behind > (_RESTART if part == self.restarts else 0):
            self._part[stream] = part + 1
            if self._part[stream] == len(self._offsets):
                self._offsets.append(self._end - at)
        self._last[stream] = at
        offset = self._offsets[self._part.get(stream, 0)]
        if offset:
            ticks = round(offset / base)
            packet.dts += ticks
            if packet.pts is not None:
                packet.pts += ticks
        self._end = max(self._end, at + offset + (packet.duration or 0) * base)


def _not_read(kept: Stored, pixels: str) -> Iterator[str]:
    """What a format that is read as another loses, or becomes."""
    if kept.read_as == pixels:
        return
    if kept.subsampling == "RGB":
        yield "Its RGB was written as 4:4:4 of BT.709."
    if kept.depth > _DEPTH:
        yield f"Its {kept.depth} bits became {_DEPTH}."


def _plane(plane: av.video.plane.VideoPlane, depth: int) -> NDArray[Any]:
    """A copy without the padding at the ends of its lines."""
    kind: Any = np.uint8 if depth == 8 else np.uint16
    width = plane.line_size // np.dtype(kind).itemsize
    lines = np.frombuffer(memoryview(plane), kind).reshape(-1, width)
    return np.array(lines[: plane.height, : plane.width])


def _siting(container: Any, index: int) -> str | None:
    """Where the stream says that chroma samples lie; None where it does not.

    PyAV does not hand this on, but FFmpeg's description of a file has it, when it is asked to be
    verbose.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.VERBOSE)
    av.logging.set_libav_level(av.logging.VERBOSE)
    try:
        text = container.dumps_format()
    finally:
        av.logging.set_libav_level(av.logging.INFO)
        av.logging.set_level(level)
    line = re.search(rf"Stream #0:{index}\D.*?Video: .*?\b\w+\(([^)]*)\), \d+x\d+", text)
    found = _SITING.search(line[1]) if line else None
    return found[1] if found else None
