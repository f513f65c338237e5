"""A picture as the Python API hands it around: of a file, or restored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from .containers import ImageFile, ImageInfo, load
from .images import Carried, Decoded, check_target, decode_rgb, encode_image, replace_file


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of a file, decoded when its pixels are first asked for; or one that was restored.

    Attributes:
        name: of its file, or of that which it was made of, for messages.
        file: its encoded file; None of a restored picture.
        notes: what a user should know of how it was restored, sentences.
    """

    name: str
    file: ImageFile | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    _pixels: Decoded | None = field(default=None, repr=False)

    @cached_property
    def decoded(self) -> Decoded:
        """Pixels and what belongs to them.

        Raises:
            UserError: the file cannot be decoded.
        """
        if self._pixels is not None:
            return self._pixels
        assert self.file is not None
        return decode_rgb(self.file)

    @property
    def info(self) -> ImageInfo:
        """What its file says of itself."""
        return self.file.info if self.file is not None else self.decoded.info

    @property
    def rgb(self) -> NDArray[Any]:
        """(H, W, 3), upright; uint8 0..255 or uint16 0..65535, as deep as the file."""
        return self.decoded.rgb

    @property
    def alpha(self) -> NDArray[Any] | None:
        """Transparency (H, W) of the same type, None without."""
        return self.decoded.alpha

    def encoded(
        self, kind: str, quality: int = 95, exif: bool = True, name: str | None = None
    ) -> tuple[bytes, tuple[str, ...]]:
        """The picture as the bytes of a file, and all that a user should know of them.

        Args:
            kind: ``png``, ``jpeg``, ``webp`` or ``tiff``.
            quality: of a JPEG, 1..100.
            exif: whether EXIF, XMP, IPTC, comment and texts are kept, which may tell who, where and
                when.
            name: for messages.

        Raises:
            UserError: a picture that the format cannot hold, or a quality out of range.
        """
        found = self.decoded
        data, notes = encode_image(
            name or self.name, kind, found.rgb,
            alpha=found.alpha, exif=found.exif if exif else None, icc=found.icc,
            extra=found.extra if exif else found.extra.without_persons(), quality=quality,
        )  # fmt: skip
        return data, (*self.notes, *found.notes, *notes)

    def save(
        self, path: str | PathLike[str], *, quality: int = 95, overwrite: bool = False
    ) -> tuple[str, ...]:
        """Write it, whole or not at all, in the format that the extension names.

        Args:
            path: ``.png``, ``.jpg``, ``.webp`` or ``.tif``.
            quality: of a JPEG, 1..100.
            overwrite: replace an existing file.

        Returns:
            All that a user should know, sentences: ``notes``, and what this kind of file could not
            keep.

        Raises:
            UserError: an unknown extension, an existing file, or one that cannot be written.
        """
        target = Path(fspath(path))
        kind = check_target(target, overwrite)
        data, notes = self.encoded(kind, quality, name=str(target))
        replace_file(target, data)
        return notes


def of_file(file: ImageFile) -> Picture:
    """A picture of a file that is in memory."""
    return Picture(str(file.info.path), file, file.notes)


def read(path: str | PathLike[str]) -> Picture:
    """A picture of a file of any known format; its pixels are decoded when they are needed.

    Raises:
        UserError: missing, unreadable, truncated, of another kind, or too large.
    """
    return of_file(load(path))


def made(
    before: Picture,
    rgb: NDArray[Any],
    alpha: NDArray[Any] | None,
    carried: Carried,
    notes: tuple[str, ...] = (),
) -> Picture:
    """A picture that was made of another.

    Args:
        before: that one.
        rgb, alpha: as in ``Decoded``.
        carried: what goes with them.
        notes: to be added to those of before.
    """
    height, width = rgb.shape[:2]
    # Its pixels are stored nowhere.
    info = replace(
        before.info, width=width, height=height, orientation=1, grey=False,
        subsampling=None, siting=None, quantised=None,
    )  # fmt: skip
    pixels = Decoded(rgb, alpha, carried.exif, carried.icc, info, False, carried.extra)
    return Picture(before.name, None, (*before.notes, *notes), pixels)
