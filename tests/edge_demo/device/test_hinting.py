"""Hints: their places have their colours, and what is like them takes its share."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour import guided
from edge_demo.device.hinting import WIDE, Prior, Reach, close_to, described, obey, spreading
from edge_demo.tasks.colorize import Hint

SIDE = 32


@pytest.fixture(scope="module")
def halves() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A network's ab, none; and lightness, dark on the left."""
    lightness = np.repeat(np.where(np.arange(SIDE) < SIDE // 2, 20.0, 80.0)[None], SIDE, 0)
    return np.zeros((SIDE, SIDE, 2), np.float32), lightness.astype(np.float32)


def obeyed(halves: tuple[NDArray, NDArray], hints: list[Hint], wide: bool = True) -> NDArray:
    ab, coarse = halves
    fine = np.repeat(np.repeat(coarse, 4, 0), 4, 1)
    return obey(ab, coarse, fine, hints, radius=1, eps=10.0, wide=wide)


def test_a_place_is_described_as_its_cell_is(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    ab = np.random.default_rng(0).normal(0, 20, (SIDE, SIDE, 2)).astype(np.float32)
    # The middle of a cell, between two cells, and beyond the last cell's middle.
    places = [(10.5, 3.5), (10.5, 4.0), (31.9, 31.9)]
    hints = [Hint(row / SIDE, column / SIDE, (0.0, 0.0)) for row, column in places]
    known, at = described(ab, halves[1], hints)
    assert known.shape == (SIDE, SIDE, 5)
    assert np.allclose(at[0], known[10, 3], atol=1e-4)
    # OpenCV interpolates in steps of a 32nd.
    assert np.allclose(at[1], (known[10, 3] + known[10, 4]) / 2, atol=1e-3)
    assert np.allclose(at[2], known[31, 31], atol=1e-4)


def test_spreading_is_regression_by_a_gaussian_process() -> None:
    """Against the formula, written out: k(x, X) (k(X, X) + doubt)^-1 y."""
    rng = np.random.default_rng(1)
    known = rng.normal(size=(6, 7, 3)).astype(np.float32)
    at, missed = known[[0, 2, 5], [1, 3, 6]], rng.normal(size=(3, 2)).astype(np.float32)
    prior = Prior(((0.6, Reach(1.0, 2.0, 0.5)), (0.4, Reach(0.3, 0.3, 0.3))), doubt=0.2)

    def kernel(one: NDArray, other: NDArray) -> float:
        parts = ((0.6, (1.0, 2.0, 0.5)), (0.4, (0.3,) * 3))
        return sum(s * np.exp(-np.square((one - other) / length).sum() / 2) for s, length in parts)

    inner = np.array([[kernel(a, b) for b in at] for a in at]) + 0.2 * np.eye(3)
    outer = np.array([[kernel(cell, b) for b in at] for cell in known.reshape(-1, 3)])
    expected = (outer @ np.linalg.solve(inner, missed)).reshape(6, 7, 2)
    padded = [
        np.concatenate([v, np.zeros((*v.shape[:-1], 2), np.float32)], -1) for v in (known, at)
    ]
    assert np.allclose(spreading(*padded, prior)(missed), expected, atol=1e-5)


@pytest.mark.parametrize("wide", [True, False])
def test_places_have_their_colours(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]], wide: bool
) -> None:
    hints = [Hint(0.3, 0.2, (30.0, -10.0)), Hint(0.8, 0.9, (-40.0, 20.0))]
    found = obeyed(halves, hints, wide)
    fine = np.repeat(np.repeat(halves[1], 4, 0), 4, 1)
    large = guided.upsample(halves[1][..., None], found, fine[..., None], 1, 10.0, 0.0)
    for hint in hints:
        pixel = large[int(hint.row * 4 * SIDE), int(hint.column * 4 * SIDE)]
        assert np.abs(pixel - hint.ab).max() < 1.0


def test_what_is_alike_takes_its_share(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    red = [Hint(0.5, 0.1, (40.0, 0.0))]
    found = obeyed(halves, red)[..., 0]
    # As dark and far away, or lighter and near: the first is the same thing.
    assert found[28, 3] > 1.5 * found[16, 17] > 0
    # Only its place, where the network has carried it over the picture itself.
    alone = obeyed(halves, red, wide=False)[..., 0]
    assert abs(alone[28, 3]) < 0.5 < abs(alone[16, 3])


def test_hints_at_one_place_are_met_in_the_middle(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    hints = [Hint(0.5, 0.2, (40.0, 0.0)), Hint(0.5, 0.2, (-20.0, 0.0))]
    assert abs(obeyed(halves, hints)[16, 6, 0] - 10.0) < 2.0


def test_a_thousand_hints_are_taken(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    places = np.random.default_rng(0).random((1000, 2))
    hints = [Hint(float(row), float(column), (20.0, 10.0)) for row, column in places]
    assert np.abs(obeyed(halves, hints) - (20.0, 10.0)).max() < 1.0


def test_shares_of_the_variance_sum_to_one() -> None:
    for prior in (WIDE, close_to(56, 56)):
        assert sum(share for share, _ in prior.parts) == pytest.approx(1.0)
        assert prior.doubt > 0
