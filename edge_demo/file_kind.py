"""Whether a file is a video, without opening it as one."""

from __future__ import annotations

from pathlib import Path

from .pictures import containers
from .video.options import EXTENSIONS

# How files of other names begin that are videos: Matroska and WebM, FLV, Ogg, MPEG's program
# streams, ASF and WMV, Y4M, IVF.
_BEGINNINGS = (b"\x1aE\xdf\xa3", b"FLV\x01", b"OggS", b"\0\0\x01\xba", b"0&\xb2u\x8ef\xcf\x11",
               b"YUV4MPEG2 ", b"DKIF\0\0")  # fmt: skip
_PACKET = 188  # bytes, of MPEG's transport streams; each packet begins with the same one


def is_video(path: Path) -> bool:
    """Whether a file is a video: by its name or, where that says nothing of it, its beginning."""
    return path.suffix.lower() in EXTENSIONS or _begins_as_video(path)


def _begins_as_video(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(2 * _PACKET + 1)
    except OSError:  # whoever reads it as a picture says why
        return False
    if start[4:8] == b"ftyp":
        return containers.of_brands(start) == "video"
    if start.startswith(b"RIFF"):
        return start[8:12] == b"AVI "
    return start.startswith(_BEGINNINGS) or start[::_PACKET] == b"GGG"
