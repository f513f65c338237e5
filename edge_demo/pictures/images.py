"""Reading and writing picture files without losing what they carry.

A `Decoded` is upright RGB of the file's own depth, with transparency, EXIF and ICC profile beside
it. OpenCV decodes and encodes; `containers` reads the headers first and refuses what OpenCV would
get wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..files import write_whole
from .containers import (
    MAX_PIXELS,
    ImageFile,
    ImageInfo,
    load,
    metadata,
    probe,
    tiff_as_stored,
    upright_exif,
)

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "WRITABLE",
    "Decoded",
    "ImageFile",
    "ImageInfo",
    "apply_orientation",
    "decode_rgb",
    "encode_image",
    "load",
    "probe",
    "read_rgb",
    "to_uint8",
    "to_uint16",
    "write_image",
]

Pixels = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16
_Any = TypeVar("_Any", bound=np.generic)

# What readable files are usually called, for searching folders; reading goes by content.
EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
# The format that each extension is written in.
WRITABLE = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
_NAMES = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "tiff": "TIFF"}
# Pixels a side: of the container (WebP) or of the library that writes and reads it.
_MAX_SIDE = {"png": 1_000_000, "jpeg": 65_500, "webp": 16_383}
# One JPEG segment holds 65,533 bytes, and OpenCV writes EXIF and profile into one each.
_MAX_JPEG_EXIF = 65_533 - len(b"Exif\0\0")
_MAX_JPEG_ICC = 65_533 - len(b"ICC_PROFILE\0\1\1")


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded picture, upright.

    Attributes:
        rgb: (H, W, 3), uint8 0..255 or uint16 0..65535. A grey file has three equal channels.
        alpha: (H, W) of the same type, or None.
        exif: EXIF with its orientation set to 1, or None.
        icc: ICC profile, or None. The pixels are in the space that it names.
        info: the file's description. Its size and orientation are those before turning upright.
        grey: the file held one colour channel.
    """

    rgb: Pixels = field(repr=False)
    alpha: Pixels | None = field(repr=False)
    exif: bytes | None = field(repr=False)
    icc: bytes | None = field(repr=False)
    info: ImageInfo
    grey: bool


def read_rgb(path: str | PathLike[str]) -> Decoded:
    """`decode_rgb` of a file, which UserError refuses where it is missing or unreadable, too."""
    return decode_rgb(load(path))


def decode_rgb(file: ImageFile) -> Decoded:
    """Decode a JPEG, PNG, WebP, TIFF or BMP; of several pages the first.

    EXIF is not extracted from TIFF files, except for the orientation.

    Raises:
        UserError: the file is damaged, or of a kind that is not supported, such as CMYK.
    """
    info = file.info
    decoded = _decode(file)
    grey = info.grey or decoded.ndim == 2
    alpha: Pixels | None = None
    if decoded.ndim == 2:
        rgb = _convert(decoded, cv2.COLOR_GRAY2RGB)
    elif decoded.shape[2] == 4:
        rgb = _convert(decoded, cv2.COLOR_BGRA2RGB)
        if info.alpha:  # a 32-bit BMP's fourth byte is often padding
            alpha = apply_orientation(np.ascontiguousarray(decoded[..., 3]), info.orientation)
    else:
        rgb = _convert(decoded, cv2.COLOR_BGR2RGB)
    exif = None if file.exif is None else upright_exif(file.exif)
    return Decoded(apply_orientation(rgb, info.orientation), alpha, exif, file.icc, info, grey)


def _decode(file: ImageFile) -> Pixels:
    """The stored pixels, unturned: (H, W), BGR (H, W, 3) or BGRA (H, W, 4), uint8 or uint16."""
    info = file.info
    if info.subsampling == "cmyk":
        raise UserError(f"{info.path}: is a CMYK JPEG; convert it to RGB first")
    data = tiff_as_stored(file.data) if info.format == "tiff" else file.data
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if (
        decoded is None
        or decoded.shape[:2] != (info.height, info.width)
        or decoded.dtype not in (np.uint8, np.uint16)
    ):
        raise UserError(
            f"{info.path}: cannot be decoded: damaged, or a {info.format} of an unusual kind"
        )
    return cast(Pixels, decoded)


def _convert(pixels: Pixels, code: int) -> Pixels:
    return cast(Pixels, cv2.cvtColor(pixels, code))


