"""Encoding a picture with what it carries: pixels by OpenCV, what is around them here or by Pillow.

OpenCV writes every depth of PNG and JPEG the same way for years; what it cannot put around the
pixels (XMP, IPTC, texts, density, long profiles) goes into the file once it is encoded. WebP's and
TIFF's structures are Pillow's to write.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour import profiles
from ..errors import UserError
from . import jpeg_file, png_file
from .metadata import NOTHING, Extra

Pixels = NDArray[np.unsignedinteger[Any]]

NAMES = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "tiff": "TIFF"}
# Rows of a TIFF's strip; its bytes are compressed each by itself.
_STRIP = 64
_MAX_ICC = 8 << 20


@dataclass(frozen=True)
class _Kept:
    """What goes into the file, and a sentence for each thing that does not."""

    exif: bytes | None
    icc: bytes | None
    extra: Extra
    lost: tuple[str, ...]


def encode(
    name: str,
    kind: str,
    pixels: Pixels,
    exif: bytes | None,
    icc: bytes | None,
    extra: Extra,
    quality: int,
) -> tuple[bytes, tuple[str, ...]]:
    """The encoded file, and a sentence for each piece of metadata that it lacks.

    Args:
        name: of the picture, for messages.
        kind: "png", "jpeg", "webp" or "tiff".
        pixels: RGB (H, W, 3) or RGBA (H, W, 4), uint8, or uint16 for PNG and TIFF.
        exif: upright, or None.
        icc: the pixels' profile, or None.
        extra: what else is to be in it.
        quality: of a JPEG.

    Raises:
        UserError: it could not be encoded.
    """
    kept = _storable(kind, exif, icc, extra)
    try:
        data = _written(kind, pixels, kept, quality)
    except (cv2.error, OSError, ValueError, struct.error):
        raise UserError(f"{name}: this picture could not be encoded as {NAMES[kind]}") from None
    return data, kept.lost


def _written(kind: str, pixels: Pixels, kept: _Kept, quality: int) -> bytes:
    if kind == "tiff":
        return _tiff(pixels, kept)
    if kind == "webp":
        return _webp(pixels, kept)
    params: list[int] = []
    if kind == "jpeg":
        params = [cv2.IMWRITE_JPEG_QUALITY, quality]
        params += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    code = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    done, encoded = cv2.imencode(f".{kind}", cv2.cvtColor(pixels, code), params)
    if not done:
        raise ValueError("not encoded")
    add = jpeg_file.with_metadata if kind == "jpeg" else png_file.with_metadata
    return add(encoded.tobytes(), kept.exif, kept.icc, kept.extra)


# ------------------------------------------------------------------------- what a format can keep


def _storable(kind: str, exif: bytes | None, icc: bytes | None, extra: Extra) -> _Kept:
    lost: list[str] = []

    def unless(why: str | None, what: str) -> bool:
        """Whether something is kept, else the sentence that says why it is not."""
        if why is not None:
            lost.append(f"{what} not kept: {why}.")
        return why is None

    if exif is not None and not unless(_against_exif(kind, exif), "EXIF was"):
        exif = None
    if icc is not None and not unless(_against_icc(kind, icc), "The ICC profile was"):
        icc = None
    for field, what in (
        ("xmp", "XMP was"),
        ("iptc", "IPTC was"),
        ("comment", "The comment was"),
        ("density", "The density (pixels an inch) was"),
        ("texts", f"Texts ({_keys(extra)}) were"),
        ("png_space", "Its words for its colours were"),
    ):
        value = getattr(extra, field)
        if value and not unless(_against(kind, field, value, exif, icc), what):
            extra = replace(extra, **{field: getattr(NOTHING, field)})
    if kind != "png":  # where the profile tells the same, nothing is lost
        extra = replace(extra, png_space=())
    return _Kept(exif, icc, extra, tuple(lost))


def _keys(extra: Extra) -> str:
    keys = sorted({body.partition(b"\0")[0].decode("latin-1") for _, body in extra.texts})
    shown = [key if key.isprintable() else "?" for key in keys[:4]]
    return ", ".join(shown) + (", ..." if len(keys) > 4 else "")


def _against_exif(kind: str, exif: bytes) -> str | None:
    """Why EXIF cannot be kept; None where it can."""
    if kind == "jpeg" and len(exif) > jpeg_file.MAX_EXIF:
        return "it is too long for a JPEG"
    if kind == "tiff" and _tags_of(exif) is None:
        return "it is damaged"
    return None


def _against_icc(kind: str, icc: bytes) -> str | None:
    if profiles.space(icc) != "RGB" or not 132 < int.from_bytes(icc[:4]) <= len(icc):
        return "it is damaged or describes no RGB picture"
    if len(icc) > (jpeg_file.MAX_ICC if kind == "jpeg" else _MAX_ICC):
        return f"it is too long for a {NAMES[kind]}"
    return None


def _against(
    kind: str, field: str, value: Any, exif: bytes | None, icc: bytes | None
) -> str | None:
    if kind == "png":
        return None
    none = f"{NAMES[kind]} has no place for "
    if kind == "jpeg":
        most = {"xmp": jpeg_file.MAX_XMP, "iptc": jpeg_file.MAX_IPTC}.get(field)
        if most is not None and len(value) > most:
            return "it is too long for a JPEG"
    if field == "density" and kind == "webp":
        tags = _tags_of(exif) if exif else None
        return None if tags and 282 in tags else none + "it"
    if field in ("iptc", "comment") and (kind == "webp" or (kind, field) == ("tiff", "comment")):
        return none + "it"
    if field == "texts":
        return none + "them"
    if field == "png_space" and icc is None and value[0][0] == b"cICP":
        return none + "HDR"
    return None


# ------------------------------------------------------------------------------------------- WebP


def _webp(pixels: Pixels, kept: _Kept) -> bytes:
    """Lossless, the colours under full transparency included."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        out,
        "WEBP",
        lossless=True,
        exact=True,
        exif=b"Exif\0\0" + kept.exif if kept.exif else b"",
        icc_profile=kept.icc or b"",
        xmp=kept.extra.xmp or b"",
    )
    return out.getvalue()


