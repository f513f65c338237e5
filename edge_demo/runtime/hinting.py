"""What a hint is promised: its own colour at its place, and a share in what is like it around.

What a network's colours miss of the hints is spread over the picture as a Gaussian process would:
first widely, less with distance and with the difference in lightness, then what is still missed
closely around each hint, so that its place has its colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from . import guided
from .tasks.colorize import Hint

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Reach:
    """How far a hint's correction reaches.

    Attributes:
        share: of the grid's mean side, a standard deviation.
        lightness: the same, units of L.
        doubt: variance of a hint, where the correction's is 1: how little one hint is believed
            beside others.
    """

    share: float
    lightness: float
    doubt: float


# Both chosen on training photographs with 10 and 50 true hints, for ab PSNR, among some fifty.
WIDE = Reach(0.6, 20.0, 0.2)
# Hints closer than a cell that disagree are met in the middle.
CLOSE = Reach(1.5 / 56, 12.0, 0.1)
_ROUNDS = 3


def obey(
    ab: Array, coarse: Array, fine: Array, hints: Sequence[Hint], radius: int, eps: float
) -> Array:
    """A network's ab (h, w, 2) corrected, so that hints have their colours once it is enlarged.

    Args:
        ab: on the network's grid.
        coarse: lightness on that grid (h, w).
        fine: lightness as the network saw it (H, W); the result is measured at that size.
        hints: at least one.
        radius, eps: of the guided enlargement.
    """
    height, width = fine.shape
    rows = [min(int(hint.row * height), height - 1) for hint in hints]
    columns = [min(int(hint.column * width), width - 1) for hint in hints]
    wanted = np.array([hint.ab for hint in hints], np.float32)
    out = ab
    wide, close = (spreading(coarse, hints, reach) for reach in (WIDE, CLOSE))
    for spread in (wide, *[close] * _ROUNDS):
        large = guided.upsample(coarse[..., None], out, fine[..., None], radius, eps, 0.0)
        out = out + spread(wanted - large[rows, columns])
    return out


def spreading(coarse: Array, hints: Sequence[Hint], reach: Reach) -> Callable[[Array], Array]:
    """What N hints miss (N, 2) to a field (h, w, 2) that is about that at their places."""
    height, width = coarse.shape
    cells = [(hint.row * height - 0.5, hint.column * width - 0.5) for hint in hints]
    kernels = np.stack([_kernel(coarse, *cell, reach) for cell in cells])  # (N, h, w)
    at = [
        (min(max(round(row), 0), height - 1), min(max(round(column), 0), width - 1))
        for row, column in cells
    ]
    mixed = np.stack([kernels[:, row, column] for row, column in at])  # (N, N)
    solver = np.linalg.inv(mixed + reach.doubt * np.eye(len(hints)))
    return lambda missed: np.tensordot(kernels, (solver @ missed).astype(np.float32), (0, 0))


def _kernel(coarse: Array, row: float, column: float, reach: Reach) -> Array:
    """How far a correction at a place counts for every cell (h, w), 1 at most."""
    height, width = coarse.shape
    cells = reach.share * (height * width) ** 0.5
    down = np.square(np.arange(height, dtype=np.float32) - np.float32(row))
    across = np.square(np.arange(width, dtype=np.float32) - np.float32(column))
    # The lightness just there.
    point = np.asarray(
        cv2.getRectSubPix(coarse, (1, 1), (max(column, 0.0), max(row, 0.0))), np.float32
    )
    apart = (down[:, None] + across) / np.float32(2 * cells**2)
    unlike = np.square(coarse - point) / np.float32(2 * reach.lightness**2)
    return np.exp(-apart - unlike)
