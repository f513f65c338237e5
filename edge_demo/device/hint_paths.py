"""How far it is from a hint to each place of a picture without crossing an edge.

The geodesic distance of Criminisi, Sharp and Blake, "GeoS: Geodesic Image Segmentation", ECCV 2008:
the shortest of all ways over the grid, where a step costs what lightness and colour change in it.
Within one thing that is little, however far; into another it is at least the height of the border
between them. It is found by their sweeps: rows from the top and from the bottom in turn, and in
each row from both sides, of all hints at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# Down and up once more: a way that turns back upwards is found, one that does so twice all but.
_ROUNDS = 2
_FAR = 1e3
# What is smoothed before steps are measured, but not across edges: diameter in cells, L, cells.
_BILATERAL = 5, 8.0, 1.5


@dataclass(frozen=True)
class Edges:
    """What a step to the next cell costs: 1 for each of these.

    Attributes:
        lightness: change of L beyond ``grain``.
        colour: distance of the network's own a and b.
        grain: change of L that texture makes and no border.
    """

    lightness: float
    colour: float
    grain: float


def steps(lightness: Array, ab: Array, edges: Edges) -> tuple[Array, Array]:
    """What steps to the right cost, (h, w - 1), and steps down, (h - 1, w).

    Args:
        lightness: L (h, w).
        ab: (h, w, 2), the network's.
        edges: what costs 1.
    """
    smooth = cv2.bilateralFilter(np.ascontiguousarray(lightness, np.float32), *_BILATERAL)
    found = []
    for axis in (1, 0):
        border = np.maximum(np.abs(np.diff(smooth, axis=axis)) - edges.grain, 0) / edges.lightness
        colour = np.sqrt(np.square(np.diff(ab, axis=axis)).sum(-1)) / edges.colour
        found.append(np.asarray(border + colour, np.float32))
    right, down = found
    return right, down


def lengths(right: Array, down: Array, cells: Sequence[tuple[int, int]]) -> Array:
    """The cost of the cheapest way from each of N cells to every one, (N, h, w).

    Args:
        right, down: of ``steps``.
        cells: row and column of each.
    """
    height, width = len(right), down.shape[1]
    # Rows first, because a sweep takes one row of all hints at a time.
    found = np.full((height, len(cells), width), _FAR, np.float32)
    for number, (row, column) in enumerate(cells):
        found[row, number, column] = 0.0
    along = np.zeros((height, width), np.float32)
    np.cumsum(right, axis=1, out=along[:, 1:])
    for _ in range(_ROUNDS):
        for row in range(height):
            if row:
                np.minimum(found[row], found[row - 1] + down[row - 1], out=found[row])
            _across(found[row], along[row])
        for row in range(height - 1, -1, -1):
            if row < height - 1:
                np.minimum(found[row], found[row + 1] + down[row], out=found[row])
            _across(found[row], along[row])
    return np.ascontiguousarray(found.transpose(1, 0, 2))


def _across(row: Array, along: Array) -> None:
    """Shorten the ways of a row (N, w) by steps along it, whose costs add up to ``along`` (w,)."""
    from_left = np.minimum.accumulate(row - along, axis=1) + along
    from_right = np.minimum.accumulate((row + along)[:, ::-1], axis=1)[:, ::-1] - along
    np.minimum(from_left, from_right, out=row)
