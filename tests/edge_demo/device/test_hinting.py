"""Hints: their places have their colours, and what is like them takes its share."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_demo.colour import guided
from edge_demo.device import hint_paths
from edge_demo.device.hint_paths import Edges
from edge_demo.device.hinting import (
    WIDE,
    Prior,
    Reach,
    Ways,
    close_to,
    described,
    finer,
    obey,
    spreading,
)
from edge_demo.tasks.colorize import Hint

SIDE = 32


@pytest.fixture(scope="module")
def halves() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A network's ab, none; and lightness, dark on the left."""
    lightness = np.repeat(np.where(np.arange(SIDE) < SIDE // 2, 20.0, 80.0)[None], SIDE, 0)
    return np.zeros((SIDE, SIDE, 2), np.float32), lightness.astype(np.float32)


def obeyed(halves: tuple[NDArray, NDArray], hints: list[Hint], wide: bool = True) -> NDArray:
    """On a grid twice as fine as the network's."""
    ab, coarse = halves
    fine = np.repeat(np.repeat(coarse, 4, 0), 4, 1)
    plain = finer(ab, coarse, fine, 1, 10.0)
    return obey(plain, fine, hints, radius=1, eps=10.0, wide=WIDE if wide else None)


def test_a_place_is_described_as_its_cell_is() -> None:
    lightness = np.random.default_rng(0).uniform(0, 100, (SIDE, SIDE)).astype(np.float32)
    # The middle of a cell, between two cells, and beyond the last cell's middle.
    places = [(10.5, 3.5), (10.5, 4.0), (31.9, 31.9)]
    hints = [Hint(row / SIDE, column / SIDE, (0.0, 0.0)) for row, column in places]
    known, at = described(lightness, hints)
    assert known.shape == (SIDE, SIDE, 3)
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
    assert np.allclose(spreading(known, at, None, prior)(missed), expected, atol=1e-5)
    # Ways that cost nothing change nothing, and one that costs much leaves a hint none of it.
    free = Ways(np.zeros((42, 3), np.float32), np.zeros((3, 3), np.float32))
    near = Prior(tuple((s, replace(reach, path=1.0)) for s, reach in prior.parts), prior.doubt)
    assert np.allclose(spreading(known, at, free, near)(missed), expected, atol=1e-5)
    free.to_cells[5] = 20.0
    assert np.allclose(spreading(known, at, free, near)(missed)[0, 5], 0.0, atol=1e-6)


@pytest.mark.parametrize("wide", [True, False])
def test_places_have_their_colours(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]], wide: bool
) -> None:
    hints = [Hint(0.3, 0.2, (30.0, -10.0)), Hint(0.8, 0.9, (-40.0, 20.0))]
    found = obeyed(halves, hints, wide)
    fine = np.repeat(np.repeat(halves[1], 4, 0), 4, 1)
    half = np.ascontiguousarray(fine[::2, ::2, None])
    large = guided.upsample(half, found, fine[..., None], 1, 10.0, 0.0)
    for hint in hints:
        pixel = large[int(hint.row * 4 * SIDE), int(hint.column * 4 * SIDE)]
        assert np.abs(pixel - hint.ab).max() < 1.0


def test_what_is_alike_takes_its_share(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    red = [Hint(0.5, 0.1, (40.0, 0.0))]
    found = obeyed(halves, red)[..., 0]
    # As dark and far away, or lighter and near: the first is the same thing.
    assert found[56, 6] > 20 > 2 > abs(found[32, 34])
    # Only its place, where the network has carried it over the picture itself.
    alone = obeyed(halves, red, wide=False)[..., 0]
    assert abs(alone[56, 6]) < 0.5 < abs(alone[32, 6])


def test_hints_at_one_place_are_met_in_the_middle(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    hints = [Hint(0.5, 0.2, (40.0, 0.0)), Hint(0.5, 0.2, (-20.0, 0.0))]
    assert abs(obeyed(halves, hints)[32, 12, 0] - 10.0) < 2.0


def test_a_thousand_hints_are_taken(
    halves: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    places = np.random.default_rng(0).random((1000, 2))
    hints = [Hint(float(row), float(column), (20.0, 10.0)) for row, column in places]
    assert np.abs(obeyed(halves, hints) - (20.0, 10.0)).max() < 1.0


def test_shares_of_the_variance_sum_to_one() -> None:
    for prior in (WIDE.prior, close_to(56, 56)):
        assert sum(share for share, _ in prior.parts) == pytest.approx(1.0)
        assert prior.doubt > 0


def test_ways_are_the_shortest() -> None:
    """Against Dijkstra's algorithm, in mazes of random steps."""
    rng = np.random.default_rng(3)
    right, down = (rng.uniform(0.05, 1.0, shape).astype(np.float32) for shape in ((9, 11), (8, 12)))
    starts = [(0, 0), (4, 7), (8, 11)]
    found = hint_paths.lengths(right, down, starts)
    for costs, start in zip(found, starts, strict=True):
        assert np.allclose(costs, dijkstra(right, down, start), atol=1e-4)


def dijkstra(right: NDArray, down: NDArray, start: tuple[int, int]) -> NDArray:
    height, width = len(right), down.shape[1]
    done: dict[tuple[int, int], float] = {}
    waiting = [(0.0, start)]
    while waiting:
        cost, place = heapq.heappop(waiting)
        if place in done:
            continue
        done[place] = cost
        row, column = place
        if column + 1 < width:
            heapq.heappush(waiting, (cost + right[row, column], (row, column + 1)))
        if column:
            heapq.heappush(waiting, (cost + right[row, column - 1], (row, column - 1)))
        if row + 1 < height:
            heapq.heappush(waiting, (cost + down[row, column], (row + 1, column)))
        if row:
            heapq.heappush(waiting, (cost + down[row - 1, column], (row - 1, column)))
    return np.array([[done[row, column] for column in range(width)] for row in range(height)])


def test_a_way_around_a_wall_is_found() -> None:
    """A wall with a gap at its end is gone around; one without is crossed at its full cost."""
    lightness = np.full((24, 24), 50.0, np.float32)
    lightness[4:, 10:13] = 90.0
    edges = Edges(lightness=8.0, colour=15.0, grain=1.5)
    none = np.zeros((24, 24, 2), np.float32)
    around = hint_paths.lengths(*hint_paths.steps(lightness, none, edges), [(20, 2)])[0]
    assert around[20, 20] < 0.5
    lightness[:4, 10:13] = 90.0
    across = hint_paths.lengths(*hint_paths.steps(lightness, none, edges), [(20, 2)])[0]
    assert across[20, 20] > 5.0 and across[3, 5] < 0.5


def test_shading_and_grain_are_no_border() -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(30, 70, 64, dtype=np.float32)[None].repeat(64, 0)
    lightness = (ramp + rng.normal(0, 1.0, (64, 64))).astype(np.float32)
    edges = Edges(lightness=8.0, colour=15.0, grain=1.5)
    none = np.zeros((64, 64, 2), np.float32)
    found = hint_paths.lengths(*hint_paths.steps(lightness, none, edges), [(32, 2)])[0]
    assert found[32, 61] < 0.5
