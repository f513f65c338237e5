"""What a hint is promised: its own colour at its place, and all of the thing that it lies on.

What a network's colours miss of the hints is a surface of which some points are known. It is
guessed elsewhere as a Gaussian process does (Rasmussen and Williams, "Gaussian Processes for
Machine Learning", 2006, section 2.2), the sum of two. Of the first, a thing's own, each place takes
its share of every hint, the more the less of an edge is on the way to it (see ``hint_paths``), the
nearer it is and the more alike in lightness. Of the second, a kind's, it takes the more, the more
alike the network holds the chances of colours there, whatever lies between: it errs alike on two
patches of grass. What is still missed at the hints after that is made up closely around each, so
that its place has its colour.

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
        kind: of how unlike the chances of colours are, see ``kinds``; infinite where that says
            nothing.
    """

    down: float
    across: float
    lightness: float
    path: float = np.inf
    kind: float = np.inf


Parts = tuple[tuple[float, Reach], ...]


@dataclass(frozen=True)
class Prior:
    """What is believed of a correction before there is any hint.

    Attributes:
        own: shares of its variance that a thing has for itself, and how far each reaches.
        doubt: variance of a hint beside that: how little one is believed beside others.
        common: shares that things of a kind have in common; with those of ``own`` they sum to 1.
        most: of what a hint misses, in units of a and b, so much at most is laid to its kind: where
            a network is far off, it errs on that one thing, or the user wants it otherwise.
    """

    own: Parts
    doubt: float
    common: Parts = ()
    most: float = np.inf


@dataclass(frozen=True)
class Spreading:
    """How hints are carried over a picture.

    Attributes:
        edges: what a way costs.
        prior: how far corrections reach.
    """

    edges: Edges
    prior: Prior


