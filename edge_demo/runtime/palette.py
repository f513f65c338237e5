"""Colours to suggest for a point, of the distribution that a network predicts there.

As Zhang et al. (2017) do: the distribution over 313 colours, at the point's lightness, in clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ab_bins import BINS
from .lab import lab_to_linear
from .tasks.colorize import Colours

Array = NDArray[np.float32]

_ROUNDS = 20
# Linear RGB that counts as shown: a hair outside is no other colour.
_LEAST, _MOST = -0.002, 1.01


@dataclass(frozen=True)
class Suggestion:
    """One colour of a palette.

    Attributes:
        ab: a and b.
        chance: share of the distribution that it stands for, 0..1.
    """

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
    chances = colours.distribution
    if chances is None:
        raise ValueError("this network tells no distribution of colours")
    y, x = (
        np.clip(share * length - 0.5, 0, length - 1)
        for share, length in zip((row, column), chances.shape[:2], strict=True)
    )
    top, left = int(y), int(x)
    rows = chances[[top, min(top + 1, len(chances) - 1)]]
    line = rows[0] * (1 - (y - top)) + rows[1] * (y - top)
    right = min(left + 1, len(line) - 1)
    return np.asarray(line[left] * (1 - (x - left)) + line[right] * (x - left), np.float32)


def suggest(chances: Array, lightness: float, count: int = 5) -> list[Suggestion]:
    """The most probable colours, apart from one another, the first the most probable.

    Args:
        chances: of the 313 colours, sum above 0.
        lightness: L of the point, 0..100; colours that sRGB cannot show at it are left out.
        count: at most so many.
    """
    shown = _shown(BINS, lightness)
    weight = np.where(shown, chances, 0.0).astype(np.float64)
    if weight.sum() <= 0:  # black and white show no colour
        return [Suggestion((0.0, 0.0), 1.0)]
    weight /= weight.sum()
    used = np.flatnonzero(weight > 0)
    points, weight = BINS[used].astype(np.float64), weight[used]
    centres = _start(points, weight, min(count, len(used)))
    for _ in range(_ROUNDS):
        nearest = _distances(points, centres).argmin(1)
        mass = np.bincount(nearest, weight, len(centres))
        sums = np.stack([np.bincount(nearest, weight * points[:, i], len(centres)) for i in (0, 1)])
        centres = np.where(mass > 0, sums / np.maximum(mass, 1e-12), centres.T).T
    order = [index for index in np.argsort(-mass, kind="stable") if mass[index] > 0]
    return [_within(centres[i], points[nearest == i], lightness, float(mass[i])) for i in order]


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
