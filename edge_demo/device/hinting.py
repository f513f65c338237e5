"""What a hint is promised: its own colour at its place, and all of the thing that it lies on.

What a network's colours miss of the hints is a surface of which some points are known. It is
guessed elsewhere as a Gaussian process does (Rasmussen and Williams, "Gaussian Processes for
Machine Learning", 2006, section 2.2): each place takes its share of every hint, the more the less
of an edge is on the way to it (see ``hint_paths``), the nearer it is and the more alike in
lightness. What is still missed at the hints after that is made up closely around each, so that its
place has its colour.

All of it happens on a grid of half the side that the network saw, twice as fine as its colours, so
that borders are where the picture has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..colour import guided
from ..tasks.colorize import Hint
from . import hint_paths
from .hint_paths import Edges

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Reach:
    """How far a hint's correction reaches along each axis: standard deviations of a Gaussian.

    Attributes:
        down, across: of places, shares of the picture's height and width.
        lightness: of L.
        path: of the cost of the way, see ``hint_paths``; infinite where edges stop nothing.
    """

    down: float
    across: float
    lightness: float
    path: float = np.inf


@dataclass(frozen=True)
class Prior:
    """What is believed of a correction before there is any hint.

    Attributes:
        parts: shares of its variance, which sum to 1, and how far each reaches.
        doubt: variance of a hint beside that: how little one is believed beside others.
    """

    parts: tuple[tuple[float, Reach], ...]
    doubt: float


@dataclass(frozen=True)
class Spreading:
    """How hints are carried over a picture.

    Attributes:
        edges: what a way costs.
        prior: how far corrections reach.
    """

    edges: Edges
    prior: Prior


# Chosen by what ``studies/tune_hints.py`` measures, on training photographs and drawn things.
WIDE = Spreading(
    Edges(lightness=8.0, colour=22.0, grain=1.5),
    Prior(
        (
            (0.7, Reach(1.0, 2.5, 25.0, 1.3)),
            (0.3, Reach(0.1, 0.1, 8.0, 4.0)),
        ),
        doubt=0.05,
    ),
)
_CELLS = 3.0  # how far a hint reaches that is to be seen to at its place alone
_ROUNDS = 3


@dataclass(frozen=True)
class Field:
    """Colours on the grid that hints are spread on.

    Attributes:
        lightness: L (h, w).
        ab: (h, w, 2).
    """

    lightness: Array
    ab: Array


def finer(ab: Array, coarse: Array, seen: Array, radius: int, eps: float) -> Field:
    """A network's ab on the grid that hints are spread on.

    Args:
        ab: (h, w, 2), of the network.
        coarse: lightness on that grid (h, w).
        seen: lightness as the network saw it (H, W).
        radius, eps: of the guided enlargement.
    """
    size = seen.shape[1] // 2, seen.shape[0] // 2
    half = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.float32)
    return Field(half, guided.upsample(coarse[..., None], ab, half[..., None], radius, eps, 0.0))


def obey(
    plain: Field,
    seen: Array,
    hints: Sequence[Hint],
    radius: int,
    eps: float,
    wide: Spreading | None,
) -> Array:
    """ab (h, w, 2) corrected, so that hints have their colours once it is enlarged.

    Args:
        plain: without hints, of ``finer``.
        seen: lightness (H, W) at which the result is measured, the picture's own or near it.
        hints: at least one.
        radius, eps: of the guided enlargement.
        wide: how hints are spread over the picture; None: their places alone are seen to.
    """
    rows, columns = np.transpose(cells(hints, seen.shape))
    wanted = np.array([hint.ab for hint in hints], np.float32)
    known, at = described(plain.lightness, hints)
    spreads = [spreading(known, at, None, close_to(*plain.lightness.shape))] * _ROUNDS
    if wide is not None:
        ways = paths(plain, hints, wide.edges)
        spreads.insert(0, spreading(known, at, ways, wide.prior))
    coarse, fine, out = plain.lightness[..., None], seen[..., None], plain.ab
    for spread in spreads:
        large = guided.upsample(coarse, out, fine, radius, eps, 0.0)
        out = out + spread(wanted - large[rows, columns])
    return out


def cells(hints: Sequence[Hint], size: tuple[int, ...]) -> list[tuple[int, int]]:
    """Row and column of each hint on a grid of (H, W)."""
    height, width = size
    return [
        (min(int(hint.row * height), height - 1), min(int(hint.column * width), width - 1))
        for hint in hints
    ]


def close_to(height: int, width: int) -> Prior:
    """A correction at a hint's place alone, on a grid of that size."""
    # Hints closer than a cell that disagree are met in the middle.
    return Prior(((1.0, Reach(_CELLS / height, _CELLS / width, 12.0)),), doubt=0.1)


