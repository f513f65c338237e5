"""What a picture file says about itself, read from its headers without decoding a pixel.

Formats are told apart by their first bytes, never by names. Everything that would make a decoder
return a wrong, partial or gigantic picture is refused here, because decoders differ in whether they
say so; what is dropped, such as other pages, is said in ``ImageFile.notes``.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from ..errors import UserError
from . import jpeg_file, library, png_file, tiff_file, webp_file
from .metadata import TRUNCATED, Data, Extra, Invalid, orientation

# A decoded picture and the float planes made from it must fit in a small device's memory.
MAX_PIXELS = 120_000_000

KNOWN = "JPEG, PNG, WebP, TIFF, HEIC, AVIF, JPEG XL, GIF or BMP"


@dataclass(frozen=True)
class ImageInfo:
    """A picture file's own description.

    Attributes:
        path: the file.
        format: "jpeg", "png", "webp", "tiff", "heif", "avif", "jxl", "gif" or "bmp". A JPEG packed
            into a JPEG XL is a "jpeg".
        width, height: pixels as stored, before `orientation` is applied.
        subsampling: "4:2:0", "4:2:2", "4:4:4", "4:4:0", "4:1:1", "grey", "cmyk" or "other" for a
            JPEG, a HEIC or an AVIF; "4:2:0" for a lossy WebP; None where no chroma is stored.
        siting: where its samples lie, as of ``colour.siting``; None where no chroma is stored.
        orientation: as of EXIF, 1..8; 1 where none is stated, and where a library turns a picture.
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

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as it is shown, `orientation` applied."""
        turned = self.orientation >= 5  # by a quarter
        return (self.height, self.width) if turned else (self.width, self.height)

    @property
    def decoded_bytes(self) -> int:
        """That its pixels take once they are decoded, two a channel where that is not known."""
        channels = 4 if self.alpha or self.subsampling == "cmyk" else 3
        small = self.format in ("gif", "bmp") or (
            self.bit_depth is not None and self.bit_depth <= 8
        )
        return self.width * self.height * channels * (1 if small else 2)


@dataclass(frozen=True)
class ImageFile:
    """A file's bytes after every check that needs no decoder.

    Attributes:
        data: the whole file.
        info: its description.
        exif: EXIF as stored, from its byte-order mark on, or None.
        icc: ICC profile, or None. Of a file that says its colours in other words (a PNG's gAMA, an
            AVIF's numbers, EXIF's Adobe RGB), a profile that says the same.
        extra: what else it carries.
        notes: what of it is not used, sentences.
    """

    data: bytes = field(repr=False)
    info: ImageInfo
    exif: bytes | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)
    extra: Extra = field(default_factory=Extra, repr=False)
    notes: tuple[str, ...] = ()


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
        UserError: as `probe`, and a JPEG that lacks more than its end marker.
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
    with refusals(Path(name)):
        if not data:
            raise Invalid("is empty")
        return _inspected(data, Path(name), whole=True)


def described(data: bytes, name: str) -> ImageInfo:
    """What a picture file in memory says of itself, from its headers alone, however large it is.

    Args:
        data, name: as of ``inspect``, which would decode a JPEG XL.

    Raises:
        UserError: as ``probe``, its limit of pixels aside.
    """
    with refusals(Path(name)):
        if not data:
            raise Invalid("is empty")
        found: ImageFile = _PARSERS[_sniff(data)](data, Path(name))
        _check_stated(found.info)
        return found.info


def kind(data: bytes, name: str) -> str:
    """The format that a file's first bytes tell, as in ``ImageInfo``.

    Raises:
        UserError: none of these.
    """
    with refusals(Path(name)):
        return _sniff(data)


def metadata(data: bytes) -> tuple[bytes | None, bytes | None]:
    """EXIF and ICC profile of an encoded picture in memory, each None where it has none.

    Raises:
        ValueError: ``data`` is no picture.
    """
    try:
        found = _PARSERS[_sniff(data)](data, Path())
    except (Invalid, struct.error, IndexError) as error:
        raise ValueError(str(error)) from None
    return found.exif, found.icc


def _open(path: Path, whole: bool) -> ImageFile:
    try:
        with refusals(path):
            if path.is_dir():
                raise Invalid("is a folder, not a picture")
            if path.exists() and not path.is_file():
                raise Invalid("is not a regular file")
            with path.open("rb") as stream:
                if not stream.seek(0, 2):
                    raise Invalid("is empty")
                # Mapped, a header costs its own pages only, wherever in the file it lies.
                with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    return _inspected(mapped[:] if whole else mapped, path, whole)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """What parsing and decoding find wrong, with the file's name in front."""
    try:
        yield
    except Invalid as error:
        raise UserError(f"{path}: {error}") from None
    except (struct.error, IndexError):
        raise UserError(f"{path}: {TRUNCATED}") from None


def _inspected(source: Data, path: Path, whole: bool) -> ImageFile:
    """Parsed and checked; without its bytes unless the whole of it is wanted."""
    found = _PARSERS[_sniff(source)](source, path)
    _check_size(found.info)
    if not whole:
        return found
    data = source if isinstance(source, bytes) else bytes(source)
    if found.info.format == "jxl":
        return _unpacked(data, path, found)
    notes = found.notes
    if found.info.format == "jpeg":
        ended = jpeg_file.whole(data)
        if ended is not data:
            notes = (*notes, "The file lacked its end marker; the picture is whole.")
        data = ended
    if found.info.format == "tiff" and found.exif is None:
        found = replace(found, exif=library.exif_of_tiff(data))
    return replace(found, data=data, notes=notes)


