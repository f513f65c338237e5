"""What a picture file says about itself, read from its headers without decoding a pixel.

JPEG, PNG, WebP, TIFF and BMP are told apart by their first bytes, never by their names. Everything
that would make a decoder return a wrong, partial or gigantic picture is refused here, because
decoders differ in whether they say so.
"""

from __future__ import annotations

import contextlib
import mmap
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path

from ..errors import UserError
from ..tasks import jpeg

# A decoded picture and the float planes made from it must fit in a small device's memory.
MAX_PIXELS = 120_000_000

_MAX_ICC_BYTES = 8 << 20
_MAX_JPEG_SCANS = 500
_MAX_IFD_ENTRIES = 4096

Data = bytes | mmap.mmap


class _Invalid(Exception):
    """Why a file is refused; `probe` and `load` put the path in front."""


_TRUNCATED = "is truncated: the file ends before its picture does"


@dataclass(frozen=True)
class ImageInfo:
    """A picture file's own description.

    Attributes:
        path: the file.
        format: "jpeg", "png", "webp", "tiff" or "bmp".
        width, height: pixels as stored, before `orientation` is applied.
        subsampling: "4:2:0", "4:2:2", "4:4:4", "4:4:0", "4:1:1", "grey", "cmyk" or "other" for a
            JPEG; "4:2:0" for a lossy WebP; None where no chroma is stored.
        siting: "center" where chroma is stored (JPEG, lossy WebP), else None.
        orientation: the EXIF orientation, 1..8; 1 where none is stated.
        bit_depth: bits a channel, None where not cheaply known.
        progressive: a progressive JPEG or an interlaced PNG; None where not cheaply known.
        grey: the file stores one colour channel.
        alpha: the file stores transparency.
        rgb_coded: a JPEG that stores R, G and B instead of Y, Cb and Cr.
        quantised: how strongly a JPEG quantises its luma and its chroma, see ``jpeg.strength``;
            None where it stores no chroma or no tables, and of other formats.
    """

    path: Path
    format: str
    width: int
    height: int
    subsampling: str | None = None
    siting: str | None = None
    orientation: int = 1
    bit_depth: int | None = None
    progressive: bool | None = None
    grey: bool = False
    alpha: bool = False
    rgb_coded: bool = False
    quantised: tuple[float, float] | None = None


@dataclass(frozen=True)
class ImageFile:
    """A file's bytes after every check that needs no decoder.

    Attributes:
        data: the whole file.
        info: its description.
        exif: EXIF as stored, from its byte-order mark on, or None. A TIFF's is not extracted.
        icc: ICC profile, or None.
    """

    data: bytes = field(repr=False)
    info: ImageInfo
    exif: bytes | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    subsampling: str | None = None
    orientation: int = 1
    bit_depth: int | None = None
    progressive: bool | None = None
    grey: bool = False
    alpha: bool = False
    rgb_coded: bool = False
    quantised: tuple[float, float] | None = None
    exif: bytes | None = None
    icc: bytes | None = None


def probe(path: str | PathLike[str]) -> ImageInfo:
    """Describe a picture file from its headers alone.

    Raises:
        UserError: the file is missing, no regular file, empty, of another kind, visibly truncated,
            or larger than `MAX_PIXELS`. A JPEG cut inside its picture data passes: finding that
            takes reading all of it, which `load` does.
    """
    return _open(Path(fspath(path)), whole=False).info


def load(path: str | PathLike[str]) -> ImageFile:
    """Read a whole picture file, and refuse one that is truncated.

    Raises:
        UserError: as `probe`, and a JPEG without its end marker.
    """
    return _open(Path(fspath(path)), whole=True)


def inspect(data: bytes, name: str) -> ImageFile:
    """A picture file that is in memory already, after the checks of `load`.

    Args:
        data: the whole file.
        name: what messages and the description call it.

    Raises:
        UserError: as `load`.
    """
    with _refusals(Path(name)):
        if not data:
            raise _Invalid("is empty")
        return _inspected(data, Path(name), whole=True)


def kind(data: bytes, name: str) -> str:
    """The format that a file's first bytes tell: "jpeg", "png", "webp", "tiff" or "bmp".

    Raises:
        UserError: none of these.
    """
    with _refusals(Path(name)):
        return _sniff(data)


def metadata(data: bytes) -> tuple[bytes | None, bytes | None]:
    """EXIF and ICC profile of an encoded picture in memory, each None where it has none.

    Raises:
        ValueError: ``data`` is no picture.
    """
    try:
        header = _PARSERS[_sniff(data)](data)
    except (_Invalid, struct.error, IndexError) as error:
        raise ValueError(str(error)) from None
    return header.exif, header.icc


