"""What a hint is promised: its own colour at its place, and a share in what is like it around.

What a network's colours miss of the hints is a surface of which some points are known. It is
guessed elsewhere as a Gaussian process does (Rasmussen and Williams, "Gaussian Processes for
Machine Learning", 2006, section 2.2): each place takes its share of every hint, the more the nearer
it is and the more alike, in lightness and in what the network itself makes of it. What is still
missed at the hints after that is made up closely around each, so that its place has its colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour import guided
from ..tasks.colorize import Hint

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Reach:
    """How far a hint's correction reaches along each axis: standard deviations of a Gaussian.

    Attributes:
        down, across: of places, shares of the picture's height and width.
        lightness: of L.
        a, b: of the network's own colours.
    """

    down: float
    across: float
    lightness: float
    a: float = np.inf
    b: float = np.inf


@dataclass(frozen=True)
class Prior:
    """What is believed of a correction before there is any hint.

    Attributes:
        parts: shares of its variance, which sum to 1, and how far each reaches.
        doubt: variance of a hint beside that: how little one is believed beside others.
    """

    parts: tuple[tuple[float, Reach], ...]
    doubt: float


# Found by ``studies/tune_hints.py`` on training photographs. Things of one kind, over most of the
# picture and further across than down, and what is just around.
WIDE = Prior(
    (
        (0.786, Reach(1.4, 2.74, 30.0, 6.64, 13.0)),
        (0.214, Reach(0.143, 0.143, 15.1, 4.08, 5.71)),
    ),
    doubt=0.122,
)
_CELLS = 1.5  # how far a hint reaches that is to be seen to at its place alone
_ROUNDS = 3


def obey(
    ab: Array,
    coarse: Array,
    fine: Array,
    hints: Sequence[Hint],
    radius: int,
    eps: float,
    wide: bool = True,
) -> Array:
    """A network's ab (h, w, 2) corrected, so that hints have their colours once it is enlarged.

    Args:
        ab: on the network's grid.
        coarse: lightness on that grid (h, w).
        fine: lightness as the network saw it (H, W); the result is measured at that size.
        hints: at least one.
        radius, eps: of the guided enlargement.
        wide: whether hints are spread over the picture; without, their places alone are seen to.
    """
    height, width = fine.shape
    rows = [min(int(hint.row * height), height - 1) for hint in hints]
    columns = [min(int(hint.column * width), width - 1) for hint in hints]
    wanted = np.array([hint.ab for hint in hints], np.float32)
    known, at = described(ab, coarse, hints)
    close = spreading(known, at, close_to(*coarse.shape))
    out = ab
    for spread in (*([spreading(known, at, WIDE)] if wide else []), *[close] * _ROUNDS):
        large = guided.upsample(coarse[..., None], out, fine[..., None], radius, eps, 0.0)
        out = out + spread(wanted - large[rows, columns])
    return out


def close_to(height: int, width: int) -> Prior:
    """A correction at a hint's place alone, on a grid of that size."""
    # Hints closer than a cell that disagree are met in the middle.
    return Prior(((1.0, Reach(_CELLS / height, _CELLS / width, 12.0)),), doubt=0.1)


def described(ab: Array, coarse: Array, hints: Sequence[Hint]) -> tuple[Array, Array]:
    """What is known of each cell (h, w, 5), and of each hint's place (N, 5), as ``Reach`` has it.

    Args:
        ab: the network's, (h, w, 2).
        coarse: lightness (h, w).
        hints: at least one.
    """
    height, width = coarse.shape
    down = (np.arange(height, dtype=np.float32) + np.float32(0.5)) / np.float32(height)
    across = (np.arange(width, dtype=np.float32) + np.float32(0.5)) / np.float32(width)
    places = np.broadcast_to(down[:, None], (height, width)), np.broadcast_to(across, coarse.shape)
    known = np.dstack([*places, coarse, ab]).astype(np.float32)
    where = np.array([(hint.column * width, hint.row * height) for hint in hints], np.float32) - 0.5
    none: Any = None
    at = cv2.remap(known, where[:, None], none, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return known, np.asarray(at, np.float32)[:, 0]


def spreading(known: Array, at: Array, prior: Prior) -> Callable[[Array], Array]:
    """What N hints miss (N, 2) to a field (h, w, 2) that is about that at their places.

    Args:
        known, at: of ``described``.
        prior: how far corrections reach.
    """
    height, width, axes = known.shape
    mixed = _alike(at, at, prior) + prior.doubt * np.eye(len(at))
    # float64: hints side by side are all but one.
    solver = np.linalg.inv(mixed.astype(np.float64))
    kernels = _alike(known.reshape(-1, axes), at, prior)
    return lambda missed: (kernels @ (solver @ missed).astype(np.float32)).reshape(height, width, 2)


def _alike(first: Array, second: Array, prior: Prior) -> Array:
    """How much each of M places has in common with each of N, (M, N), 1 at most."""
    total = np.zeros((len(first), len(second)), np.float32)
    for share, reach in prior.parts:
        steps = np.array(astuple(reach), np.float32)
        one, other = first / steps, second / steps
        apart = np.square(one).sum(-1)[:, None] + np.square(other).sum(-1) - 2 * one @ other.T
        total += np.float32(share) * np.exp(np.maximum(apart, 0.0) / np.float32(-2))
    return total
