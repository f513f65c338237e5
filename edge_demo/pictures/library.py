"""Pictures that Pillow and its plugins read: HEIC, AVIF, JPEG XL, GIF, BMP, and CMYK of any kind.

Each plugin is imported when the first bytes of a file ask for it. Sizes are read before anything is
decoded; where a library would decode at once (JPEG XL), its header is read here.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .metadata import TRUNCATED, Data, Extra, Invalid
from .png_file import of_numbers
from .tiff_file import as_stored

if TYPE_CHECKING:
    from PIL import Image

Pixels = NDArray[np.unsignedinteger[Any]]

_THREADS = 2


@dataclass(frozen=True)
class Described:
    """What a library says of a picture before it decodes it; fields as of ``ImageInfo``."""

    width: int
    height: int
    depth: int | None = 8
    subsampling: str | None = None
    siting: str | None = None
    grey: bool = False
    alpha: bool = False
    frames: int = 1
    exif: bytes | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)
    extra: Extra = field(default_factory=Extra)
    notes: tuple[str, ...] = ()


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    """A library's errors as refusals, its warnings to nobody."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Invalid:
        raise
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError, IndexError, TypeError,
            struct.error, MemoryError, NotImplementedError) as error:  # fmt: skip
        if "truncated" in str(error).lower():
            raise Invalid(TRUNCATED) from None
        raise Invalid(f"cannot be decoded: damaged, or {what} of an unusual kind") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of a plugin in Rust
            raise
        raise Invalid(f"cannot be decoded: damaged, or {what} of an unusual kind") from None


def describe(kind: str, data: Data) -> Described:
    """Read the headers of a ``bmp``, ``gif``, ``heif``, ``avif`` or ``jxl``.

    Raises:
        Invalid: damaged, cut, or not supported.
    """
    with _refusing(f"a {kind}"):
        return _DESCRIBE[kind](data)


def decode(kind: str, data: bytes) -> Pixels:
    """The pixels of what ``describe`` reads, and of a ``jpeg``, ``tiff`` or ``webp``.

    Of several the first. They are turned upright where the library does that (HEIC, JPEG XL).

    Returns:
        (H, W) grey, (H, W, 3) RGB, (H, W, 4) RGBA or, of a JPEG, CMYK; uint8 or uint16.

    Raises:
        Invalid: damaged.
    """
    with _refusing(f"a {kind}"):
        return _DECODE[kind](data)


def alike_at_half(first: bytes, second: bytes) -> bool:
    """Whether two JPEGs of one size look the same when decoded to half of it, a third of the work.

    Raises:
        Invalid: one is damaged.
    """
    from PIL import ImageChops

    with _refusing("a jpeg"), ThreadPoolExecutor(_THREADS) as pool:
        return ImageChops.difference(*pool.map(_half, (first, second))).getbbox() is None


