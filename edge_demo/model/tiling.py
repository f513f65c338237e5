"""Any picture through one graph: tiles that overlap by what a pixel depends on.

A tile's outer ``halo`` pixels are computed and thrown away, so each pixel kept is what one graph
over the whole picture would have given: no seams, and memory that does not grow with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray


class Runner(Protocol):
    """A graph to run tiles through: a TFLite file, or a Keras model during evaluation.

    Attributes:
        tile: side of a tile in image pixels, as the graph was made for.
        halo: outer pixels of a tile whose result depends on what lies beyond it, even.
        takes_codes: whether ``run`` may be given whole codes as int8, see ``tasks.chroma``.
    """

    tile: int
    halo: int
    takes_codes: bool

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """Take tiles of this many pixels from now on, if it can; the size that it takes."""

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """Named inputs to named outputs, (H, W, C) each: real values, or codes if it takes them."""


@dataclass(frozen=True)
class Tile:
    """One tile: where it lies, and which part of its result is kept.

    Attributes:
        top, left: of the tile in the picture; negative, or reaching out, at the borders.
        keep: the picture's rows and columns that it decides: top, bottom, left, right.
    """

    top: int
    left: int
    keep: tuple[int, int, int, int]


def even_parts(length: int, tile: int, halo: int) -> int:
    """Size of the tile that covers a length in equal parts, none above ``tile``; even."""
    parts = math.ceil(length / (tile - 2 * halo))
    return math.ceil(length / parts / 2) * 2 + 2 * halo


def tiles(size: tuple[int, int], tile: tuple[int, int], halo: int) -> Iterator[Tile]:
    """Cover a picture of (H, W) with tiles of (height, width), all even."""
    steps = tile[0] - 2 * halo, tile[1] - 2 * halo
    if min(steps) <= 0 or any(value % 2 for value in (*tile, halo)):
        raise ValueError(f"no tiling with tiles of {tile} and a halo of {halo}")
    for top in range(0, size[0], steps[0]):
        for left in range(0, size[1], steps[1]):
            keep = (top, min(top + steps[0], size[0]), left, min(left + steps[1], size[1]))
            yield Tile(top - halo, left - halo, keep)


def window(plane: NDArray[Any], top: int, left: int, height: int, width: int) -> NDArray[Any]:
    """A rectangle of a plane; what lies outside repeats the edge."""
    rows, columns = plane.shape[:2]
    inner = plane[max(0, top) : top + height, max(0, left) : left + width]
    above, before = max(0, -top), max(0, -left)
    below, after = max(0, top + height - rows), max(0, left + width - columns)
    if not (above or below or before or after):
        return inner
    return cv2.copyMakeBorder(
        np.ascontiguousarray(inner), above, below, before, after, cv2.BORDER_REPLICATE
    )