# Chosen by what ``studies/tune_hints.py`` measures, on drawn things, and on photographs that the
# network was trained on and some that it never saw.
WIDE = Spreading(
    Edges(lightness=8.0, colour=22.0, grain=1.5),
    Prior(
        own=(
            (0.42, Reach(1.5, 2.5, 25.0, path=1.3)),
            (0.18, Reach(0.15, 0.15, 12.0, path=6.0)),
        ),
        doubt=0.033,
        common=((0.4, Reach(1.0, 2.5, 25.0, kind=0.25)),),
        most=20.0,
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
        chances: of the 313 bins, on the network's own grid; None: all places are of one kind.
    """

    lightness: Array
    ab: Array
    chances: Array | None = None


def finer(
    ab: Array, coarse: Array, seen: Array, radius: int, eps: float, chances: Array | None
) -> Field:
    """A network's ab on the grid that hints are spread on.

    Args:
        ab: (h, w, 2), of the network.
        coarse: lightness on that grid (h, w).
        seen: lightness as the network saw it (H, W).
        radius, eps: of the guided enlargement.
        chances: of the 313 bins, (h, w, 313), of the network; None where it tells none.
    """
    size = seen.shape[1] // 2, seen.shape[0] // 2
    half = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.float32)
    fine = guided.upsample(coarse[..., None], ab, half[..., None], radius, eps, 0.0)
    return Field(half, fine, chances)


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
    spreads = [spreading(known, at, close_to(*plain.lightness.shape))] * _ROUNDS
    if wide is not None:
        apart = paths(plain, hints, wide.edges), kinds(plain, hints)
        spreads.insert(0, spreading(known, at, wide.prior, *apart))
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
class Apart:
    """How far N hints are from every place, in one respect.

    Attributes:
        cells: of each hint, (N, h * w).
        hints: likewise from each other, (N, N), symmetric.
    """

    cells: Array
    hints: Array


def paths(plain: Field, hints: Sequence[Hint], edges: Edges) -> Apart:
    """The costs of the ways from hints over a picture."""
    places = cells(hints, plain.lightness.shape)
    costs = hint_paths.lengths(*hint_paths.steps(plain.lightness, plain.ab, edges), places)
    between = np.array([costs[:, row, column] for row, column in places])
    # Sweeps find all but the shortest way, there and back not quite the same.
    return Apart(costs.reshape(len(places), -1), np.minimum(between, between.T))


def kinds(plain: Field, hints: Sequence[Hint]) -> Apart | None:
    """How unlike the chances of colours are: Hellinger's distance, 0 (the same) to 1 (none shared).

    None where a network tells none.
    """
    if plain.chances is None:
        return None
    roots = np.sqrt(plain.chances)
    rows, columns = np.transpose(cells(hints, roots.shape[:2]))
    there = roots[rows, columns]
    size = plain.lightness.shape[::-1]
    found = np.empty((len(hints), size[0] * size[1]), np.float32)
    for row, unlike in zip(found, _hellinger(there, roots), strict=True):
        row[:] = cv2.resize(unlike, size, interpolation=cv2.INTER_LINEAR).ravel()
    return Apart(found, _hellinger(there, there))


def _hellinger(roots: Array, others: Array) -> Array:
    """Of N distributions and (...) others, as their square roots (N, C) and (..., C): (N, ...)."""
    shared = np.tensordot(roots, others, (-1, -1))
    return np.asarray(np.sqrt(np.maximum(1 - shared, 0)), np.float32)


def spreading(
    known: Array, at: Array, prior: Prior, way: Apart | None = None, kind: Apart | None = None
) -> Callable[[Array], Array]:
    """What N hints miss (N, 2) to a field (h, w, 2) that is about that at their places.

    Args:
        known, at: of ``described``.
        prior: how far corrections reach.
        way: of ``paths``; None: no edge stops any.
        kind: of ``kinds``; None: all are of one.
    """
    height, width, axes = known.shape
    given = way, kind
    to_hints = [None if each is None else each.hints for each in given]
    to_cells = [None if each is None else each.cells for each in given]
    own, common = (_alike(at, at, parts, *to_hints) for parts in (prior.own, prior.common))
    flat = known.reshape(-1, axes)
    own_of, common_of = (_alike(at, flat, parts, *to_cells) for parts in (prior.own, prior.common))
    solve, solve_both = (_inverse(each, prior.doubt) for each in (own, own + common))

    def spread(missed: Array) -> Array:
        of_kind = solve_both @ _bounded(missed, prior.most)
        of_thing = solve @ (missed - common @ of_kind)
        found = own_of.T @ of_thing.astype(np.float32)
        if prior.common:
            found += common_of.T @ of_kind.astype(np.float32)
        return found.reshape(height, width, 2)

    return spread


def _inverse(covariance: Array, doubt: float) -> NDArray[np.float64]:
    """Of a covariance (N, N) of hints and their doubt."""
    # float64: hints side by side are all but one.
    variances, axes = np.linalg.eigh(covariance.astype(np.float64))
    # A Gaussian of ways is no covariance by itself: what no process could have is left out.
    return np.asarray((axes / (np.maximum(variances, 0.0) + doubt)) @ axes.T, np.float64)


def _bounded(missed: Array, most: float) -> Array:
    """Each of (N, 2) shortened to that length where it is longer."""
    lengths = np.sqrt(np.square(missed).sum(-1, keepdims=True))
    return np.asarray(missed * np.minimum(1, most / np.maximum(lengths, 1e-6)), np.float32)


def _alike(
    first: Array, second: Array, parts: Parts, way: Array | None, kind: Array | None
) -> Array:
    """How much each of N places has in common with each of M, (N, M), the parts' shares at most.

    Args:
        first, second: what is known of them, (N, 3) and (M, 3).
        parts: shares and their reach.
        way, kind: how far they are apart besides, (N, M).
    """
    total = np.zeros((len(first), len(second)), np.float32)
    for share, reach in parts:
        sizes = np.array([reach.down, reach.across, reach.lightness], np.float32)
        one, other = first / sizes, second / sizes
        apart = np.square(one).sum(-1)[:, None] + np.square(other).sum(-1) - 2 * one @ other.T
        apart = np.maximum(apart, 0.0)
        for far, length in ((way, reach.path), (kind, reach.kind)):
            if far is not None and np.isfinite(length):
                apart = apart + np.square(far / np.float32(length))
        total += np.float32(share) * np.exp(apart / np.float32(-2))
    return total