def _open(path: Path, whole: bool) -> ImageFile:
    try:
        with _refusals(path):
            if path.is_dir():
                raise _Invalid("is a folder, not a picture")
            if path.exists() and not path.is_file():
                raise _Invalid("is not a regular file")
            with path.open("rb") as stream:
                if not stream.seek(0, 2):
                    raise _Invalid("is empty")
                # Mapped, a header costs its own pages only, wherever in the file it lies.
                with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    return _inspected(mapped, path, whole)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """What parsing finds wrong, with the file's name in front."""
    try:
        yield
    except _Invalid as error:
        raise UserError(f"{path}: {error}") from None
    except (struct.error, IndexError):
        raise UserError(f"{path}: {_TRUNCATED}") from None


def _inspected(source: Data, path: Path, whole: bool) -> ImageFile:
    """Parsed and checked; without its bytes unless the whole of it is wanted."""
    kind = _sniff(source)
    header = _PARSERS[kind](source)
    _check_size(header)
    data = bytes(source[:]) if whole else b""
    if whole and kind == "jpeg":
        _check_jpeg_complete(data)
    info = ImageInfo(
        path=path,
        format=kind,
        width=header.width,
        height=header.height,
        subsampling=header.subsampling,
        siting=None if header.subsampling is None else "center",
        orientation=header.orientation,
        bit_depth=header.bit_depth,
        progressive=header.progressive,
        grey=header.grey,
        alpha=header.alpha,
        rgb_coded=header.rgb_coded,
        quantised=header.quantised,
    )
    return ImageFile(data, info, header.exif, header.icc)


def _sniff(data: Data) -> str:
    start = data[:18]
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "webp"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if start.startswith(b"BM") and start[15:18] == b"\0\0\0":  # a header of under 256 bytes
        return "bmp"
    known = "JPEG, PNG, WebP, TIFF or BMP"
    if start[4:8] == b"ftyp":
        raise _Invalid(f"is a video, HEIF or AVIF file, not a {known} picture; convert it first")
    if start.startswith(b"GIF8"):
        raise _Invalid(f"is a GIF, not a {known} picture; convert it first")
    raise _Invalid(f"is not a {known} picture, whatever its name says")


def _check_size(header: _Header) -> None:
    width, height = header.width, header.height
    if width < 1 or height < 1:
        raise _Invalid(f"states an impossible size of {width}x{height} pixels")
    if width * height > MAX_PIXELS:
        raise _Invalid(
            f"is {width}x{height} = {width * height:,} pixels, over the limit of {MAX_PIXELS:,}"
        )


# ------------------------------------------------------------------------------------------- EXIF


@dataclass(frozen=True)
class _Entry:
    code: str  # struct's letter for the type
    count: int
    offset: int  # of the first value, in the file


@dataclass(frozen=True)
class _Ifd:
    order: str  # struct's byte-order mark
    entries: dict[int, _Entry]
    next_link: int  # where the offset of the next directory is kept
    next_code: str


_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
_ORIENTATION = 274


def _first_ifd(data: Data) -> _Ifd:
    """The first directory of a TIFF file or of EXIF, which is built as one."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise _Invalid("has no TIFF header")
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    word, count_code, room = ("Q", "Q", 8) if big else ("I", "H", 4)
    (start,) = struct.unpack_from(order + word, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + count_code, data, start)
    if count > _MAX_IFD_ENTRIES:
        raise _Invalid("is damaged: its TIFF directory is impossibly long")
    position = start + struct.calcsize(order + count_code)
    entries: dict[int, _Entry] = {}
    for _ in range(count):
        tag, kind, values = struct.unpack_from(order + "HH" + word, data, position)
        inline = position + 4 + room
        position = inline + room
        if kind not in _TIFF_TYPES:
            continue
        code = _TIFF_TYPES[kind]
        if values * struct.calcsize(order + code) > room:
            (inline,) = struct.unpack_from(order + word, data, inline)
        entries[tag] = _Entry(code, values, inline)
    return _Ifd(order, entries, position, word)


def _values(data: Data, ifd: _Ifd, tag: int) -> tuple[int, ...]:
    entry = ifd.entries.get(tag)
    if entry is None:
        return ()
    return struct.unpack_from(f"{ifd.order}{entry.count}{entry.code}", data, entry.offset)


def _value(data: Data, ifd: _Ifd, tag: int, default: int) -> int:
    values = _values(data, ifd, tag)
    return values[0] if values else default


def _exif_orientation(exif: bytes | None) -> int:
    """1..8; 1 where EXIF is missing, damaged or says nothing sensible."""
    if exif is None:
        return 1
    try:
        orientation = _value(exif, _first_ifd(exif), _ORIENTATION, 1)
    except (_Invalid, struct.error):
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def upright_exif(exif: bytes) -> bytes:
    """The same EXIF with orientation 1, for pixels that were turned upright.

    Its thumbnail, which was not turned with them, is unlinked.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    if _exif_orientation(exif) == 1:
        return exif
    ifd = _first_ifd(exif)
    entry = ifd.entries[_ORIENTATION]
    out = bytearray(exif)
    struct.pack_into(ifd.order + entry.code, out, entry.offset, 1)
    if ifd.next_link + struct.calcsize(ifd.order + ifd.next_code) <= len(out):
        struct.pack_into(ifd.order + ifd.next_code, out, ifd.next_link, 0)
    return bytes(out)


