"""Colours to suggest: of the distribution that a network predicts at a point, or of a photograph.

As Zhang et al. (2017) do: the distribution over 313 colours, at the point's lightness, in clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.ab_bins import BINS
from ..colour.lab import lab_to_linear, rgb_to_lab
from ..tasks.colorize import Colours

Array = NDArray[np.float32]

_ROUNDS = 20
# Linear RGB that counts as shown: a hair outside is no other colour.
_LEAST, _MOST = -0.002, 1.01
# The grid of a and b that ``gamut`` answers on: both from the one to its negative.
GAMUT_LOW, GAMUT_STEP = -110, 5
# A photograph is reduced to this side before its colours are counted.
_COUNTED_SIDE = 192
# The cells of a and b, and of lightness, in which a photograph's colours are counted.
_CELL, _LIGHT_CELL = 6.0, 20.0
# Of two colours that differ in lightness alone, how far apart they count, beside a and b.
_LIGHT_WEIGHT = 0.5


@dataclass(frozen=True)
class Suggestion:
    """One colour of a palette.

    Attributes:
        ab: a and b.
        chance: share of the distribution that it stands for, 0..1.
    """

    ab: tuple[float, float]
    chance: float


@dataclass(frozen=True)
class Dominant:
    """One of the colours that a photograph is made of.

    Attributes:
        lightness: L.
        ab: a and b.
        chance: the share of the photograph, 0..1.
    """

    lightness: float
    ab: tuple[float, float]
    chance: float


def at(colours: Colours, row: float, column: float) -> Array:
    """The distribution (313,) at a place, between the cells of the network's grid.

    Args:
        colours: what the network says.
        row, column: shares of the height and the width, 0..1.

    Raises:
        ValueError: a network that tells no distribution.
    """
    probabilities = colours.distribution
    if probabilities is None:
        raise ValueError("this network tells no distribution of colours")
    y, x = (
        np.clip(share * length - 0.5, 0, length - 1)
        for share, length in zip((row, column), probabilities.shape[:2], strict=True)
    )
    top, left = int(y), int(x)
    rows = probabilities[[top, min(top + 1, len(probabilities) - 1)]]
    line = rows[0] * (1 - (y - top)) + rows[1] * (y - top)
    right = min(left + 1, len(line) - 1)
    return np.asarray(line[left] * (1 - (x - left)) + line[right] * (x - left), np.float32)


def suggest(probabilities: Array, lightness: float, count: int = 5) -> list[Suggestion]:
    """The most probable colours, apart from one another, the first the most probable.

    Args:
        probabilities: of the 313 colours, sum above 0.
        lightness: L of the point, 0..100; colours that sRGB cannot show at it are left out.
        count: at most so many.
    """
    shown = _shown(BINS, lightness)
    weight = np.where(shown, probabilities, 0.0).astype(np.float64)
    if weight.sum() <= 0:  # black and white show no colour
        return [Suggestion((0.0, 0.0), 1.0)]
    weight /= weight.sum()
    used = np.flatnonzero(weight > 0)
    points, weight = BINS[used].astype(np.float64), weight[used]
    centres, nearest, mass = _clusters(points, weight, count)
    order = [index for index in np.argsort(-mass, kind="stable") if mass[index] > 0]
    return [_within(centres[i], points[nearest == i], lightness, float(mass[i])) for i in order]


def dominant(rgb: NDArray[np.uint8], count: int = 5) -> list[Dominant]:
    """The colours that a photograph is made of, apart from one another, the commonest first.

    Args:
        rgb: (H, W, 3), of any size.
        count: at most so many.
    """
    scale = _COUNTED_SIDE / max(rgb.shape[:2])
    if scale < 1:
        size = tuple(max(1, round(length * scale)) for length in rgb.shape[1::-1])
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    lab = rgb_to_lab(rgb).reshape(-1, 3).astype(np.float64)
    cells = np.rint(lab / [_LIGHT_CELL, _CELL, _CELL])
    _, cell, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    weight = counts / len(lab)
    cell = cell.ravel()
    means = np.stack([np.bincount(cell, lab[:, i]) for i in range(3)], -1) / counts[:, None]
    points = means * [_LIGHT_WEIGHT, 1.0, 1.0]
    centres, _, mass = _clusters(points, weight, count)
    order = [index for index in np.argsort(-mass, kind="stable") if mass[index] > 0]
    return [
        Dominant(
            float(centres[i][0] / _LIGHT_WEIGHT),
            (float(centres[i][1]), float(centres[i][2])),
            float(mass[i]),
        )
        for i in order
    ]


def gamut(lightness: float) -> NDArray[np.bool_]:
    """Which a and b sRGB can show at a lightness.

    Returns:
        (N, N): rows are b and columns a, both from ``GAMUT_LOW`` in steps of ``GAMUT_STEP``.
    """
    grid = np.arange(GAMUT_LOW, -GAMUT_LOW + 1, GAMUT_STEP, dtype=np.float32)
    a, b = np.meshgrid(grid, grid)
    return _shown(np.stack([a.ravel(), b.ravel()], -1), lightness).reshape(a.shape)


def _clusters(
    points: NDArray[np.float64], weight: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """K-means of weighted points: the centres, each point's centre, and each centre's weight."""
    centres = _start(points, weight, min(count, len(points)))
    for _ in range(_ROUNDS):
        nearest = _distances(points, centres).argmin(1)
        mass = np.asarray(np.bincount(nearest, weight, len(centres)), np.float64)
        sums = np.stack([np.bincount(nearest, weight * axis, len(centres)) for axis in points.T])
        centres = np.where(mass > 0, sums / np.maximum(mass, 1e-12), centres.T).T
    return centres, nearest, mass


def _start(points: NDArray[np.float64], weight: NDArray[np.float64], count: int) -> NDArray:
    """The most probable colour, then each time the one that is most probable and farthest."""
    chosen = [int(weight.argmax())]
    while len(chosen) < count:
        apart = _distances(points, points[chosen]).min(1)
        chosen.append(int((weight * apart).argmax()))
    return points[chosen].copy()


def _distances(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.square(points[:, None] - centres).sum(-1)


def _within(
    centre: NDArray[np.float64], members: NDArray[np.float64], lightness: float, chance: float
) -> Suggestion:
    """A cluster's mean; its nearest member where the mean itself cannot be shown."""
    if not _shown(centre[None].astype(np.float32), lightness)[0]:
        centre = members[np.square(members - centre).sum(-1).argmin()]
    return Suggestion((float(centre[0]), float(centre[1])), chance)


def _shown(ab: Array, lightness: float) -> NDArray[np.bool_]:
    """Which of some ab (N, 2) sRGB can show at a lightness."""
    lab = np.concatenate([np.full((len(ab), 1), lightness, np.float32), ab], -1)
    linear = lab_to_linear(lab[None])[0]
    return np.asarray(((linear >= _LEAST) & (linear <= _MOST)).all(-1))
