"""EXIF's orientation, applied to pixels."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Any = TypeVar("_Any", bound=np.generic)


def apply_orientation(image: NDArray[_Any], orientation: int) -> NDArray[_Any]:
    """Turn stored pixels upright.

    Args:
        image: (H, W) or (H, W, C), any type.
        orientation: EXIF orientation 1..8, as in `ImageInfo`.

    Returns:
        A contiguous array, (W, H) or (W, H, C) for orientations 5..8; ``image`` itself for 1.
    """
    if orientation not in range(1, 9):
        raise ValueError(f"an EXIF orientation is 1..8, not {orientation}")
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
