"""Whether the two pictures of a pair show one scene: folders of pairs hold wrong ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_demo.tasks.enhance import LIFT

# Of 70 pairs of photographs, 68 are at 0.56 or above; two show different things, and are below
# 0.02.
LEAST_LIKENESS = 0.2
# Structure between these two scales, pixels: below it lies the noise, above it the light.
_FINE, _COARSE = 2.0, 10.0


def likeness(low: NDArray[np.uint8], high: NDArray[np.uint8]) -> float:
    """Correlation of what two pictures show, about 0 for different scenes, 1 for the same.

    Args:
        low, high: RGB (H, W, 3) uint8 of one size, in low and in good light.
    """
    one, other = (_structure(picture) for picture in (low, high))
    scale = float(np.sqrt(np.sum(one * one) * np.sum(other * other)))
    return float(np.sum(one * other)) / scale if scale else 0.0


def _structure(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    lifted = np.power(grey / 255.0, LIFT)  # so that the dark parts of both count alike
    fine, coarse = (cv2.GaussianBlur(lifted, (0, 0), sigma) for sigma in (_FINE, _COARSE))
    structure = np.asarray(fine - coarse, np.float64)
    return structure - structure.mean()


def of_one_scene(
    pairs: Iterable[tuple[Path, NDArray[np.uint8], NDArray[np.uint8]]],
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Low and high of the pairs that match; the others are named on standard error.

    Args:
        pairs: (file, low, high), as ``sources.pairs`` gives them.
    """
    for path, low, high in pairs:
        found = likeness(low, high)
        if found < LEAST_LIKENESS:
            print(
                f"left out: {path} and its partner have nothing in common (likeness {found:.2f})",
                file=sys.stderr,
            )
        else:
            yield low, high
