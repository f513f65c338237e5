"""One picture through FFmpeg: its decoders hand over planes as stored, and tell damage."""

from __future__ import annotations

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
