"""Photographs whose chroma is real, to learn from or to measure against.

A file that stores its chroma at half the luma's resolution (most JPEGs, lossy WebP) holds no
chroma detail at full size: it is reduced by area until chroma and luma are equally fine.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .images import EXTENSIONS, Decoded, read_rgb, to_uint8

# Stored chroma subsampling to the reduction that undoes it. "other" is a JPEG of unusual factors,
# none of which leaves chroma coarser than a quarter; of CMYK, the colours may be stored as coarsely
# as in other JPEGs.
_REDUCTION = {"4:2:0": 2, "4:2:2": 2, "4:4:0": 2, "4:1:1": 4, "other": 4, "cmyk": 2}


def read_folder(folder: Path) -> tuple[Path, ...]:
    """The picture files below a folder, sorted; hidden files are left out.

    Raises:
        UserError: there is no such folder, or not one picture file in it.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {str(folder)!r}")
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()
    )
    if not paths:
        raise UserError(f"no pictures in {str(folder)!r} ({', '.join(EXTENSIONS)})")
    return tuple(paths)


def coloured(picture: Decoded) -> NDArray[np.uint8]:
    """A picture as RGB (H, W, 3) uint8, as stored.

    Raises:
        UserError: the picture is grey, whether its file says so or not.
    """
    rgb = to_uint8(picture.rgb)
    red, green, blue = (rgb[..., channel] for channel in range(3))
    if picture.grey or (np.array_equal(red, green) and np.array_equal(green, blue)):
        raise UserError(f"{picture.info.path}: a grey picture has no chroma")
    return rgb


def true_chroma(picture: Decoded) -> NDArray[np.uint8]:
    """A picture as RGB (H, W, 3) uint8 in which every pixel has chroma of its own.

    Raises:
        UserError: the picture is grey, whether its file says so or not.
    """
    rgb = coloured(picture)
    times = _REDUCTION.get(picture.info.subsampling or "", 1)
    height, width = rgb.shape[0] // times, rgb.shape[1] // times
    if times == 1 or not height or not width:
        return rgb
    # Whole blocks only, so that each pixel is the mean of its block and nothing is shifted.
    blocks = np.ascontiguousarray(rgb[: height * times, : width * times])
    return np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def read(path: Path, least_side: int = 32, halved: bool = True) -> NDArray[np.uint8]:
    """One photograph as ``true_chroma`` gives it, or as stored where it is not to be ``halved``.

    Raises:
        UserError: unreadable, grey, or below ``least_side`` pixels after the reduction.
    """
    rgb = (true_chroma if halved else coloured)(read_rgb(path))
    height, width = rgb.shape[:2]
    if min(height, width) < least_side:
        raise UserError(f"{path}: {width}x{height} usable pixels, below {least_side}x{least_side}")
    return rgb


def photographs(
    paths: Sequence[Path], least_side: int = 32, halved: bool = True
) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Read photographs; those that cannot be used are named on stderr and skipped.

    Args:
        paths: files.
        least_side: smaller ones cannot be used.
        halved: reduce those whose chroma is stored at half the size, see ``true_chroma``; what
            learns colours rather than their edges needs no such care.

    Raises:
        UserError: when not one could be used.
    """
    used = 0
    for path in paths:
        try:
            rgb = read(path, least_side, halved)
        except UserError as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        used += 1
        yield path, rgb
    if not used:
        raise UserError(f"none of {len(paths)} picture files could be used")