def described(lightness: Array, hints: Sequence[Hint]) -> tuple[Array, Array]:
    """What is known of each cell (h, w, 3), and of each hint's place (N, 3): down, across and L.

    Args:
        lightness: (h, w).
        hints: at least one.
    """
    height, width = lightness.shape
    down = (np.arange(height, dtype=np.float32) + np.float32(0.5)) / np.float32(height)
    across = (np.arange(width, dtype=np.float32) + np.float32(0.5)) / np.float32(width)
    places = [np.broadcast_to(each, lightness.shape) for each in (down[:, None], across)]
    known = np.dstack([*places, lightness]).astype(np.float32)
    where = np.array([(hint.column * width, hint.row * height) for hint in hints], np.float32) - 0.5
    none: Any = None
    at = cv2.remap(known, where[:, None], none, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return known, np.asarray(at, np.float32)[:, 0]


@dataclass(frozen=True)
class Ways:
    """What edges there are between N hints and every place.

    Attributes:
        to_cells: cost of the way from each hint, (h * w, N).
        to_hints: likewise to each hint, (N, N), symmetric.
    """

    to_cells: Array
    to_hints: Array


def paths(plain: Field, hints: Sequence[Hint], edges: Edges) -> Ways:
    """The ways from hints over a picture."""
    places = cells(hints, plain.lightness.shape)
    costs = hint_paths.lengths(*hint_paths.steps(plain.lightness, plain.ab, edges), places)
    between = np.array([costs[:, row, column] for row, column in places])
    # Sweeps find all but the shortest way, there and back not quite the same.
    return Ways(costs.reshape(len(places), -1).T, np.minimum(between, between.T))


def spreading(known: Array, at: Array, ways: Ways | None, prior: Prior) -> Callable[[Array], Array]:
    """What N hints miss (N, 2) to a field (h, w, 2) that is about that at their places.

    Args:
        known, at: of ``described``.
        ways: of ``paths``; None for a prior that no edge stops.
        prior: how far corrections reach.
    """
    height, width, axes = known.shape
    to_hints, to_cells = (None, None) if ways is None else (ways.to_hints, ways.to_cells)
    # float64: hints side by side are all but one.
    common = _alike(at, at, to_hints, prior).astype(np.float64)
    # A Gaussian of ways is no covariance by itself: what no process could have is left out.
    variances, axes_of = np.linalg.eigh(common)
    solver = (axes_of / (np.maximum(variances, 0.0) + prior.doubt)) @ axes_of.T
    kernels = _alike(known.reshape(-1, axes), at, to_cells, prior)
    return lambda missed: (kernels @ (solver @ missed).astype(np.float32)).reshape(height, width, 2)


def _alike(first: Array, second: Array, ways: Array | None, prior: Prior) -> Array:
    """How much each of M places has in common with each of N, (M, N), 1 at most."""
    total = np.zeros((len(first), len(second)), np.float32)
    for share, reach in prior.parts:
        sizes = np.array([reach.down, reach.across, reach.lightness], np.float32)
        one, other = first / sizes, second / sizes
        apart = np.square(one).sum(-1)[:, None] + np.square(other).sum(-1) - 2 * one @ other.T
        apart = np.maximum(apart, 0.0)
        if ways is not None:
            apart = apart + np.square(ways / np.float32(reach.path))
        total += np.float32(share) * np.exp(apart / np.float32(-2))
    return total
