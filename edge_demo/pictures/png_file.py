"""PNG's chunks: what Pillow does not keep apart, and nothing that needs its pixels."""

from __future__ import annotations

import binascii
import contextlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..colour import profiles
from .metadata import TRUNCATED, Data, Extra, Invalid, iptc_of_resources

_MAX_INFLATED = 8 << 20
_MAX_TEXTS = 8 << 20
# Of a picture's data: how often zlib can shrink something, at most; what they may hold beyond it;
# and what is inflated at a time.
_MOST_RATIO, _EXCESS, _PIECE = 1040, 1 << 16, 1 << 20
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Left, top, and the steps across and down of the passes of an interlaced picture.
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_SPACES = (b"gAMA", b"cHRM", b"cICP", b"sRGB")
_XMP = b"XML:com.adobe.xmp"
# Gamma of files that mean sRGB: browsers take it so.
_PLAIN_GAMMA = (45000, 46000)


@dataclass(frozen=True)
class Png:
    """What a PNG's chunks say.

    Attributes:
        width, height, depth, colour, interlaced: of its header.
        clear: the body of its tRNS, or None.
        frames: of an animation; 1 of a still.
        exif, icc: as stored, or None.
        extra: the rest.
        notes: sentences.
    """

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    clear: bytes | None
    frames: int
    exif: bytes | None = field(repr=False)
    icc: bytes | None = field(repr=False)
    extra: Extra
    notes: tuple[str, ...]

    @property
    def alpha(self) -> bool:
        """Whether it stores transparency."""
        return self.colour in (4, 6) or self.clear is not None


def parse(data: Data) -> Png:
    """Walk over the chunks of a PNG.

    Raises:
        Invalid, struct.error: damaged or cut.
    """
    if data[12:16] != b"IHDR":
        raise Invalid("is damaged: a PNG without a header")
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    found: dict[bytes, bytes] = {}
    texts: list[tuple[bytes, bytes]] = []
    room = _MAX_TEXTS
    for name, start, end in _chunks(data):
        if name in (b"tRNS", b"eXIf", b"iCCP", b"pHYs", b"acTL", *_SPACES):
            found.setdefault(name, bytes(data[start:end]))
        elif name in _TEXTS and end - start <= room:
            texts.append((name, bytes(data[start:end])))
            room -= end - start
    kept, xmp, iptc, exif = _told_apart(texts)
    icc, png_space, notes = _space(found)
    return Png(
        width=width,
        height=height,
        depth=depth,
        colour=colour,
        interlaced=bool(interlace),
        clear=found.get(b"tRNS"),
        frames=int.from_bytes(found.get(b"acTL", b"\0\0\0\1")[:4]),
        exif=found[b"eXIf"].removeprefix(b"Exif\0\0") if b"eXIf" in found else exif,
        icc=icc,
        extra=Extra(xmp, iptc, None, _density(found.get(b"pHYs")), tuple(kept), png_space),
        notes=notes,
    )