# ------------------------------------------------------------------------------------------- JPEG

# FF 00 is a data byte, FF FF padding and FF D0..D7 a restart inside the data: none is a segment.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _EOI, _DQT = 0xDA, 0xD9, 0xDB
_APP = range(0xE0, 0xF0)

_SUBSAMPLING = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (2, 2): "4:2:0",
    (1, 2): "4:4:0",
    (4, 1): "4:1:1",
}


def _jpeg_segments(data: Data) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment up to the end marker; lazily, so a header stays cheap.

    The picture data of a scan lies between the end of its segment and the start of the next.
    """
    position = 2
    while True:
        found = _JPEG_MARKER.search(data, position)
        if found is None:
            raise _Invalid(_TRUNCATED)
        start, marker = found.start(), data[found.start() + 1]
        if marker in (0x01, 0xD8, _EOI):
            position = start + 2
        else:
            (length,) = struct.unpack_from(">H", data, start + 2)
            if length < 2:
                raise _Invalid("is damaged: a JPEG segment has an impossible length")
            position = start + 2 + length
            if position > len(data):
                raise _Invalid(_TRUNCATED)
        yield marker, start, position
        if marker == _EOI:
            return


def _parse_jpeg(data: Data) -> _Header:
    exif: bytes | None = None
    icc_parts: dict[int, bytes] = {}
    icc_count = 0
    jfif = False
    adobe_transform: int | None = None
    frame: tuple[int, bytes] | None = None
    tables: dict[int, tuple[int, ...]] = {}
    for marker, start, end in _jpeg_segments(data):
        if marker == _SOS:
            break
        if marker == _EOI:
            raise _Invalid("is damaged: a JPEG without picture data")
        if marker not in _APP and marker not in _SOF and marker != _DQT:
            continue
        body = data[start + 4 : end]
        if marker in _SOF:
            frame = frame or (marker, body)
        elif marker == _DQT:
            tables |= _jpeg_tables(body)
        elif marker == 0xE0 and body.startswith(b"JFIF\0"):
            jfif = True
        elif marker == 0xE1 and body.startswith(b"Exif\0") and exif is None:
            exif = body[6:]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            icc_count = body[13]
            icc_parts[body[12]] = body[14:]
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            adobe_transform = body[11]
    if frame is None:
        raise _Invalid("is damaged: a JPEG without a frame header")
    sof, body = frame
    depth, height, width, count = struct.unpack_from(">BHHB", body)
    components = [struct.unpack_from(">BBB", body, 6 + 3 * i) for i in range(count)]
    complete = icc_count and sorted(icc_parts) == list(range(1, icc_count + 1))
    return _Header(
        width=width,
        height=height,
        subsampling=_jpeg_subsampling([factors for _, factors, _ in components]),
        orientation=_exif_orientation(exif),
        bit_depth=depth,
        progressive=sof in (0xC2, 0xC6, 0xCA, 0xCE),
        grey=count == 1,
        rgb_coded=_jpeg_is_rgb([name for name, _, _ in components], jfif, adobe_transform),
        quantised=_jpeg_quantised([table for _, _, table in components], tables),
        exif=exif,
        icc=b"".join(icc_parts[i] for i in sorted(icc_parts)) if complete else None,
    )


def _jpeg_tables(body: bytes) -> dict[int, tuple[int, ...]]:
    """The quantisation tables of a segment by their numbers, in zigzag order."""
    tables = {}
    position = 0
    while position < len(body):
        wide, number = divmod(body[position], 16)
        tables[number] = struct.unpack_from(">64H" if wide else ">64B", body, position + 1)
        position += 129 if wide else 65
    return tables


def _jpeg_quantised(
    numbers: list[int], tables: dict[int, tuple[int, ...]]
) -> tuple[float, float] | None:
    """How strongly luma and chroma are quantised, of three components with tables before the scan.

    Cb's and Cr's may have tables of their own: the mean of both.
    """
    if len(numbers) != 3 or not set(numbers) <= set(tables):
        return None
    luma, cb, cr = (jpeg.strength(tables[number]) for number in numbers)
    return luma, (cb + cr) / 2


def _jpeg_subsampling(factors: list[int]) -> str:
    if len(factors) == 1:
        return "grey"
    if len(factors) == 4:
        return "cmyk"
    if len(factors) != 3:
        raise _Invalid(f"is a JPEG of {len(factors)} channels, which is not supported")
    (luma_h, luma_v), cb, cr = (divmod(factor, 16) for factor in factors)
    if cb != cr or not all(cb) or luma_h % cb[0] or luma_v % cb[1]:
        return "other"
    return _SUBSAMPLING.get((luma_h // cb[0], luma_v // cb[1]), "other")


def _jpeg_is_rgb(names: list[int], jfif: bool, adobe_transform: int | None) -> bool:
    """libjpeg's rule: JFIF is YCbCr, else Adobe's marker decides, else the components' names."""
    if len(names) != 3 or jfif:
        return False
    if adobe_transform is not None:
        return adobe_transform == 0
    return bytes(names) == b"RGB"


