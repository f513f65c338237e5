"""A 4:4:4 video file, written whole or not at all, with the streams of another copied into it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import beside, check_free, put
from . import matroska
from .coding import Coding, Tags
from .options import CRF, DEFAULTS
from .reader import Decoded, Reader


@dataclass(frozen=True)
class Codec:
    """A way to write frames.

    Attributes:
        encoder: FFmpeg's name.
        extensions: of the files that hold it.
        lossless: its options for not losing anything.
        lossy: whether it can be told to lose something.
    """

    encoder: str
    extensions: tuple[str, ...]
    lossless: dict[str, str]
    lossy: bool = True


# The container of each extension.
CONTAINERS = {".mkv": "matroska", ".mp4": "mp4", ".mov": "mov"}
_FAST = {"preset": "veryfast"}  # lossless, slower presets save little
CODECS = {
    "ffv1": Codec("ffv1", (".mkv",), {"level": "3", "slicecrc": "1"}, lossy=False),
    "h264": Codec("libx264", (".mkv", ".mp4", ".mov"), {"qp": "0", **_FAST}),
    "hevc": Codec(
        "libx265", (".mkv", ".mp4", ".mov"), {"x265-params": "lossless=1:log-level=none", **_FAST}
    ),
}


@dataclass(frozen=True)
class Target:
    """What is to be written.

    Attributes:
        path: the file.
        codec: a name in ``CODECS``.
        crf: 0..51, None for lossless.
    """

    path: Path
    codec: str
    crf: int | None

    def options(self, depth: int) -> dict[str, str]:
        """For the encoder."""
        codec = CODECS[self.codec]
        if self.crf is None:
            return dict(codec.lossless)
        quiet = {"x265-params": "log-level=none"} if self.codec == "hevc" else {}
        return {"crf": str(self.crf), **quiet}


def target(path: Path, codec: str | None, crf: int | None, overwrite: bool) -> Target:
    """What a user wants written.

    Args:
        path: the file; its extension names the container.
        codec: a name in ``CODECS``, or None for the container's usual one.
        crf: None for lossless, the default.
        overwrite: replace an existing file.

    Raises:
        UserError: an unknown extension or codec, one that does not go with the other, a CRF out of
            range or for FFV1, an existing file, or no folder to write into.
    """
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS:
        raise UserError(
            f"{path}: unknown extension {path.suffix!r} for a video; known: {', '.join(CONTAINERS)}"
        )
    name = codec or DEFAULTS[suffix]
    if name not in CODECS:
        raise UserError(f"unknown codec {name!r}; known: {', '.join(CODECS)}")
    if suffix not in CODECS[name].extensions:
        raise UserError(
            f"{path}: {name} is written into {' or '.join(CODECS[name].extensions)} only"
        )
    if crf is not None and not CODECS[name].lossy:
        raise UserError(f"--crf is of h264 and hevc; {name} is always lossless")
    if crf is not None and crf not in CRF:
        raise UserError(f"--crf is from {CRF[0]} (best) to {CRF[-1]}, not {crf}")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: {path.parent} is not a folder; make it first")
    check_free(overwrite, path)
    return Target(path, name, crf)


@dataclass(frozen=True)
class Plain:
    """What a writer must know of frames that come from no file: 8-bit 4:4:4, full range, BT.601.

    Attributes:
        path: for messages.
        size: (H, W).
        rate: frames per second, about; each frame has a time of its own.
    """

    path: Path
    size: tuple[int, int]
    rate: Fraction

    time_base = Fraction(1, 1000)
    coding = Coding("4:4:4", 8, True, "bt601", "center", Tags(6, 2, 2, 2))
    matrix = None
    notes = ()
    # What a file would have beside its frames.
    stream = SimpleNamespace(sample_aspect_ratio=None, metadata={})
    container = SimpleNamespace(streams=(), metadata={}, chapters=list)

    def timed(self, pts: int) -> Timed:
        """The time of a frame, in units of ``time_base``."""
        return Timed(pts)


@dataclass(frozen=True)
class Timed:
    """A frame's time, in its source's time base; a duration of 0 is unknown."""

    pts: int
    duration: int = 0


class Writer:
    """An open output; a context manager that leaves a whole file, or none after an exception.

    Attributes:
        notes: what the output could not keep.
    """

    def __init__(self, wanted: Target, source: Reader | Plain, threads: int) -> None:
        """Open a file beside the target, under a name of its own.

        Raises:
            UserError: it cannot be written, or its container cannot hold the source's sound.
        """
        self._target, self._source = wanted, source
        self._scratch = beside(wanted.path.absolute())
        kind = CONTAINERS[wanted.path.suffix.lower()]
        try:
            self._container = av.open(str(self._scratch), "w", format=kind)
        except (av.error.FFmpegError, OSError) as error:
            raise UserError(f"{wanted.path}: cannot be written ({error.strerror})") from None
        self.notes: list[str] = []
        try:
            self._stream = self._add_video(threads)
            self._copies = self._add_others()
            self._begin()
        except BaseException:
            self._discard()
            raise

    def _add_video(self, threads: int) -> Any:
        wanted, source = self._target, self._source
        depth, tags = source.coding.depth, source.coding.tags
        stream: Any = self._container.add_stream(
            CODECS[wanted.codec].encoder, rate=source.rate, options=wanted.options(depth)
        )
        stream.height, stream.width = source.size
        self._pixels = "yuv444p" if depth == 8 else "yuv444p10le"
        stream.pix_fmt = self._pixels
        stream.thread_count = threads
        # The source's own: a time then is the same number in both.
        stream.time_base = stream.codec_context.time_base = source.time_base
        stream.colorspace, stream.color_range = tags.matrix, self._range()
        stream.color_primaries, stream.color_trc = tags.primaries, tags.transfer
        if source.stream.sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = source.stream.sample_aspect_ratio
        if source.matrix is not None:
            stream.set_display_matrix(source.matrix)
        stream.metadata.update(_carried(source.stream.metadata))
        if self._aspect is not None:
            stream.metadata["title"] = matroska.padded(stream.metadata.get("title", ""))
        return stream

    @property
    def _aspect(self) -> Fraction | None:
        """What a Matroska header must be told of the pixels' shape."""
        aspect: Fraction | None = self._source.stream.sample_aspect_ratio
        square = aspect is None or aspect in (0, 1)
        return None if square or self._target.path.suffix.lower() != ".mkv" else aspect

    def _begin(self) -> None:
        """Write the header, which is where a container says what it does not hold."""
        try:
            self._container.start_encoding()
        except (ValueError, av.error.FFmpegError, OSError) as error:
            of = self._source.container.streams
            sound = [one for one in of if one.type == "audio" and one.index in self._copies]
            if sound and isinstance(error, ValueError | av.error.ArgumentError):
                raise self._no_sound(sound[0]) from None
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{self._target.path}: cannot be written ({reason})") from None

    def _no_sound(self, stream: Any) -> UserError:
        suffix = self._target.path.suffix
        codec = stream.codec_context.name if stream.codec_context else "unknown"
        hint = "" if suffix == ".mkv" else "; a .mkv may"
        return UserError(
            f"{self._target.path}: {suffix} cannot hold the sound ({codec}) of "
            f"{self._source.path}{hint}"
        )

    def _range(self) -> int:
        """Unlabelled full range must be said: nothing else in 4:4:4 tells."""
        return 2 if self._source.coding.full_range else self._source.coding.tags.range

    def _add_others(self) -> dict[int, Any]:
        """Streams that are copied, by their number in the source."""
        copies: dict[int, Any] = {}
        source = self._source.container
        for stream in source.streams:
            if stream.type not in ("audio", "subtitle"):
                if stream is not self._source.stream:
                    self.notes.append(f"A stream of {stream.type} was not kept.")
                continue
            try:
                copies[stream.index] = copied = self._container.add_stream_from_template(stream)
            except (ValueError, av.error.FFmpegError):
                if stream.type != "subtitle":
                    raise self._no_sound(stream) from None
                codec = stream.codec_context.name if stream.codec_context else "unknown"
                suffix = self._target.path.suffix
                self.notes.append(f"Subtitles ({codec}) were not kept: {suffix} has none such.")
                continue
            copied.metadata.update(_carried(stream.metadata))
            copied.disposition = stream.disposition
        self._container.metadata.update(_carried(source.metadata))
        chapters = source.chapters()
        if chapters:
            self._container.set_chapters(chapters)
        self.notes += self._source.notes
        return copies

    def write(self, decoded: Decoded | Timed, y: NDArray[Any], cbcr: NDArray[Any]) -> None:
        """Encode a frame.

        Args:
            decoded: the source's, for its time.
            y: (H, W), uint8 or uint16.
            cbcr: (H, W, 2), likewise.

        Raises:
            UserError: it cannot be encoded or written.
        """
        height, width = y.shape
        frame = av.VideoFrame(width, height, self._pixels)
        for plane, values in zip(frame.planes, (y, cbcr[..., 0], cbcr[..., 1]), strict=True):
            step = plane.line_size // values.dtype.itemsize
            lines = np.frombuffer(memoryview(plane), values.dtype).reshape(-1, step)
            lines[:height, :width] = values
        tags = self._source.coding.tags
        frame.pts, frame.time_base = decoded.pts, self._source.time_base
        frame.duration = decoded.duration
        frame.colorspace, frame.color_range = tags.matrix, self._range()
        frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
        self._mux(frame)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise UserError(f"{self._target.path}: cannot be written ({error.strerror})") from None

    def copy(self, packet: av.Packet) -> None:
        """A packet of another stream, as it is; of one that is not kept, nothing."""
        index = packet.stream.index
        if index not in self._copies or packet.dts is None:
            return
        packet.stream = self._copies[index]
        try:
            self._container.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise UserError(f"{self._target.path}: cannot be written ({error.strerror})") from None

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            return
        try:
            self._mux(None)
            self._container.close()
            if self._aspect is not None:
                matroska.set_aspect(self._scratch, self._aspect)
            put(self._scratch, self._target.path)
        except (av.error.FFmpegError, OSError) as failed:
            raise UserError(f"{self._target.path}: cannot be written ({failed.strerror})") from None
        finally:
            self._discard()

    def _discard(self) -> None:
        """Leave nothing behind; after a file was put in its place, there is nothing."""
        with contextlib.suppress(av.error.FFmpegError, OSError):
            self._container.close()
        with contextlib.suppress(OSError):
            self._scratch.unlink(missing_ok=True)


def _carried(metadata: dict[str, str]) -> dict[str, str]:
    """What a reader wrote about a file, without what only its own container and encoder say."""
    own = ("major_brand", "minor_version", "compatible_brands", "encoder", "handler_name",
           "vendor_id", "duration", "alpha_mode")  # fmt: skip
    return {key: value for key, value in metadata.items() if key.lower() not in own}
