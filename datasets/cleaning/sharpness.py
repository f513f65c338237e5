"""Whether a picture is sharp at the size it has."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Of a large picture, the middle says enough.
SIDE = 1024
_SIGMA = 1.0
# Mean square of a difference, in code values, that rounding and compression leave in flat areas.
_NOISE = 0.5
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def blur(rgb: NDArray[np.uint8]) -> float:
    """How blurred RGB (H, W, 3) is: 0 is crisp, 1 has no fine detail at all.

    The share of the energy of differences between neighbours that is left after a blur of one
    pixel: what is blurred already loses little by it (after Crete and others, 2007, "The blur
    effect"). Of four directions the highest counts, because motion blurs in one only.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    again = cv2.GaussianBlur(grey, (0, 0), _SIGMA)
    shares = []
    for down, right in _STEPS:
        before, after = (float(np.square(_step(x, down, right)).mean()) for x in (grey, again))
        shares.append(after / (before + _NOISE))
    return max(shares)


def _step(plane: NDArray[Any], down: int, right: int) -> NDArray[Any]:
    """Differences between pixels and those ``down`` rows and ``right`` columns away."""
    height, width = plane.shape
    here = plane[: height - down, max(-right, 0) : width - max(right, 0)]
    there = plane[down:, max(right, 0) : width - max(-right, 0)]
    return there - here
