"""Sheets of pictures: a row a photograph, a column a method, with titles."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

GAP, LABEL = 6, 30
FONT = cv2.FONT_HERSHEY_SIMPLEX


def sheet(
    titles: Sequence[str], rows: Sequence[Sequence[Pixels]], cell_size: tuple[int, int]
) -> Pixels:
    """Rows of RGB pictures under titles, each in a cell of (height, width): RGB."""
    lines = [_joined([_title(title, cell_size[1]) for title in titles], 1)]
    lines += [_joined([_small(rgb, cell_size) for rgb in row], 1) for row in rows]
    return _joined(lines, 0)


def _small(rgb: Pixels, cell_size: tuple[int, int]) -> Pixels:
    """As large as fits a cell, in its middle."""
    height, width = cell_size
    scale = min(width / rgb.shape[1], height / rgb.shape[0])
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    cell = np.full((height, width, 3), 255, np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = small
    return cell


def _title(name: str, width: int) -> Pixels:
    cell = np.full((LABEL, width, 3), 255, np.uint8)
    cv2.putText(cell, name, (2, LABEL - 10), FONT, 0.55, (27, 27, 27), 1, cv2.LINE_AA)
    return cell


def _joined(pieces: Sequence[Pixels], axis: int) -> Pixels:
    """Side by side (1) or one below the other (0), with white gaps."""
    shape = list(pieces[0].shape)
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([part for piece in pieces for part in (gap, piece)][1:], axis=axis)
