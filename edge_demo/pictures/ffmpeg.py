"""One picture through FFmpeg: its decoders hand over planes as stored, and tell damage."""

from __future__ import annotations

import io
from typing import cast

import av
import av.error


def picture(decoder: str, data: bytes) -> av.VideoFrame | None:
    """The one frame of an encoded picture; None where it is damaged or there are more.

    Args:
        decoder: FFmpeg's name, such as ``mjpeg``.
        data: what it takes as one packet.
    """
    try:
        # A decoder without a demuxer: nothing guesses at names or numbered sequences.
        codec = cast(av.VideoCodecContext, av.CodecContext.create(decoder, "r"))
        codec.options = {"err_detect": "explode"}  # else damage comes back as grey blocks
        codec.thread_count = 1
        frames = [*codec.decode(av.Packet(data)), *codec.decode(None)]
    except av.error.FFmpegError:
        return None
    return frames[0] if len(frames) == 1 and not frames[0].is_corrupt else None


# Of streams: the one to show, and those that are parts of another.
_DEFAULT, _DEPENDENT = 0x1, 0x80000


def stills(data: bytes, tile: tuple[int, int] | None) -> list[av.VideoFrame]:
    """The frame of a HEIC's or AVIF's main picture, or those of its tiles in their order.

    Args:
        data: the file.
        tile: height and width of a tile, in either order; None for a picture that is not cut.

    Returns:
        Empty where FFmpeg cannot read it. Tiles of the file's other pictures may be among them.
    """
    try:
        with av.open(io.BytesIO(data), "r", format="mov") as container:
            streams = [stream for stream in container.streams.video if _is_wanted(stream, tile)]
            wanted = {stream.index for stream in streams}
            found: dict[int, av.VideoFrame] = {}
            for packet in container.demux(streams):
                for frame in packet.decode():
                    if isinstance(frame, av.VideoFrame):
                        found.setdefault(packet.stream.index, frame)
    except (av.error.FFmpegError, ValueError):
        return []
    if set(found) != wanted or any(frame.is_corrupt for frame in found.values()):
        return []
    return [found[index] for index in sorted(found)]


def _is_wanted(stream: av.VideoStream, tile: tuple[int, int] | None) -> bool:
    disposition = int(stream.disposition)
    if tile is None:
        return bool(disposition & _DEFAULT)
    context = stream.codec_context
    coloured = not (context.pix_fmt or "").startswith("gray")
    return bool(disposition & _DEPENDENT) and coloured and (context.height, context.width) == tile
