"""Global hints: what colours the whole picture is to have, as an average or as a photograph's.

The second kind of hint of Zhang et al. (2017), section 3.3, where a branch of the network takes it.
The networks here have no such branch, so the distribution that they predict is steered instead:
its classes are weighted until their shares over the picture come half of the way to the reference's
(Saerens et al., "Adjusting the outputs of a classifier to new a priori probabilities", Neural
Computation 2002, go all of the way, which brought less on training photographs), and what the
average lacks then is added, most of it where the network is least sure.
``docs/results/colour.wanted.json`` has what it brings.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour.ab_bins import BINS, STEP
from ..colour.lab import rgb_to_lab
from ..tasks.colorize import Colours

Array = NDArray[np.float32]

_SIDE = 64  # a reference is looked at in so many pixels a side
_HALFWAY = 0.5
_ROUNDS = 3
_MOST = 30.0  # that a class can come to count more, or less
_FEW = 1e-5  # share below which a class is as good as absent


@dataclass(frozen=True)
class Wanted:
    """Colours of a whole picture.

    Attributes:
        average: a and b.
        shares: of the 313 bins, sum 1; None: the average is all that is wanted.
    """

    average: tuple[float, float]
    shares: Array | None = None


def of_photograph(rgb: NDArray[np.uint8]) -> Wanted:
    """The colours of a photograph RGB (H, W, 3), whatever it shows."""
    small = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    ab = rgb_to_lab(np.asarray(small, np.uint8))[..., 1:].reshape(-1, 2)
    a, b = ab.mean(0).tolist()
    # Each colour is shared among the bins around it, as training shares it.
    apart = np.square(ab[:, None] - BINS).sum(-1)
    near = np.exp((apart.min(-1, keepdims=True) - apart) / np.float32(2 * (STEP / 2) ** 2))
    near /= near.sum(-1, keepdims=True)
    return Wanted((a, b), np.asarray(near.mean(0), np.float32))


def apply(colours: Colours, wanted: Wanted) -> Colours:
    """What a network says, brought toward the colours wanted.

    Raises:
        ValueError: a network that tells no distribution.
    """
    if colours.distribution is None or colours.std is None:
        raise ValueError("this network tells no distribution of colours")
    probabilities, ab = colours.distribution, colours.ab
    if wanted.shares is not None:
        weighted = _weighted(probabilities, wanted.shares)
        ab = np.asarray(ab + (weighted - probabilities) @ BINS, np.float32)
        probabilities = weighted
    unsure = colours.std / max(float(colours.std.mean()), 1e-6)
    lacking = np.array(wanted.average, np.float32) - ab.mean((0, 1))
    return Colours(ab + unsure[..., None] * lacking, colours.std, probabilities)


def _weighted(probabilities: Array, shares: Array) -> Array:
    """The distributions (h, w, 313) with classes weighted toward these shares over the picture."""
    goal = _HALFWAY * shares + (1 - _HALFWAY) * probabilities.mean((0, 1))
    weights: Array = np.ones(len(shares), np.float32)
    found: Array = probabilities
    for _ in range(_ROUNDS):
        now = found.mean((0, 1))
        counts = weights * (goal + _FEW) / (now + _FEW)
        weights = np.clip(counts, 1 / _MOST, _MOST).astype(np.float32)
        found = probabilities * weights
        found = found / found.sum(-1, keepdims=True)
    return np.asarray(found, np.float32)
