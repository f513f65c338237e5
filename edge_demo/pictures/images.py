"""Reading and writing picture files without losing what they carry.

A `Decoded` is upright RGB of the file's own depth, with transparency and all that its file carries
beside it. `containers` reads the headers first and refuses what would come out wrong. OpenCV
decodes what it decodes right at every depth, Pillow and its plugins the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour import profiles
from ..errors import UserError
from ..files import write_whole
from . import jpeg_file, library, png_file, tiff_file, writing
from .containers import MAX_PIXELS, ImageFile, ImageInfo, load, probe, refusals
from .metadata import NOTHING, Extra, space_of_exif, upright_exif, upright_xmp
from .orienting import apply_orientation

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
    "in_srgb",
    "load",
    "probe",
    "read_rgb",
    "to_uint8",
    "to_uint16",
    "write_image",
]

Pixels = NDArray[np.unsignedinteger[Any]]  # uint8 or uint16

# What readable files are usually called, for searching folders; reading goes by content.
EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"),
    *(".jfif", ".jpe", ".heic", ".heif", ".avif", ".jxl", ".gif"),
)
# The format that each extension is written in.
WRITABLE = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
# Pixels a side: of the container (WebP) or of the library that writes and reads it.
_MAX_SIDE = {"png": 1_000_000, "jpeg": 65_500, "webp": 16_383}
# What OpenCV decodes.
_BY_OPENCV = ("jpeg", "png", "webp", "tiff")


@dataclass(frozen=True)
class Carried:
    """What of a file goes with its upright, restored pixels; fields as of `Decoded`."""

    exif: bytes | None
    icc: bytes | None
    extra: Extra


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded picture, upright.

    Attributes:
        rgb: (H, W, 3), uint8 0..255 or uint16 0..65535. A grey file has three equal channels.
        alpha: (H, W) of the same type, or None.
        exif: EXIF with its orientation set to 1 and without its thumbnail, or None.
        icc: an RGB profile, or None for sRGB. The pixels are in the space that it names.
        info: the file's description. Its size and orientation are those before turning upright.
        grey: the file held one colour channel.
        extra: what else the file carries, its XMP of an upright picture.
        notes: what was changed to make RGB of it, sentences.
    """

    rgb: Pixels = field(repr=False)
    alpha: Pixels | None = field(repr=False)
    exif: bytes | None = field(repr=False)
    icc: bytes | None = field(repr=False)
    info: ImageInfo
    grey: bool
    extra: Extra = field(default=NOTHING, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def carried(self) -> Carried:
        """What goes with pixels that are made of these and are of the same space."""
        return Carried(self.exif, self.icc, self.extra)


def carried(file: ImageFile) -> Carried:
    """What a file of RGB carries for its pixels once they are upright and restored."""
    extra = file.extra
    if extra.xmp is not None:
        extra = replace(extra, xmp=upright_xmp(extra.xmp))
    return Carried(
        None if file.exif is None else upright_exif(file.exif),
        file.icc or (None if extra.png_space else space_of_exif(file.exif)),
        extra,
    )


def read_rgb(path: str | PathLike[str]) -> Decoded:
    """`decode_rgb` of a file, which UserError refuses where it is missing or unreadable, too."""
    return decode_rgb(load(path))


def decode_rgb(file: ImageFile) -> Decoded:
    """Decode a picture of any known format; of several the first, which the file's notes say.

    CMYK and grey profiles have no place in an RGB file: such pictures become sRGB.

    Raises:
        UserError: the file is damaged, or of a kind that is not supported.
    """
    info = file.info
    kept = carried(file)
    if info.subsampling == "cmyk":
        with refusals(info.path):
            ink = library.cmyk(info.format, file.data)
        rgb, note = _of_ink(ink, file.icc)
        rgb = apply_orientation(rgb, info.orientation)
        return Decoded(rgb, None, kept.exif, None, info, False, kept.extra, (note,))
    decoded = _decode(file)
    grey = info.grey or decoded.ndim == 2
    alpha = _alpha(file, decoded)
    if decoded.ndim == 2:
        rgb = _convert(decoded, cv2.COLOR_GRAY2RGB)
    else:
        rgb = np.ascontiguousarray(decoded[..., :3])
    rgb = apply_orientation(rgb, info.orientation)
    if alpha is not None:
        alpha = apply_orientation(np.ascontiguousarray(alpha), info.orientation)
    icc = kept.icc
    notes: tuple[str, ...] = ()
    if info.bit_depth is not None and info.bit_depth > 8 and rgb.dtype == np.uint8:
        notes = (f"Its {info.bit_depth} bits a channel became 8.",)
    if icc is not None and grey and profiles.space(icc) == "GRAY":
        rgb, icc, more = _of_grey(rgb, icc)
        notes = (*notes, *more)
    return Decoded(rgb, alpha, kept.exif, icc, info, grey, kept.extra, notes)


def _of_ink(ink: NDArray[np.uint8], icc: bytes | None) -> tuple[Pixels, str]:
    """CMYK (H, W, 4) as sRGB, and a sentence."""
    rgb = None
    if icc is not None and profiles.space(icc) == "CMYK":
        rgb = profiles.by_tables(ink, icc)
    if rgb is not None and icc is not None:
        return rgb, f"CMYK was converted to sRGB by its profile ({profiles.name(icc)})."
    white = 255 - ink.astype(np.uint16)
    plain = (white[..., :3] * white[..., 3:] + 127) // 255
    return plain.astype(np.uint8), "CMYK without a profile was converted to sRGB by rule of thumb."


def _of_grey(rgb: Pixels, icc: bytes) -> tuple[Pixels, bytes | None, tuple[str, ...]]:
    """Grey pixels of a grey profile as sRGB, which is what they are then."""
    profile = profiles.parse(icc)
    if profile is None:
        return rgb, None, ("Its grey profile could not be read, so it was taken as sRGB.",)
    if profile.is_srgb:
        return rgb, None, ()
    codes = np.arange(256 if rgb.dtype == np.uint8 else 65536, dtype=rgb.dtype)
    line = np.repeat(codes[None, :, None], 3, axis=2)
    table = profiles.rounded(profiles.codes(line, profile), rgb.dtype)[0, :, 0]
    note = f"Its grey was converted to sRGB by its profile ({profile.name})."
    return np.ascontiguousarray(table[rgb]), None, (note,)


def in_srgb(found: Decoded) -> tuple[NDArray[Any], tuple[str, ...]]:
    """A picture's pixels (H, W, 3) in sRGB, and what is to be said of that.

    Returns:
        Its own pixels where they are sRGB; else float32 code values 0..255 with fractions, those
        that sRGB cannot show beyond.
    """
    if found.icc is None:
        return found.rgb, ()
    profile = profiles.parse(found.icc)
    if profile is not None and not profile.grey:
        if profile.is_srgb:
            return found.rgb, ()
        note = f"Its colours were converted to sRGB by its profile ({profile.name})."
        return profiles.codes(found.rgb, profile), (note,)
    eight = to_uint8(found.rgb)
    converted = profiles.by_tables(eight, found.icc) if profile is None else None
    if converted is None:
        return found.rgb, ("Its profile is damaged or is none of RGB; it was taken as sRGB.",)
    name = profiles.name(found.icc)
    depth = "" if found.rgb.dtype == np.uint8 else ", in 8 bits"
    note = f"Its colours were converted to sRGB by its profile ({name}){depth}."
    return converted.astype(np.float32), (note,)


def _decode(file: ImageFile) -> Pixels:
    """The stored pixels, unturned: (H, W), RGB (H, W, 3) or RGBA (H, W, 4), uint8 or uint16."""
    info = file.info
    decoded = None
    if info.format == "png":
        with refusals(info.path):
            png_file.check_length(file.data)
    if info.format in _BY_OPENCV and not _is_for_pillow(file):
        decoded = _by_opencv(file)
    if decoded is None and not (info.format == "jpeg" and info.bit_depth != 8):
        with refusals(info.path):
            if info.format == "jxl":
                decoded = library.jxl_decoded(file.data)[1]
            elif info.format not in ("png", "tiff") or _is_for_pillow(file):
                decoded = library.decode(info.format, file.data)
    if (
        decoded is None
        or decoded.shape[:2] != (info.height, info.width)
        or decoded.dtype not in (np.uint8, np.uint16)
    ):
        raise UserError(
            f"{info.path}: cannot be decoded: damaged, or a {info.format} of an unusual kind"
        )
    if info.format == "jpeg" and not np.ptp(decoded[-8:, -8:], axis=(0, 1)).any():
        with refusals(info.path):
            jpeg_file.check_to_the_end(file.data)
    return decoded


def _is_for_pillow(file: ImageFile) -> bool:
    """A WebP's animation, whose first picture may be smaller than it; a TIFF of odd alpha."""
    if file.info.format == "webp":
        return any("animation" in note for note in file.notes)
    return file.info.format == "tiff" and tiff_file.parse(file.data).premultiplied


def _by_opencv(file: ImageFile) -> Pixels | None:
    data = tiff_file.as_stored(file.data, True) if file.info.format == "tiff" else file.data
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if decoded is None or decoded.ndim == 2:
        return cast("Pixels | None", decoded)
    code = cv2.COLOR_BGRA2RGBA if decoded.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return _convert(cast(Pixels, decoded), code)


def _alpha(file: ImageFile, decoded: Pixels) -> Pixels | None:
    """Transparency as stored, unturned; a 32-bit picture's fourth channel is often padding."""
    if not file.info.alpha:
        return None
    if decoded.ndim == 3 and decoded.shape[2] == 4:
        return decoded[..., 3]
    if file.info.format == "png":  # a colour that is transparent, which OpenCV leaves in place
        return png_file.alpha_of_colour(png_file.parse(file.data), decoded)
    return None


def _convert(pixels: Pixels, code: int) -> Pixels:
    return cast(Pixels, cv2.cvtColor(pixels, code))


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
    extra: Extra = NOTHING,
    quality: int = 95,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write a picture whole or not at all, in the format that the extension names.

    PNG and TIFF keep 16 bits; WebP is written lossless, JPEG without chroma subsampling.

    Args:
        path: the file to make; an extension in `WRITABLE`.
        rgb: upright pixels (H, W, 3), uint8 or uint16.
        alpha: (H, W), uint8 or uint16.
        exif: EXIF; its orientation is set to 1, its thumbnail left out.
        icc: the ICC profile of the pixels.
        extra: what else the file is to carry.
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
        str(target), kind, rgb,
        alpha=alpha, exif=exif, icc=icc, extra=extra, quality=quality,
    )  # fmt: skip
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
    extra: Extra = NOTHING,
    quality: int = 95,
) -> tuple[bytes, tuple[str, ...]]:
    """The bytes that `write_image` writes, and what they could not keep.

    Args:
        name: of the picture, for messages.
        kind: "png", "jpeg", "webp" or "tiff".
        rgb, alpha, exif, icc, extra, quality: as there.

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
            f"{name}: {width}x{height} is too large for {writing.NAMES[kind]},"
            f" which ends at {limit:,} pixels a side; write a .png or .tif"
        )

    notes: list[str] = []
    if kind in ("jpeg", "webp") and rgb.dtype == np.uint16:
        rgb = to_uint8(rgb)
        notes.append(f"16 bits a channel became 8: {writing.NAMES[kind]} has no more.")
    if alpha is not None and kind == "jpeg":
        alpha = None
        notes.append("Transparency was not kept: JPEG has none.")
    pixels = rgb
    if alpha is not None:
        alpha = to_uint8(alpha) if rgb.dtype == np.uint8 else to_uint16(alpha)
        pixels = np.dstack([rgb, alpha])
    exif = upright_exif(exif) if exif else None
    data, lost = writing.encode(name, kind, pixels, exif, icc or None, extra, quality)
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


def replace_file(target: Path, data: bytes) -> None:
    """Put ``data`` at ``target`` in one step; on any failure (UserError) nothing has changed."""
    try:
        write_whole(target, data)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from None
