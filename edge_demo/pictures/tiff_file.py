"""TIFF: which of its pages is the picture, and what OpenCV would read wrong.

Cameras keep their raw data in TIFF, behind a thumbnail that any reader takes for the picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from .metadata import ORIENTATION, TRUNCATED, Data, Extra, Ifd, Invalid, directory, header

_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 254, 255, 256, 257, 258, 262
_CHANNELS, _PLANAR, _SUB_IFDS, _EXTRA_SAMPLES, _FORMAT = 277, 284, 330, 338, 339
_XMP, _IPTC, _ICC = 700, 33723, 34675
_DNG, _COLOUR_FILTER, _LINEAR_RAW = 50706, 32803, 34892
_RESOLUTIONS, _UNIT = (282, 283), 296
_MAX_PAGES = 10_000
# What OpenCV reads right, by photometric interpretation: bits a channel and channels. It swaps,
# inverts or silently reinterprets the rest (CMYK as BGRA, 16-bit min-is-white as black).
_BY_OPENCV: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    0: ((1, 8), (1,)),
    1: ((1, 8, 16), (1,)),
    2: ((8, 16), (3, 4)),
    3: ((8,), (1,)),
    6: ((8,), (3,)),
}
# What Pillow reads right beside that, of 8 bits.
_CMYK = 5


@dataclass(frozen=True)
class Tiff:
    """What a TIFF's directories say of its picture.

    Attributes:
        width, height, depth, orientation, grey, alpha: of the page that is the picture.
        page: where its directory is.
        cmyk, premultiplied: for Pillow to read, not for OpenCV.
        icc: or None.
        extra: the rest.
        notes: sentences.
    """

    width: int
    height: int
    depth: int
    orientation: int
    grey: bool
    alpha: bool
    page: int
    cmyk: bool
    premultiplied: bool
    icc: bytes | None = field(repr=False)
    extra: Extra
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Page:
    offset: int
    place: int | None
    ifd: Ifd
    reduced: bool
    mask: bool
    width: int
    height: int


def parse(data: Data) -> Tiff:
    """Find the picture among a TIFF's pages.

    Raises:
        Invalid, struct.error: damaged, cut, camera raw, or of a kind that neither library reads.
    """
    pages = list(_pages(data))
    if any(_is_raw(data, page.ifd) for page in pages):
        raise Invalid("is a camera's raw file; develop it first, to a TIFF or JPEG")
    page, notes = _chosen(pages)
    ifd = page.ifd
    photometric = ifd.value(data, _PHOTOMETRIC, -1)
    channels = ifd.value(data, _CHANNELS, 1)
    depths = set(ifd.values(data, _BITS)) or {1}
    depth = max(depths)
    separate = ifd.value(data, _PLANAR, 1) == 2 and channels > 1
    alpha_kind = ifd.value(data, _EXTRA_SAMPLES, 0)
    cmyk = photometric == _CMYK and channels == 4 and depths == {8}
    premultiplied = photometric == 2 and channels == 4 and alpha_kind == 1 and depths == {8}
    known_depths, known_channels = _BY_OPENCV.get(photometric, ((), ()))
    known = (
        depth in known_depths
        and channels in known_channels
        and not (separate and depth == 16)
        and not (channels == 4 and alpha_kind == 1)
    )
    odd = len(depths) != 1 or ifd.value(data, _FORMAT, 1) != 1
    if odd or not (known or cmyk or premultiplied):
        raise Invalid(
            "is a TIFF of a kind that is not supported;"
            " save it as RGB or grey with 8 or 16 bits a channel, not premultiplied"
        )
    for offsets, counts in ((273, 279), (324, 325)):  # strips, tiles
        pieces = zip(ifd.values(data, offsets), ifd.values(data, counts), strict=False)
        if any(offset + count > len(data) for offset, count in pieces):
            raise Invalid(TRUNCATED)
    orientation = ifd.value(data, ORIENTATION, 1)
    first = pages[0].ifd
    return Tiff(
        width=page.width,
        height=page.height,
        depth=depth,
        orientation=orientation if 1 <= orientation <= 8 else 1,
        grey=photometric in (0, 1),
        alpha=photometric == 2 and channels == 4,
        page=page.offset,
        cmyk=cmyk,
        premultiplied=premultiplied,
        icc=_bytes(data, ifd, _ICC) or _bytes(data, first, _ICC),
        extra=Extra(
            _bytes(data, first, _XMP), _bytes(data, first, _IPTC), None, _density(data, first)
        ),
        notes=notes,
    )


def _pages(data: Data) -> Iterator[_Page]:
    """All pages, those below others behind them."""
    order, big, offset = header(data)
    seen: set[int] = set()
    place = 0
    while offset and offset not in seen and len(seen) < _MAX_PAGES:
        try:
            ifd = directory(data, offset, order, big)
        except struct.error:
            if place == 0:
                raise
            return  # what lies behind a whole first page may be cut
        seen.add(offset)
        yield _page(data, offset, place, ifd)
        for below in ifd.values(data, _SUB_IFDS)[:100]:
            if below and below not in seen:
                seen.add(below)
                try:
                    yield _page(data, below, None, directory(data, below, order, big))
                except (struct.error, Invalid):
                    continue
        offset, place = ifd.following(data), place + 1


def _page(data: Data, offset: int, place: int | None, ifd: Ifd) -> _Page:
    kind, old = ifd.value(data, _SUBFILE, 0), ifd.value(data, _OLD_SUBFILE, 0)
    return _Page(
        offset,
        place,
        ifd,
        reduced=bool(kind & 1) or old == 2,
        mask=bool(kind & 4),
        width=ifd.value(data, _WIDTH, 0),
        height=ifd.value(data, _HEIGHT, 0),
    )


def _is_raw(data: Data, ifd: Ifd) -> bool:
    photometric = ifd.value(data, _PHOTOMETRIC, -1)
    return _DNG in ifd.entries or photometric in (_COLOUR_FILTER, _LINEAR_RAW)


def _chosen(pages: list[_Page]) -> tuple[_Page, tuple[str, ...]]:
    """The page that is the picture, and what is to be said of the others."""
    if not pages:
        raise Invalid("is damaged: a TIFF without a page")
    full = [page for page in pages if not page.reduced and not page.mask]
    full = full or [page for page in pages if not page.mask] or pages
    page = full[0]
    # A preview that is not marked as one: the same picture is there larger.
    larger = max(full, key=lambda one: one.width * one.height)
    if _is_preview(page, larger):
        page = larger
    own = [one for one in full if one.place is not None and not _is_preview(one, page)]
    if len(own) > 1:
        number = f"page {page.place + 1}" if page.place else "the first"
        return page, (f"It has {len(own)} pages; only {number} was restored.",)
    return page, ()


def _is_preview(page: _Page, other: _Page) -> bool:
    """Whether a page is of half the other's size at most, and of its shape."""
    if min(page.width, page.height, other.width, other.height) < 1:
        return False
    across, down = other.width / page.width, other.height / page.height
    return across >= 2 and abs(across / down - 1) < 0.1