def _half(data: bytes) -> Image.Image:
    """A JPEG decoded to half of its size."""
    picture = _opened("jpeg", data)
    # At least one pixel, as Pillow divides by them.
    picture.draft(picture.mode, (-(-picture.width // 2), -(-picture.height // 2)))
    picture.load()
    return picture


def cmyk(kind: str, data: bytes) -> NDArray[np.uint8]:
    """The pixels (H, W, 4) of a ``jpeg`` or ``tiff`` of CMYK; 0 is no ink.

    Args:
        kind, data: as of ``decode``.

    Raises:
        Invalid: damaged.
    """
    with _refusing(f"a {kind}"):
        picture = _opened(kind, as_stored(data, False) if kind == "tiff" else data)
        if picture.mode != "CMYK":
            raise Invalid("is CMYK of an unusual kind; convert it to RGB first")
        return np.array(picture, np.uint8)


def jpeg_planes(data: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Luma (H, W) of a 4:2:0 JPEG, and YCbCr (ceil(H/2), ceil(W/2), 3) of half its size.

    At half size, libjpeg has nothing to enlarge: Cb and Cr are as stored.

    Raises:
        Invalid: damaged.
    """
    with _refusing("a jpeg"):
        luma: Any = _opened("jpeg", data)
        luma.draft("L", luma.size)
        halved: Any = _opened("jpeg", data)
        halved.draft("YCbCr", (halved.width // 2, halved.height // 2))
        return np.array(luma), np.array(halved)


def jpeg_planes_of_four(luma: bytes, data: bytes) -> list[NDArray[np.uint8]]:
    """Luma (H, W) of a JPEG, and the last two of the components of a JPEG of four.

    Raises:
        Invalid: damaged.
    """
    with _refusing("a jpeg"):
        plain: Any = _opened("jpeg", luma)
        plain.draft("L", plain.size)
        # Pillow has four components for inks, and turns them round.
        inks = np.asarray(_opened("jpeg", data))
        return [np.array(plain), 255 - inks[..., 2], 255 - inks[..., 3]]


def exif_of_tiff(data: bytes) -> bytes | None:
    """What a TIFF's first page says as EXIF does, as an EXIF block; None where it says nothing."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = _opened("tiff", data).getexif()
            kept = Image.Exif()
            for tag in _TIFF_TELLS:
                if tag in found:
                    kept[tag] = found[tag]
            for tag in (_EXIF, _GPS):
                if inner := found.get_ifd(tag):
                    kept.get_ifd(tag).update(inner)
            some = set(kept) - {_X, _Y, _UNIT} or kept.get_ifd(_EXIF) or kept.get_ifd(_GPS)
            return kept.tobytes().removeprefix(b"Exif\0\0") if some else None
        except (OSError, ValueError, SyntaxError, TypeError, KeyError, struct.error):
            return None


_EXIF, _GPS, _X, _Y, _UNIT = 34665, 34853, 282, 283, 296
# Description, make, model, density, software, date, artist, copyright, rating, and Windows' own.
_TIFF_TELLS = (270, 271, 272, _X, _Y, _UNIT, 305, 306, 315, 316, 18246, 18249, 33432,
               40091, 40092, 40093, 40094, 40095)  # fmt: skip


def _opened(kind: str, data: Data) -> Image.Image:
    """A picture of Pillow; its own limits are not asked, ours were."""
    stream: Any = io.BytesIO(data) if isinstance(data, bytes) else data
    stream.seek(0)
    if kind == "jpeg":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile(stream)
    if kind == "tiff":
        from PIL.TiffImagePlugin import TiffImageFile

        return TiffImageFile(stream)
    if kind == "webp":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile(stream)
    if kind == "gif":
        from PIL.GifImagePlugin import GifImageFile

        return GifImageFile(stream)
    if kind == "bmp":
        from PIL.BmpImagePlugin import BmpImageFile

        return BmpImageFile(stream)
    if kind == "avif":
        from PIL import AvifImagePlugin

        AvifImagePlugin.DECODE_CODEC_CHOICE = "auto"
        return AvifImagePlugin.AvifImageFile(stream)
    raise ValueError(kind)


def _rgb(picture: Image.Image) -> Pixels:
    """Of an opened picture, with alpha where it has some."""
    picture.load()
    if picture.mode in ("RGB", "RGBA", "L", "I;16", "CMYK"):
        return np.array(picture)
    if picture.mode == "1":
        return np.array(picture.convert("L"))
    clear = "A" in picture.mode or "a" in picture.mode or "transparency" in picture.info
    return np.array(picture.convert("RGBA" if clear else "RGB"))


# ------------------------------------------------------------------------------------ GIF and BMP


def _describe_gif(data: Data) -> Described:
    picture: Any = _opened("gif", bytes(data))
    comment = picture.info.get("comment")
    return Described(
        width=picture.width,
        height=picture.height,
        alpha="transparency" in picture.info,
        frames=picture.n_frames,
        extra=Extra(comment=comment if isinstance(comment, bytes) else None),
    )


def _describe_bmp(data: Data) -> Described:
    picture = _opened("bmp", data)
    pixels, head = struct.unpack_from("<II", data, 10)
    compression, stored = struct.unpack_from("<II", data, 30) if head > 12 else (0, 0)
    # Pillow fills up what is missing of run lengths.
    if compression in (1, 2) and pixels + stored > len(data):
        raise Invalid(TRUNCATED)
    dpi = picture.info.get("dpi")
    return Described(
        picture.width, picture.height, alpha="A" in picture.mode, extra=Extra(density=_dense(dpi))
    )


def _dense(dpi: Any) -> tuple[float, float] | None:
    return (float(dpi[0]), float(dpi[1])) if dpi and dpi[0] > 0 and dpi[1] > 0 else None


def _plain(kind: str) -> Callable[[bytes], Pixels]:
    return lambda data: _rgb(_opened(kind, data))


# --------------------------------------------------------------------------------- HEIC and AVIF

_HEIF_CHROMA = {420: "4:2:0", 422: "4:2:2", 444: "4:4:4"}


def _describe_heif(data: Data) -> Described:
    import pillow_heif

    found = pillow_heif.open_heif(bytes(data), convert_hdr_to_8bit=False)
    info = found.info
    icc = info.get("icc_profile")
    made, note = _nclx(data) if icc is None else (None, None)
    chroma = _HEIF_CHROMA.get(info.get("chroma", 0))
    notes = [note] if note else []
    if len(found) > 1:
        notes.append(f"It has {len(found)} pictures; only the main one was restored.")
    return Described(
        width=found.size[0],
        height=found.size[1],
        depth=info["bit_depth"],
        subsampling=chroma,
        # Who encodes stills takes the mean of 2x2 pixels; the stream's own word is hard to get at.
        siting=None if chroma is None else "center",
        grey=found.mode.split(";")[0] in ("L", "LA", "La"),
        alpha=found.has_alpha,
        exif=_bare(info.get("exif")),
        icc=icc or made,
        extra=Extra(xmp=info.get("xmp") or None),
        notes=tuple(notes),
    )


def _bare(exif: bytes | None) -> bytes | None:
    return exif.removeprefix(b"Exif\0\0") if exif else None


def _decode_heif(data: bytes) -> Pixels:
    import pillow_heif

    found = pillow_heif.open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    pixels = np.array(found)
    if found.premultiplied_alpha:
        raise Invalid("has premultiplied transparency; save it with straight alpha")
    depth = found.info["bit_depth"]
    if pixels.dtype == np.uint16:
        most = (1 << depth) - 1
        pixels = ((pixels.astype(np.uint32) * 65535 + most // 2) // most).astype(np.uint16)
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = np.dstack([pixels[..., :1]] * 3 + [pixels[..., 1:]])
    return pixels


@dataclass(frozen=True)
class Grid:
    """How the main picture of a HEIC is cut: rows and columns of tiles, height and width of one."""

    rows: int
    columns: int
    tile: tuple[int, int]


def tiling(data: bytes) -> Grid | None:
    """The grid of a HEIC's main picture; None where it is one piece.

    Raises:
        Invalid: damaged.
    """
    with _refusing("a heif"):
        import pillow_heif

        found = pillow_heif.open_heif(data, convert_hdr_to_8bit=False).info.get("tiling")
        if not found:
            return None
        return Grid(
            found["num_rows"], found["num_columns"], (found["tile_height"], found["tile_width"])
        )


def _nclx(data: Data) -> tuple[bytes | None, str | None]:
    """The profile of the numbers in a colour box, as ``of_numbers``."""
    at = data.find(b"colrnclx")
    if at < 0 or at + 12 > len(data):
        return None, None
    return of_numbers(*struct.unpack_from(">HH", data, at + 8))


def _describe_avif(data: Data) -> Described:
    picture: Any = _opened("avif", bytes(data))
    info = picture.info
    icc = info.get("icc_profile")
    made, note = _nclx(data) if icc is None else (None, None)
    depth, chroma, siting = _av1(data)
    return Described(
        width=picture.width,
        height=picture.height,
        depth=depth,
        subsampling=chroma,
        siting=siting,
        grey=chroma == "grey",
        alpha="A" in picture.mode,
        frames=picture.n_frames,
        exif=_bare(info.get("exif")),
        icc=icc or made,
        extra=Extra(xmp=info.get("xmp") or None),
        notes=(note,) if note else (),
    )


def _av1(data: Data) -> tuple[int | None, str | None, str | None]:
    """Bits a channel, subsampling and siting of the first coloured picture in an AVIF."""
    at = 0
    found: tuple[int | None, str | None, str | None] = (None, None, None)
    while (at := data.find(b"av1C", at)) >= 0 and at + 7 <= len(data):
        flags = data[at + 6]
        depth = 12 if flags & 0x20 else 10 if flags & 0x40 else 8
        if not flags & 0x10:
            half = bool(flags & 8), bool(flags & 4)
            chroma = {(True, True): "4:2:0", (True, False): "4:2:2"}.get(half, "4:4:4")
            return depth, chroma, {1: "left", 2: "topleft"}.get(flags & 3, "center")
        found = found if found[0] else (depth, "grey", None)
        at += 4
    return found


# ---------------------------------------------------------------------------------------- JPEG XL


class _Bits:
    """Bits of JPEG XL's header, the lowest of a byte first."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def __call__(self, count: int) -> int:
        if count > self._left:
            raise Invalid(TRUNCATED)
        value = self._bits & ((1 << count) - 1)
        self._bits >>= count
        self._left -= count
        return value

    def choice(self, *widths: int) -> int:
        """One of four widths, which two bits choose."""
        return self(widths[self(2)])


_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def _jxl_size(bits: _Bits) -> tuple[int, int]:
    small = bits(1)

    def side() -> int:
        return (bits(5) + 1) * 8 if small else bits.choice(9, 13, 18, 30) + 1

    height = side()
    ratio = bits(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio]
    return height * across // down, height


def _codestream(data: Data) -> bytes:
    """The first bytes of the codestream, in a container or bare."""
    if data[:2] == b"\xff\x0a":
        return bytes(data[2:66])
    position = 0
    while position + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        body = position + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        if name in (b"jxlc", b"jxlp"):
            body += 4 if name == b"jxlp" else 0
            if data[body : body + 2] != b"\xff\x0a":
                break
            return bytes(data[body + 2 : body + 66])
        if size == 0:
            break
        if size < 8:
            break
        position += size
    raise Invalid("is damaged: a JPEG XL without a picture")


def _describe_jxl(data: Data) -> Described:
    bits = _Bits(_codestream(data))
    width, height = _jxl_size(bits)
    depth: int | None = 8
    if not bits(1):  # not all default
        if bits(1):  # extra fields
            if bits(3) >= 4:  # turned by the library
                width, height = height, width
            if bits(1):
                _jxl_size(bits)
            if bits(1):
                raise Invalid("is a JPEG XL with a preview, which is not supported; convert it")
            if bits(1):
                raise Invalid("is an animation of JPEG XL; give a still picture, such as a frame")
        depth = None if bits(1) else (8, 10, 12, 0)[pick] if (pick := bits(2)) < 3 else bits(6) + 1
    return Described(width, height, depth=depth)


def jxl_decoded(data: bytes) -> tuple[bytes | None, Pixels | None, bytes | None, Extra, Any]:
    """A JPEG that was packed into a JPEG XL; else pixels, and EXIF, the rest and the profile.

    Raises:
        Invalid: damaged.
    """
    with _refusing("a JPEG XL"):
        import pillow_jxl

        is_jpeg, info, decoded, icc, boxes = pillow_jxl.Decoder(num_threads=_THREADS)(data)
        if is_jpeg:
            return bytes(decoded), None, None, Extra(), None
        exif = xmp = None
        for box in boxes:
            if box.box_type == b"Exif":
                raw = bytes(box.data)
                exif = raw[4 + int.from_bytes(raw[:4]) :] if raw[:2] not in (b"II", b"MM") else raw
            elif box.box_type == b"xml ":
                xmp = bytes(box.data)
        return None, _of_jxl(info, decoded), exif, Extra(xmp=xmp), icc or None


_JXL_MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1, "F": 1}
_ITEMS: dict[int, Any] = {1: np.uint8, 2: np.uint16, 4: np.float32}


def _of_jxl(info: Any, decoded: bytes) -> Pixels:
    channels = _JXL_MODES.get(info.mode, 0)
    size, left = divmod(len(decoded), max(info.width * info.height * channels, 1))
    if not channels or left or size not in _ITEMS:
        raise Invalid("is a JPEG XL of a kind that is not supported")
    pixels: NDArray[Any] = np.frombuffer(decoded, _ITEMS[size])
    pixels = pixels.reshape(info.height, info.width, channels)
    if size == 4:
        pixels = np.clip(np.rint(pixels * 65535.0), 0, 65535).astype(np.uint16)
    if channels == 2:
        return np.dstack([pixels[..., :1]] * 3 + [pixels[..., 1:]])
    return np.ascontiguousarray(pixels[..., 0] if channels == 1 else pixels)


_DESCRIBE: dict[str, Callable[[Data], Described]] = {
    "gif": _describe_gif,
    "bmp": _describe_bmp,
    "heif": _describe_heif,
    "avif": _describe_avif,
    "jxl": _describe_jxl,
}
_DECODE: dict[str, Callable[[bytes], Pixels]] = {
    "gif": _plain("gif"),
    "bmp": _plain("bmp"),
    "webp": _plain("webp"),
    "jpeg": _plain("jpeg"),
    "tiff": lambda data: _rgb(_opened("tiff", as_stored(data, False))),
    "avif": _plain("avif"),
    "heif": _decode_heif,
}
