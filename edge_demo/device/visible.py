"""What of a picture is seen: no bars or frames at its borders, no transparent pixels.

How dark a picture is, is judged by that alone: a film's black bars are no night, nor is the black
that a cut-out hides. Frames and hidden pixels are left as they are.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A line of pixels belongs to a frame where every channel is within this many code values of the
# border's own colour. Sensors' noise is wider, even in the dark.
_EVEN = 2.0
# Where a JPEG's blocks meet the picture, lines of the frame ring; that many of them are taken, too,
# if this share of their pixels is within this many code values.
_RINGING, _RUNG, _RINGS = 8, 16.0, 0.9
# Bars come in pairs of like width, but for a block of subsampled chroma, and are no thinner than
# this share of the side.
_UNLIKE, _THINNEST = 0.25, 0.02
# A frame that leaves less than this share of a side is the picture itself.
_LEAST = 0.2

Window = tuple[slice, slice]


def content(rgb: NDArray[Any]) -> Window:
    """The part of a picture inside bars or a frame of one colour; all of it where there is none.

    Args:
        rgb: (H, W, 3) in code values 0..255, uint8 or float32.

    Returns:
        Rows and columns.
    """
    rows = _inside(rgb)
    columns = _inside(rgb[rows].swapaxes(0, 1))
    # Behind bars at the sides, a frame's upper and lower bar are even, too.
    if columns != slice(0, rgb.shape[1]) and rows == slice(0, rgb.shape[0]):
        rows = _inside(rgb[:, columns])
    return rows, columns


def _inside(rgb: NDArray[Any]) -> slice:
    """The rows between an upper and a lower bar of like colour and width."""
    height = len(rgb)
    first, last = rgb[0].reshape(-1, 3).mean(0), rgb[-1].reshape(-1, 3).mean(0)
    whole = slice(0, height)
    if np.abs(first - last).max() > _EVEN:
        return whole
    top, bottom = _bar(rgb, first), _bar(rgb[::-1], last)
    thinnest = max(2, round(_THINNEST * height))
    like = abs(top - bottom) <= max(2 * _RINGING, _UNLIKE * max(top, bottom))
    if min(top, bottom) < thinnest or not like or height - top - bottom < _LEAST * height:
        return whole
    return slice(top, height - bottom)


def _bar(rgb: NDArray[Any], colour: NDArray[Any]) -> int:
    """How many rows from the first on are of a colour."""
    # Row by row, so that a picture without a bar costs one.
    even = itertools.takewhile(lambda values: np.abs(values - colour).max() <= _EVEN, rgb)
    row = sum(1 for _ in even)
    if row in (0, len(rgb)):
        return row
    for offset, values in enumerate(rgb[row : row + _RINGING]):
        near = np.abs(values - colour).max(-1) <= _RUNG
        if near.mean() < _RINGS:
            return row + offset
    # What goes on like this is no ringing but a dark place.
    return row


def filled(rgb: NDArray[Any], visible: NDArray[np.bool_]) -> NDArray[Any]:
    """A picture whose hidden pixels have the mean colour of those that are seen.

    Args:
        rgb: (H, W, 3).
        visible: (H, W); not all hidden.
    """
    out = rgb.copy()
    out[~visible] = np.asarray(rgb[visible].mean(0)).astype(rgb.dtype)
    return out