def _chunks(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each chunk's body before the last."""
    position = 8
    while True:
        length, name = struct.unpack_from(">I4s", data, position)
        body = position + 8
        position = body + length + 4
        if position > len(data):
            raise Invalid(TRUNCATED)
        if name == b"IEND":
            return
        yield name, body, body + length


def check_length(data: Data) -> None:
    """Refuse a PNG whose data inflate to more than its size, before a decoder inflates all of it.

    A few bytes too many are as common as they are harmless.

    Raises:
        Invalid: it does; or what `parse` raises.
    """
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _CHANNELS.get(colour, 4)
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    most = _EXCESS
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            most += rows * (1 + -(-columns * bits // 8))
    bodies = [(start, end) for name, start, end in _chunks(data) if name == b"IDAT"]
    if sum(end - start for start, end in bodies) * _MOST_RATIO <= most:
        return
    inflater, length = zlib.decompressobj(), 0
    for start, end in bodies:
        packed = bytes(data[start:end])
        while packed and not inflater.eof:
            try:
                length += len(inflater.decompress(packed, _PIECE))
            except zlib.error:  # which a decoder says
                return
            if length > most:
                raise Invalid("is damaged: its data are longer than the picture")
            packed = inflater.unconsumed_tail


def _told_apart(
    texts: list[tuple[bytes, bytes]],
) -> tuple[list[tuple[bytes, bytes]], bytes | None, bytes | None, bytes | None]:
    """Texts proper; XMP, IPTC and EXIF that are kept as texts."""
    kept: list[tuple[bytes, bytes]] = []
    xmp = iptc = exif = None
    for name, body in texts:
        key = body.partition(b"\0")[0]
        if key == _XMP and name == b"iTXt":
            xmp = xmp or _international(body)
        elif key.startswith(b"Raw profile type "):
            kind, raw = key[17:].lower(), _raw_profile(name, body)
            if kind in (b"iptc", b"8bim") and raw:
                iptc = iptc or iptc_of_resources(raw) or (raw if raw[:1] == b"\x1c" else None)
            elif kind in (b"exif", b"app1") and raw and raw.startswith(b"Exif\0\0"):
                exif = exif or raw[6:]
            elif kind in (b"xmp", b"app1") and raw:
                xmp = xmp or raw.partition(b"ns.adobe.com/xap/1.0/\0")[2] or raw
        else:
            kept.append((name, body))
    return kept, xmp, iptc, exif


def _international(body: bytes) -> bytes | None:
    """The text of an iTXt."""
    with contextlib.suppress(ValueError, IndexError):
        _, rest = body.split(b"\0", 1)
        _, _, text = rest[2:].split(b"\0", 2)
        return inflated(text) if rest[0] else text
    return None


def _raw_profile(name: bytes, body: bytes) -> bytes | None:
    """What ImageMagick and exiftool keep as hexadecimal text: name, length, bytes."""
    text = body.partition(b"\0")[2]
    plain = inflated(text[1:]) if name == b"zTXt" else text
    parts = (plain or b"").split(maxsplit=2)
    with contextlib.suppress(ValueError, binascii.Error):
        return binascii.unhexlify(b"".join(parts[2].split())) if len(parts) == 3 else None
    return None


def inflated(packed: bytes) -> bytes | None:
    """Of at most 8 MB, else None."""
    inflater = zlib.decompressobj()
    try:
        out = inflater.decompress(packed, _MAX_INFLATED)
    except zlib.error:
        return None
    return out if inflater.eof else None


def _density(chunk: bytes | None) -> tuple[float, float] | None:
    """Pixels an inch of pHYs, where it is of the metre."""
    if chunk is None or len(chunk) != 9 or chunk[8] != 1:
        return None
    across, down = struct.unpack_from(">II", chunk)
    return (across * 0.0254, down * 0.0254) if across and down else None


def alpha_of_colour(png: Png, pixels: NDArray[Any]) -> NDArray[Any] | None:
    """Transparency (H, W) of a grey or RGB picture of which one colour is transparent.

    Args:
        png: the picture's chunks.
        pixels: (H, W) or (H, W, 3), uint8 or uint16; grey of few bits is spread over 8.
    """
    numbers = 1 if pixels.ndim == 2 else pixels.shape[2]
    if png.clear is None or len(png.clear) < 2 * numbers:
        return None
    colour = np.array(struct.unpack_from(f">{numbers}H", png.clear), np.int64)
    most = np.iinfo(pixels.dtype).max
    colour = (colour & (1 << png.depth) - 1) * (most // ((1 << min(png.depth, 16)) - 1))
    same = (pixels.reshape(*pixels.shape[:2], numbers) == colour).all(-1)
    return np.where(same, 0, most).astype(pixels.dtype)


Space = tuple[bytes | None, tuple[tuple[bytes, bytes], ...], tuple[str, ...]]


def _space(found: dict[bytes, bytes]) -> Space:
    """The profile, the chunks to keep in its place in another PNG, and notes.

    cICP comes before iCCP, and that before the others, as the specification has it.
    """
    icc = None
    if b"iCCP" in found:
        icc = inflated(found[b"iCCP"].partition(b"\0")[2][1:])
    if b"cICP" in found and len(found[b"cICP"]) == 4:
        numbers = ((b"cICP", found[b"cICP"]),)
        primaries, transfer = found[b"cICP"][:2]
        made, note = of_numbers(primaries, transfer)
        return made or icc, numbers, (note,) if note else ()
    if icc is not None:
        return icc, (), ()
    chunks = tuple((name, found[name]) for name in (b"sRGB", b"gAMA", b"cHRM") if name in found)
    if b"sRGB" in found or not chunks:
        return None, chunks, ()
    gamma = int.from_bytes(found.get(b"gAMA", b"")[:4]) or _PLAIN_GAMMA[0]
    plain = _PLAIN_GAMMA[0] <= gamma <= _PLAIN_GAMMA[1]
    where = profiles.PRIMARIES[1]
    if len(found.get(b"cHRM", b"")) == 32:
        places = [value / 100_000 for value in struct.unpack(">8I", found[b"cHRM"])]
        white, *colours = zip(places[::2], places[1::2], strict=True)
        where = (*colours, white)
    curve = profiles.TRANSFERS[13] if plain else (100_000 / gamma,)
    try:
        built = profiles.build("of a PNG's gAMA and cHRM", where, curve)
    except ValueError:
        return None, (), ("Its gAMA or cHRM is impossible, so it was taken as sRGB.",)
    parsed = profiles.parse(built)
    return None if parsed and parsed.is_srgb else built, chunks, ()


def of_numbers(primaries: int, transfer: int) -> tuple[bytes | None, str | None]:
    """The profile of H.273's numbers, None of sRGB; and a note where there is none for them."""
    if transfer in profiles.HDR:
        kind = profiles.HDR[transfer]
        return None, f"The picture is HDR ({kind}); its values were taken as if they were not."
    if primaries == 2 and transfer == 2:  # not stated
        return None, None
    where = profiles.PRIMARIES.get(1 if primaries == 2 else primaries)
    curve = profiles.TRANSFERS.get(13 if transfer == 2 else transfer)
    if where is None or curve is None:
        return None, (
            f"Its colours (primaries {primaries}, transfer {transfer} of ITU-T H.273) are not "
            "known here, so it was taken as sRGB."
        )
    built = profiles.build(f"of H.273: {primaries}, {transfer}", where, curve)
    parsed = profiles.parse(built)
    return (None, None) if parsed and parsed.is_srgb else (built, None)


# ---------------------------------------------------------------------------------------- writing


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", zlib.crc32(name + body))


def with_metadata(png: bytes, exif: bytes | None, icc: bytes | None, extra: Extra) -> bytes:
    """A PNG with chunks behind its header.

    Args:
        png: without any of them.
        exif, icc, extra: all that is to be in it.
    """
    chunks = b""
    if extra.png_space:
        chunks += b"".join(chunk(*one) for one in extra.png_space)
    elif icc is not None:
        chunks += chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    if extra.density is not None:
        metre = [min(round(value / 0.0254), 2**31 - 1) for value in extra.density]
        chunks += chunk(b"pHYs", struct.pack(">IIB", *metre, 1))
    if exif is not None:
        chunks += chunk(b"eXIf", exif)
    if extra.xmp is not None:
        chunks += chunk(b"iTXt", _XMP + b"\0\0\0\0\0" + extra.xmp)
    if extra.iptc is not None:
        raw = extra.iptc.hex().encode()
        lines = b"\n".join(raw[i : i + 72] for i in range(0, len(raw), 72))
        text = b"\niptc\n%8d\n" % len(extra.iptc) + lines + b"\n"
        chunks += chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(text))
    if extra.comment is not None:
        text = extra.comment.decode("utf-8", "replace").encode()
        chunks += chunk(b"iTXt", b"Comment\0\0\0\0\0" + text)
    chunks += b"".join(chunk(*one) for one in extra.texts)
    return png[:33] + chunks + png[33:]