def _check_jpeg_complete(data: bytes) -> None:
    scans = 0
    for marker, _, _ in _jpeg_segments(data):
        scans += marker == _SOS
        if scans > _MAX_JPEG_SCANS:  # each scan is a pass over the whole picture
            raise _Invalid(f"is a JPEG of more than {_MAX_JPEG_SCANS} scans, which is refused")


# -------------------------------------------------------------------------------------------- PNG


def _parse_png(data: Data) -> _Header:
    if data[12:16] != b"IHDR":
        raise _Invalid("is damaged: a PNG without a header")
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    exif = icc = None
    alpha = colour in (4, 6)
    position = 8
    while True:
        length, name = struct.unpack_from(">I4s", data, position)
        body = position + 8
        position = body + length + 4
        if position > len(data):
            raise _Invalid(_TRUNCATED)
        if name == b"IEND":
            break
        if name == b"tRNS":
            alpha = True
        elif name == b"eXIf":
            exif = data[body : body + length].removeprefix(b"Exif\0\0")
        elif name == b"iCCP":
            icc = _inflate_icc(data[body : body + length])
    return _Header(
        width=width,
        height=height,
        orientation=_exif_orientation(exif),
        bit_depth=8 if colour == 3 else depth,
        progressive=bool(interlace),
        grey=colour in (0, 4),
        alpha=alpha,
        exif=exif,
        icc=icc,
    )


def _inflate_icc(chunk: bytes) -> bytes | None:
    _, _, rest = chunk.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        icc = inflater.decompress(rest[1:], _MAX_ICC_BYTES)
    except zlib.error:
        return None
    return icc if inflater.eof else None


# ------------------------------------------------------------------------------------------- WebP


def _parse_webp(data: Data) -> _Header:
    (riff_size,) = struct.unpack_from("<I", data, 4)
    end = 8 + riff_size
    if end > len(data):
        raise _Invalid(_TRUNCATED)
    size: tuple[int, int] | None = None
    lossy = alpha = False
    exif = icc = None
    position = 12
    while position + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, position)
        body = position + 8
        position = body + length + length % 2
        if body + length > end:
            raise _Invalid(_TRUNCATED)
        if name in (b"ANIM", b"ANMF"):
            raise _Invalid("is an animation; give a still picture")
        if name == b"VP8 " and size is None:
            width, height = struct.unpack_from("<HH", data, body + 6)
            size, lossy = (width & 0x3FFF, height & 0x3FFF), True
        elif name == b"VP8L" and size is None:
            (bits,) = struct.unpack_from("<I", data, body + 1)
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            alpha = bool(bits >> 28 & 1)
        elif name == b"ALPH":
            alpha = True
        elif name == b"EXIF":
            exif = data[body : body + length].removeprefix(b"Exif\0\0")
        elif name == b"ICCP":
            icc = data[body : body + length]
    if size is None:
        raise _Invalid("is damaged: a WebP without a picture")
    return _Header(
        width=size[0],
        height=size[1],
        subsampling="4:2:0" if lossy else None,
        orientation=_exif_orientation(exif),
        bit_depth=8,
        progressive=False,
        alpha=alpha,
        exif=exif,
        icc=icc,
    )


