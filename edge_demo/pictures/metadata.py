"""What a picture file carries beside its pixels, as it is handed from file to file.

EXIF is changed in place: makers' notes hold offsets into it, so whoever writes it anew breaks them.
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass, field, replace

from ..colour import profiles

Data = bytes | mmap.mmap
TRUNCATED = "is truncated: the file ends before its picture does"


@dataclass(frozen=True)
class Extra:
    """What a file carries beside its EXIF and its ICC profile.

    Attributes:
        xmp: an XMP packet, or None.
        iptc: IPTC records, or None.
        comment: of a JPEG or GIF, UTF-8 or unknown; or None.
        density: pixels an inch, across and down; or None.
        texts: a PNG's text chunks, names and bodies as they are stored.
        png_space: the chunks with which a PNG says its colour space where it has no profile.
    """

    xmp: bytes | None = field(default=None, repr=False)
    iptc: bytes | None = field(default=None, repr=False)
    comment: bytes | None = field(default=None, repr=False)
    density: tuple[float, float] | None = None
    texts: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    png_space: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)

    def without_persons(self) -> Extra:
        """What says nothing of who, where and when."""
        return Extra(density=self.density, png_space=self.png_space)

    def of_srgb(self) -> Extra:
        """The same for pixels that became sRGB."""
        return replace(self, png_space=())


NOTHING = Extra()


class Invalid(Exception):
    """Why a file is refused; who reads it puts its path in front."""


# ---------------------------------------------------------------------------- directories of TIFF

_MAX_ENTRIES = 4096
# "r" is a rational, two longs.
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "r", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_SIZES = {"B": 1, "s": 1, "H": 2, "I": 4, "r": 8, "Q": 8}
ORIENTATION = 274


@dataclass(frozen=True)
class Entry:
    """One of a directory's."""

    code: str  # struct's letter for the type
    count: int
    offset: int  # of the first value, in the file

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return self.count * _SIZES[self.code]


@dataclass(frozen=True)
class Ifd:
    """A directory of a TIFF file or of EXIF, which is built as one."""

    order: str  # struct's byte-order mark
    entries: dict[int, Entry]
    next_link: int  # where the offset of the next directory is kept
    next_code: str

    def values(self, data: Data, tag: int) -> tuple[int, ...]:
        """Of a tag, none where it is not there.

        Raises:
            struct.error: they lie beyond the end.
        """
        entry = self.entries.get(tag)
        if entry is None or entry.code in "sr":
            return ()
        return struct.unpack_from(f"{self.order}{entry.count}{entry.code}", data, entry.offset)

    def value(self, data: Data, tag: int, default: int) -> int:
        """The first value of a tag."""
        values = self.values(data, tag)
        return values[0] if values else default

    def following(self, data: Data) -> int:
        """The offset of the next directory; 0 of the last."""
        try:
            return int(struct.unpack_from(self.order + self.next_code, data, self.next_link)[0])
        except struct.error:
            return 0


def header(data: Data) -> tuple[str, bool, int]:
    """Byte order, whether it is a BigTIFF, and the offset of the first directory.

    Raises:
        Invalid: no TIFF.
        struct.error: cut.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise Invalid("has no TIFF header")
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    return order, big, struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]


def directory(data: Data, start: int, order: str, big: bool) -> Ifd:
    """The directory at an offset.

    Raises:
        Invalid: impossibly long.
        struct.error: cut.
    """
    word, count_code, room = ("Q", "Q", 8) if big else ("I", "H", 4)
    (count,) = struct.unpack_from(order + count_code, data, start)
    if count > _MAX_ENTRIES:
        raise Invalid("is damaged: its TIFF directory is impossibly long")
    position = start + struct.calcsize(order + count_code)
    entries: dict[int, Entry] = {}
    for _ in range(count):
        tag, kind, values = struct.unpack_from(order + "HH" + word, data, position)
        inline = position + 4 + room
        position = inline + room
        if kind not in _TYPES:
            continue
        code = _TYPES[kind]
        if values * _SIZES[code] > room:
            (inline,) = struct.unpack_from(order + word, data, inline)
        entries[tag] = Entry(code, values, inline)
    return Ifd(order, entries, position, word)


def first_directory(data: Data) -> Ifd:
    """The first directory; raises as ``header`` and ``directory``."""
    order, big, start = header(data)
    return directory(data, start, order, big)


# ------------------------------------------------------------------------------------------- EXIF

_EXIF, _INTEROPERABILITY = 34665, 40965
_THUMBNAIL, _THUMBNAIL_LENGTH = 513, 514
_WIDTH, _HEIGHT = 40962, 40963


def orientation(exif: bytes | None) -> int:
    """1..8; 1 where EXIF is missing, damaged or says nothing sensible."""
    if exif is None:
        return 1
    try:
        found = first_directory(exif).value(exif, ORIENTATION, 1)
    except (Invalid, struct.error):
        return 1
    return found if 1 <= found <= 8 else 1


def upright_exif(exif: bytes) -> bytes:
    """The same EXIF for upright pixels that were restored: orientation 1, and no thumbnail.

    The thumbnail would show the picture as it was before. Its bytes are cleared, too.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    try:
        return _upright(exif)
    except (Invalid, struct.error):
        return exif


