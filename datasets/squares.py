"""Squares of a picture: those of a grid that covers it, or the one in its middle."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray


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