def _unpacked(data: bytes, path: Path, found: ImageFile) -> ImageFile:
    """A JPEG XL, whose library tells what it carries once it has decoded; or the JPEG in it."""
    jpeg, pixels, exif, extra, icc = library.jxl_decoded(data)
    if jpeg is not None:
        return _inspected(jpeg, path, whole=True)
    assert pixels is not None
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    info = replace(found.info, width=width, height=height, grey=channels == 1, alpha=channels == 4)
    return replace(found, data=data, info=info, exif=exif, icc=icc, extra=extra)


def _sniff(data: Data) -> str:
    start = data[:18]
    if start.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "webp"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        if start[8:10] == b"CR":
            raise Invalid("is a camera's raw file; develop it first, to a TIFF or JPEG")
        return "tiff"
    if start.startswith(b"BM") and start[15:18] == b"\0\0\0":  # a header of under 256 bytes
        return "bmp"
    if start[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if start.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return "jxl"
    if start[4:8] == b"ftyp":
        return _still(data)
    if start.startswith(b"FUJIFILMCCD") or start[:4] in (b"IIRO", b"IIRS", b"IIU\0"):
        raise Invalid("is a camera's raw file; develop it first, to a TIFF or JPEG")
    raise Invalid(f"is not a {KNOWN} picture, whatever its name says")


_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def _still(data: Data) -> str:
    found = of_brands(data)
    if found == "raw":
        raise Invalid("is a camera's raw file; develop it first, to a TIFF or JPEG")
    if found == "video":
        raise Invalid(f"is a video, not a {KNOWN} picture")
    return found


def of_brands(data: Data) -> str:
    """What a file that begins with a box ``ftyp`` is: "avif", "heif", "raw" or "video"."""
    size = min(int.from_bytes(data[:4]), 256)
    brands = [bytes(data[8:12]), *(bytes(data[i : i + 4]) for i in range(16, size - 3, 4))]
    if b"avif" in brands or b"avis" in brands:
        return "avif"
    if brands[0] in _HEIC_BRANDS:
        return "heif"
    return "raw" if brands[0] == b"crx " else "video"


def _check_stated(info: ImageInfo) -> None:
    if info.width < 1 or info.height < 1:
        raise Invalid(f"states an impossible size of {info.width}x{info.height} pixels")


def _check_size(info: ImageInfo) -> None:
    _check_stated(info)
    width, height = info.width, info.height
    if width * height > MAX_PIXELS:
        raise Invalid(
            f"is {width}x{height} = {width * height:,} pixels, over the limit of {MAX_PIXELS:,}"
        )


def _of_frames(count: int, notes: tuple[str, ...]) -> tuple[str, ...]:
    if count < 2:
        return notes
    return (*notes, f"It is an animation of {count} pictures; only the first was restored.")


def _jpeg(data: Data, path: Path) -> ImageFile:
    found = jpeg_file.parse(data)
    info = ImageInfo(
        path=path,
        format="jpeg",
        width=found.width,
        height=found.height,
        subsampling=found.subsampling,
        siting="center",
        orientation=orientation(found.exif),
        bit_depth=found.depth,
        progressive=found.progressive,
        grey=found.subsampling == "grey",
        rgb_coded=found.rgb_coded,
        quantised=found.quantised,
    )
    return ImageFile(b"", info, found.exif, found.icc, found.extra, found.notes)


def _png(data: Data, path: Path) -> ImageFile:
    found = png_file.parse(data)
    info = ImageInfo(
        path=path,
        format="png",
        width=found.width,
        height=found.height,
        orientation=orientation(found.exif),
        bit_depth=8 if found.colour == 3 else found.depth,
        progressive=found.interlaced,
        grey=found.colour in (0, 4),
        alpha=found.alpha,
    )
    notes = _of_frames(found.frames, found.notes)
    return ImageFile(b"", info, found.exif, found.icc, found.extra, notes)


def _webp(data: Data, path: Path) -> ImageFile:
    found = webp_file.parse(data)
    info = ImageInfo(
        path=path,
        format="webp",
        width=found.width,
        height=found.height,
        subsampling="4:2:0" if found.lossy else None,
        siting="center" if found.lossy else None,
        orientation=orientation(found.exif),
        bit_depth=8,
        progressive=False,
        alpha=found.alpha,
    )
    notes = _of_frames(found.frames, ())
    return ImageFile(b"", info, found.exif, found.icc, found.extra, notes)


def _tiff(data: Data, path: Path) -> ImageFile:
    found = tiff_file.parse(data)
    info = ImageInfo(
        path=path,
        format="tiff",
        width=found.width,
        height=found.height,
        subsampling="cmyk" if found.cmyk else None,
        orientation=found.orientation,
        bit_depth=found.depth,
        grey=found.grey,
        alpha=found.alpha,
    )
    return ImageFile(b"", info, None, found.icc, found.extra, found.notes)


def _by_library(name: str) -> Callable[[Data, Path], ImageFile]:
    """Formats of which a library reads the headers."""

    def parse(data: Data, path: Path) -> ImageFile:
        found = library.describe(name, data)
        info = ImageInfo(
            path=path,
            format=name,
            width=found.width,
            height=found.height,
            subsampling=found.subsampling,
            siting=found.siting,
            orientation=orientation(found.exif) if name == "avif" else 1,
            bit_depth=found.depth,
            progressive=False if name == "bmp" else None,
            grey=found.grey,
            alpha=found.alpha,
        )
        notes = _of_frames(found.frames, found.notes)
        return ImageFile(b"", info, found.exif, found.icc, found.extra, notes)

    return parse


_PARSERS: dict[str, Any] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "tiff": _tiff,
    **{name: _by_library(name) for name in ("heif", "avif", "jxl", "gif", "bmp")},
}