def _upright(exif: bytes) -> bytes:
    order, big, start = header(exif)
    ifd = directory(exif, start, order, big)
    out = bytearray(exif)
    turned = orientation(exif)
    if turned != 1:
        entry = ifd.entries[ORIENTATION]
        struct.pack_into(ifd.order + entry.code, out, entry.offset, 1)
    if turned >= 5:
        _swap_sides(out, exif, ifd, order, big)
    second = ifd.following(exif)
    if second:
        struct.pack_into(ifd.order + ifd.next_code, out, ifd.next_link, 0)
        try:
            place, length = (
                directory(exif, second, order, big).value(exif, tag, 0)
                for tag in (_THUMBNAIL, _THUMBNAIL_LENGTH)
            )
        except (Invalid, struct.error):
            return bytes(out)
        if exif[place : place + 2] == b"\xff\xd8":
            length = min(length, len(out) - place)
            out[place : place + length] = bytes(length)
            if place + length == len(out):
                del out[place:]
    return bytes(out)


def _swap_sides(out: bytearray, exif: bytes, ifd: Ifd, order: str, big: bool) -> None:
    """EXIF's own width and height of a picture that was turned by a quarter."""
    try:
        inner = directory(exif, ifd.value(exif, _EXIF, 0), order, big)
        sides = [inner.entries[tag] for tag in (_WIDTH, _HEIGHT)]
        values = [inner.value(exif, tag, 0) for tag in (_HEIGHT, _WIDTH)]
        for entry, value in zip(sides, values, strict=True):
            struct.pack_into(order + entry.code, out, entry.offset, value)
    except (Invalid, struct.error, KeyError):
        return


def is_adobe_rgb(exif: bytes | None) -> bool:
    """Whether EXIF says Adobe RGB, as cameras do that embed no profile (DCF 2.0, "R03")."""
    if exif is None:
        return False
    try:
        order, big, start = header(exif)
        inner = directory(exif, start, order, big).value(exif, _EXIF, 0)
        other = directory(exif, inner, order, big).value(exif, _INTEROPERABILITY, 0)
        entry = directory(exif, other, order, big).entries[1]
    except (Invalid, struct.error, KeyError):
        return False
    return exif[entry.offset : entry.offset + 3] == b"R03" and bool(inner and other)


def space_of_exif(exif: bytes | None) -> bytes | None:
    """The profile of a picture without one whose EXIF says Adobe RGB."""
    if not is_adobe_rgb(exif):
        return None
    return profiles.build("Adobe RGB (1998) compatible", profiles.ADOBE_RGB, (563 / 256,))


# -------------------------------------------------------------------------------------------- XMP

# The orientation as an attribute or an element, and pictures of the picture as it was.
_XMP_TURN = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|\s*>\s*))[1-8]")
_XMP_PICTURES = re.compile(rb"<(xmp|xap):Thumbnails\b.*?</\1:Thumbnails>", re.DOTALL)


def upright_xmp(xmp: bytes) -> bytes:
    """The same XMP for upright pixels that were restored, see ``upright_exif``."""
    return _XMP_PICTURES.sub(b"", _XMP_TURN.sub(rb"\g<1>1", xmp))


# ------------------------------------------------------------------------------------------- IPTC

_PHOTOSHOP = b"Photoshop 3.0\0"
_IPTC = 0x0404


def iptc_of_resources(block: bytes) -> bytes | None:
    """IPTC out of Photoshop's image resources, the only ones that still hold once it is restored.

    Args:
        block: without its name in front.
    """
    position = 0
    while block[position : position + 4] == b"8BIM":
        try:
            code, name = struct.unpack_from(">HB", block, position + 4)
            position += 6 + (name + 2) // 2 * 2
            (size,) = struct.unpack_from(">I", block, position)
        except struct.error:
            return None
        position += 4
        if code == _IPTC:
            return block[position : position + size]
        position += size + size % 2
    return None


def resources_of_iptc(iptc: bytes) -> bytes:
    """Photoshop's image resources that hold IPTC alone."""
    return struct.pack(">4sHHI", b"8BIM", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
