"""JPEG's segments: subsampling, quantisation tables, and whether it is whole.

Libraries decode a JPEG that is cut without a word, and start on one of a thousand scans. What it
carries comes along, because its segments are passed on the way.
"""

from __future__ import annotations

import operator
import random
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..tasks import jpeg
from .metadata import TRUNCATED, Data, Extra, Invalid, iptc_of_resources, resources_of_iptc

_MAX_SCANS = 500
# FF 00 is a data byte, FF FF padding and FF D0..D7 a restart inside the data: none is a segment.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_ARITHMETIC = (0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_SOS, _EOI, _DQT, _COM = 0xDA, 0xD9, 0xDB, 0xFE
_END = b"\xff\xd9"
# Segments of programs and comments; and the least of them, which says that colour is YCbCr.
_AROUND = frozenset([*range(0xE0, 0xF0), 0xFE])
_JFIF = b"JFIF\0\1\1\0\0\1\0\1\0\0"

_SUBSAMPLING = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (1, 2): "4:4:0",
    (4, 1): "4:1:1",
}
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_XMP, _MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
# A segment holds this many bytes.
MAX_SEGMENT = 65_533
MAX_EXIF = MAX_SEGMENT - len(_EXIF)
MAX_XMP = MAX_SEGMENT - len(_XMP)
MAX_IPTC = MAX_SEGMENT - len(_PHOTOSHOP) - 13
_ICC_PIECE = MAX_SEGMENT - len(_ICC) - 2
MAX_ICC = 255 * _ICC_PIECE


@dataclass(frozen=True)
class Jpeg:
    """What a JPEG's segments say.

    Attributes:
        width, height, depth, progressive: of its frame header.
        subsampling, rgb_coded, quantised: as of ``ImageInfo``.
        arithmetic: coded so, which FFmpeg and many others do not read.
        exif, icc: as stored, or None.
        extra: the rest.
        notes: sentences.
    """

    width: int
    height: int
    depth: int
    progressive: bool
    subsampling: str
    rgb_coded: bool
    arithmetic: bool
    quantised: tuple[float, float] | None
    exif: bytes | None = field(repr=False)
    icc: bytes | None = field(repr=False)
    extra: Extra
    notes: tuple[str, ...]


@dataclass
class _Carried:
    """What the segments before the picture data hold."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comment: bytes | None = None
    density: tuple[float, float] | None = None
    icc_parts: dict[int, bytes] = field(default_factory=dict)
    icc_count: int = 0
    jfif: bool = False
    adobe: int | None = None
    more_xmp: bool = False


def parse(data: Data) -> Jpeg:
    """Read the segments before the picture data.

    Raises:
        Invalid, struct.error, IndexError: damaged or cut.
    """
    carried = _Carried()
    frame: tuple[int, bytes] | None = None
    tables: dict[int, tuple[int, ...]] = {}
    for marker, start, end in _segments(data):
        if marker == _SOS:
            break
        if marker == _EOI:
            raise Invalid("is damaged: a JPEG without picture data")
        if marker in _SOF:
            frame = frame or (marker, data[start + 4 : end])
        elif marker == _DQT:
            tables |= _tables(data[start + 4 : end])
        elif 0xE0 <= marker <= 0xEF or marker == _COM:
            _take(carried, marker, data[start + 4 : end])
    if frame is None:
        raise Invalid("is damaged: a JPEG without a frame header")
    sof, body = frame
    depth, height, width, count = struct.unpack_from(">BHHB", body)
    components = [struct.unpack_from(">BBB", body, 6 + 3 * i) for i in range(count)]
    parts = carried.icc_parts
    complete = carried.icc_count and sorted(parts) == list(range(1, carried.icc_count + 1))
    return Jpeg(
        width=width,
        height=height,
        depth=depth,
        progressive=sof in _PROGRESSIVE,
        subsampling=_subsampling([factors for _, factors, _ in components]),
        rgb_coded=_is_rgb([name for name, _, _ in components], carried.jfif, carried.adobe),
        arithmetic=sof in _ARITHMETIC,
        quantised=_quantised([table for _, _, table in components], tables),
        exif=carried.exif,
        icc=b"".join(parts[i] for i in sorted(parts)) if complete else None,
        extra=Extra(carried.xmp, carried.iptc, carried.comment, carried.density),
        notes=_notes(carried, bool(parts) and not complete),
    )


def _notes(carried: _Carried, broken_icc: bool) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if broken_icc:
        notes = ("A part of its ICC profile is missing, so it was taken as sRGB.",)
    if carried.more_xmp:
        notes = (*notes, "The part of its XMP beyond 64 KB was not kept.")
    return notes


def _take(carried: _Carried, marker: int, body: bytes) -> None:
    if marker == 0xE0 and body.startswith(b"JFIF\0"):
        carried.jfif = True
        carried.density = _density(body)
    elif marker == 0xE1 and body.startswith(b"Exif\0") and carried.exif is None:
        carried.exif = body[6:]
    elif marker == 0xE1 and body.startswith(_XMP) and carried.xmp is None:
        carried.xmp = body[len(_XMP) :]
    elif marker == 0xE1 and body.startswith(_MORE_XMP):
        carried.more_xmp = True
    elif marker == 0xE2 and body.startswith(_ICC):
        carried.icc_count = body[13]
        carried.icc_parts[body[12]] = body[14:]
    elif marker == 0xED and body.startswith(_PHOTOSHOP) and carried.iptc is None:
        carried.iptc = iptc_of_resources(body[len(_PHOTOSHOP) :])
    elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
        carried.adobe = body[11]
    elif marker == _COM and carried.comment is None:
        carried.comment = body


def _density(jfif: bytes) -> tuple[float, float] | None:
    """Pixels an inch, where the marker states a unit."""
    if len(jfif) < 12:
        return None
    unit, across, down = struct.unpack_from(">BHH", jfif, 7)
    inch = {1: 1.0, 2: 2.54}.get(unit)
    return (across * inch, down * inch) if inch and across and down else None


def _segments(data: Data) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the end marker; lazily, so a header stays cheap.

    The picture data of a scan lies between the end of its segment and the start of the next.
    """
    position = 2
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            raise Invalid(TRUNCATED)
        start, marker = found.start(), data[found.start() + 1]
        if marker in (0x01, 0xD8, _EOI):
            position = start + 2
        else:
            (length,) = struct.unpack_from(">H", data, start + 2)
            if length < 2:
                raise Invalid("is damaged: a JPEG segment has an impossible length")
            position = start + 2 + length
            if position > len(data):
                raise Invalid(TRUNCATED)
        yield marker, start, position
        if marker == _EOI:
            return