def _bytes(data: Data, ifd: Ifd, tag: int) -> bytes | None:
    """A tag's bytes, which writers of IPTC like to call longs."""
    entry = ifd.entries.get(tag)
    if entry is None:
        return None
    return bytes(data[entry.offset : entry.offset + entry.size]) or None


def _density(data: Data, ifd: Ifd) -> tuple[float, float] | None:
    """Pixels an inch, where a unit is stated."""
    inch = {2: 1.0, 3: 2.54}.get(ifd.value(data, _UNIT, 2))
    values = []
    for tag in _RESOLUTIONS:
        entry = ifd.entries.get(tag)
        if entry is None or inch is None or entry.code != "r":
            return None
        try:
            above, below = struct.unpack_from(ifd.order + "II", data, entry.offset)
        except struct.error:
            return None
        if not above or not below:
            return None
        values.append(above / below * inch)
    return values[0], values[1]


def as_stored(data: bytes, for_opencv: bool) -> bytes:
    """The same TIFF, changed so that a library returns the stored pixels of the picture.

    Libraries take the first page whatever that is, and turn it by the orientation tag unasked;
    OpenCV multiplies 8-bit colours by straight alpha, too.
    """
    order, big, start = header(data)
    page = parse(data).page
    out = bytearray(data)
    if page != start:
        struct.pack_into(order + ("Q" if big else "I"), out, 8 if big else 4, page)
    ifd = directory(data, page, order, big)
    changed = {ORIENTATION: 1, **({_EXTRA_SAMPLES: 0} if for_opencv else {})}
    for tag, value in changed.items():
        if tag in ifd.entries:
            entry = ifd.entries[tag]
            struct.pack_into(ifd.order + entry.code, out, entry.offset, value)
    return bytes(out)
