"""Decode photographs once and keep them as square cells in memory, ready to crop from."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.colour.ycbcr import rgb_to_ycbcr, round_to_uint8

from . import augment
from .sources import Source, photographs


@dataclass(frozen=True)
class Cells:
    """Cells of photographs.

    Attributes:
        ycbcr: (N, size, size, 3) uint8, BT.601 full range.
        photographs: how many photographs they come from.
    """

    ycbcr: NDArray[np.uint8]
    photographs: int


def cut(
    source: Source,
    *,
    size: int,
    least_side: int,
    copies: int = 0,
    seed: int = 0,
    limit_bytes: int = 2**31,
) -> Cells:
    """Cut every photograph of a source, and augmented copies of it, into overlapping cells.

    Args:
        source: where the photographs are.
        size: side of a cell in pixels, even.
        least_side: smaller photographs are skipped; those between it and ``size`` are mirrored.
        copies: augmented copies of each photograph (see ``augment``), beside the photograph itself.
        seed: of the augmentation, and of the choice when there are too many cells.
        limit_bytes: most memory that cells may take. Beyond it, a random choice of each
            photograph's cells is kept, and a line says so.

    Raises:
        UserError: not one photograph could be used.
    """
    most = max(1, limit_bytes // (size * size * 3))
    per_photo = max(1, most // source.count)
    rng = np.random.default_rng(seed)
    kept: list[NDArray[np.uint8]] = []
    seen = count = 0
    found = photographs(source, least_side)
    if source.counts:
        found = itertools.islice(found, most)  # records are shuffled
    for index, (_, rgb) in enumerate(found):
        count += 1
        versions = [rgb, *augment.copies(rgb, copies, size, seed * 100_003 + index)]
        cells = [cell for version in versions for cell in grid(version, size)]
        seen += len(cells)
        cells = at_most(per_photo, cells, rng)
        kept += [round_to_uint8(rgb_to_ycbcr(cell)) for cell in cells]
    if len(kept) < seen:
        print(
            f"kept {len(kept)} of {seen} cells, at most {per_photo} a photograph, "
            f"to stay below {limit_bytes / 2**30:.1f} GiB",
            file=sys.stderr,
        )
    return Cells(np.stack(kept), count)


def at_most(
    count: int, cells: list[NDArray[np.uint8]], rng: np.random.Generator
) -> list[NDArray[np.uint8]]:
    """All of some cells, or a random choice of ``count`` of them, in their order."""
    if len(cells) <= count:
        return cells
    return [cells[i] for i in sorted(rng.choice(len(cells), count, replace=False))]


def centre(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The square of ``size`` in the middle of a picture (H, W, C) that is not smaller."""
    top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
    return np.ascontiguousarray(picture[top : top + size, left : left + size])


def grid(rgb: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    """Cells that cover a photograph, each overlapping its neighbours by a fifth or more."""
    height, width = rgb.shape[:2]
    if min(height, width) < size:
        bottom, right = max(0, size - height), max(0, size - width)
        padded = cv2.copyMakeBorder(rgb, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
        rgb = np.asarray(padded, np.uint8)
        height, width = rgb.shape[:2]
    return [
        rgb[top : top + size, left : left + size]
        for top in _starts(height, size)
        for left in _starts(width, size)
    ]


def _starts(length: int, size: int) -> list[int]:
    count = 1 if length == size else math.ceil(length / size * 1.2)
    return sorted({int(start) for start in np.linspace(0, length - size, count)})
