"""The 313 colours: the rule by which they are what they are, recomputed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edge_demo.colour.ab_bins import BINS, COUNT, RARE, STEP
from edge_demo.colour.lab import rgb_to_lab

NEAREST = 5
LAST = 110  # of the grid, to all sides


def faces_of_srgb() -> Iterator[NDArray[np.float32]]:
    """ab of every colour on each face of the cube, (N, 2): no other colour's ab lie beyond them."""
    codes = np.arange(256, dtype=np.uint8)
    one, other = (part.ravel() for part in np.meshgrid(codes, codes))
    for end in (0, 255):
        for shift in range(3):
            face = np.roll(np.stack([np.full_like(one, end), one, other], -1), shift, axis=1)
            yield rgb_to_lab(face[None])[0, :, 1:]


def nearest_of(colours: NDArray[np.float32]) -> set[tuple[int, int]]:
    """The points of the grid that are among the five nearest of any of some colours."""
    reach = np.arange(-3, 4, dtype=np.float32) * STEP
    around = np.stack(np.meshgrid(reach, reach), -1).reshape(-1, 2)
    near = np.rint(colours / STEP)[:, None] * STEP + around
    distances = np.square(near - colours[:, None]).sum(-1)
    distances[(np.abs(near) > LAST).any(-1)] = np.inf
    places = np.argpartition(distances, NEAREST - 1, axis=1)[:, :NEAREST]
    nearest = np.take_along_axis(near, places[..., None], axis=1).reshape(-1, 2)
    return {(int(a), int(b)) for a, b in np.unique(nearest, axis=0)}


def test_they_are_the_grid_points_among_the_five_nearest_of_a_colour() -> None:
    found = set[tuple[int, int]]().union(*map(nearest_of, faces_of_srgb()))
    bins = {(int(a), int(b)) for a, b in BINS}
    assert bins <= found <= bins | set(RARE)
    assert not bins & set(RARE)


def test_their_order() -> None:
    assert BINS.shape == (COUNT, 2) == (313, 2)
    assert np.array_equal(BINS[np.lexsort((BINS[:, 1], BINS[:, 0]))], BINS)
    assert len(np.unique(BINS, axis=0)) == COUNT
    assert np.array_equal(BINS % STEP, np.zeros_like(BINS))
    assert BINS[0].tolist() == [-90, 50] and BINS[-1].tolist() == [100, 0]