def _tables(body: bytes) -> dict[int, tuple[int, ...]]:
    """The quantisation tables of a segment by their numbers, in zigzag order."""
    tables = {}
    position = 0
    while position < len(body):
        wide, number = divmod(body[position], 16)
        tables[number] = struct.unpack_from(">64H" if wide else ">64B", body, position + 1)
        position += 129 if wide else 65
    return tables


def _quantised(
    numbers: list[int], tables: dict[int, tuple[int, ...]]
) -> tuple[float, float] | None:
    """How strongly luma and chroma are quantised, of three components with tables before the scan.

    Cb's and Cr's may have tables of their own: the mean of both.
    """
    if len(numbers) != 3 or not set(numbers) <= set(tables):
        return None
    luma, cb, cr = (jpeg.strength(tables[number]) for number in numbers)
    return luma, (cb + cr) / 2


def _subsampling(factors: list[int]) -> str:
    if len(factors) == 1:
        return "grey"
    if len(factors) == 4:
        return "cmyk"
    if len(factors) != 3:
        raise Invalid(f"is a JPEG of {len(factors)} channels, which is not supported")
    (luma_h, luma_v), cb, cr = (divmod(factor, 16) for factor in factors)
    if cb != cr or not all(cb) or luma_h % cb[0] or luma_v % cb[1]:
        return "other"
    return _SUBSAMPLING.get((luma_h // cb[0], luma_v // cb[1]), "other")


def _is_rgb(names: list[int], jfif: bool, adobe_transform: int | None) -> bool:
    """libjpeg's rule: JFIF is YCbCr, else Adobe's marker decides, else the components' names."""
    if len(names) != 3 or jfif:
        return False
    if adobe_transform is not None:
        return adobe_transform == 0
    return bytes(names) == b"RGB"


def whole(data: bytes) -> bytes:
    """The same JPEG, with its end marker where it lacks that alone.

    Raises:
        Invalid: it is cut, or would take a day to decode.
    """
    scans: list[bytes] = []
    try:
        for marker, start, end in _segments(data):
            if marker == _SOS:
                scans.append(data[start + 4 : end])
            if len(scans) > _MAX_SCANS:  # each scan is a pass over the whole picture
                raise Invalid(f"is a JPEG of more than {_MAX_SCANS} scans, which is refused")
    except (Invalid, struct.error):
        cut = data.removesuffix(b"\xff")
        if len(scans) > _MAX_SCANS or not _has_all_scans(data, scans) or not _has_all_bits(cut, 3):
            raise
        return cut + _END
    return data


def _has_all_scans(data: bytes, scans: list[bytes]) -> bool:
    """Whether every coefficient of every component is there to its last bit."""
    frame = next((start for marker, start, _ in _segments(data) if marker in _SOF), None)
    if frame is None:
        return False
    names = {data[frame + 10 + 3 * i] for i in range(data[frame + 9])}
    missing = {(name, place) for name in names for place in range(64)}
    for scan in scans:
        count = scan[0]
        first, last, bits = scan[1 + 2 * count : 4 + 2 * count]
        if bits & 15 == 0:
            missing -= {
                (scan[1 + 2 * i], place) for i in range(count) for place in range(first, last + 1)
            }
    return not missing


def _has_all_bits(cut: bytes, tries: int) -> bool:
    """Whether a JPEG without an end needs nothing of what would follow.

    Libraries fill up what is missing without a word. Of a whole picture, nothing changes with what
    is behind it.
    """
    from . import library

    made = [library.decode("jpeg", cut + filler + _END) for filler in (b"", *_fillers(tries))]
    return all((made[0] == other).all() for other in made[1:])


def check_to_the_end(data: bytes) -> None:
    """Refuse a JPEG that was cut and closed with an end marker, as some downloaders do.

    It takes two decodes at half of the size, which show all that an eye could miss; only a picture
    that ends in a flat block can be such a one.

    Raises:
        Invalid: it is.
    """
    from . import library

    ends = [start for marker, start, _ in _segments(data) if marker == _EOI]
    if not ends:
        return
    cut = data[: ends[-1]]
    (filler,) = _fillers(1)
    if not library.alike_at_half(cut + _END, cut + filler + _END):
        raise Invalid(TRUNCATED)


def _fillers(count: int) -> Iterator[bytes]:
    """Bytes that go on with any scan, behind any of its restarts; the same at each call."""
    source = random.Random(0)
    for _ in range(count):
        pieces = [bytes(source.choices(range(255), k=48)) for _ in range(9)]
        restarts = [b"", *(bytes([0xFF, 0xD0 + i]) for i in range(8))]
        yield b"".join(map(operator.add, restarts, pieces))


def bare(data: bytes) -> bytes:
    """The same picture, of Y, Cb and Cr, without what programs put around it.

    Libraries refuse a whole file for a segment of theirs that is of no use to its pixels.

    Raises:
        Invalid: damaged, or cut.
    """
    pieces, at = [data[:2], _segment(0xE0, _JFIF)], 2
    for marker, start, end in _segments(data):
        if marker in _AROUND:
            pieces.append(data[at:start])
            at = end
    return b"".join([*pieces, data[at:end]])


def of_four(data: bytes) -> bytes:
    """A JPEG of 4:2:2 or 4:4:0 with its luma as two components, of the size of its chroma.

    The blocks stay as they are, so where no component is larger than another libjpeg has nothing to
    enlarge: the third and the fourth are Cb and Cr as stored. The first two are of no use.

    Args:
        data: as of ``bare``.

    Raises:
        Invalid: damaged, or cut.
    """
    pieces, at = [data[:2]], 2
    luma = second = b""
    for marker, start, end in _segments(data):
        body = data[start + 4 : end]
        if marker in _SOF:
            depth, height, width = struct.unpack_from(">BHH", body)
            y, *colour = (body[6 + 3 * i : 9 + 3 * i] for i in range(3))
            across, down = (a // b for a, b in zip(*map(_factors, (y, colour[0])), strict=True))
            factors, luma = colour[0][1:2], y[:1]
            second = bytes([min(set(range(4)) - {one[0] for one in (y, *colour)})])
            size = struct.pack(">BHHB", depth, -(-height // down), -(-width // across), 4)
            both = [name + factors + y[2:] for name in (luma, second)]
            body = b"".join([size, *both, *colour])
        elif marker == _SOS and body[0] > 1:
            parts = [body[1 + 2 * i : 3 + 2 * i] for i in range(body[0])]
            twice = [[one, second + one[1:]] if one[:1] == luma else [one] for one in parts]
            named = [one for each in twice for one in each]
            body = b"".join([bytes([len(named)]), *named, body[1 + 2 * body[0] :]])
        else:
            continue
        pieces += [data[at:start], _segment(marker, body)]
        at = end
    return b"".join([*pieces, data[at:]])


def _factors(component: bytes) -> tuple[int, int]:
    """Of sampling, across and down."""
    across, down = divmod(component[1], 16)
    return across, down


# ---------------------------------------------------------------------------------------- writing


def with_metadata(data: bytes, exif: bytes | None, icc: bytes | None, extra: Extra) -> bytes:
    """A JPEG with segments behind its JFIF marker, none of them too long.

    Args:
        data: as OpenCV writes it, without any of them.
        exif, icc, extra: all that is to be in it.
    """
    (length,) = struct.unpack_from(">H", data, 4)
    jfif, rest = bytearray(data[: 4 + length]), data[4 + length :]
    if extra.density is not None:
        across, down = (min(max(round(value), 1), 65_535) for value in extra.density)
        struct.pack_into(">BHH", jfif, 13, 1, across, down)
    segments = b""
    if exif is not None:
        segments += _segment(0xE1, _EXIF + exif)
    if extra.xmp is not None:
        segments += _segment(0xE1, _XMP + extra.xmp)
    if icc is not None:
        pieces = [icc[i : i + _ICC_PIECE] for i in range(0, len(icc), _ICC_PIECE)]
        for index, piece in enumerate(pieces):
            segments += _segment(0xE2, _ICC + bytes([index + 1, len(pieces)]) + piece)
    if extra.iptc is not None:
        segments += _segment(0xED, _PHOTOSHOP + resources_of_iptc(extra.iptc))
    if extra.comment is not None:
        segments += _segment(_COM, extra.comment[:MAX_SEGMENT])
    return bytes(jfif) + segments + rest


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