# ------------------------------------------------------------------------------------------- TIFF

_EXTRA_SAMPLES = 338
# What OpenCV reads right, by photometric interpretation: bits a channel and channels. It swaps,
# inverts or silently reinterprets the rest (CMYK as BGRA, 16-bit min-is-white as black).
_TIFF_KINDS: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    0: ((1, 8), (1,)),
    1: ((1, 8, 16), (1,)),
    2: ((8, 16), (3, 4)),
    3: ((8,), (1,)),
    6: ((8,), (3,)),
}


def _parse_tiff(data: Data) -> _Header:
    ifd = _first_ifd(data)
    photometric = _value(data, ifd, 262, -1)
    channels = _value(data, ifd, 277, 1)
    depths = set(_values(data, ifd, 258)) or {1}
    depth = max(depths)
    sample_format = _value(data, ifd, 339, 1)
    separate = _value(data, ifd, 284, 1) == 2 and channels > 1
    if photometric == 5:
        raise _Invalid("is a CMYK TIFF; convert it to RGB first")
    known_depths, known_channels = _TIFF_KINDS.get(photometric, ((), ()))
    if (
        len(depths) != 1
        or depth not in known_depths
        or channels not in known_channels
        or sample_format != 1
        or (separate and depth == 16)
    ):
        raise _Invalid(
            "is a TIFF of a kind that is not supported;"
            " save it as RGB or grey with 8 or 16 bits a channel"
        )
    if channels == 4 and _value(data, ifd, _EXTRA_SAMPLES, 0) == 1:
        raise _Invalid("is a TIFF with premultiplied transparency; save it with straight alpha")
    for offsets, counts in ((273, 279), (324, 325)):  # strips, tiles
        pieces = zip(_values(data, ifd, offsets), _values(data, ifd, counts), strict=False)
        if any(offset + count > len(data) for offset, count in pieces):
            raise _Invalid(_TRUNCATED)
    orientation = _value(data, ifd, _ORIENTATION, 1)
    profile = ifd.entries.get(34675)
    icc = data[profile.offset : profile.offset + profile.count] if profile else None
    return _Header(
        width=_value(data, ifd, 256, 0),
        height=_value(data, ifd, 257, 0),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        bit_depth=depth,
        grey=photometric in (0, 1),
        alpha=channels == 4,
        icc=icc,
    )


def tiff_as_stored(data: bytes) -> bytes:
    """The same TIFF with tags changed so that OpenCV returns the stored pixels.

    It would turn them by the orientation tag unasked, and multiply 8-bit colours by straight alpha.
    """
    ifd = _first_ifd(data)
    out = bytearray(data)
    for tag, value in ((_ORIENTATION, 1), (_EXTRA_SAMPLES, 0)):
        if tag in ifd.entries:
            entry = ifd.entries[tag]
            struct.pack_into(ifd.order + entry.code, out, entry.offset, value)
    return bytes(out)


# -------------------------------------------------------------------------------------------- BMP


def _parse_bmp(data: Data) -> _Header:
    pixels, header_size = struct.unpack_from("<II", data, 10)
    compression = stored = 0
    if header_size == 12:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, depth, compression, stored = struct.unpack_from("<iiHHII", data, 18)
        height = abs(height)
    alpha = False
    if compression in (3, 6) and depth == 32:
        masks = struct.unpack_from("<III", data, 54)
        if masks != (0xFF0000, 0xFF00, 0xFF):  # OpenCV ignores them
            raise _Invalid("is a BMP with an unusual channel order, which is not supported")
        if header_size >= 56 or compression == 6:
            alpha = struct.unpack_from("<I", data, 66)[0] == 0xFF000000
    elif compression not in (0, 1, 2) or depth not in (1, 4, 8, 24, 32):
        raise _Invalid("is a BMP of a kind that is not supported; save it with 24 bits a pixel")
    rle = compression in (1, 2)
    size = stored if rle else (width * depth + 31) // 32 * 4 * height
    if pixels + size > len(data):
        raise _Invalid(_TRUNCATED)
    return _Header(width=width, height=height, bit_depth=8, progressive=False, alpha=alpha)


_PARSERS: dict[str, Callable[[Data], _Header]] = {
    "jpeg": _parse_jpeg,
    "png": _parse_png,
    "webp": _parse_webp,
    "tiff": _parse_tiff,
    "bmp": _parse_bmp,
}
