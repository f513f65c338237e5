"""Any picture through one graph: tiles that overlap by what a pixel depends on.

A tile's outer ``halo`` pixels are computed and thrown away, so each pixel kept is what one graph
over the whole picture would have given: no seams, and memory that does not grow with the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.ycbcr import round_to_uint8
from ..tasks import chroma
from ..tasks.record import Task


class Runner(Protocol):
    """A graph to run tiles through: a TFLite file, or a Keras model during evaluation.

    Attributes:
        tile: side of a tile in image pixels, as the graph was made for.
        halo: outer pixels of a tile whose result depends on what lies beyond it, even.
    """

    tile: int
    halo: int

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """Take tiles of this many pixels from now on, if it can; the size that it takes."""

    def run(self, values: dict[str, Any]) -> dict[str, Any]:
        """Named inputs to named outputs, (H, W, C) each."""


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


def reconstruct(
    planes: chroma.Planes,
    runner: Runner,
    progress: Callable[[int, int], None] | None = None,
    task: Task = chroma.TASK,
    detail: float = chroma.DETAIL,
) -> NDArray[np.uint8]:
    """Chroma at luma resolution, (H, W, 2) uint8, of a 4:2:0 picture of any size.

    Args:
        planes: the picture.
        runner: the graph.
        progress: called with tiles done and tiles in all.
        task: the form of the graph.
        detail: of ``chroma.decode``.
    """
    out = np.empty((*planes.size, 2), np.uint8)
    parts, tile = _parts(planes, runner)
    for index, part in enumerate(parts):
        piece = _piece(planes, part, tile)
        outputs = runner.run(chroma.encode(piece, task))
        result = round_to_uint8(chroma.decode(outputs, piece, detail))
        top, bottom, left, right = part.keep
        out[top:bottom, left:right] = result[
            top - part.top : bottom - part.top, left - part.left : right - part.left
        ]
        if progress:
            progress(index + 1, len(parts))
    return out


def corrections(
    planes: chroma.Planes,
    runner: Runner,
    task: Task = chroma.TASK,
    detail: float = chroma.DETAIL,
) -> NDArray[np.float32]:
    """What the graph adds to a picture of any size, before any rounding.

    ``chroma.corrected`` makes chroma of it; in between, a video's corrections can be filtered.

    Args:
        planes, runner, task, detail: as for ``reconstruct``.

    Returns:
        Blocks (ceil(H/2), ceil(W/2), 8) in 8-bit code units.
    """
    out = np.empty((*planes.cbcr.shape[:2], chroma.TASK.outputs[0].channels), np.float32)
    parts, tile = _parts(planes, runner)
    for part in parts:
        piece = _piece(planes, part, tile)
        found = chroma.correction(runner.run(chroma.encode(piece, task)), piece, detail)
        top, bottom, left, right = ((place + 1) // 2 for place in part.keep)
        above, before = part.top // 2, part.left // 2
        out[top:bottom, left:right] = found[top - above : bottom - above,
                                            left - before : right - before]  # fmt: skip
    return out


def _parts(planes: chroma.Planes, runner: Runner) -> tuple[list[Tile], tuple[int, int]]:
    """The tiles of a picture, and their size."""
    halo = runner.halo
    height, width = (even_parts(length, runner.tile, halo) for length in planes.size)
    tile = runner.fit(height, width)
    return list(tiles(planes.size, tile, halo)), tile


def _piece(planes: chroma.Planes, part: Tile, tile: tuple[int, int]) -> chroma.Planes:
    """What a tile shows; beyond the borders the edge repeats."""
    return chroma.Planes(
        window(planes.y, part.top, part.left, *tile),
        window(planes.cbcr, part.top // 2, part.left // 2, tile[0] // 2, tile[1] // 2),
        planes.siting,
        planes.quantised,
    )