# ------------------------------------------------------------------------------------------- TIFF

# Tags of the pixels themselves, which EXIF of another file must not bring along.
_OWN = {254, 255, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 322, 323, 324, 325,
        330, 338, 339, 347, 513, 514, 529, 530, 531, 532, 700, 33723, 34675, 40965}  # fmt: skip
_DEFLATE, _DIFFERENCES, _STRAIGHT = 8, 2, 2
_EXIF, _GPS = 34665, 34853


def _tags_of(exif: bytes) -> dict[int, Any] | None:
    """EXIF as Pillow reads it, inner directories as dictionaries; None where it is damaged."""
    from PIL import Image

    found = Image.Exif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found.load(b"Exif\0\0" + exif)
            tags = {tag: value for tag, value in found.items() if tag not in _OWN}
            for tag in (_EXIF, _GPS):
                inner = dict(found.get_ifd(tag))
                inner.pop(40965, None)  # a directory of its own
                tags.pop(tag, None)
                if inner:
                    tags[tag] = inner
        except (OSError, ValueError, SyntaxError, TypeError, KeyError, struct.error):
            return None
    return tags


def _tiff(pixels: Pixels, kept: _Kept) -> bytes:
    """Compressed strips of little-endian RGB(A), behind a directory that Pillow writes."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2
    from PIL.TiffTags import BYTE, LONG, UNDEFINED

    height, width, channels = pixels.shape
    strips = [_packed(pixels[top : top + _STRIP]) for top in range(0, height, _STRIP)]
    offsets = np.cumsum([0, *(len(strip) for strip in strips[:-1])]).tolist()
    ifd = ImageFileDirectory_v2()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag, value in ((_tags_of(kept.exif) or {}) if kept.exif else {}).items():
            if isinstance(value, dict):
                ifd.tagtype[tag] = LONG
            ifd[tag] = value
        ifd[256], ifd[257], ifd[258] = width, height, (8 * pixels.itemsize,) * channels
        ifd[259], ifd[262], ifd[277], ifd[278] = _DEFLATE, 2, channels, _STRIP
        ifd[317], ifd[284], ifd[339] = _DIFFERENCES, 1, (1,) * channels
        for tag, values in ((273, tuple(offsets)), (279, tuple(len(strip) for strip in strips))):
            ifd.tagtype[tag] = LONG
            ifd[tag] = values
        if channels == 4:
            ifd[338] = _STRAIGHT
        if kept.extra.density is not None:
            ifd[282], ifd[283], ifd[296] = *kept.extra.density, 2
        for tag, kind, content in (
            (700, BYTE, kept.extra.xmp),
            (33723, UNDEFINED, kept.extra.iptc),
            (34675, UNDEFINED, kept.icc),
        ):
            if content:
                ifd.tagtype[tag] = kind
                ifd[tag] = content
        out = io.BytesIO()
        ifd.save(out)
    return out.getvalue() + b"".join(strips)


def _packed(rows: Pixels) -> bytes:
    """Differences along each line, which compress better, as zlib writes them."""
    values = rows.astype(rows.dtype.newbyteorder("<"))
    values[:, 1:] -= values[:, :-1].copy()
    return zlib.compress(values.tobytes(), 6)
