"""WebP's chunks: its size before libwebp makes room for it, and whether it is lossy."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from .metadata import TRUNCATED, Data, Extra, Invalid


@dataclass(frozen=True)
class WebP:
    """What a WebP's chunks say.

    Attributes:
        width, height: of the picture, or of the canvas of an animation.
        lossy, alpha: what it stores.
        frames: of an animation; 1 of a still.
        exif, icc: as stored, or None.
        extra: the rest.
    """

    width: int
    height: int
    lossy: bool
    alpha: bool
    frames: int
    exif: bytes | None = field(repr=False)
    icc: bytes | None = field(repr=False)
    extra: Extra


def parse(data: Data) -> WebP:
    """Walk over the chunks of a WebP.

    Raises:
        Invalid, struct.error: damaged or cut.
    """
    (riff_size,) = struct.unpack_from("<I", data, 4)
    end = 8 + riff_size
    if end > len(data):
        raise Invalid(TRUNCATED)
    size: tuple[int, int] | None = None
    canvas: tuple[int, int] | None = None
    lossy = alpha = moving = False
    frames = 0
    found: dict[bytes, bytes] = {}
    position = 12
    while position + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, position)
        body = position + 8
        position = body + length + length % 2
        if body + length > end:
            raise Invalid(TRUNCATED)
        if name == b"VP8X" and canvas is None:
            flags, low, top = struct.unpack_from("<B3xI2x", data, body)[0], body + 4, body + 7
            canvas = _long(data, low), _long(data, top)
            alpha = bool(flags & 0x10)
        elif name == b"ANIM":
            moving = True
        elif name == b"ANMF":
            frames += 1
        elif name == b"VP8 " and size is None:
            width, height = struct.unpack_from("<HH", data, body + 6)
            size, lossy = (width & 0x3FFF, height & 0x3FFF), True
        elif name == b"VP8L" and size is None:
            (bits,) = struct.unpack_from("<I", data, body + 1)
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            alpha = alpha or bool(bits >> 28 & 1)
        elif name == b"ALPH":
            alpha = True
        elif name in (b"EXIF", b"ICCP", b"XMP "):
            found.setdefault(name, bytes(data[body : body + length]))
    if moving and frames:
        size = canvas
    if size is None:
        raise Invalid("is damaged: a WebP without a picture")
    return WebP(
        width=size[0],
        height=size[1],
        lossy=lossy and not (moving and frames),
        alpha=alpha,
        frames=max(frames, 1),
        exif=found[b"EXIF"].removeprefix(b"Exif\0\0") if b"EXIF" in found else None,
        icc=found.get(b"ICCP"),
        extra=Extra(xmp=found.get(b"XMP ")),
    )


def _long(data: Data, start: int) -> int:
    """A side of the canvas: 24 bits, less one."""
    return int.from_bytes(data[start : start + 3], "little") + 1