def apply_orientation(image: NDArray[_Any], orientation: int) -> NDArray[_Any]:
    """Turn stored pixels upright.

    Args:
        image: (H, W) or (H, W, C), any type.
        orientation: EXIF orientation 1..8, as in `ImageInfo`.

    Returns:
        A contiguous array, (W, H) or (W, H, C) for orientations 5..8; ``image`` itself for 1.
    """
    if orientation not in range(1, 9):
        raise ValueError(f"an EXIF orientation is 1..8, not {orientation}")
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def to_uint8(pixels: Pixels) -> NDArray[np.uint8]:
    """uint16 0..65535 to uint8 0..255 by rounding; uint8 as it is."""
    if pixels.dtype == np.uint8:
        return cast(NDArray[np.uint8], pixels)
    # round(x / 257) in integers: 257 is odd, so no value lies halfway
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def to_uint16(pixels: Pixels) -> NDArray[np.uint16]:
    """uint8 0..255 to uint16 0..65535, exactly; uint16 as it is."""
    if pixels.dtype == np.uint16:
        return cast(NDArray[np.uint16], pixels)
    return pixels.astype(np.uint16) * np.uint16(257)


def write_image(
    path: str | PathLike[str],
    rgb: Pixels,
    *,
    alpha: Pixels | None = None,
    exif: bytes | None = None,
    icc: bytes | None = None,
    quality: int = 95,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write a picture whole or not at all, in the format that the extension names.

    PNG and TIFF keep 16 bits; WebP is written lossless, JPEG without chroma subsampling.

    Args:
        path: the file to make; an extension in `WRITABLE`.
        rgb: upright pixels (H, W, 3), uint8 or uint16.
        alpha: (H, W), uint8 or uint16.
        exif: EXIF; its orientation is set to 1.
        icc: the ICC profile of the pixels.
        quality: of a JPEG, 1..100.
        overwrite: replace an existing file.

    Returns:
        One sentence for each thing that this kind of file could not keep.

    Raises:
        UserError: an unknown extension, an existing file, a folder that is missing or cannot be
            written, a picture too large for the format, or a quality out of range.
        ValueError: arrays of other shapes or types than these.
    """
    target = Path(fspath(path))
    kind = check_target(target, overwrite)
    data, notes = encode_image(
        str(target), kind, rgb, alpha=alpha, exif=exif, icc=icc, quality=quality
    )
    replace_file(target, data)
    return notes


def encode_image(
    name: str,
    kind: str,
    rgb: Pixels,
    *,
    alpha: Pixels | None = None,
    exif: bytes | None = None,
    icc: bytes | None = None,
    quality: int = 95,
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes that `write_image` writes, and what they could not keep.

    Args:
        name: of the picture, for messages.
        kind: "png", "jpeg", "webp" or "tiff".
        rgb, alpha, exif, icc, quality: as there.

    Raises:
        UserError: a picture too large for the format, or a quality out of range.
        ValueError: as there.
    """
    _check_pixels(rgb, alpha)
    if not 1 <= quality <= 100:
        raise UserError(f"quality must be 1..100, not {quality}")
    height, width = rgb.shape[:2]
    limit = _MAX_SIDE.get(kind)
    if limit is not None and max(height, width) > limit:
        raise UserError(
            f"{name}: {width}x{height} is too large for {_NAMES[kind]},"
            f" which ends at {limit:,} pixels a side; write a .png or .tif"
        )

    notes: list[str] = []
    if kind in ("jpeg", "webp") and rgb.dtype == np.uint16:
        rgb = to_uint8(rgb)
        notes.append(f"16 bits a channel became 8: {_NAMES[kind]} has no more.")
    if alpha is not None and kind == "jpeg":
        alpha = None
        notes.append("Transparency was not kept: JPEG has none.")
    if alpha is None:
        pixels = _convert(rgb, cv2.COLOR_RGB2BGR)
    else:
        alpha = to_uint8(alpha) if rgb.dtype == np.uint8 else to_uint16(alpha)
        pixels = np.dstack([rgb[..., ::-1], alpha])
    exif = upright_exif(exif) if exif else None
    data, lost = _encode(name, kind, pixels, exif, icc or None, quality)
    return data, (*notes, *lost)


def check_target(target: Path, overwrite: bool) -> str:
    """The format that a file's extension names, once it is clear that the file may be made.

    Raises:
        UserError: as `write_image`, of the file.
    """
    kind = WRITABLE.get(target.suffix.lower())
    if kind is None:
        raise UserError(
            f"{target}: unknown extension {target.suffix!r}; known: {', '.join(WRITABLE)}"
        )
    try:
        if not target.parent.is_dir():
            raise UserError(f"{target}: {target.parent} is not a folder; make it first")
        if target.is_dir():
            raise UserError(f"{target}: is a folder")
        if target.exists() and not overwrite:
            raise UserError(f"{target}: exists already and is not overwritten unasked")
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from None
    return kind


def _check_pixels(rgb: Pixels, alpha: Pixels | None) -> None:
    types = (np.uint8, np.uint16)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0 or rgb.dtype not in types:
        raise ValueError(f"rgb must be (H, W, 3) uint8 or uint16, not {rgb.shape} {rgb.dtype}")
    if alpha is not None and (alpha.shape != rgb.shape[:2] or alpha.dtype not in types):
        raise ValueError(
            f"alpha must be {rgb.shape[:2]} uint8 or uint16, not {alpha.shape} {alpha.dtype}"
        )


def _encode(
    name: str,
    kind: str,
    pixels: Pixels,
    exif: bytes | None,
    icc: bytes | None,
    quality: int,
) -> tuple[bytes, list[str]]:
    """The encoded file, and a sentence for each piece of metadata that it lacks."""
    kept_exif, why_no_exif = _storable_exif(kind, exif)
    kept_icc, why_no_icc = _storable_icc(kind, icc)
    data = _try_encode(kind, pixels, kept_exif, kept_icc, quality)
    if data is None and kept_icc is not None:  # one bad profile makes libpng refuse the picture
        kept_icc = None
        data = _try_encode(kind, pixels, kept_exif, kept_icc, quality)
    if data is None and kept_exif is not None:
        data = _try_encode(kind, pixels, None, None, quality)
    if data is None:
        raise UserError(f"{name}: OpenCV could not encode this picture as {_NAMES[kind]}")
    found_exif, found_icc = metadata(data)
    lost = []
    if exif is not None and found_exif != exif:
        lost.append(f"EXIF was not kept: {why_no_exif}.")
    if icc is not None and found_icc != icc:
        lost.append(f"The ICC profile was not kept: {why_no_icc}.")
    return data, lost


def _storable_exif(kind: str, exif: bytes | None) -> tuple[bytes | None, str]:
    """EXIF to hand to OpenCV, and the reason if the file turns out to lack it."""
    why = _no_metadata(kind)
    if why is None and kind == "jpeg" and exif is not None and len(exif) > _MAX_JPEG_EXIF:
        why = "it is too long for a JPEG"
    return (exif, "OpenCV refused it") if why is None else (None, why)


def _storable_icc(kind: str, icc: bytes | None) -> tuple[bytes | None, str]:
    """As `_storable_exif`, for the profile."""
    why = _no_metadata(kind)
    if why is None and icc is not None:
        if icc[16:20] != b"RGB ":
            why = "it is damaged or describes no RGB picture"
        elif kind == "jpeg" and len(icc) > _MAX_JPEG_ICC:
            why = "it is too long for OpenCV's JPEG writer"
    return (icc, "OpenCV refused it") if why is None else (None, why)


def _no_metadata(kind: str) -> str | None:
    if kind == "tiff":
        return "OpenCV writes none into TIFF"
    if not hasattr(cv2, "imencodeWithMetadata"):
        return "this needs OpenCV 4.12 or newer"
    return None


def _try_encode(
    kind: str, pixels: Pixels, exif: bytes | None, icc: bytes | None, quality: int
) -> bytes | None:
    params: list[int] = []
    if kind == "jpeg":
        params = [cv2.IMWRITE_JPEG_QUALITY, quality]
        params += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    elif kind == "webp" and hasattr(cv2, "IMWRITE_WEBP_LOSSLESS_MODE"):
        # Plain lossless mode (OpenCV's default) drops the colour under full transparency.
        params = [cv2.IMWRITE_WEBP_LOSSLESS_MODE, cv2.IMWRITE_WEBP_LOSSLESS_PRESERVE_COLOR]
    pieces: dict[int, NDArray[np.uint8]] = {}
    if exif is not None:
        pieces[cv2.IMAGE_METADATA_EXIF] = np.frombuffer(exif, np.uint8)
    if icc is not None:
        pieces[cv2.IMAGE_METADATA_ICCP] = np.frombuffer(icc, np.uint8)
    extension = f".{kind}"
    try:
        if pieces:
            ok, encoded = cv2.imencodeWithMetadata(
                extension, pixels, [*pieces], [*pieces.values()], params
            )
        else:
            ok, encoded = cv2.imencode(extension, pixels, params)
    except cv2.error:
        return None
    return encoded.tobytes() if ok else None


def replace_file(target: Path, data: bytes) -> None:
    """Put ``data`` at ``target`` in one step; on any failure (UserError) nothing has changed."""
    try:
        write_whole(target, data)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from None
